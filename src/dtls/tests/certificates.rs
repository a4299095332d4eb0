//! Clients with certificates: suites, chains, pinning, reload, sizes, and clients with keys beside them.

use super::super::certificate::CHAIN_MAX;
use super::super::record::{self, HEADER_LENGTH, Records};
use super::super::{
    AssociationId, CertificateFault, CloseReason, Configuration, EngineError, Identity, Output, Verdict,
};
use super::client::{Client, Profile};
use super::is_openssl;
use super::pki::{Pki, Wish, authority, key, padded};
use super::world::{World, route};
use crate::peer::{CertificateTrust, Peer};
use crate::secret::Secret;

const SUITES: [(&str, &str); 4] = [
    ("ECDHE-ECDSA-AES128-CCM8", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),
    ("ECDHE-ECDSA-AES128-CCM", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("ECDHE-ECDSA-AES128-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
];

#[test]
fn each_of_the_four_suites_carries_data_both_ways() {
    let pki = Pki::new();
    let device = pki.device();
    for (ciphers, name) in SUITES.into_iter().filter(|(_, name)| is_openssl() || !name.contains("CBC")) {
        let mut world = World::new(pki.configuration());
        let profile = Profile { ciphers, trusts: Some(pki.root.chain[0].clone()), ..Profile::of(&device) };
        let (mut client, association, peer) = world.prove(route(1), profile);
        assert_eq!(client.cipher(), name);
        assert_eq!(peer, Peer::Certificate { chain: device.der(), trust: CertificateTrust::Anchored });
        assert_eq!(client.server_chain(), pki.server.der());
        world.assert_alive(route(1), &mut client, association);
    }
}

#[test]
fn chains_with_authorities_in_between_are_sent_and_followed() {
    let root = authority("root").self_signed();
    let ours = authority("our authority").issued_by(&root);
    let theirs = authority("their authority").issued_by(&root);
    let server = Wish { name: "server", ..Wish::default() }.issued_by(&ours);
    let device = Wish::default().issued_by(&theirs);
    let configuration =
        Configuration { identity: Some(server.identity()), trust_anchors: root.der(), ..Configuration::default() };
    let mut world = World::new(configuration.clone());
    let profile = Profile { trusts: Some(root.chain[0].clone()), ..Profile::of(&device) };
    let (mut client, association, peer) = world.prove(route(1), profile);
    assert_eq!(peer, Peer::Certificate { chain: device.der(), trust: CertificateTrust::Anchored });
    assert_eq!((device.chain.len(), client.server_chain()), (2, server.der()));
    world.assert_alive(route(1), &mut client, association);

    // A root at the end of the server's chain is not sent.
    let mut identity = server.identity();
    identity.chain.extend(root.der());
    let mut world = World::new(Configuration { identity: Some(identity), ..configuration.clone() });
    assert_eq!(world.prove(route(1), Profile::of(&device)).0.server_chain(), server.der());

    // What the operator trusts need not be a root, and then the client need not send it.
    let leaf_alone = super::pki::Holder { chain: device.chain[..1].to_vec(), key: device.key };
    let mut world = World::new(Configuration { trust_anchors: vec![theirs.der().remove(0)], ..configuration });
    let (_, _, peer) = world.prove(route(1), Profile::of(&leaf_alone));
    assert_eq!(peer, Peer::Certificate { chain: leaf_alone.der(), trust: CertificateTrust::Anchored });
}

#[test]
fn a_certificate_on_record_is_accepted_whatever_it_says() {
    let device = Wish { days: (-20, -10), is_for_servers_only: true, ..Wish::default() }.self_signed();
    let mut world = World::new(Pki::new().configuration());
    world.on_record = device.der();
    let (mut client, association, peer) = world.prove(route(1), Profile::of(&device));
    assert_eq!(peer, Peer::Certificate { chain: device.der(), trust: CertificateTrust::Pinned });
    world.assert_alive(route(1), &mut client, association);
    // Without any trust anchor as well.
    let mut world = World::new(Configuration { trust_anchors: Vec::new(), ..Pki::new().configuration() });
    world.on_record = device.der();
    world.prove(route(1), Profile::of(&device));
}

#[test]
fn keys_and_certificates_are_served_side_by_side_and_a_key_is_preferred() {
    let pki = Pki::new();
    let mut world = World::new(pki.configuration());
    let (mut by_key, one) = world.connect(route(1), Profile::default());
    let (mut by_certificate, two, _) = world.prove(route(2), Profile::of(&pki.device()));
    world.assert_alive(route(1), &mut by_key, one);
    world.assert_alive(route(2), &mut by_certificate, two);
    // Many clients offer ECDHE_ECDSA without having a certificate, but none offers PSK without having a key.
    let both = Profile { ciphers: "ECDHE-ECDSA-AES128-CCM8:PSK-AES128-CCM8", ..Profile::of(&pki.device()) };
    let (client, _) = world.connect(route(3), both);
    assert_eq!(client.cipher(), "TLS_PSK_WITH_AES_128_CCM_8");
}

#[test]
fn a_listener_without_identity_has_no_suite_for_certificates() {
    let mut world = World::new(Configuration { trust_anchors: Pki::new().root.der(), ..Configuration::default() });
    let mut client = Client::new(Profile::of(&Pki::new().device()));
    world.talk(route(1), &mut client);
    assert_eq!(client.alert, Some(40));
    assert!(matches!(world.events[..], [Output::Closed { reason: CloseReason::NoCommonSuite(_), .. }]));
    world.connect(route(1), Profile::default());
}

#[test]
fn a_client_without_certificate_is_refused() {
    let mut world = World::new(Pki::new().configuration());
    let mut client = Client::new(Profile { ciphers: "ECDHE-ECDSA-AES128-CCM8", ..Profile::default() });
    world.talk(route(1), &mut client);
    assert_eq!(client.alert, Some(40));
    assert_eq!(reasons(&mut world), [CloseReason::CertificateRefused(CertificateFault::NoCertificate)]);
    assert_eq!(world.offers, []);
}

#[test]
fn a_certificate_without_its_key_proves_nothing() {
    let pki = Pki::new();
    let (victim, thief) = (pki.device(), pki.device());
    for pinned in [false, true] {
        let mut world = World::new(pki.configuration());
        world.on_record.extend(pinned.then(|| victim.der().remove(0)));
        let mut client = Client::new(Profile::of(&thief));
        half_open(&mut world, &mut client);
        for datagram in with_certificate(&client.step(), &certificate_body(&victim.der())) {
            world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
        }
        client.step();
        assert_eq!(world.offers.len(), 1);
        assert_eq!(client.alert, Some(51), "decrypt_error (RFC 5246, section 7.2.2)");
        assert_eq!(reasons(&mut world), [CloseReason::KeyMismatch]);
    }
}

#[test]
fn what_is_no_certificate_is_refused() {
    let pki = Pki::new();
    let device = pki.device();
    let with_tail = [device.der().remove(0), vec![0]].concat();
    let bodies = [
        (certificate_body(&[with_tail]), CertificateFault::Malformed),
        (certificate_body(&[b"certificate".to_vec()]), CertificateFault::Malformed),
        (certificate_body(&[device.der().remove(0), b"certificate".to_vec()]), CertificateFault::Malformed),
        (vec![0, 0, 9, 0, 0, 6], CertificateFault::Malformed),
        (certificate_body(&vec![device.der().remove(0); CHAIN_MAX + 1]), CertificateFault::ChainTooLong),
    ];
    for (number, (body, fault)) in bodies.into_iter().enumerate() {
        let mut world = World::new(pki.configuration());
        let mut client = Client::new(Profile::of(&device));
        half_open(&mut world, &mut client);
        for datagram in with_certificate(&client.step(), &body) {
            world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
        }
        client.step();
        assert!(client.alert.is_some(), "body {number}");
        assert_eq!(reasons(&mut world), [CloseReason::CertificateRefused(fault)], "body {number}");
        assert_eq!(world.server.statistics().handshakes, 0);
    }
}

#[test]
fn an_answer_that_comes_late_is_waited_for_and_one_that_does_not_fit_refuses() {
    let pki = Pki::new();
    for (verdict, established) in
        [(Verdict::Unpinned { at: super::pki::wall_clock() }, true), (Verdict::Known, false), (Verdict::Unknown, false)]
    {
        let mut world = World::new(pki.configuration());
        world.answers_lookups = false;
        let mut client = Client::new(Profile::of(&pki.device()));
        world.talk(route(1), &mut client);
        let association = world.offers[0].0;
        // Nobody asked for a key.
        world.server.handle_psk(world.now, association, Some(&Secret::from(&b"key"[..])));
        assert_eq!(world.collect(route(1)), [] as [Vec<u8>; 0]);
        world.server.handle_client_key(world.now, association, verdict);
        world.collect(route(1)).into_iter().for_each(|datagram| client.deliver(datagram));
        client.step();
        assert_eq!(client.is_established, established, "{verdict:?}");
    }
}

#[test]
fn another_identity_and_other_anchors_leave_associations_alone() {
    let (old, new) = (Pki::new(), Pki::new());
    let mut world = World::new(old.configuration());
    let (mut client, association, _) = world.prove(route(1), Profile::of(&old.device()));
    let (mut by_key, keyed) = world.connect(route(2), Profile::default());
    let mut under_way = Client::new(Profile::of(&new.device()));
    for _ in 0..2 {
        for datagram in under_way.step() {
            world.give(route(3), &datagram).into_iter().for_each(|answer| under_way.deliver(answer));
        }
    }

    world.reconfigure(new.configuration()).unwrap();
    world.assert_alive(route(1), &mut client, association);
    world.assert_alive(route(2), &mut by_key, keyed);
    world.talk(route(3), &mut under_way);
    assert!(under_way.is_established);
    assert_eq!(under_way.server_chain(), old.server.der(), "begun before");
    world.events.clear();
    let profile = Profile { trusts: Some(new.root.chain[0].clone()), ..Profile::of(&new.device()) };
    let (client, _, _) = world.prove(route(4), profile);
    assert_eq!(client.server_chain(), new.server.der());
    let mut outdated = Client::new(Profile::of(&old.device()));
    world.talk(route(5), &mut outdated);
    // Both roots have the same name.
    assert_eq!(reasons(&mut world), [CloseReason::CertificateRefused(CertificateFault::BadSignature)]);
    assert_eq!(world.server.statistics().associations, 4);
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_and_changes_nothing() {
    let pki = Pki::new();
    let mut world = World::new(pki.configuration());
    let identity = pki.server.identity();
    let with = |identity| Configuration { identity: Some(identity), ..pki.configuration() };
    let other_key = Secret::new(key().private_key_to_der().unwrap());
    let mut anchors = pki.configuration();
    anchors.trust_anchors.push(b"anchor".to_vec());
    let cases = [
        (with(Identity { chain: Vec::new(), ..identity.clone() }), "no certificate"),
        (with(Identity { chain: vec![identity.chain[0].clone(), vec![1]], ..identity.clone() }), "certificate 2"),
        (with(Identity { private_key: Secret::from(&b"key"[..]), ..identity.clone() }), "private key is none"),
        (with(Identity { private_key: other_key, ..identity.clone() }), "does not belong"),
        (anchors, "trust anchor 2"),
    ];
    for (configuration, words) in cases {
        let error: EngineError = world.reconfigure(configuration).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    world.prove(route(1), Profile::of(&pki.device()));
}

#[test]
fn flights_of_many_kilobytes_fit_the_path_both_ways() {
    let pki = Pki::new();
    let device = padded("device", 14_000).issued_by(&pki.root);
    let server = padded("server", 6_000).issued_by(&pki.root);
    let mut world = World::new(Configuration { identity: Some(server.identity()), ..pki.configuration() });
    let mut client = Client::new(Profile { trusts: Some(pki.root.chain[0].clone()), ..Profile::of(&device) });
    let mut longest = 0;
    loop {
        let sent = client.step();
        if sent.is_empty() {
            break;
        }
        for datagram in sent {
            for answer in world.give(route(1), &datagram) {
                longest = longest.max(answer.len());
                client.deliver(answer);
            }
        }
    }
    assert!(client.is_established, "{:?}", world.events);
    assert!((1_000..=1_232).contains(&longest), "{longest}");
    // One byte more than fits is no Certificate message that anybody waits for.
    let too_long = padded("device", 16_300).issued_by(&pki.root);
    world.events.clear();
    world.talk(route(2), &mut Client::new(Profile::of(&too_long)));
    assert_eq!(world.events, []);
}

#[test]
fn a_client_that_takes_512_bytes_gets_no_more_in_a_record() {
    let pki = Pki::new();
    let server = padded("server", 2_000).issued_by(&pki.root);
    let device = padded("device", 2_000).issued_by(&pki.root);
    let mut world = World::new(Configuration { identity: Some(server.identity()), ..pki.configuration() });
    let mut client = Client::new(Profile { wants_fragments_of_512: true, ..Profile::of(&device) });
    let mut longest = 0;
    loop {
        let sent = client.step();
        if sent.is_empty() {
            break;
        }
        for datagram in sent {
            for answer in world.give(route(1), &datagram) {
                longest = Records::of(&answer).map(|record| record.fragment.len()).chain([longest]).max().unwrap();
                client.deliver(answer);
            }
        }
    }
    assert!(client.is_established, "{:?}", world.events);
    assert!((400..=512).contains(&longest), "{longest}");
    let association = world.offers[0].0;
    world.assert_alive(route(1), &mut client, association);
    assert_eq!(world.server.longest_message(association), Some(512));
    for (length, sent) in [(512, true), (513, false)] {
        assert_eq!(world.server.send(world.now, association, &vec![7; length]), sent, "{length} bytes");
        let datagrams = world.collect(route(1));
        assert_eq!(datagrams.len(), usize::from(sent));
        assert!(datagrams.iter().all(|datagram| datagram.len() <= HEADER_LENGTH + 512 + 16));
    }
    world.assert_alive(route(1), &mut client, association);
}

#[test]
fn ids_of_refused_clients_are_closed_once_and_nothing_of_them_stays() {
    let pki = Pki::new();
    let mut world = World::new(pki.configuration());
    let stranger = Wish { days: (-2, -1), ..Wish::default() }.issued_by(&pki.root);
    let mut client = Client::new(Profile::of(&stranger));
    world.talk(route(7), &mut client);
    let association: AssociationId = world.offers[0].0;
    let reason = CloseReason::CertificateRefused(CertificateFault::Expired);
    assert_eq!(world.events, [Output::Closed { association, route: route(7), reason }]);
    assert_eq!((world.server.statistics().handshakes, world.server.poll_timeout()), (0, None));
}

/// Brings a client as far as its second flight.
fn half_open(world: &mut World, client: &mut Client) {
    for _ in 0..2 {
        for datagram in client.step() {
            world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
        }
    }
}

fn reasons(world: &mut World) -> Vec<CloseReason> {
    world.closed().into_iter().map(|(_, reason)| reason).collect()
}

/// The body of a Certificate message.
fn certificate_body(chain: &[Vec<u8>]) -> Vec<u8> {
    let list: Vec<u8> = chain.iter().flat_map(|certificate| opaque24(certificate)).collect();
    opaque24(&list)
}

fn opaque24(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[1..], bytes].concat()
}

/// A client's second flight with another Certificate message in the place of its own.
fn with_certificate(flight: &[Vec<u8>], body: &[u8]) -> Vec<Vec<u8>> {
    let message = record::handshake_message(11, 2, body);
    let forged = record::handshake_record(record::VERSION_1_2, [0, 0, 0, 0, 1, 0], &message);
    let mut datagrams = vec![forged];
    for datagram in flight {
        for record in Records::of(datagram).filter(|record| record.epoch > 0 || record.bytes[HEADER_LENGTH] != 11) {
            datagrams.push(record.bytes.to_vec());
        }
    }
    datagrams
}

#[test]
fn who_was_believed_on_the_word_of_an_anchor_that_is_gone_does_not_get_in_by_finishing_late() {
    let (old, new) = (Pki::new(), Pki::new());
    for (configuration, gets_in) in [(new.configuration(), false), (old.configuration(), true)] {
        let mut world = World::new(old.configuration());
        let mut client = Client::new(Profile::of(&old.device()));
        let mut withheld = Vec::new();
        for _ in 0..3 {
            for datagram in client.step() {
                for record in Records::of(&datagram) {
                    if record.epoch > 0 {
                        withheld.push(record.bytes.to_vec());
                    } else {
                        world.give(route(3), record.bytes).into_iter().for_each(|answer| client.deliver(answer));
                    }
                }
            }
        }
        assert!(!withheld.is_empty(), "its Finished is held back");
        world.reconfigure(configuration).unwrap();
        for record in withheld {
            world.give(route(3), &record).into_iter().for_each(|answer| client.deliver(answer));
        }
        client.step();
        assert_eq!(client.is_established, gets_in);
    }
}
