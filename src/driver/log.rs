//! One readable line for each session that ended; for strangers a few per second, lest they write the log.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::listener::{Claim, Claimed};
use crate::bootstrap::SessionReport;
use crate::bootstrap::authorisation::{describe_certificate, describe_psk_identity, describe_public_key};
use crate::dtls::{CertificateFault, CloseReason};
use crate::provision::material::shown_validity;
use crate::route::Route;

/// Lines per second about clients that are on no record.
const STRANGERS_PER_SECOND: u32 = 10;

/// Writes the lines and counts those that it did not write.
#[derive(Default)]
pub(super) struct SessionLog {
    second: Option<Instant>,
    written: u32,
    suppressed: u64,
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
    pub(super) fn identity_unknown(&mut self, now: Instant, claim: &Claim) {
        self.handshake_failed(now, claim, "no device has this identity");
    }

    /// A handshake ended, in which a client may have claimed something. A wrong key is the commonest fault in the field,
    /// and many clients say nothing of what they met.
    pub(super) fn handshake_ended(&mut self, now: Instant, claim: Option<&Claim>, route: Route, reason: CloseReason) {
        let Some(claim) = claim else { return self.turned_away(now, route, reason) };
        match (&claim.by, reason) {
            // That nobody has this identity has been said.
            (Claimed::PskIdentity(_), _) if claim.key.is_none() => {}
            (Claimed::Certificate(leaf), CloseReason::CertificateRefused(fault)) => {
                let validity = match fault {
                    CertificateFault::Expired | CertificateFault::NotYetValid => shown_validity(leaf),
                    _ => None,
                };
                let validity = validity.map(|validity| format!(" (it is valid {validity})")).unwrap_or_default();
                self.handshake_failed(now, claim, &format!("{fault}{validity}"));
            }
            (_, CloseReason::CertificateRefused(fault)) => self.handshake_failed(now, claim, &fault.to_string()),
            (Claimed::PskIdentity(_), CloseReason::KeyMismatch) => {
                self.handshake_failed(now, claim, "its key is not the one on record");
            }
            (_, CloseReason::KeyMismatch) => self.handshake_failed(now, claim, "it did not prove that it has the key"),
            _ => self.handshake_failed(now, claim, "the client gave up or fell silent"),
        }
    }

    /// A client got nowhere, before it claimed anything.
    fn turned_away(&mut self, now: Instant, route: Route, reason: CloseReason) {
        let why = match reason {
            CloseReason::CertificateRefused(fault) => fault.to_string(),
            CloseReason::NoCommonSuite => "the client offers no cipher suite, curve or signature algorithm that this \
                                           listener serves; certificates take `certificate` and `key` there, and suites \
                                           with CBC and curves but P-256 take `engine = \"openssl\"`"
                .to_owned(),
            CloseReason::NoCommonKeyType => "the client wants to prove itself by a raw public key or to see one, and this \
                                             listener has certificates only, or the other way round: see \
                                             `raw_public_keys` and `certificate` of the listener"
                .to_owned(),
            CloseReason::NoExtendedMasterSecret => "the client does not offer the extended master secret (RFC 7627), \
                                                    which this listener demands by `require_extended_master_secret`"
                .to_owned(),
            _ => return,
        };
        if self.admits_stranger(now) {
            warn!("handshake failed: a client from {route}: {why}");
        }
    }

    fn handshake_failed(&mut self, now: Instant, claim: &Claim, why: &str) {
        if self.admits_stranger(now) {
            let who = match &claim.by {
                Claimed::PskIdentity(identity) => describe_psk_identity(identity),
                Claimed::Certificate(leaf) => describe_certificate(leaf),
                Claimed::RawPublicKey(key) => describe_public_key(key),
            };
            warn!("handshake failed: {who} from {}: {why}", claim.route);
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
            *self = SessionLog { second: Some(now), written: 0, suppressed: 0 };
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
}
