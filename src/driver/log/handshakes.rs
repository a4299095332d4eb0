//! What is said of a handshake that came to nothing: on which listener, by whom, why, and what can be done about it
//! (RFC 5246, section 7.2.2).
//!
//! Makes sentences and remembers nothing. Each is for the engine of its listener.

use std::fmt;
use std::net::SocketAddr;

use crate::bootstrap::authorisation::{describe_certificate, describe_psk_identity, describe_public_key};
use crate::driver::listener::{Claim, Claimed};
use crate::dtls::{AlertDescription, CertificateFault, CloseReason, Configuration, EngineKind};
use crate::provision::material::shown_validity;
use crate::route::Route;

/// A DTLS listener as the log calls it, and what of it matters to those who get nowhere there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::driver) struct Place {
    pub(in crate::driver) address: SocketAddr,
    engine: EngineKind,
    /// Whether it proves itself by a certificate or a raw public key where it is not by a pre-shared key.
    has_identity: bool,
    max_handshakes: usize,
    max_associations: usize,
}

impl Place {
    pub(in crate::driver) fn of(address: SocketAddr, configuration: &Configuration) -> Place {
        let Configuration { engine, max_handshakes, max_associations, .. } = *configuration;
        Place { address, engine, has_identity: configuration.identity.is_some(), max_handshakes, max_associations }
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

/// Why; none where that has been said before, or is nothing to speak of.
pub(super) fn why(place: &Place, claim: Option<&Claim>, reason: CloseReason) -> Option<String> {
    let by = claim.map(|claim| &claim.by);
    // That nobody has this identity has been said.
    if matches!(by, Some(Claimed::PskIdentity(_))) && claim.is_some_and(|claim| claim.key.is_none()) {
        return None;
    }
    Some(match reason {
        CloseReason::CertificateRefused(fault) => refused(place.engine, by, fault),
        CloseReason::KeyMismatch => match by {
            Some(Claimed::PskIdentity(_)) => "its key is not the one on record".to_owned(),
            _ => "it did not prove that it has the key".to_owned(),
        },
        CloseReason::ClientAlert(alert) => gave_up(place, alert),
        CloseReason::NoCommonVersion => {
            "the client speaks DTLS 1.0 only, and this server speaks 1.2: give the device a version of its software that \
             does"
                .to_owned()
        }
        CloseReason::NoCommonSuite => no_common_suite(place),
        CloseReason::NoCommonKeyType => "the client wants to prove itself by a raw public key or to see one, and this \
                                         listener has certificates only, or the other way round: see \
                                         `raw_public_keys` and `certificate` of the listener"
            .to_owned(),
        CloseReason::NoExtendedMasterSecret => "the client does not offer the extended master secret (RFC 7627), which \
                                                this listener demands by `require_extended_master_secret`"
            .to_owned(),
        CloseReason::HandshakeFailed => {
            "it sent what the protocol does not allow there, and was told so by an alert".to_owned()
        }
        CloseReason::HandshakeAbandoned => "the client gave up or fell silent".to_owned(),
        CloseReason::Evicted => made_room(place, place.max_handshakes, "handshakes under way"),
        CloseReason::CloseNotify
        | CloseReason::Broken
        | CloseReason::Replaced
        | CloseReason::Idle
        | CloseReason::Lingered => return None,
    })
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

fn no_common_suite(place: &Place) -> String {
    let mut sentence =
        "the client offers no cipher suite, curve or signature algorithm that this listener serves".to_owned();
    if !place.has_identity {
        sentence += "; certificates take `certificate` and `key` there";
    }
    if place.engine == EngineKind::Native {
        sentence += "; suites with CBC and curves but P-256 take `engine = \"openssl\"`";
    }
    sentence
}

/// The client said that it gives up, or somebody in its name: until a handshake is over, nobody can tell.
fn gave_up(place: &Place, alert: AlertDescription) -> String {
    let meaning = match (alert.0, place.has_identity) {
        (48, true) => {
            "the client does not trust the certificate of this listener: compare `certificate` of the listener with the \
             authority that the device knows"
        }
        (42 | 44 | 46, true) => {
            "the client does not accept the certificate or key of this listener: compare `certificate` and `key` of the \
             listener, its names and its use, with what the device expects"
        }
        (43, true) => {
            "the client cannot do with the kind of certificate or key that this listener has: see `certificate` and \
             `raw_public_keys` of the listener"
        }
        (45, true) => {
            "to the client the certificate of this listener, or one above it, has expired or is not valid yet: look at its \
             dates and at the clock of the device"
        }
        (51, true) => {
            "to the client a signature of this listener is wrong: compare the key that the device expects with `key` of \
             the listener"
        }
        (20 | 21 | 51, _) => "the client and this server use different keys",
        (40, true) => {
            "the client takes nothing of what this listener answered: compare `certificate` and `key` of the listener with \
             what the device expects"
        }
        (40, false) => "the client takes nothing of what this listener answered",
        (70, _) => "the client wants another version of DTLS than 1.2",
        (71, _) => "what this listener chose is too weak for the client",
        (10 | 47 | 50, _) => "the client does not understand what this listener sent",
        (115, _) => "the client has no key for this server",
        (0 | 90, _) => "the client gave up",
        _ => "the client's own log may tell why",
    };
    format!("the alert {alert} came in its name: {meaning}")
}

#[cfg(test)]
mod tests;
