//! Who may be told what: the identity that the transport proved, against the endpoint name that the client claims.
//!
//! LwM2M Transport 1.2 section 5.2.6; spec sheet `bootstrap.md`, section 4; NoSec rules in the design, section 4. The
//! decision is made here and nowhere else, from values alone, so that a test can try every combination.

use super::outcome::Outcome;
use super::request::{BootstrapRequest, RequestError};
use crate::coap::Code;
use crate::peer::Peer;
use crate::provision::{ClientKnowledge, Provision};

/// By what the record of a client is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupKey {
    /// The identity that the client proved over DTLS.
    PskIdentity(Vec<u8>),
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
    /// The PSK identity that it must prove, if it has bootstrap credentials.
    pub psk_identity: Option<Vec<u8>>,
    /// Whether the operator has blocked it.
    pub blocked: bool,
    /// How it behaves, as far as earlier sessions have shown.
    pub knowledge: ClientKnowledge,
    /// What it is to receive.
    pub provision: Result<Provision, Withheld>,
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

/// Says under which key to look the client up.
///
/// # Errors
/// A refusal where nothing says who the client is, or where it proved itself in a way that is not supported.
pub fn lookup_key(request: &BootstrapRequest, peer: &Peer) -> Result<LookupKey, Refusal> {
    match (peer, &request.endpoint_name) {
        (Peer::PskIdentity(identity), _) => Ok(LookupKey::PskIdentity(identity.clone())),
        (Peer::Unauthenticated, Some(name)) => Ok(LookupKey::EndpointName(name.clone())),
        (Peer::Unauthenticated, None) => Err(Refusal::definite(
            Outcome::RefusedIdentity,
            "The client sent no endpoint name, and without DTLS nothing else says who it is.",
        )),
        (Peer::Certificate { .. } | Peer::RawPublicKey(_), _) => Err(Refusal::definite(
            Outcome::RefusedIdentity,
            "The client proved itself by a certificate or a raw public key, which this version does not serve.",
        )),
    }
}

/// Decides whether the client gets the provision that was found for it: its identity first, then whether it is blocked.
/// Nothing is issued for a client that has no right to it.
///
/// `insecure_secrets` says whether the listener may carry keys without protection.
///
/// # Errors
/// The [`Refusal`], which names the outcome.
pub fn authorise(
    request: &BootstrapRequest,
    peer: &Peer,
    lookup: Lookup,
    insecure_secrets: bool,
) -> Result<Grant, Refusal> {
    let device = match lookup {
        Lookup::Known(device) => device,
        Lookup::Unknown => return Err(unknown(request, peer)),
        Lookup::Held(reason) => return Err(Refusal::silent(Outcome::RefusedUnknown, reason)),
        Lookup::Outdated => {
            return Err(Refusal::definite(
                Outcome::RefusedIdentity,
                "The credentials that the client proved in its handshake have been changed or removed since.",
            ));
        }
        Lookup::Unavailable(reason) => return Err(Refusal::silent(Outcome::Internal, reason)),
    };
    check_identity(request, peer, &device)?;
    if device.blocked {
        let reason = format!("The device `{}` is blocked.", printable(&device.endpoint));
        return Err(Refusal::definite(Outcome::RefusedBlocked, reason));
    }
    let provision = match device.provision {
        Ok(provision) => provision,
        Err(Withheld::MustIssue) => return Ok(Grant::MustIssue),
        Err(Withheld::Invalid(reason)) => return Err(Refusal::silent(Outcome::InvalidProvision, reason)),
    };
    if !peer.is_authenticated() && provision.carries_secrets() && !insecure_secrets {
        return Err(Refusal::definite(
            Outcome::RefusedInsecure,
            "What this device is to receive contains keys, and they would travel unprotected: let it come over DTLS, \
             or set `insecure_secrets = true` on this listener.",
        ));
    }
    Ok(Grant::Provision(Box::new(provision), device.knowledge))
}

