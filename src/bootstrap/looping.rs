//! Clients that bootstrap again and again, in a loop: they are slowed down, and the operator is shown them.
//!
//! Spec sheet `clients.md`, section 3.14: an account that a client accepts and cannot use sends it back here at once, for
//! ever. After so many sessions within a window it meets silence, twice as long each time, up to a bound; a client that
//! stays away for a whole window is forgiven. It is never refused.
//!
//! Only who was authorised is counted, under what it proved; over NoSec, where nothing is proven, under its address and
//! the name it claims, so that a stranger who claims a device's name slows down nobody but itself.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::boundary::Limits;
use super::outcome::Looping;
use crate::peer::Peer;

/// Records that are kept: those of the last window, in a herd of the size that the design names.
const REMEMBERED: usize = 100_000;

/// Silence after the first session too many; it doubles with each further one.
const FIRST_SILENCE: Duration = Duration::from_secs(15);

/// Who has bootstrapped lately, and how often.
pub(super) struct LoopWatch {
    /// Sessions in a window that are one too many.
    sessions: u32,
    window: Duration,
    longest_silence: Duration,
    /// A hasher that has absorbed a secret seed.
    seeded: DefaultHasher,
    records: HashMap<Suspect, Record>,
    /// When each record is to be looked at, since it may say nothing any more; soonest first.
    order: VecDeque<(Instant, Suspect)>,
}

/// Whom a record is of: a digest under a secret seed, for chains of certificates are long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Suspect(u64);

struct Record {
    /// When its sessions so far will have been forgotten, each weighing a part of the window.
    clear_at: Instant,
    /// When the last one ended.
    last: Instant,
    sessions: u32,
    since: Instant,
    slowed: Option<Box<Slowed>>,
}

struct Slowed {
    endpoint: String,
    remote: IpAddr,
    times: u32,
    silent_until: Instant,
    ignored: u64,
}

/// A client that is being slowed down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopingClient {
    /// Endpoint name of its device.
    pub endpoint: String,
    /// Its address when it was slowed down last.
    pub remote: IpAddr,
    /// Sessions since the loop began.
    pub sessions: u32,
    /// When the first of them ended.
    pub since: Instant,
    /// When the last of them ended.
    pub last: Instant,
    /// Until when it meets silence; in the past where it is heard again.
    pub silent_until: Instant,
    /// Requests of it that met silence, retransmissions included.
    pub ignored: u64,
}

impl LoopWatch {
    /// `seed` is random and secret.
    pub(super) fn new(limits: &Limits, seed: [u8; 16]) -> LoopWatch {
        let mut seeded = DefaultHasher::new();
        seeded.write(&seed);
        let mut watch = LoopWatch {
            sessions: 1,
            window: Duration::ZERO,
            longest_silence: Duration::ZERO,
            seeded,
            records: HashMap::new(),
            order: VecDeque::new(),
        };
        watch.set_limits(limits);
        watch
    }

