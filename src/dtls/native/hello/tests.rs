//! What is chosen from what is offered, and what is refused and how.

use super::*;
use crate::dtls::record::{handshake_message, handshake_record};

const OURS: ConnectionId = [9, 1, 2, 3, 4, 5, 6, 7];

/// A ClientHello with these suites and extensions.
fn hello(suites: &[u16], extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend_from_slice(&[0x5a; 32]);
    body.extend_from_slice(&[0, 0]);
    push_opaque16(&mut body, &suites.iter().flat_map(|suite| suite.to_be_bytes()).collect::<Vec<u8>>());
    body.extend_from_slice(&[1, 0]);
    let mut list = Vec::new();
    for (number, content) in extensions {
        push_extension(&mut list, *number, content);
    }
    push_opaque16(&mut body, &list);
    handshake_record([0xfe, 0xfd], [0; 6], &handshake_message(1, 1, &body))
}

fn policy() -> Policy {
    Policy {
        suites: CipherSuite::ALL.into_iter().filter(|suite| suite.number() != [0x00, 0xae]).collect(),
        keys: KeyPolicy { has_certificate: true, raw_public_keys: true },
        requires_extended_master_secret: false,
    }
}

fn reach(policy: &Policy, suites: &[u16], extensions: &[(u16, &[u8])]) -> Result<Agreement, Refusal> {
    let datagram = hello(suites, extensions);
    let hello = ClientHello::parse(&datagram).expect("well-formed");
    Agreement::reach(policy, &hello, [7; 32], Some(OURS))
}

const PSK_CCM_8: u16 = 0xc0a8;
const PSK_GCM: u16 = 0x00a8;
const ECDHE_CCM_8: u16 = 0xc0ae;

/// What a client with a certificate has to say.
const P256: (u16, &[u8]) = (SUPPORTED_GROUPS, &[0, 2, 0, 23]);
const SIGNATURE: (u16, &[u8]) = (SIGNATURE_ALGORITHMS, &[0, 2, 4, 3]);

#[test]
fn ours_is_the_order_of_suites_and_a_shared_key_comes_first() {
    for (offered, chosen) in [
        (&[PSK_GCM, PSK_CCM_8][..], CipherSuite::PskAes128Ccm8),
        (&[PSK_GCM], CipherSuite::PskAes128GcmSha256),
        (&[ECDHE_CCM_8, PSK_CCM_8], CipherSuite::PskAes128Ccm8),
        (&[0x1301, ECDHE_CCM_8], CipherSuite::EcdheEcdsaAes128Ccm8),
    ] {
        let agreement = reach(&policy(), offered, &[P256, SIGNATURE]).expect("agreed");
        assert_eq!(agreement.suite, chosen, "{offered:04x?}");
        assert_eq!((agreement.client_random, agreement.server_random), ([0x5a; 32], [7; 32]));
    }
}

#[test]
fn what_elliptic_curves_take_is_checked_against_what_is_offered() {
    let none = |missing| Err(Refusal::no_common_suite(missing));
    for (extensions, expected) in [
        (&[P256, SIGNATURE][..], Ok(())),
        // RFC 8422, section 5.1: no word about groups or formats is any.
        (&[SIGNATURE], Ok(())),
        (&[SIGNATURE, (POINT_FORMATS, &[2, 1, 0])], Ok(())),
        (&[SIGNATURE, (SUPPORTED_GROUPS, &[0, 4, 0, 29, 0, 23])], Ok(())),
        // SHA-1, which RFC 5246, section 7.4.1.4.1 would have it be.
        (&[P256], none(Missing::SignatureAlgorithm)),
        (&[P256, (SIGNATURE_ALGORITHMS, &[0, 4, 5, 3, 4, 1])], none(Missing::SignatureAlgorithm)),
        (&[SIGNATURE, (SUPPORTED_GROUPS, &[0, 4, 0, 29, 0, 24])], none(Missing::Curve)),
        (&[P256, SIGNATURE, (POINT_FORMATS, &[1, 1])], none(Missing::Other)),
    ] {
        let reached = reach(&policy(), &[ECDHE_CCM_8], extensions).map(|_| ());
        assert_eq!(reached, expected, "{extensions:x?}");
        // A client with a pre-shared key needs none of it.
        assert!(reach(&policy(), &[ECDHE_CCM_8, PSK_CCM_8], extensions).is_ok(), "{extensions:x?}");
    }
}

