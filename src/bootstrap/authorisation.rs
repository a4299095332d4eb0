//! Who may be told what: the identity that the transport proved, against the endpoint name that the client claims.
//!
//! LwM2M Transport 1.2 section 5.2.6; spec sheet `bootstrap.md`, section 4; NoSec rules in the design, section 4. The
//! decision is made here and nowhere else, from values alone, so that a test can try every combination.
//!
//! Which proof serves which device, in the order in which its record is looked for:
//!
//! 1. A certificate that is on record, byte for byte, is its device's, whoever signed it. Its names say nothing.
//! 2. A certificate that a trust anchor vouches for is that of the device whose `certificate_name` is the name that it
//!    says; the listener's rule chooses which of its names that is.
//! 3. Else it is that of the device of which that name is the endpoint name, but only where the device has no bootstrap
//!    credentials of its own: who was given a PSK, a public key or a certificate has that to prove, and a name alone does
//!    not take its place.
//! 4. A raw public key, and a PSK identity, are those of the device that has them on record.
//!
//! Without any proof (NoSec) only a device without bootstrap credentials is served, `certificate_name` being one.

use super::outcome::Outcome;
use super::request::{BootstrapRequest, RequestError};
use crate::coap::Code;
use crate::peer::{CertificateTrust, Peer};
use crate::provision::material::{CertificateName, fingerprint, shown_common_name};
use crate::provision::{ClientKnowledge, Provision};

/// By what the record of a client is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupKey {
    /// The identity that the client proved over DTLS.
    PskIdentity(Vec<u8>),
    /// The certificate whose key the client proved to hold.
    Certificate {
        /// SHA-256 of it.
        fingerprint: [u8; 32],
        /// The name that it says. Only where a trust anchor vouches for it; without one it was believed because it is on
        /// record.
        name: Option<String>,
    },
    /// SHA-256 of the raw public key (SubjectPublicKeyInfo) whose other half the client proved to hold.
    RawPublicKey([u8; 32]),
    /// The name that an unauthenticated client claims.
    EndpointName(String),
}

/// What was found under a [`LookupKey`].
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// The client's record.
    Known(Box<KnownDevice>),
    /// There is no such device.
    Unknown,
    /// There is no such device, and it is not refused for good; why, as a sentence. The client meets silence and comes
    /// again.
    Held(String),
    /// The credentials that the client proved are no longer those of the device: they were changed, or the device was
    /// removed, after the handshake.
    Outdated,
    /// The store could not be asked; why, for the log. The client meets silence and comes again.
    Unavailable(String),
}

/// The record of a client, as far as its session needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownDevice {
    /// Its endpoint name.
    pub endpoint: String,
    /// What it must prove.
    pub credentials: Credentials,
    /// Whether the operator has blocked it.
    pub blocked: bool,
    /// How it behaves, as far as earlier sessions have shown.
    pub knowledge: ClientKnowledge,
    /// What it is to receive.
    pub provision: Result<Provision, Withheld>,
}

/// The bootstrap credentials of a device: it may prove any one of them. Without any, nothing is asked of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// A PSK identity.
    pub psk_identity: Option<Vec<u8>>,
    /// SHA-256 of its one certificate.
    pub certificate: Option<[u8; 32]>,
    /// The name that its certificate says, signed by whom the listener trusts.
    pub certificate_name: Option<String>,
    /// SHA-256 of its raw public key.
    pub public_key: Option<[u8; 32]>,
    /// It has proven credentials that were issued to it, and these are no longer any of the others.
    pub only_issued: bool,
}

impl Credentials {
    /// Whether there is anything to prove.
    pub fn any(&self) -> bool {
        *self != Credentials::default()
    }

    /// Whether the one who proved `key` is the device called `endpoint`.
    fn are_proven_by(&self, key: &LookupKey, endpoint: &str) -> bool {
        match key {
            LookupKey::PskIdentity(identity) => self.psk_identity.as_ref() == Some(identity),
            LookupKey::RawPublicKey(key) => self.public_key.as_ref() == Some(key),
            LookupKey::EndpointName(_) => !self.any(),
            LookupKey::Certificate { fingerprint, name } => {
                let is_named = |name: &String| match self.certificate {
                    Some(_) => false,
                    None if self.any() => self.certificate_name.as_ref() == Some(name),
                    None => name == endpoint,
                };
                self.certificate.as_ref() == Some(fingerprint) || name.as_ref().is_some_and(is_named)
            }
        }
    }
}

/// Why it cannot be said what a device is to receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// The definitions make nothing that can be written; why, as a sentence.
    Invalid(String),
    /// Credentials must be issued and kept first. That is done only for a client that may have them.
    MustIssue,
}

