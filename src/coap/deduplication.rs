//! `Deduplication`: each confirmable message is acted on once, however often it arrives.
//!
//! RFC 7252 sections 4.2 and 4.5; spec sheets `transport.md`, section 1, and `bootstrap.md`, section 12.
//!
//! A retransmission is identical byte for byte. So a message counts as a duplicate only if the whole datagram is the
//! same, not its message id alone: a client that rebooted and starts over with the same ids is heard at once. What is
//! kept of a datagram is a digest of 128 bits under a secret seed, which covers the peer and the message id too.

use std::collections::VecDeque;
use std::collections::hash_map::{DefaultHasher, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

/// The messages of the last while, oldest first, with what they were answered.
///
/// An entry takes about 110 bytes, a short reply included.
pub struct Deduplication {
    /// A hasher that has absorbed the seed; each digest begins with a copy of it.
    seeded: DefaultHasher,
    lifetime: Duration,
    capacity: usize,
    entries: VecDeque<Entry>,
    /// Sequence number of the front entry.
    front: u64,
    /// From the digest of a live entry to its sequence number.
    index: HashMap<u64, u64, BuildHasherDefault<DigestHasher>>,
}

struct Entry {
    digest: Digest,
    expires: Instant,
    reply: Option<Zeroizing<Box<[u8]>>>,
}

/// Two halves: one to find an entry by, one to be sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digest {
    finding: u64,
    proving: u64,
}

/// Names one message that was [`Verdict::New`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(Digest);

/// Whether a message was seen before.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It was not, and is remembered from now on.
    New(Ticket),
    /// It was: do not act on it again.
    Duplicate {
        /// What it was answered and is to be answered again, if it has been answered yet.
        reply: Option<&'a [u8]>,
    },
}

impl Deduplication {
    /// Remembers messages for `lifetime` (EXCHANGE_LIFETIME, as [`super::Timing`] derives it), at most `capacity` of
    /// them: then the oldest gives way. `seed` is random and secret.
    pub fn new(seed: [u8; 16], lifetime: Duration, capacity: usize) -> Deduplication {
        let mut seeded = DefaultHasher::new();
        seeded.write(&seed);
        let (entries, index) = (VecDeque::new(), HashMap::default());
        Deduplication { seeded, lifetime, capacity: capacity.max(1), entries, front: 0, index }
    }

    /// Remembers messages for `lifetime` from now on; those that are known keep theirs.
    pub fn set_lifetime(&mut self, lifetime: Duration) {
        self.lifetime = lifetime;
    }

    /// Remembers messages for at least `lifetime` from now on: a peer has shown up whose exchanges last longer.
    pub fn raise_lifetime(&mut self, lifetime: Duration) {
        self.lifetime = self.lifetime.max(lifetime);
    }

    /// Looks at a datagram that is a confirmable message of `peer`, and remembers it if it is new.
    pub fn check<K: Hash>(&mut self, now: Instant, peer: &K, datagram: &[u8]) -> Verdict<'_> {
        self.expire(now);
        let digest = self.digest(peer, datagram);
        if let Some(position) = self.position(digest) {
            return Verdict::Duplicate { reply: self.entries[position].reply.as_ref().map(|reply| &reply[..]) };
        }
        if self.entries.len() >= self.capacity {
            self.drop_oldest();
        }
        self.index.insert(digest.finding, self.front + self.entries.len() as u64);
        self.entries.push_back(Entry { digest, expires: now + self.lifetime, reply: None });
        Verdict::New(Ticket(digest))
    }

    /// Remembers what a message was answered. Does nothing if the message has been forgotten meanwhile.
    pub fn set_reply(&mut self, ticket: Ticket, reply: &[u8]) {
        if let Some(position) = self.position(ticket.0) {
            self.entries[position].reply = Some(Zeroizing::new(reply.into()));
        }
    }

    /// Forgets a message that was ignored silently, so that its retransmission is looked at again. Does nothing if it has
    /// been forgotten already. Its place counts towards the capacity until it is the newest or its time has come.
    pub fn forget(&mut self, ticket: Ticket) {
        let Some(position) = self.position(ticket.0) else { return };
        self.index.remove(&ticket.0.finding);
        self.entries[position].reply = None;
        while self.entries.back().is_some_and(|newest| !self.is_live(newest, self.entries.len() - 1)) {
            self.entries.pop_back();
        }
    }

    /// Drops what has outlived its lifetime, and memory that a flood has left behind.
    pub fn expire(&mut self, now: Instant) {
        while self.entries.front().is_some_and(|oldest| oldest.expires <= now) {
            self.drop_oldest();
        }
        if self.entries.capacity() > 1024 && self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
            self.index.shrink_to(self.entries.len() * 2);
        }
    }

    /// Number of messages remembered.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no message is remembered.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn digest<K: Hash>(&self, peer: &K, datagram: &[u8]) -> Digest {
        let mut hasher = self.seeded.clone();
        peer.hash(&mut hasher);
        datagram.hash(&mut hasher);
        let finding = hasher.finish();
        hasher.write_u8(1);
        Digest { finding, proving: hasher.finish() }
    }

    /// Where the live entry of this digest stands.
    fn position(&self, digest: Digest) -> Option<usize> {
        let position = (self.index.get(&digest.finding)? - self.front) as usize;
        (self.entries[position].digest == digest).then_some(position)
    }

    /// Whether the index still leads to this entry: it was neither forgotten nor displaced by one of equal digest.
    fn is_live(&self, entry: &Entry, position: usize) -> bool {
        self.index.get(&entry.digest.finding) == Some(&(self.front + position as u64))
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.entries.front() else { return };
        if self.is_live(oldest, 0) {
            self.index.remove(&oldest.digest.finding);
        }
        self.entries.pop_front();
        self.front += 1;
    }
}

/// Hands a digest on as it is: it has been hashed under a secret seed.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
