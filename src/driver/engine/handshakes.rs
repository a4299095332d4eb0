//! Handshakes in the loop: the key of an identity that a client claims, and how handshakes and associations end.

use std::time::Instant;

use super::Driver;
use crate::driver::listener::{Claim, Claimed, association_endpoint};
use crate::dtls::{AssociationId, CloseReason};
use crate::route::Route;

impl Driver {
    /// A client claims this identity, which it has not proven to have: says which key is on record of it.
    pub(super) fn answer_identity(
        &mut self,
        now: Instant,
        index: usize,
        association: AssociationId,
        route: Route,
        identity: Vec<u8>,
    ) {
        let Some(front) = &mut self.listeners[index].dtls else { return };
        match self.directory.psk(&identity) {
            Ok(key) => {
                let fingerprint = key.as_ref().map(|key| self.directory.fingerprint(key));
                let is_on_record = fingerprint.is_some();
                let by = Claimed::PskIdentity(identity);
                let claim = Claim { route, by, at: now, is_on_record, key: fingerprint };
                if !is_on_record {
                    self.log.identity_unknown(now, &front.place, &claim);
                }
                front.claim(association, claim);
                front.server.handle_psk(now, association, key.as_ref());
            }
            Err(error) => {
                // Not the client's fault: it meets silence and comes again.
                self.log.store_unreadable(now, &front.place, &error);
                front.server.close(now, association);
            }
        }
    }

    /// A handshake or an association is over.
    pub(super) fn handle_dtls_closed(
        &mut self,
        now: Instant,
        index: usize,
        association: AssociationId,
        route: Route,
        reason: CloseReason,
    ) {
        let Some(front) = &mut self.listeners[index].dtls else { return };
        if front.forget(association) {
            let endpoint = association_endpoint(index, association);
            // Who has no session on it misses nothing.
            if reason == CloseReason::Evicted && self.server.has_session(endpoint) {
                self.log.association_evicted(now, &front.place, route);
            }
            self.server.handle_closed(now, endpoint);
        } else {
            let claim = front.withdraw(association);
            self.log.handshake_ended(now, &front.place, claim.as_ref(), route, reason);
        }
    }
}

/// Whether a datagram is a request of CoAP as it stands (RFC 7252, section 3: version 1, a token of at most 8 bytes, a code of
/// class 0 but Empty). No record of DTLS begins so, and no text.
pub(super) fn is_plain_request(datagram: &[u8]) -> bool {
    matches!(*datagram, [first, 1..=31, _, _, ..] if first >> 6 == 1 && first & 0x0f <= 8)
}

#[cfg(test)]
mod tests {
    use super::is_plain_request;

    #[test]
    fn a_plain_request_is_told_from_records_and_from_text() {
        let requests: [&[u8]; 3] = [
            &[0x40, 1, 0, 1],
            &[0x48, 2, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0xb2, b'b', b's'],
            &[0x54, 31, 0, 0, 1, 2, 3, 4],
        ];
        for request in requests {
            assert!(is_plain_request(request), "{request:02x?}");
        }
        let others: [&[u8]; 8] = [
            b"",
            &[0x40, 1, 0],
            // Empty, an answer, a token that is too long, another version.
            &[0x40, 0, 0, 1],
            &[0x60, 0x45, 0, 1],
            &[0x49, 1, 0, 1],
            &[0x80, 1, 0, 1],
            &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0],
            b"GET / HTTP/1.1",
        ];
        for other in others {
            assert!(!is_plain_request(other), "{other:02x?}");
        }
    }
}
