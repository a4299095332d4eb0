//! Every combination of proof, claim and record, and what follows from it.

use super::{
    Credentials, Grant, KnownDevice, Lookup, LookupKey, Outcome, Withheld, authorise, describe, lookup_key,
    may_displace,
};
use crate::bootstrap::request::BootstrapRequest;
use crate::coap::Code;
use crate::peer::{CertificateTrust, Peer};
use crate::provision::material::{CertificateName, fingerprint};
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

const PIN: [u8; 32] = [1; 32];
const OTHER: [u8; 32] = [2; 32];
const PUBLIC_KEY: [u8; 32] = [3; 32];

fn psk(identity: &[u8]) -> LookupKey {
    LookupKey::PskIdentity(identity.to_vec())
}

/// A certificate that is on record (without a name), or that an authority vouches for.
fn certificate(fingerprint: [u8; 32], name: Option<&str>) -> LookupKey {
    LookupKey::Certificate { fingerprint, name: name.map(str::to_owned) }
}

/// What a client may have proven, by a word for it.
fn proofs() -> Vec<(&'static str, LookupKey)> {
    vec![
        ("nothing", LookupKey::EndpointName("dev1".to_owned())),
        ("psk one", psk(b"one")),
        ("psk two", psk(b"two")),
        ("psk empty", psk(b"")),
        ("pin", certificate(PIN, None)),
        ("another pin", certificate(OTHER, None)),
        ("pin, verified as dev1", certificate(PIN, Some("dev1"))),
        ("verified as dev1", certificate(OTHER, Some("dev1"))),
        ("verified as DEV1", certificate(OTHER, Some("DEV1"))),
        ("verified as mapped", certificate(OTHER, Some("mapped"))),
        ("key", LookupKey::RawPublicKey(PUBLIC_KEY)),
        ("another key", LookupKey::RawPublicKey(OTHER)),
        ("pin as a key", LookupKey::RawPublicKey(PIN)),
    ]
}

/// What a device may have to prove, and by which proofs it is served: the rule, row by row.
fn records() -> Vec<(&'static str, Credentials, Vec<&'static str>)> {
    let none = Credentials::default;
    let one = || Credentials { psk_identity: Some(b"one".to_vec()), ..none() };
    let named = |name: &str| Some(name.to_owned());
    vec![
        ("none", none(), vec!["nothing", "pin, verified as dev1", "verified as dev1"]),
        ("psk", one(), vec!["psk one"]),
        ("pin", Credentials { certificate: Some(PIN), ..none() }, vec!["pin", "pin, verified as dev1"]),
        (
            "own name",
            Credentials { certificate_name: named("dev1"), ..none() },
            vec!["pin, verified as dev1", "verified as dev1"],
        ),
        ("name", Credentials { certificate_name: named("mapped"), ..none() }, vec!["verified as mapped"]),
        ("key", Credentials { public_key: Some(PUBLIC_KEY), ..none() }, vec!["key"]),
        (
            "psk and name",
            Credentials { certificate_name: named("mapped"), ..one() },
            vec!["psk one", "verified as mapped"],
        ),
        (
            "psk and pin",
            Credentials { certificate: Some(PIN), ..one() },
            vec!["psk one", "pin", "pin, verified as dev1"],
        ),
        ("psk and key", Credentials { public_key: Some(PUBLIC_KEY), ..one() }, vec!["psk one", "key"]),
        // The checks refuse this; a pin is exclusive all the same.
        (
            "pin and name",
            Credentials { certificate: Some(PIN), certificate_name: named("mapped"), ..none() },
            vec!["pin", "pin, verified as dev1"],
        ),
        ("issued, unproven here", Credentials { only_issued: true, ..none() }, vec![]),
        ("issued", Credentials { only_issued: true, ..one() }, vec!["psk one"]),
    ]
}

fn device(credentials: Credentials, provision: Result<Provision, Withheld>) -> KnownDevice {
    KnownDevice {
        endpoint: "dev1".to_owned(),
        credentials,
        blocked: false,
        knowledge: ClientKnowledge::default(),
        provision,
    }
}

