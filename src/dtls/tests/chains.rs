//! Each check that a client's chain may fail: the alert that the client gets, and the word that the operator gets.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::extension::KeyUsage;

use super::super::{CertificateFault, CloseReason, Configuration, Output};
use super::client::{Client, Profile};
use super::is_openssl;
use super::pki::{Holder, Pki, Wish, authority, key_on};
use super::world::{World, route};

/// `device` is refused by a server that trusts `anchors`.
fn assert_refused(pki: &Pki, anchors: &Holder, device: &Holder, fault: CertificateFault, alert: i32) {
    let mut world = World::new(Configuration { trust_anchors: anchors.der(), ..pki.configuration() });
    let mut client = Client::new(Profile::of(device));
    world.talk(route(1), &mut client);
    assert_eq!(world.offers.len(), 1, "{fault:?}");
    let association = world.offers[0].0;
    let reason = CloseReason::CertificateRefused(fault);
    assert_eq!(world.events, [Output::Closed { association, route: route(1), reason }]);
    assert_eq!(client.alert, Some(alert), "{fault:?}");
    assert!(!client.is_established);
}

fn usage(set: impl FnOnce(&mut KeyUsage)) -> Option<KeyUsage> {
    let mut usage = KeyUsage::new();
    set(usage.critical());
    Some(usage)
}

#[test]
fn chains_that_lead_nowhere() {
    let pki = Pki::new();
    let elsewhere = authority("elsewhere").self_signed();
    let between = authority("between").issued_by(&pki.root);
    let mut broken = Wish::default().issued_by(&between);
    broken.chain.truncate(1);
    let namesake = authority("root").self_signed();
    for (device, fault, alert) in [
        (Wish::default().issued_by(&elsewhere), CertificateFault::UnknownIssuer, 48),
        (broken, CertificateFault::UnknownIssuer, 48),
        (Wish::default().self_signed(), CertificateFault::SelfSigned, 48),
        (Wish::default().issued_by(&namesake), CertificateFault::BadSignature, 42),
    ] {
        assert_refused(&pki, &pki.root, &device, fault, alert);
    }
}

#[test]
fn dates() {
    let pki = Pki::new();
    let between = |days| Wish { days, ..authority("between") }.issued_by(&pki.root);
    let (past, future) = ((-20, -1), (1, 20));
    for (device, fault, alert) in [
        (Wish { days: past, ..Wish::default() }.issued_by(&pki.root), CertificateFault::Expired, 45),
        (Wish { days: future, ..Wish::default() }.issued_by(&pki.root), CertificateFault::NotYetValid, 42),
        (Wish::default().issued_by(&between(past)), CertificateFault::IssuerExpired, 45),
        (Wish::default().issued_by(&between(future)), CertificateFault::IssuerNotYetValid, 42),
    ] {
        assert_refused(&pki, &pki.root, &device, fault, alert);
    }
    let old_root = Wish { days: past, ..authority("old root") }.self_signed();
    assert_refused(&pki, &old_root, &Wish::default().issued_by(&old_root), CertificateFault::IssuerExpired, 45);
}

#[test]
fn what_a_certificate_is_for() {
    let pki = Pki::new();
    let for_servers = Wish { is_for_servers_only: true, ..Wish::default() };
    let for_encryption = usage(|usage| {
        usage.key_encipherment();
    });
    let for_agreement = usage(|usage| {
        usage.key_agreement();
    });
    for (device, fault) in [
        (for_servers, CertificateFault::NotForClients),
        (Wish { key_usage: for_encryption, ..Wish::default() }, CertificateFault::WrongKeyUsage),
        (Wish { key_usage: for_agreement, ..Wish::default() }, CertificateFault::WrongKeyUsage),
        (Wish { key: key_on(Nid::SECP521R1), ..Wish::default() }, CertificateFault::UnsupportedKey),
    ] {
        assert_refused(&pki, &pki.root, &device.issued_by(&pki.root), fault, 43);
    }
    // With the right words, and on the other curve that is served, it is accepted.
    let for_signing = usage(|usage| {
        usage.digital_signature();
    });
    let device = Wish { key_usage: for_signing, key: key_on(Nid::SECP384R1), ..Wish::default() }.issued_by(&pki.root);
    if is_openssl() {
        World::new(pki.configuration()).prove(route(1), Profile::of(&device));
    } else {
        assert_refused(&pki, &pki.root, &device, CertificateFault::UnsupportedKey, 43);
    }
}

#[test]
fn who_may_certify() {
    let pki = Pki::new();
    let nobody = Wish { name: "no authority", ..Wish::default() }.issued_by(&pki.root);
    let no_signer = usage(|usage| {
        usage.digital_signature();
    });
    let no_signer = Wish { key_usage: no_signer, ..authority("no signer") }.issued_by(&pki.root);
    for issuer in [nobody, no_signer] {
        assert_refused(&pki, &pki.root, &Wish::default().issued_by(&issuer), CertificateFault::IssuerNotAuthority, 48);
    }
    let short = Wish { path_length: Some(0), ..authority("short") }.self_signed();
    let device = Wish::default().issued_by(&authority("between").issued_by(&short));
    assert_refused(&pki, &short, &device, CertificateFault::PathTooLong, 48);
    World::new(Configuration { trust_anchors: short.der(), ..pki.configuration() })
        .prove(route(1), Profile::of(&Wish::default().issued_by(&short)));
}

#[test]
fn strength_names_and_unknown_rules() {
    let pki = Pki::new();
    let sha1 = Wish { digest: MessageDigest::sha1(), ..Wish::default() }.issued_by(&pki.root);
    assert_refused(&pki, &pki.root, &sha1, CertificateFault::WeakKey, 42);
    let weak = Wish { key: key_on(Nid::X9_62_PRIME192V1), ..authority("weak") }.issued_by(&pki.root);
    assert_refused(&pki, &pki.root, &Wish::default().issued_by(&weak), CertificateFault::WeakKey, 42);

    // NameConstraints (RFC 5280, section 4.2.1.10): permitted are names below example.com.
    let permitted = [&[0x30, 0x11, 0xa0, 0x0f, 0x30, 0x0d, 0x82, 0x0b][..], b"example.com"].concat();
    let narrow = Wish { extension: Some(("2.5.29.30", true, permitted)), ..authority("narrow") }.issued_by(&pki.root);
    let inside = Wish { dns: Some("device.example.com"), ..Wish::default() }.issued_by(&narrow);
    World::new(pki.configuration()).prove(route(1), Profile::of(&inside));
    let outside = Wish { dns: Some("device.example.org"), ..Wish::default() }.issued_by(&narrow);
    assert_refused(&pki, &pki.root, &outside, CertificateFault::NameNotPermitted, 42);

    let extension = Some(("1.3.6.1.4.1.99999.1", true, vec![5, 0]));
    let strange = Wish { extension, ..Wish::default() }.issued_by(&pki.root);
    assert_refused(&pki, &pki.root, &strange, CertificateFault::Unacceptable, 42);
}
