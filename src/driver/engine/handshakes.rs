//! Handshakes in the loop: the key of an identity that a client claims, and how handshakes and associations end.

use std::time::Instant;

use tracing::error;

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
                let claim = Claim { route, by: Claimed::PskIdentity(identity), key: fingerprint };
                if claim.key.is_none() {
                    self.log.identity_unknown(now, &front.place, &claim);
                }
                front.claim(association, claim);
                front.server.handle_psk(now, association, key.as_ref());
            }
            Err(error) => {
                // Not the client's fault: it meets silence and comes again.
                error!(%error, "the store cannot be read");
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