fn request(endpoint_name: Option<&str>) -> BootstrapRequest {
    BootstrapRequest { endpoint_name: endpoint_name.map(str::to_owned), ..BootstrapRequest::default() }
}

#[test]
fn every_combination_of_proof_claim_record_and_keys_is_decided_by_the_rule() {
    for (record, credentials, serving) in records() {
        for word in &serving {
            assert!(proofs().iter().any(|(proof, _)| proof == word), "{word} is no proof");
        }
        for (proof, key) in proofs() {
            for claimed in [None, Some("dev1"), Some("dev2"), Some("DEV1"), Some("dev1 ")] {
                for (secrets, insecure) in [(false, false), (true, false), (false, true), (true, true)] {
                    let known = Lookup::Known(Box::new(device(credentials.clone(), Ok(provision(secrets)))));
                    let decision = authorise(&request(claimed), &key, known, insecure);
                    let has_its_name = claimed.is_none_or(|name| name == "dev1");
                    let expected = if !serving.contains(&proof) || !has_its_name {
                        Some(Outcome::RefusedIdentity)
                    } else {
                        (proof == "nothing" && secrets && !insecure).then_some(Outcome::RefusedInsecure)
                    };
                    let outcome = decision.err().map(|refusal| refusal.outcome);
                    assert_eq!(outcome, expected, "{record}: {proof}, {claimed:?}, {secrets}, {insecure}");
                }
            }
        }
    }
}

/// CN `meter-1`, alternative names DNS `meter-1.example.com` and URI `urn:imei:490154203237518`.
const CERTIFICATE: &str = "\
    MIIBiDCCAS+gAwIBAgIUFikUGrrpLRZoOe3BTw6NUWYAHXowCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHbWV0ZXItMTAgFw0yNjExMjMwMzI2NT\
    NaGA8yMTI2MTAzMDAzMjY1M1owEjEQMA4GA1UEAwwHbWV0ZXItMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOca6asdREYMZBymlytAkT1Y\
    kBocAM0ctXa7Kqshf7dyfKgFhcYCMBN1KT+V1IJTZ9qFJpuppbdIM7mPaK2FycijYTBfMD4GA1UdEQQ3MDWCE21ldGVyLTEuZXhhbXBsZS5jb2\
    2GGHVybjppbWVpOjQ5MDE1NDIwMzIzNzUxOIcEwAACATAdBgNVHQ4EFgQU6NVpa5wZNwtdV+XCQEuBwhtiXDgwCgYIKoZIzj0EAwIDRwAwRAIg\
    TiTbfgBw+lFKLEEWdeF0ZpYKscMb36jaLS19vtify0UCIHQgOdaNi6jMiv6kwfmbSsuP1SXIyoSDpqI5wdiAx5WU";

#[test]
fn only_a_verified_certificate_says_a_name_and_the_listener_says_which() {
    let der = data_encoding::BASE64.decode(CERTIFICATE.as_bytes()).unwrap();
    let peer = |trust| Peer::Certificate { chain: vec![der.clone(), b"issuer".to_vec()], trust };
    let key = |trust, rule| lookup_key(&request(Some("anything")), &peer(trust), rule).unwrap();
    for (rule, name) in [
        (CertificateName::Cn, "meter-1"),
        (CertificateName::SanDns, "meter-1.example.com"),
        (CertificateName::SanUri, "urn:imei:490154203237518"),
    ] {
        assert_eq!(key(CertificateTrust::Anchored, rule), certificate(fingerprint(&der), Some(name)));
        assert_eq!(key(CertificateTrust::Pinned, rule), certificate(fingerprint(&der), None));
    }
    let nameless = Peer::Certificate { chain: vec![b"no certificate".to_vec()], trust: CertificateTrust::Anchored };
    let refusal = lookup_key(&request(Some("meter-1")), &nameless, CertificateName::SanUri).unwrap_err();
    assert_eq!((refusal.outcome, refusal.answer), (Outcome::RefusedIdentity, Some(Code::BAD_REQUEST)));
    assert!(refusal.reason.contains("URI among its alternative names"), "{}", refusal.reason);

    let raw = Peer::RawPublicKey(b"spki".to_vec());
    let key = lookup_key(&request(None), &raw, CertificateName::Cn).unwrap();
    assert_eq!(key, LookupKey::RawPublicKey(fingerprint(b"spki")));
}

