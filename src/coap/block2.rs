//! `Snapshots`: response bodies of ours that peers fetch in blocks.
//!
//! RFC 7959 sections 2.4 and 3.4; spec sheet `transport.md`, section 2. Every block is the answer to a request of its
//! own, and between them the body must not change: so it is kept as it was, for the endpoint that asked and for nobody
//! else, because it carries keys. The receiving side stands in [`super::assembly`].

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::block::BlockOption;
use super::code::Code;
use super::message::Message;
use super::options::number;
use super::timing::Timing;

/// The options that make two requests the same one, whichever block they ask for (RFC 7252 section 5.4.6, RFC 9175
/// section 3.2.2).
const SAME_REQUEST: [u16; 6] =
    [number::URI_HOST, number::URI_PORT, number::URI_PATH, number::URI_QUERY, number::ACCEPT, number::REQUEST_TAG];

/// A response body as it was when it was first asked for.
pub struct Snapshot {
    body: Zeroizing<Vec<u8>>,
    etag: [u8; 8],
    content_format: u16,
}

impl Snapshot {
    /// A body of this Content-Format number. The ETag must differ from that of every other body for the same request.
    pub fn new(body: Zeroizing<Vec<u8>>, etag: [u8; 8], content_format: u16) -> Snapshot {
        Snapshot { body, etag, content_format }
    }

    /// Puts the block that `request` asks for into `response`: payload, Content-Format, ETag, Block2, and Size2 with the
    /// first one. Blocks have the size that the request asks for, but at most `2^(largest_exponent + 4)` bytes (exponent
    /// 0 to 6). A body that fits one such block goes without Block2, unless the request has one. Returns whether more
    /// follows.
    ///
    /// # Errors
    ///
    /// 4.00 if the Block2 option is invalid or the block lies behind the end (RFC 7959 section 2.4).
    pub fn answer(&self, request: &Message, largest_exponent: u8, response: &mut Message) -> Result<bool, Code> {
        let requested = request.block2().map_err(|_| Code::BAD_REQUEST)?;
        let exponent = requested.map_or(largest_exponent, |block| block.size_exponent().min(largest_exponent));
        let start = requested.map_or(0, BlockOption::offset);
        if start > 0 && start >= self.body.len() {
            return Err(Code::BAD_REQUEST);
        }
        let size = 16 << exponent;
        let end = self.body.len().min(start + size);
        let more = end < self.body.len();
        let block = BlockOption::new((start / size) as u32, more, exponent).map_err(|_| Code::BAD_REQUEST)?;
        response.set_content_format(self.content_format);
        response.set_etag(&self.etag).map_err(|_| Code::INTERNAL_SERVER_ERROR)?;
        if more || requested.is_some() {
            response.set_block2(block);
        }
        if more && start == 0 {
            response.set_size2(self.body.len() as u32);
        }
        response.payload = Zeroizing::new(self.body[start..end].to_vec());
        Ok(more)
    }
}

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotLimits {
    /// Bytes of all bodies together.
    pub bytes: usize,
    /// How long a body is kept after a block of it was asked for.
    pub lifetime: Duration,
    /// How long it is kept after its last block was sent, which the peer may ask for again.
    pub grace: Duration,
}

impl SnapshotLimits {
    /// Sixteen MiB, EXCHANGE_LIFETIME between two blocks, and MAX_TRANSMIT_WAIT after the last one.
    pub fn of(timing: &Timing) -> SnapshotLimits {
        let (lifetime, grace) = (timing.exchange_lifetime(), timing.max_transmit_wait());
        SnapshotLimits { bytes: 16 << 20, lifetime, grace }
    }
}

/// The bodies that are being fetched, at most one per endpoint `K`. An endpoint of a secured peer must name its
/// association, not only its address.
pub struct Snapshots<K> {
    limits: SnapshotLimits,
    held: HashMap<K, Held>,
    /// By when they expire, and by when they were used: each with its number, so that two of one time stay apart.
    by_expiry: BTreeMap<(Instant, u64), K>,
    by_use: BTreeMap<(Instant, u64), K>,
    last_number: u64,
    bytes: usize,
}

struct Held {
    number: u64,
    /// What was asked for.
    request: [u8; 32],
    snapshot: Snapshot,
    used: Instant,
    expires: Instant,
}