/// What a client that is not refused is to get.
#[derive(Clone, Debug, PartialEq)]
pub enum Grant {
    /// This, written as fits a client of which so much is known.
    Provision(Box<Provision>, ClientKnowledge),
    /// What is known once credentials have been issued.
    MustIssue,
}

/// Why a client is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The outcome of the session.
    pub outcome: Outcome,
    /// Why, as a sentence.
    pub reason: String,
    /// What the client is answered. None is silence, so that it comes again: a refusal puts some clients to sleep for
    /// good (spec sheet `clients.md`, section 3), so it is kept for what is definite.
    pub answer: Option<Code>,
}

impl Refusal {
    fn definite(outcome: Outcome, reason: impl Into<String>) -> Refusal {
        Refusal { outcome, reason: reason.into(), answer: Some(Code::BAD_REQUEST) }
    }

    /// A request that could not be read.
    pub fn unreadable(error: &RequestError) -> Refusal {
        let reason = format!("The Bootstrap-Request cannot be served: {error}.");
        Refusal { outcome: Outcome::RefusedFormat, reason, answer: Some(error.code()) }
    }

    /// Silence, so that the client comes again.
    pub fn silent(outcome: Outcome, reason: impl Into<String>) -> Refusal {
        Refusal { outcome, reason: reason.into(), answer: None }
    }
}

/// Says under which key to look the client up. `name_rule` says which name of a verified certificate is the client's.
///
/// # Errors
/// A refusal where nothing says who the client is.
pub fn lookup_key(request: &BootstrapRequest, peer: &Peer, name_rule: CertificateName) -> Result<LookupKey, Refusal> {
    match (peer, &request.endpoint_name) {
        (Peer::PskIdentity(identity), _) => Ok(LookupKey::PskIdentity(identity.clone())),
        (Peer::RawPublicKey(key), _) => Ok(LookupKey::RawPublicKey(fingerprint(key))),
        (Peer::Certificate { chain, trust }, _) => {
            let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
            let name = match trust {
                CertificateTrust::Pinned => None,
                CertificateTrust::Anchored => Some(name_rule.of(leaf).ok_or_else(|| nameless(name_rule))?),
            };
            Ok(LookupKey::Certificate { fingerprint: fingerprint(leaf), name })
        }
        (Peer::Unauthenticated, Some(name)) => Ok(LookupKey::EndpointName(name.clone())),
        (Peer::Unauthenticated, None) => Err(Refusal::definite(
            Outcome::RefusedIdentity,
            "The client sent no endpoint name, and without DTLS nothing else says who it is.",
        )),
    }
}

fn nameless(name_rule: CertificateName) -> Refusal {
    let reason = format!(
        "The client's certificate is trusted and does not say who it is: this listener takes the {}, and there is none, or \
         more than one.",
        name_rule.description()
    );
    Refusal::definite(Outcome::RefusedIdentity, reason)
}

/// Decides whether the client gets the provision that was found for it: its identity first, then whether it is blocked.
/// Nothing is issued for a client that has no right to it.
///
/// `key` is what it was looked up by, and `insecure_secrets` says whether the listener may carry keys without protection.
///
/// # Errors
/// The [`Refusal`], which names the outcome.
pub fn authorise(
    request: &BootstrapRequest,
    key: &LookupKey,
    lookup: Lookup,
    insecure_secrets: bool,
) -> Result<Grant, Refusal> {
    let device = match lookup {
        Lookup::Known(device) => device,
        Lookup::Unknown => return Err(unknown(request, key)),
        Lookup::Held(reason) => return Err(Refusal::silent(Outcome::RefusedUnknown, reason)),
        Lookup::Outdated => {
            return Err(Refusal::definite(
                Outcome::RefusedIdentity,
                "The credentials that the client proved in its handshake have been changed or removed since.",
            ));
        }
        Lookup::Unavailable(reason) => return Err(Refusal::silent(Outcome::Internal, reason)),
    };
    check_identity(request, key, &device)?;
    if device.blocked {
        let reason = format!("The device `{}` is blocked.", printable(&device.endpoint));
        return Err(Refusal::definite(Outcome::RefusedBlocked, reason));
    }
    let provision = match device.provision {
        Ok(provision) => provision,
        Err(Withheld::MustIssue) => return Ok(Grant::MustIssue),
        Err(Withheld::Invalid(reason)) => return Err(Refusal::silent(Outcome::InvalidProvision, reason)),
    };
    let is_proven = !matches!(key, LookupKey::EndpointName(_));
    if !is_proven && provision.carries_secrets() && !insecure_secrets {
        return Err(Refusal::definite(
            Outcome::RefusedInsecure,
            "What this device is to receive contains keys, and they would travel unprotected: let it come over DTLS, \
             or set `insecure_secrets = true` on this listener.",
        ));
    }
    Ok(Grant::Provision(Box::new(provision), device.knowledge))
}