    /// Judges by other limits from now on.
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        let now = (limits.loop_sessions.max(1), limits.loop_window, limits.loop_longest_silence);
        if now != (self.sessions, self.window, self.longest_silence) {
            // Counted by another measure, what there was says nothing.
            self.records.clear();
            self.order.clear();
        }
        self.sessions = limits.loop_sessions.max(1);
        self.window = limits.loop_window;
        self.longest_silence = limits.loop_longest_silence;
    }

    /// Under whom the sessions of this client are counted; none where it has said nothing to count under.
    pub(super) fn suspect(&self, peer: &Peer, address: IpAddr, claimed: Option<&str>) -> Option<Suspect> {
        let mut hasher = self.seeded.clone();
        match peer {
            Peer::Unauthenticated => (0, address.to_canonical(), claimed?).hash(&mut hasher),
            Peer::PskIdentity(identity) => (1, identity).hash(&mut hasher),
            Peer::Certificate { chain, .. } => (2, chain.first()).hash(&mut hasher),
            Peer::RawPublicKey(key) => (3, key).hash(&mut hasher),
        }
        Some(Suspect(hasher.finish()))
    }

    /// Whether a request of this client is to meet silence now; counts it if so.
    pub(super) fn is_silenced(&mut self, now: Instant, suspect: Suspect) -> bool {
        let slowed = self.records.get_mut(&suspect).and_then(|record| record.slowed.as_mut());
        let slowed = slowed.filter(|slowed| now < slowed.silent_until);
        slowed.map(|slowed| slowed.ignored += 1).is_some()
    }

    /// A session of this client, who was authorised as the device `endpoint`, has ended in whatever way. Says so if it
    /// is slowed down.
    pub(super) fn ended(&mut self, now: Instant, suspect: Suspect, endpoint: &str, remote: IpAddr) -> Option<Looping> {
        self.forget(now);
        if self.longest_silence.is_zero() {
            return None;
        }
        if !self.records.contains_key(&suspect) {
            self.make_room();
            self.order.push_back((now + self.weight(), suspect));
        }
        let (weight, window) = (self.weight(), self.window);
        let new = Record { clear_at: now, last: now, sessions: 0, since: now, slowed: None };
        let record = self.records.entry(suspect).or_insert(new);
        if record.is_over(now, window) {
            *record = Record { clear_at: now, last: now, sessions: 0, since: now, slowed: None };
        }
        record.clear_at = record.clear_at.max(now) + weight;
        record.last = now;
        record.sessions = record.sessions.saturating_add(1);
        let too_many = record.clear_at.saturating_duration_since(now) + weight > window;
        if !too_many && record.slowed.is_none() {
            return None;
        }
        let times = record.slowed.as_ref().map_or(1, |slowed| slowed.times.saturating_add(1));
        let silence = FIRST_SILENCE.saturating_mul(1 << (times - 1).min(20)).min(self.longest_silence);
        let ignored = record.slowed.as_ref().map_or(0, |slowed| slowed.ignored);
        let (endpoint, silent_until) = (endpoint.to_owned(), now + silence);
        record.slowed =
            Some(Box::new(Slowed { endpoint, remote: remote.to_canonical(), times, silent_until, ignored }));
        let (sessions, since) = (record.sessions, now.saturating_duration_since(record.since));
        Some(Looping { sessions, since, silence, is_first: times == 1 })
    }

    /// Everyone who is being slowed down, in no order.
    pub(super) fn clients(&self, now: Instant) -> impl Iterator<Item = LoopingClient> {
        self.records.values().filter(move |record| !record.is_over(now, self.window)).filter_map(|record| {
            let Slowed { endpoint, remote, silent_until, ignored, .. } = &**record.slowed.as_ref()?;
            Some(LoopingClient {
                endpoint: endpoint.clone(),
                remote: *remote,
                sessions: record.sessions,
                since: record.since,
                last: record.last,
                silent_until: *silent_until,
                ignored: *ignored,
            })
        })
    }

    /// What one session weighs: as much of the window as lets `sessions` of them be too many.
    fn weight(&self) -> Duration {
        (self.window / self.sessions.max(1)).max(Duration::from_millis(1))
    }

    /// Drops records that say nothing any more. Each is looked at once in a while.
    fn forget(&mut self, now: Instant) {
        while let Some((due, suspect)) = self.order.front().copied()
            && due <= now
        {
            self.order.pop_front();
            match self.records.get(&suspect) {
                Some(record) if !record.is_over(now, self.window) => {
                    self.order.push_back((now + self.weight(), suspect));
                }
                _ => drop(self.records.remove(&suspect)),
            }
        }
    }

    /// The oldest record gives way, one of a loop only if there are none but such at the front.
    fn make_room(&mut self) {
        const LOOKED_AT: usize = 16;
        for looked_at in 1.. {
            if self.records.len() < REMEMBERED {
                break;
            }
            let Some((due, suspect)) = self.order.pop_front() else { break };
            let is_slowed = self.records.get(&suspect).is_some_and(|record| record.slowed.is_some());
            if is_slowed && looked_at < LOOKED_AT {
                self.order.push_back((due, suspect));
            } else {
                self.records.remove(&suspect);
            }
        }
    }
}

impl Record {
    /// When the record says nothing any more: its sessions are forgotten, or the client has stayed away for a window
    /// after the silence.
    fn over_at(&self, window: Duration) -> Instant {
        self.slowed.as_ref().map_or(self.clear_at, |slowed| slowed.silent_until + window)
    }

    fn is_over(&self, now: Instant, window: Duration) -> bool {
        self.over_at(window) <= now
    }
}

#[cfg(test)]
mod tests;