#[test]
fn what_was_proven_is_shown_so_that_an_operator_knows_it_again() {
    let der = data_encoding::BASE64.decode(CERTIFICATE.as_bytes()).unwrap();
    let peer = |trust| Peer::Certificate { chain: vec![der.clone()], trust };
    assert_eq!(
        describe(&peer(CertificateTrust::Anchored)),
        "certificate CN `meter-1`, sha256:1038340df972aa92... (verified)"
    );
    assert!(describe(&peer(CertificateTrust::Pinned)).ends_with("(pinned)"));
    assert_eq!(describe(&Peer::RawPublicKey(Vec::new())), "raw public key sha256:e3b0c44298fc1c14...");
    assert_eq!(describe(&Peer::PskIdentity(b"a\nb".to_vec())), "PSK identity `a\\nb`");
    // It stays within its backticks.
    assert_eq!(describe(&Peer::PskIdentity(b"a` b".to_vec())), "PSK identity `a\\u{60} b`");
}

#[test]
fn a_blocked_device_is_refused_and_nothing_is_issued_for_whom_has_no_right_to_it() {
    let request = request(Some("dev1"));
    let decide = |key: &LookupKey, blocked, provision: Result<Provision, Withheld>| {
        let credentials = Credentials { psk_identity: Some(b"one".to_vec()), ..Credentials::default() };
        let device = KnownDevice { blocked, ..device(credentials, provision) };
        let decision = authorise(&request, key, Lookup::Known(Box::new(device)), true);
        decision.map(|grant| grant == Grant::MustIssue).map_err(|refusal| (refusal.outcome, refusal.answer.is_some()))
    };
    let (proven, stranger) = (psk(b"one"), LookupKey::EndpointName("dev1".to_owned()));
    assert_eq!(decide(&proven, true, Ok(provision(true))), Err((Outcome::RefusedBlocked, true)));
    assert_eq!(decide(&proven, true, Err(Withheld::MustIssue)), Err((Outcome::RefusedBlocked, true)));
    assert_eq!(decide(&stranger, false, Err(Withheld::MustIssue)), Err((Outcome::RefusedIdentity, true)));
    assert_eq!(decide(&proven, false, Err(Withheld::MustIssue)), Ok(true));
    let invalid = Err(Withheld::Invalid("no".to_owned()));
    assert_eq!(decide(&proven, false, invalid), Err((Outcome::InvalidProvision, false)));
    let held = authorise(&request, &stranger, Lookup::Held("it waits".to_owned()), false).unwrap_err();
    assert_eq!((held.outcome, held.answer), (Outcome::RefusedUnknown, None));
}

#[test]
fn only_an_equal_proof_takes_the_place_of_a_session() {
    let certificate = |leaf: &[u8], trust| Peer::Certificate { chain: vec![leaf.to_vec()], trust };
    let kinds = [
        vec![Peer::PskIdentity(b"one".to_vec()), Peer::PskIdentity(b"two".to_vec())],
        vec![certificate(b"one", CertificateTrust::Pinned), certificate(b"two", CertificateTrust::Anchored)],
        vec![Peer::RawPublicKey(b"one".to_vec()), Peer::RawPublicKey(b"two".to_vec())],
    ];
    let nosec = Peer::Unauthenticated;
    for (kind, peers) in kinds.iter().enumerate() {
        for this in peers {
            assert!(may_displace(this, &nosec) && !may_displace(&nosec, this), "{this:?}");
            for (other_kind, others) in kinds.iter().enumerate() {
                for other in others {
                    assert_eq!(may_displace(this, other), kind == other_kind, "{this:?} {other:?}");
                }
            }
        }
    }
    assert!(!may_displace(&nosec, &nosec));
}