fn check_identity(request: &BootstrapRequest, key: &LookupKey, device: &KnownDevice) -> Result<(), Refusal> {
    if !device.credentials.are_proven_by(key, &device.endpoint) {
        let endpoint = printable(&device.endpoint);
        let reason = match key {
            LookupKey::Certificate { name: Some(name), .. } => format!(
                "The client's certificate says `{}`, but the device `{endpoint}` has other bootstrap credentials to prove: \
                 give it `certificate_name` if this certificate is to do.",
                printable(name)
            ),
            _ => format!("The device `{endpoint}` has bootstrap credentials and must prove them over DTLS."),
        };
        return Err(Refusal::definite(Outcome::RefusedIdentity, reason));
    }
    match &request.endpoint_name {
        Some(claimed) if *claimed != device.endpoint => Err(Refusal::definite(
            Outcome::RefusedIdentity,
            format!(
                "The client calls itself `{}`, but the identity that it proved belongs to `{}`.",
                printable(claimed),
                printable(&device.endpoint)
            ),
        )),
        _ => Ok(()),
    }
}

fn unknown(request: &BootstrapRequest, key: &LookupKey) -> Refusal {
    let who = match (key, &request.endpoint_name) {
        (LookupKey::Certificate { name: Some(name), .. }, _) => format!("certificate name `{}`", printable(name)),
        (_, Some(name)) => format!("endpoint `{}`", printable(name)),
        (LookupKey::PskIdentity(identity), None) => {
            format!("PSK identity `{}`", printable(&String::from_utf8_lossy(identity)))
        }
        _ => "client".to_owned(),
    };
    Refusal::definite(Outcome::RefusedUnknown, format!("No device is on record for the {who}."))
}

/// Whether a client may take the place of another one that is being served as the same device, both being authorised:
/// whoever proved it in the same way, and whoever proved it where the other proved nothing. That a proof is of another
/// kind says that somebody has one of two secrets, and not that it is the client whose session runs.
pub fn may_displace(this: &Peer, other: &Peer) -> bool {
    match (this, other) {
        (Peer::Unauthenticated, _) => false,
        (_, Peer::Unauthenticated) => true,
        _ => std::mem::discriminant(this) == std::mem::discriminant(other),
    }
}

/// What a client has proven, for people to read.
pub(super) fn describe(peer: &Peer) -> String {
    match peer {
        Peer::Unauthenticated => "nothing (NoSec)".to_owned(),
        Peer::PskIdentity(identity) => describe_psk_identity(identity),
        Peer::Certificate { chain, trust } => {
            let trust = match trust {
                CertificateTrust::Anchored => "verified",
                CertificateTrust::Pinned => "pinned",
            };
            format!("{} ({trust})", describe_certificate(chain.first().map(Vec::as_slice).unwrap_or_default()))
        }
        Peer::RawPublicKey(key) => describe_public_key(key),
    }
}

/// A PSK identity, fit for a log line.
pub fn describe_psk_identity(identity: &[u8]) -> String {
    format!("PSK identity `{}`", printable(&String::from_utf8_lossy(identity)))
}

/// A DER certificate, fit for a log line: the CN of its subject, which may be anybody's, and enough of its fingerprint to
/// tell it from others.
pub fn describe_certificate(der: &[u8]) -> String {
    let name = shown_common_name(der).map(|name| format!(" CN `{}`,", printable(&name))).unwrap_or_default();
    format!("certificate{name} sha256:{}", prefix(&fingerprint(der)))
}

/// A DER SubjectPublicKeyInfo, fit for a log line.
pub fn describe_public_key(der: &[u8]) -> String {
    format!("raw public key sha256:{}", prefix(&fingerprint(der)))
}

/// The beginning of a fingerprint.
fn prefix(fingerprint: &[u8; 32]) -> String {
    fingerprint[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "..."
}

/// A peer's text, fit for a log line and for the backticks around it there: they are escaped as control characters are, and
/// the length is bounded.
pub fn printable(text: &str) -> String {
    const LONGEST: usize = 256;
    // The escapes of a backtick and of any other letter are of two types.
    let escaped = |letter: char| {
        let backtick = (letter == '`').then(|| letter.escape_unicode());
        let other = (letter != '`').then(|| letter.escape_debug());
        backtick.into_iter().flatten().chain(other.into_iter().flatten())
    };
    text.chars().flat_map(escaped).take(LONGEST).collect()
}

#[cfg(test)]
#[path = "authorisation_tests.rs"]
mod tests;
