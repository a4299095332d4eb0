//! What is said of a handshake that came to nothing: on which listener, by whom, why, and what can be done about it
//! (RFC 5246, section 7.2.2).
//!
//! Makes sentences and remembers nothing. Each is for the engine of its listener.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use super::alerts::gave_up;
use super::offers::{no_common_key_type, no_common_suite};
use crate::bootstrap::authorisation::{describe_certificate, describe_psk_identity, describe_public_key};
use crate::driver::listener::{Claim, Claimed};
use crate::dtls::{CertificateFault, CloseReason, Configuration, EngineKind};
use crate::provision::material::shown_validity;
use crate::route::Route;

/// A DTLS listener as the log calls it, and what of it matters to those who get nowhere there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::driver) struct Place {
    pub(in crate::driver) address: SocketAddr,
    pub(super) engine: EngineKind,
    /// Whether it has a certificate to prove itself by, where it is not by a pre-shared key.
    pub(super) has_certificate: bool,
    /// Whether it takes raw public keys and proves itself by its own.
    pub(super) raw_public_keys: bool,
    max_handshakes: usize,
    max_associations: usize,
}

impl Place {
    pub(in crate::driver) fn of(address: SocketAddr, configuration: &Configuration) -> Place {
        let Configuration { engine, max_handshakes, max_associations, .. } = *configuration;
        let identity = configuration.identity.as_ref();
        let has_certificate = identity.is_some_and(|identity| !identity.chain.is_empty());
        let raw_public_keys = identity.is_some() && configuration.raw_public_keys;
        Place { address, engine, has_certificate, raw_public_keys, max_handshakes, max_associations }
    }

    /// Whether it proves itself by a certificate or a raw public key where it is not by a pre-shared key.
    pub(super) fn has_identity(&self) -> bool {
        self.has_certificate || self.raw_public_keys
    }

    /// What it shows of itself.
    pub(super) fn shown_key(&self) -> &'static str {
        match (self.has_certificate, self.raw_public_keys) {
            (true, false) => "certificate",
            (false, _) => "raw public key",
            (true, true) => "certificate or raw public key",
        }
    }
}

impl fmt::Display for Place {
    /// Its address, as `status` shows it, and its engine.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.address, self.engine)
    }
}

/// Who was turned away.
pub(super) fn who(claim: Option<&Claim>, route: Route) -> String {
    let Some(claim) = claim else { return format!("a client from {route}") };
    let who = match &claim.by {
        Claimed::PskIdentity(identity) => describe_psk_identity(identity),
        Claimed::Certificate(leaf) => describe_certificate(leaf),
        Claimed::RawPublicKey(key) => describe_public_key(key),
    };
    format!("{who} from {}", claim.route)
}

/// Whether a line is due: not where the same was said before, or there is nothing to speak of.
pub(super) fn is_told(claim: Option<&Claim>, reason: CloseReason) -> bool {
    match reason {
        // Whoever it was: this says something of the listener.
        CloseReason::Evicted => true,
        CloseReason::CloseNotify
        | CloseReason::Broken
        | CloseReason::Replaced
        | CloseReason::Idle
        | CloseReason::Lingered => false,
        // That nobody has this identity has been said.
        _ => !claim.is_some_and(|claim| matches!(claim.by, Claimed::PskIdentity(_)) && !claim.is_on_record),
    }
}

/// Why a handshake ended, of which a line is due.
pub(super) fn why(place: &Place, claim: Option<&Claim>, reason: CloseReason) -> String {
    let by = claim.map(|claim| &claim.by);
    match reason {
        CloseReason::CertificateRefused(fault) => refused(place.engine, by, fault),
        CloseReason::KeyMismatch => match by {
            Some(Claimed::PskIdentity(_)) => "its key is not the one on record".to_owned(),
            _ => "it did not prove that it has the key".to_owned(),
        },
        CloseReason::ClientAlert(alert) => gave_up(place, by, alert),
        CloseReason::NoCommonVersion => {
            "the client speaks DTLS 1.0 only, and this server speaks 1.2: give the device a version of its software that \
             does"
                .to_owned()
        }
        CloseReason::NoCommonSuite(missing) => no_common_suite(place, missing),
        CloseReason::NoCommonKeyType => no_common_key_type(place).to_owned(),
        CloseReason::NoExtendedMasterSecret => "the client does not offer the extended master secret (RFC 7627), which \
                                                this listener demands by `require_extended_master_secret`"
            .to_owned(),
        CloseReason::HandshakeFailed => {
            "it sent what the protocol does not allow there, and was told so by an alert".to_owned()
        }
        CloseReason::Evicted => made_room(place, place.max_handshakes, "handshakes under way"),
        // The others end associations.
        CloseReason::HandshakeAbandoned
        | CloseReason::CloseNotify
        | CloseReason::Broken
        | CloseReason::Replaced
        | CloseReason::Idle
        | CloseReason::Lingered => "the client gave up or fell silent".to_owned(),
    }
}

/// How long ago the handshake began, where that is worth saying: a client with a wrong key meets silence, and its handshake
/// ends with the time that it may take.
pub(super) fn since(now: Instant, claim: Option<&Claim>) -> String {
    match claim.map_or(0, |claim| now.saturating_duration_since(claim.at).as_secs()) {
        0 | 1 => String::new(),
        seconds => format!("; this handshake began about {seconds} s ago"),
    }
}

/// Why a client lost its association in the middle of a session.
pub(super) fn why_evicted(place: &Place) -> String {
    made_room(place, place.max_associations, "associations")
}

fn made_room(place: &Place, most: usize, of_what: &str) -> String {
    let remedy = match place.engine {
        EngineKind::Native => "",
        #[cfg(feature = "openssl")]
        EngineKind::OpenSsl => "; with `engine = \"native\"` it takes more",
    };
    format!("it made room for a newer one, because this listener has {most} {of_what}, which is its limit{remedy}")
}

fn refused(engine: EngineKind, by: Option<&Claimed>, fault: CertificateFault) -> String {
    let more = match (fault, by) {
        (CertificateFault::Expired | CertificateFault::NotYetValid, Some(Claimed::Certificate(leaf))) => {
            shown_validity(leaf).map(|validity| format!(" (it is valid {validity})")).unwrap_or_default()
        }
        (CertificateFault::NoCertificate | CertificateFault::UnsupportedKey, _) => match engine {
            EngineKind::Native => " (P-256; with `engine = \"openssl\"` also P-384)".to_owned(),
            #[cfg(feature = "openssl")]
            EngineKind::OpenSsl => " (P-256 or P-384)".to_owned(),
        },
        _ => String::new(),
    };
    format!("{fault}{more}")
}

#[cfg(test)]
mod tests;
