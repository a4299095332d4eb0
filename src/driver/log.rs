//! One readable line for each session that ended; for strangers a few per second, lest they write the log.

mod handshakes;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tracing::{info, warn};

pub(super) use self::handshakes::Place;
use self::handshakes::who;
use super::listener::Claim;
use crate::bootstrap::SessionReport;
use crate::dtls::CloseReason;
use crate::route::Route;

/// Lines per second about clients that are on no record.
const STRANGERS_PER_SECOND: u32 = 10;

/// Writes the lines and counts those that it did not write.
#[derive(Default)]
pub(super) struct SessionLog {
    second: Option<Instant>,
    written: u32,
    suppressed: u64,
    /// By the address of a listener that is full: when that may be said again, and how often it was not said since.
    evictions: HashMap<SocketAddr, (Instant, u64)>,
}

impl SessionLog {
    /// A session with a client that is on record (`is_known`), or with a stranger, ended.
    pub(super) fn ended(&mut self, now: Instant, is_known: bool, report: &SessionReport) {
        if !is_known && !self.admits_stranger(now) {
            return;
        }
        let SessionReport { id: session, outcome, remote, reason, .. } = report;
        let endpoint = report.endpoint.as_deref().unwrap_or("?");
        // Once for each loop; how it goes on, `status` shows.
        if let Some(looping) = report.looping.filter(|looping| looping.is_first) {
            let (sessions, seconds) = (looping.sessions, looping.since.as_secs());
            warn!(
                session,
                endpoint,
                "slowed down: {endpoint} from {remote} bootstraps in a loop, {sessions} times in {seconds} s: look at what \
                 it is given"
            );
        }
        let milliseconds = report.duration.as_secs_f64() * 1e3;
        if outcome.is_success() {
            info!(session, endpoint, "{outcome}: {endpoint} from {remote} in {milliseconds:.1} ms");
        } else {
            warn!(session, endpoint, "{outcome}: {endpoint} from {remote} after {milliseconds:.1} ms: {reason}");
        }
    }

    /// A client claims an identity that no device has. It learns nothing of that, so the operator must.
    pub(super) fn identity_unknown(&mut self, now: Instant, place: &Place, claim: &Claim) {
        self.handshake_failed(now, place, &who(Some(claim), claim.route), "no device has this identity");
    }

    /// A handshake ended, in which a client may have claimed something. A wrong key is the commonest fault in the field,
    /// and many clients say nothing of what they met.
    pub(super) fn handshake_ended(
        &mut self,
        now: Instant,
        place: &Place,
        claim: Option<&Claim>,
        route: Route,
        reason: CloseReason,
    ) {
        let Some(why) = handshakes::why(place, claim, reason) else { return };
        let who = who(claim, route);
        if reason != CloseReason::Evicted {
            return self.handshake_failed(now, place, &who, &why);
        }
        if let Some(more) = self.admits_eviction(now, place.address) {
            warn!("handshake failed on listener {place}: {who}: {why}{more}");
        }
    }

    /// A client lost its association to another one, in the middle of a session.
    pub(super) fn association_evicted(&mut self, now: Instant, place: &Place, route: Route) {
        if let Some(more) = self.admits_eviction(now, place.address) {
            let why = handshakes::why_evicted(place);
            warn!("association ended on listener {place}: that of the client from {route}: {why}{more}");
        }
    }

    fn handshake_failed(&mut self, now: Instant, place: &Place, who: &str, why: &str) {
        if self.admits_stranger(now) {
            warn!("handshake failed on listener {place}: {who}: {why}");
        }
    }

    /// Whether a line may be written about a listener that is full, one per second; what it says of those before it that
    /// were not.
    fn admits_eviction(&mut self, now: Instant, listener: SocketAddr) -> Option<String> {
        let (since, unsaid) = self.evictions.entry(listener).or_insert((now, 0));
        if *since > now {
            *unsaid += 1;
            return None;
        }
        *since = now + Duration::from_secs(1);
        match std::mem::take(unsaid) {
            0 => Some(String::new()),
            unsaid => Some(format!(" ({unsaid} more made room since this was said last)")),
        }
    }

    /// Whether another line about a stranger may be written; says first how many were not.
    fn admits_stranger(&mut self, now: Instant) -> bool {
        let is_new_second =
            self.second.is_none_or(|second| now.saturating_duration_since(second) >= Duration::from_secs(1));
        if is_new_second {
            if self.suppressed > 0 {
                warn!("{} more refusals of clients on no record were not logged", self.suppressed);
            }
            (self.second, self.written, self.suppressed) = (Some(now), 0, 0);
        }
        self.written += 1;
        if self.written > STRANGERS_PER_SECOND {
            self.suppressed += 1;
        }
        self.written <= STRANGERS_PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{STRANGERS_PER_SECOND, SessionLog};

    #[test]
    fn strangers_get_a_few_lines_per_second_and_the_rest_is_counted() {
        let (mut log, start) = (SessionLog::default(), Instant::now());
        let admitted = (0..100).filter(|_| log.admits_stranger(start)).count();
        assert_eq!((admitted, log.suppressed), (STRANGERS_PER_SECOND as usize, 90));
        assert!(!log.admits_stranger(start + Duration::from_millis(999)));
        assert!(log.admits_stranger(start + Duration::from_secs(1)));
        assert_eq!(log.suppressed, 0);
    }

    #[test]
    fn a_full_listener_gets_one_line_per_second_with_the_number_of_those_before() {
        let (mut log, start) = (SessionLog::default(), Instant::now());
        let (one, other) = (([192, 0, 2, 1], 5684).into(), ([192, 0, 2, 1], 5685).into());
        let lines: Vec<String> = (0..100).filter_map(|_| log.admits_eviction(start, one)).collect();
        assert_eq!(lines, [""]);
        assert_eq!(log.admits_eviction(start, other).as_deref(), Some(""), "another listener has lines of its own");
        assert_eq!(log.admits_eviction(start + Duration::from_millis(999), one), None);
        let later = log.admits_eviction(start + Duration::from_secs(1), one).expect("a second has passed");
        assert!(later.contains("100 more made room"), "{later}");
        assert_eq!(log.admits_eviction(start + Duration::from_secs(2), one).as_deref(), Some(""));
    }
}