impl<K: Copy + Eq + Hash> Snapshots<K> {
    /// Holds nothing yet.
    pub fn new(limits: SnapshotLimits) -> Snapshots<K> {
        Snapshots {
            limits,
            held: HashMap::new(),
            by_expiry: BTreeMap::new(),
            by_use: BTreeMap::new(),
            last_number: 0,
            bytes: 0,
        }
    }

    /// Answers a request for a block behind the first one, like [`Snapshot::answer`].
    ///
    /// # Errors
    ///
    /// 4.08 if the body is not (or no longer) held for this endpoint and this request: the peer has to begin with the
    /// first block again. 4.00 as in [`Snapshot::answer`].
    pub fn answer(
        &mut self,
        now: Instant,
        endpoint: K,
        request: &Message,
        largest_exponent: u8,
        response: &mut Message,
    ) -> Result<(), Code> {
        self.expire(now);
        let held = self.held.get_mut(&endpoint).filter(|held| held.request == fingerprint(request));
        let held = held.ok_or(Code::REQUEST_ENTITY_INCOMPLETE)?;
        let more = held.snapshot.answer(request, largest_exponent, response)?;
        let expires = now + if more { self.limits.lifetime } else { self.limits.grace };
        let (was_used, expired) = ((held.used, held.number), (held.expires, held.number));
        (held.used, held.expires) = (now, expires);
        let number = held.number;
        self.by_use.remove(&was_used);
        self.by_use.insert((now, number), endpoint);
        self.by_expiry.remove(&expired);
        self.by_expiry.insert((expires, number), endpoint);
        Ok(())
    }

    /// Answers a request for the first block with a fresh body, like [`Snapshot::answer`], and holds the body if more
    /// follows. It takes the place of what the endpoint asked for before. Where the bytes do not suffice, those that
    /// have not been asked for the longest time go.
    ///
    /// # Errors
    ///
    /// 4.00 as in [`Snapshot::answer`]; 5.03 if the body alone exceeds the limit, so that it could not be continued.
    pub fn begin(
        &mut self,
        now: Instant,
        endpoint: K,
        request: &Message,
        largest_exponent: u8,
        snapshot: Snapshot,
        response: &mut Message,
    ) -> Result<(), Code> {
        self.expire(now);
        self.forget(endpoint);
        if snapshot.body.len() > self.limits.bytes {
            return Err(Code::SERVICE_UNAVAILABLE);
        }
        if !snapshot.answer(request, largest_exponent, response)? {
            return Ok(());
        }
        self.make_room(snapshot.body.len());
        self.bytes += snapshot.body.len();
        self.last_number += 1;
        let (number, expires) = (self.last_number, now + self.limits.lifetime);
        let held = Held { number, request: fingerprint(request), snapshot, used: now, expires };
        self.by_use.insert((now, number), endpoint);
        self.by_expiry.insert((expires, number), endpoint);
        self.held.insert(endpoint, held);
        Ok(())
    }

    /// Drops what is held for an endpoint, as when its association is over.
    pub fn forget(&mut self, endpoint: K) {
        if let Some(held) = self.held.remove(&endpoint) {
            self.bytes -= held.snapshot.body.len();
            self.by_use.remove(&(held.used, held.number));
            self.by_expiry.remove(&(held.expires, held.number));
        }
    }

    /// Drops what has expired. The other methods do it by themselves; this is for when nothing happens.
    pub fn expire(&mut self, now: Instant) {
        while let Some((&(expires, _), &endpoint)) = self.by_expiry.first_key_value()
            && expires <= now
        {
            self.forget(endpoint);
        }
    }

    /// Bytes of all bodies that are held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn make_room(&mut self, wanted: usize) {
        while self.bytes + wanted > self.limits.bytes {
            let oldest = self.by_use.first_key_value().map(|(_, endpoint)| *endpoint);
            match oldest {
                Some(oldest) => self.forget(oldest),
                None => return,
            }
        }
    }
}

/// What is the same in all requests for the blocks of one body, and differs between requests for different ones.
fn fingerprint(request: &Message) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([request.code.byte()]);
    for (number, value) in request.options.iter().filter(|(number, _)| SAME_REQUEST.contains(number)) {
        hash.update(number.to_be_bytes());
        hash.update((value.len() as u32).to_be_bytes());
        hash.update(value);
    }
    hash.update(&*request.payload);
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
