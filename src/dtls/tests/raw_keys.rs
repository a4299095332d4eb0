//! Raw public keys (RFC 7250), both ways.

use super::super::{CertificateFault, CloseReason, Configuration, Identity, Offered, Output};
use super::client::{Client, Profile};
use super::is_openssl;
use super::pki::{Holder, Pki, Wish};
use super::world::{World, route};
use crate::peer::{CertificateTrust, Peer};

fn configuration(pki: &Pki) -> Configuration {
    Configuration { raw_public_keys: true, ..pki.configuration() }
}

fn raw(holder: &Holder) -> Profile {
    Profile { offers_raw_public_keys: true, ..Profile::of(holder) }
}

#[test]
fn a_key_on_record_is_accepted_in_every_suite() {
    let pki = Pki::new();
    let device = Wish::default().self_signed();
    let last = if is_openssl() { "ECDHE-ECDSA-AES128-SHA256" } else { "ECDHE-ECDSA-AES128-GCM-SHA256" };
    for ciphers in ["ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM", last] {
        let mut world = World::new(configuration(&pki));
        world.on_record = vec![device.spki()];
        let (mut client, association, peer) = world.prove(route(1), Profile { ciphers, ..raw(&device) });
        assert_eq!(peer, Peer::RawPublicKey(device.spki()));
        assert_eq!(world.offers, [(association, Offered::RawPublicKey(device.spki()))]);
        assert_eq!(client.server_chain(), [] as [Vec<u8>; 0], "the server shows its key only");
        world.assert_alive(route(1), &mut client, association);
    }
}

#[test]
fn a_key_on_no_record_is_refused_so_that_the_client_may_come_again() {
    let pki = Pki::new();
    let mut world = World::new(configuration(&pki));
    world.on_record = vec![Wish::default().self_signed().spki()];
    let mut client = Client::new(raw(&Wish::default().self_signed()));
    world.talk(route(1), &mut client);
    assert_eq!(client.alert, Some(40), "handshake_failure");
    let reason = CloseReason::CertificateRefused(CertificateFault::UnknownRawPublicKey);
    assert_eq!(world.events, [Output::Closed { association: world.offers[0].0, route: route(1), reason }]);
}

#[test]
fn a_trusted_certificate_is_none_when_only_its_key_is_shown() {
    let pki = Pki::new();
    let mut world = World::new(configuration(&pki));
    world.on_record = pki.device().der();
    let mut client = Client::new(raw(&pki.device()));
    world.talk(route(1), &mut client);
    assert!(!client.is_established);
}

#[test]
fn keys_certificates_and_shared_keys_are_served_on_one_listener() {
    let pki = Pki::new();
    let device = pki.device();
    let mut world = World::new(configuration(&pki));
    world.on_record = vec![device.spki()];
    let (mut first, one) = world.connect(route(1), Profile::default());
    let (mut second, two, peer) = world.prove(route(2), Profile::of(&device));
    assert_eq!(peer, Peer::Certificate { chain: device.der(), trust: CertificateTrust::Anchored });
    let (mut third, three, _) = world.prove(route(3), raw(&device));
    world.assert_alive(route(1), &mut first, one);
    world.assert_alive(route(2), &mut second, two);
    world.assert_alive(route(3), &mut third, three);
}

#[test]
fn a_server_may_have_a_key_and_no_certificate() {
    let pki = Pki::new();
    let device = pki.device();
    let identity = Identity { chain: Vec::new(), ..pki.server.identity() };
    let mut world = World::new(Configuration { identity: Some(identity), ..configuration(&pki) });
    world.on_record = vec![device.spki()];
    let (mut client, association, peer) = world.prove(route(1), raw(&device));
    assert_eq!(peer, Peer::RawPublicKey(device.spki()));
    world.assert_alive(route(1), &mut client, association);
    // It has nothing for a client that wants to see a certificate.
    let mut other = Client::new(Profile::of(&device));
    world.talk(route(2), &mut other);
    assert!(!other.is_established && other.alert.is_some());
    world.connect(route(3), Profile::default());
}

#[test]
fn raw_keys_are_not_served_where_they_are_not_allowed() {
    let device = Wish::default().self_signed();
    let mut world = World::new(Pki::new().configuration());
    world.on_record = vec![device.spki()];
    let mut client = Client::new(raw(&device));
    world.talk(route(1), &mut client);
    let [Output::Closed { reason, .. }] = world.events[..] else { panic!("{:?}", world.events) };
    // RFC 7250, section 4.2: a server that takes none of the types that are offered says so.
    assert_eq!((client.alert, reason), (Some(43), CloseReason::NoCommonKeyType));
    // Who has a pre-shared key beside it needs none of that, and who has nothing that is served lacks more than a type.
    world.connect(route(2), Profile { ciphers: "ECDHE-ECDSA-AES128-CCM8:PSK-AES128-CCM8", ..raw(&device) });
    world.talk(route(3), &mut Client::new(Profile { ciphers: "ECDHE-ECDSA-AES256-CCM8", ..raw(&device) }));
    assert!(
        matches!(world.events[..], [Output::Closed { reason: CloseReason::NoCommonSuite(_), .. }]),
        "{:?}",
        world.events
    );
}

#[test]
fn a_client_that_wants_a_certificate_is_told_where_there_is_none() {
    let pki = Pki::new();
    let identity = Identity { chain: Vec::new(), ..pki.server.identity() };
    let mut world = World::new(Configuration { identity: Some(identity), ..configuration(&pki) });
    let mut client = Client::new(Profile::of(&pki.device()));
    world.talk(route(1), &mut client);
    assert_eq!(client.alert, Some(43), "unsupported_certificate");
    assert!(matches!(world.events[..], [Output::Closed { reason: CloseReason::NoCommonKeyType, .. }]));
}