fn check_identity(request: &BootstrapRequest, peer: &Peer, device: &KnownDevice) -> Result<(), Refusal> {
    let proven = match peer {
        Peer::PskIdentity(identity) => device.psk_identity.as_ref() == Some(identity),
        Peer::Unauthenticated => device.psk_identity.is_none(),
        Peer::Certificate { .. } | Peer::RawPublicKey(_) => false,
    };
    if !proven {
        return Err(Refusal::definite(
            Outcome::RefusedIdentity,
            format!(
                "The device `{}` has bootstrap credentials and must prove them over DTLS.",
                printable(&device.endpoint)
            ),
        ));
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

fn unknown(request: &BootstrapRequest, peer: &Peer) -> Refusal {
    let who = match (&request.endpoint_name, peer) {
        (Some(name), _) => format!("endpoint `{}`", printable(name)),
        (None, Peer::PskIdentity(identity)) => {
            format!("PSK identity `{}`", printable(&String::from_utf8_lossy(identity)))
        }
        (None, _) => "client".to_owned(),
    };
    Refusal::definite(Outcome::RefusedUnknown, format!("No device is on record for the {who}."))
}

/// A peer's text, fit for a log line: control characters are escaped and the length is bounded.
pub fn printable(text: &str) -> String {
    const LONGEST: usize = 256;
    text.chars().flat_map(char::escape_debug).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::{Grant, KnownDevice, Lookup, Outcome, Withheld, authorise};
    use crate::bootstrap::request::BootstrapRequest;
    use crate::peer::{CertificateTrust, Peer};
    use crate::provision::{
        AccessControl, AccountCredentials, AccountRole, ClientKnowledge, Discover, ProfileChoice, Provision,
        ProvisionedAccount, ServerSettings, TimingOverride, Writing,
    };
    use crate::secret::Secret;

    fn provision(with_key: bool) -> Provision {
        let psk = || AccountCredentials::Psk { identity: b"dev1".to_vec(), key: Secret::from(&b"key"[..]) };
        let settings = ServerSettings {
            short_server_id: 101,
            lifetime: 300,
            binding: "U".to_owned(),
            store_notifications: false,
            resources: Vec::new(),
        };
        let account = ProvisionedAccount {
            name: "fleet".to_owned(),
            uri: "coaps://eu.example.com:5684".to_owned(),
            credentials: if with_key { psk() } else { AccountCredentials::NoSec },
            security_resources: Vec::new(),
            role: AccountRole::Management(settings),
            issued: None,
        };
        let writing = Writing {
            format: None,
            discover: Discover::Auto,
            delete: Vec::new(),
            access_control: AccessControl::Auto,
            bootstrap_account_instance: None,
            timing: TimingOverride::default(),
            ..Writing::default()
        };
        Provision {
            endpoint: "dev1".to_owned(),
            profile: "p".to_owned(),
            choice: ProfileChoice::Device,
            accounts: vec![account],
            writes: Vec::new(),
            writing,
        }
    }

    /// The rule, said once more in its plainest form.
    fn expected(
        peer: &Peer,
        claimed: Option<&str>,
        record: Option<&[u8]>,
        key: bool,
        insecure: bool,
    ) -> Option<Outcome> {
        let belongs = match (peer, record) {
            (Peer::PskIdentity(proven), Some(identity)) => proven == identity,
            (Peer::Unauthenticated, None) => true,
            _ => false,
        };
        if !belongs || claimed.is_some_and(|name| name != "dev1") {
            return Some(Outcome::RefusedIdentity);
        }
        (key && !insecure && *peer == Peer::Unauthenticated).then_some(Outcome::RefusedInsecure)
    }

    #[test]
    fn every_combination_of_proof_claim_record_and_keys_is_decided_by_the_rule() {
        let peers = [
            Peer::Unauthenticated,
            Peer::PskIdentity(b"one".to_vec()),
            Peer::PskIdentity(b"two".to_vec()),
            Peer::PskIdentity(Vec::new()),
            Peer::Certificate { chain: vec![b"one".to_vec()], trust: CertificateTrust::Pinned },
            Peer::RawPublicKey(b"one".to_vec()),
        ];
        let mut granted = 0;
        for peer in &peers {
            for claimed in [None, Some("dev1"), Some("dev2"), Some("DEV1"), Some("dev1 ")] {
                for record in [None, Some(&b"one"[..])] {
                    for (key, insecure) in [(false, false), (true, false), (false, true), (true, true)] {
                        let request = BootstrapRequest {
                            endpoint_name: claimed.map(str::to_owned),
                            ..BootstrapRequest::default()
                        };
                        let device = KnownDevice {
                            endpoint: "dev1".to_owned(),
                            psk_identity: record.map(<[u8]>::to_vec),
                            blocked: false,
                            knowledge: ClientKnowledge::default(),
                            provision: Ok(provision(key)),
                        };
                        let decision = authorise(&request, peer, Lookup::Known(Box::new(device)), insecure);
                        let case = format!("{peer:?} {claimed:?} {record:?} {key} {insecure}");
                        granted += usize::from(decision.is_ok());
                        let outcome = decision.err().map(|refusal| refusal.outcome);
                        assert_eq!(outcome, expected(peer, claimed, record, key, insecure), "{case}");
                    }
                }
            }
        }
        // NoSec: three of four combinations of keys and listener, PSK: all four; each with its name or without one.
        assert_eq!(granted, 2 * (3 + 4));
    }

    #[test]
    fn a_blocked_device_is_refused_and_nothing_is_issued_for_whom_has_no_right_to_it() {
        let request = BootstrapRequest { endpoint_name: Some("dev1".to_owned()), ..BootstrapRequest::default() };
        let decide = |peer: &Peer, blocked, provision: Result<Provision, Withheld>| {
            let psk_identity = Some(b"one".to_vec());
            let device = KnownDevice {
                endpoint: "dev1".to_owned(),
                psk_identity,
                blocked,
                knowledge: ClientKnowledge::default(),
                provision,
            };
            let decision = authorise(&request, peer, Lookup::Known(Box::new(device)), true);
            decision
                .map(|grant| grant == Grant::MustIssue)
                .map_err(|refusal| (refusal.outcome, refusal.answer.is_some()))
        };
        let (proven, stranger) = (Peer::PskIdentity(b"one".to_vec()), Peer::Unauthenticated);
        assert_eq!(decide(&proven, true, Ok(provision(true))), Err((Outcome::RefusedBlocked, true)));
        assert_eq!(decide(&proven, true, Err(Withheld::MustIssue)), Err((Outcome::RefusedBlocked, true)));
        assert_eq!(decide(&stranger, false, Err(Withheld::MustIssue)), Err((Outcome::RefusedIdentity, true)));
        assert_eq!(decide(&proven, false, Err(Withheld::MustIssue)), Ok(true));
        let invalid = Err(Withheld::Invalid("no".to_owned()));
        assert_eq!(decide(&proven, false, invalid), Err((Outcome::InvalidProvision, false)));
        let held = authorise(&request, &stranger, Lookup::Held("it waits".to_owned()), false).unwrap_err();
        assert_eq!((held.outcome, held.answer), (Outcome::RefusedUnknown, None));
    }
}