#[test]
fn extensions_that_are_not_in_form_are_refused_with_the_alert_that_they_deserve() {
    for (extension, alert) in [
        ((MAX_FRAGMENT_LENGTH, &[0][..]), Alert::IllegalParameter),
        ((MAX_FRAGMENT_LENGTH, &[5]), Alert::IllegalParameter),
        ((MAX_FRAGMENT_LENGTH, &[1, 1]), Alert::IllegalParameter),
        ((SUPPORTED_GROUPS, &[0, 0]), Alert::DecodeError),
        ((SUPPORTED_GROUPS, &[0, 3, 0, 23, 0]), Alert::DecodeError),
        ((SUPPORTED_GROUPS, &[0, 4, 0, 23]), Alert::DecodeError),
        ((POINT_FORMATS, &[0]), Alert::DecodeError),
        ((SIGNATURE_ALGORITHMS, &[0, 2, 4, 3, 0]), Alert::DecodeError),
        ((CLIENT_CERTIFICATE_TYPE, &[]), Alert::DecodeError),
        ((SERVER_CERTIFICATE_TYPE, &[2, 0]), Alert::DecodeError),
        ((EXTENDED_MASTER_SECRET, &[0]), Alert::DecodeError),
        ((CONNECTION_ID, &[]), Alert::DecodeError),
        ((CONNECTION_ID, &[1]), Alert::DecodeError),
        ((CONNECTION_ID, &[0, 0]), Alert::DecodeError),
        ((RENEGOTIATION_INFO, &[1, 0]), Alert::HandshakeFailure),
        ((RENEGOTIATION_INFO, &[]), Alert::HandshakeFailure),
    ] {
        let refusal = reach(&policy(), &[PSK_CCM_8], &[extension]).expect_err("not in form");
        assert_eq!(refusal, Refusal::broken(alert), "{extension:x?}");
    }
    let twice = [(EXTENDED_MASTER_SECRET, &[][..]), (0xfafa, &[1]), (EXTENDED_MASTER_SECRET, &[])];
    assert_eq!(reach(&policy(), &[PSK_CCM_8], &twice), Err(Refusal::broken(Alert::IllegalParameter)));
    let unknown = [(0xfafa, &[1, 2, 3][..]), (0, &[0, 0]), (35, &[]), (22, &[])];
    assert!(reach(&policy(), &[PSK_CCM_8], &unknown).is_ok(), "what is not known is passed over");
}

#[test]
fn the_extended_master_secret_is_used_where_offered_and_demanded_where_told() {
    let with = [(EXTENDED_MASTER_SECRET, &[][..])];
    let strict = Policy { requires_extended_master_secret: true, ..policy() };
    assert!(reach(&policy(), &[PSK_CCM_8], &with).expect("agreed").extended_master_secret);
    assert!(!reach(&policy(), &[PSK_CCM_8], &[]).expect("agreed").extended_master_secret);
    assert!(reach(&strict, &[PSK_CCM_8], &with).is_ok());
    assert_eq!(reach(&strict, &[PSK_CCM_8], &[]), Err(Refusal::NO_EXTENDED_MASTER_SECRET));
}

#[test]
fn the_types_of_keys_that_both_sides_can_take() {
    use KeyType::{Certificate as X, RawPublicKey as R};
    const RAW: &[u8] = &[1, 2];
    const EITHER: &[u8] = &[2, 0, 2];
    const RATHER_RAW: &[u8] = &[2, 2, 0];
    let type_less = Err(Refusal::NO_COMMON_KEY_TYPE);
    let without_certificate = Policy { keys: KeyPolicy { has_certificate: false, raw_public_keys: true }, ..policy() };
    let without_raw = Policy { keys: KeyPolicy { has_certificate: true, raw_public_keys: false }, ..policy() };
    for (policy, client, server, expected) in [
        (&policy(), None, None, Ok((X, X))),
        (&policy(), Some(RAW), Some(RAW), Ok((R, R))),
        (&policy(), Some(RAW), None, Ok((R, X))),
        (&policy(), None, Some(RAW), Ok((X, R))),
        // RFC 7250, section 3: the client says first what it prefers.
        (&policy(), Some(EITHER), Some(EITHER), Ok((X, X))),
        (&policy(), Some(RATHER_RAW), Some(EITHER), Ok((R, R))),
        (&without_raw, Some(RATHER_RAW), Some(EITHER), Ok((X, X))),
        (&policy(), Some(&[3, 1, 9, 2]), Some(RAW), Ok((R, R))),
        // GnuTLS with a certificate.
        (&policy(), None, Some(EITHER), Ok((X, X))),
        (&without_certificate, None, None, type_less),
        (&without_certificate, Some(RAW), Some(RAW), Ok((R, R))),
        (&without_certificate, None, Some(EITHER), Ok((X, R))),
        (&without_raw, Some(RAW), Some(RAW), type_less),
        (&without_raw, Some(EITHER), Some(EITHER), Ok((X, X))),
    ] {
        let mut extensions = vec![P256, SIGNATURE];
        extensions.extend(client.map(|types| (CLIENT_CERTIFICATE_TYPE, types)));
        extensions.extend(server.map(|types| (SERVER_CERTIFICATE_TYPE, types)));
        let reached = reach(policy, &[ECDHE_CCM_8], &extensions);
        let keys = reached.clone().map(|agreement| (agreement.client_key, agreement.server_key));
        assert_eq!(keys, expected, "{client:?} {server:?}");
        // RFC 7250, section 4.2: what was asked is answered, and nothing else.
        let Ok(agreement) = reached else { continue };
        let answers = extensions_of(&agreement);
        assert_eq!(answers.contains(&CLIENT_CERTIFICATE_TYPE), client.is_some(), "{client:?}");
        assert_eq!(answers.contains(&SERVER_CERTIFICATE_TYPE), server.is_some(), "{server:?}");
    }
}

