//! Certificates and raw public keys in the loop: what is on record of those that clients offer, and new ones of our own.

use std::time::{Instant, SystemTime};

use tracing::{error, info};

use super::Driver;
use crate::bootstrap::CoapEndpoint;
use crate::driver::listener::{Claim, ListenerConfiguration};
use crate::dtls::{AssociationId, Offered, Verdict};
use crate::route::Route;

impl Driver {
    /// A client offers a certificate or a raw public key, which it has not proven to have: says what is on record of it.
    pub(super) fn judge_client_key(
        &mut self,
        now: Instant,
        index: usize,
        association: AssociationId,
        route: Route,
        offered: Offered,
    ) {
        let Some(front) = &mut self.listeners[index].dtls else { return };
        let is_on_record = match self.directory.is_on_record(&offered) {
            Ok(is_on_record) => is_on_record,
            Err(error) => {
                // Not the client's fault: it meets silence and comes again.
                self.log.store_unreadable(now, &front.place, &error);
                return front.server.close(now, association);
            }
        };
        let verdict = match (&offered, is_on_record) {
            (Offered::Certificate(_), true) => Verdict::Pinned,
            (Offered::Certificate(_), false) => Verdict::Unpinned { at: SystemTime::now() },
            (Offered::RawPublicKey(_), true) => Verdict::Known,
            (Offered::RawPublicKey(_), false) => Verdict::Unknown,
        };
        front.claim(association, Claim { route, by: offered.into(), at: now, is_on_record, key: None });
        front.server.handle_client_key(now, association, verdict);
    }

    /// Listeners have other certificates, keys and trust anchors. Whoever was believed on the word of an anchor that is
    /// trusted no more has to come with a new handshake.
    pub(super) fn reconfigure_certificates(&mut self, configurations: &[ListenerConfiguration]) {
        let now = Instant::now();
        for (index, configuration) in configurations.iter().enumerate().take(self.listeners.len()) {
            let going = match self.listeners[index].reconfigure(configuration) {
                Ok(going) => going,
                Err(error) => {
                    error!(%error, "the certificates of {} stay as they were", configuration.bind);
                    continue;
                }
            };
            if !going.is_empty() {
                info!("{} associations end, whose trust anchors {} has no more", going.len(), configuration.bind);
            }
            for number in going {
                if let Some(front) = &mut self.listeners[index].dtls {
                    front.close(now, number);
                }
                self.server.handle_closed(now, CoapEndpoint::Association { listener: index, number });
            }
        }
    }
}