/// The numbers of the extensions in a ServerHello.
fn extensions_of(agreement: &Agreement) -> Vec<u16> {
    let body = agreement.server_hello();
    let mut reader = Reader { rest: &body[38..] };
    let mut list = Reader { rest: if reader.rest.is_empty() { &[] } else { reader.opaque16().expect("a list") } };
    assert!(reader.rest.is_empty());
    let mut numbers = Vec::new();
    while let Some(number) = list.take(2) {
        numbers.push(u16::from_be_bytes([number[0], number[1]]));
        list.opaque16().expect("content");
    }
    numbers
}

#[test]
fn a_server_hello_byte_for_byte() {
    let bare = reach(&policy(), &[PSK_CCM_8], &[]).expect("agreed");
    let mut expected = vec![0xfe, 0xfd];
    expected.extend_from_slice(&[7; 32]);
    expected.extend_from_slice(&[0, 0xc0, 0xa8, 0]);
    assert_eq!(bare.server_hello(), expected, "without extensions no list of them (node-dtls-client)");
    assert_eq!((bare.longest_plaintext(), bare.connection_ids.clone()), (16_384, None));

    let asked = [
        (EXTENDED_MASTER_SECRET, &[][..]),
        (CONNECTION_ID, &[2, 0xaa, 0xbb]),
        (MAX_FRAGMENT_LENGTH, &[1]),
        (POINT_FORMATS, &[1, 0]),
    ];
    let full = reach(&policy(), &[PSK_CCM_8, 0x00ff], &asked).expect("agreed");
    expected.extend_from_slice(&[0, 27]);
    expected.extend_from_slice(&[0xff, 0x01, 0, 1, 0]);
    expected.extend_from_slice(&[0, 23, 0, 0]);
    expected.extend_from_slice(&[0, 1, 0, 1, 1]);
    expected.extend_from_slice(&[0, 54, 0, 9, 8, 9, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(full.server_hello(), expected);
    assert_eq!(full.longest_plaintext(), 512);
    assert_eq!(full.connection_ids, Some(ConnectionIds { ours: OURS, theirs: Box::new([0xaa, 0xbb]) }));
}

#[test]
fn no_connection_id_is_given_unless_asked_for_and_unless_there_is_one() {
    let datagram = hello(&[PSK_CCM_8], &[(CONNECTION_ID, &[0])]);
    let parsed = ClientHello::parse(&datagram).expect("well-formed");
    let unasked = hello(&[PSK_CCM_8], &[]);
    let unasked = ClientHello::parse(&unasked).expect("well-formed");
    let unasked = Agreement::reach(&policy(), &unasked, [7; 32], Some(OURS)).expect("agreed");
    assert_eq!(unasked.connection_ids, None);
    let none = Agreement::reach(&policy(), &parsed, [7; 32], None).expect("agreed");
    assert_eq!(none.connection_ids, None);
    let given = Agreement::reach(&policy(), &parsed, [7; 32], Some(OURS)).expect("agreed");
    assert_eq!(given.connection_ids, Some(ConnectionIds { ours: OURS, theirs: Box::new([]) }));
}
