//! What both engines say in the same words.

use std::time::Duration;

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::extension::KeyUsage;

use super::{ACCEPTED, Word, firsts, judge, judge_at, refused, seconds_later};
use crate::dtls::certificate::CertificateFault;
use crate::dtls::tests::pki::{Holder, Pki, Wish, authority, key_on, wall_clock};

fn assert_both_say(case: &str, anchors: &[Vec<u8>], chain: &[Vec<u8>], word: Word) {
    assert_eq!(judge(anchors, chain), (word, word), "{case}: native, OpenSSL");
}

fn usage(set: impl FnOnce(&mut KeyUsage)) -> Option<KeyUsage> {
    let mut usage = KeyUsage::new();
    set(usage.critical());
    Some(usage)
}

fn signs() -> Option<KeyUsage> {
    usage(|usage| {
        usage.digital_signature();
    })
}

fn agrees() -> Option<KeyUsage> {
    usage(|usage| {
        usage.key_agreement();
    })
}

fn enciphers() -> Option<KeyUsage> {
    usage(|usage| {
        usage.key_encipherment();
    })
}

fn certifies() -> Option<KeyUsage> {
    usage(|usage| {
        usage.key_cert_sign();
    })
}

const PAST: (i64, i64) = (-20, -1);
const FUTURE: (i64, i64) = (1, 20);

fn cut(mut holder: Holder) -> Holder {
    holder.chain.truncate(1);
    holder
}

#[test]
fn chains_of_a_root() {
    let pki = Pki::new();
    let between = |wish: Wish| Wish::default().issued_by(&Wish { name: "between", ..wish }.issued_by(&pki.root));
    let weak_rsa = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let ca = || authority("between");
    let cases: Vec<(&str, Holder, Word)> = vec![
        ("plain", pki.device(), ACCEPTED),
        ("with an authority in between", between(ca()), ACCEPTED),
        ("with two", Wish::default().issued_by(&ca().issued_by(&authority("upper").issued_by(&pki.root))), ACCEPTED),
        (
            "stranger",
            Wish::default().issued_by(&authority("x").self_signed()),
            refused(CertificateFault::UnknownIssuer),
        ),
        ("link missing", cut(between(ca())), refused(CertificateFault::UnknownIssuer)),
        ("self-signed", Wish::default().self_signed(), refused(CertificateFault::SelfSigned)),
        ("self-signed by the root's name", authority("root").self_signed(), refused(CertificateFault::SelfSigned)),
        (
            "the root's namesake",
            Wish::default().issued_by(&authority("root").self_signed()),
            refused(CertificateFault::BadSignature),
        ),
        ("expired", Wish { days: PAST, ..Wish::default() }.issued_by(&pki.root), refused(CertificateFault::Expired)),
        (
            "not yet",
            Wish { days: FUTURE, ..Wish::default() }.issued_by(&pki.root),
            refused(CertificateFault::NotYetValid),
        ),
        ("issuer expired", between(Wish { days: PAST, ..ca() }), refused(CertificateFault::IssuerExpired)),
        ("issuer not yet", between(Wish { days: FUTURE, ..ca() }), refused(CertificateFault::IssuerNotYetValid)),
        (
            "for servers",
            Wish { is_for_servers_only: true, ..Wish::default() }.issued_by(&pki.root),
            refused(CertificateFault::NotForClients),
        ),
        (
            "for encryption",
            Wish { key_usage: enciphers(), ..Wish::default() }.issued_by(&pki.root),
            refused(CertificateFault::WrongKeyUsage),
        ),
        (
            "for agreement",
            Wish { key_usage: agrees(), ..Wish::default() }.issued_by(&pki.root),
            refused(CertificateFault::WrongKeyUsage),
        ),
        (
            "for agreement and servers",
            Wish { key_usage: agrees(), is_for_servers_only: true, ..Wish::default() }.issued_by(&pki.root),
            refused(CertificateFault::WrongKeyUsage),
        ),
        ("for signing", Wish { key_usage: signs(), ..Wish::default() }.issued_by(&pki.root), ACCEPTED),
        (
            "on P-521",
            Wish { key: key_on(Nid::SECP521R1), ..Wish::default() }.issued_by(&pki.root),
            refused(CertificateFault::UnsupportedKey),
        ),
        (
            "RSA",
            Wish { key: rsa.clone(), ..Wish::default() }.issued_by(&pki.root),
            refused(CertificateFault::UnsupportedKey),
        ),
        ("no authority", between(Wish::default()), refused(CertificateFault::IssuerNotAuthority)),
        (
            "no signer of certificates",
            between(Wish { key_usage: signs(), ..ca() }),
            refused(CertificateFault::IssuerNotAuthority),
        ),
        ("signer of certificates", between(Wish { key_usage: certifies(), ..ca() }), ACCEPTED),
        (
            "signer of certificates that does not say it is an authority",
            between(Wish { key_usage: certifies(), ..Wish::default() }),
            refused(CertificateFault::IssuerNotAuthority),
        ),
        (
            "authority for servers",
            between(Wish { is_for_servers_only: true, ..ca() }),
            refused(CertificateFault::IssuerNotAuthority),
        ),
        (
            "path of none",
            Wish::default()
                .issued_by(&ca().issued_by(&Wish { path_length: Some(0), ..authority("upper") }.issued_by(&pki.root))),
            refused(CertificateFault::PathTooLong),
        ),
        (
            "path of one",
            Wish::default()
                .issued_by(&ca().issued_by(&Wish { path_length: Some(1), ..authority("upper") }.issued_by(&pki.root))),
            ACCEPTED,
        ),
        (
            "SHA-1",
            Wish { digest: MessageDigest::sha1(), ..Wish::default() }.issued_by(&pki.root),
            refused(CertificateFault::WeakKey),
        ),
        ("SHA-1 above", between(Wish { digest: MessageDigest::sha1(), ..ca() }), refused(CertificateFault::WeakKey)),
        (
            "MD5",
            Wish { digest: MessageDigest::md5(), ..Wish::default() }
                .issued_by(&Wish { key: rsa.clone(), ..ca() }.issued_by(&pki.root)),
            refused(CertificateFault::WeakKey),
        ),
        ("P-192", between(Wish { key: key_on(Nid::X9_62_PRIME192V1), ..ca() }), refused(CertificateFault::WeakKey)),
        ("RSA of 1024 bits", between(Wish { key: weak_rsa, ..ca() }), refused(CertificateFault::WeakKey)),
        ("RSA of 2048 bits", between(Wish { key: rsa, ..ca() }), ACCEPTED),
        ("P-384", between(Wish { key: key_on(Nid::SECP384R1), ..ca() }), ACCEPTED),
        ("P-521", between(Wish { key: key_on(Nid::SECP521R1), ..ca() }), ACCEPTED),
        ("SHA-384", Wish { digest: MessageDigest::sha384(), ..Wish::default() }.issued_by(&pki.root), ACCEPTED),
        ("SHA-512", Wish { digest: MessageDigest::sha512(), ..Wish::default() }.issued_by(&pki.root), ACCEPTED),
    ];
    for (case, device, word) in cases {
        assert_both_say(case, &pki.root.der(), &device.der(), word);
    }
}

#[test]
fn anchors() {
    let wish = || authority("anchor");
    let v1 = Wish { version: 0, name: "old root", ..Wish::default() };
    let cases: Vec<(&str, Holder, Word)> = vec![
        ("expired", Wish { days: PAST, ..wish() }.self_signed(), refused(CertificateFault::IssuerExpired)),
        ("not yet", Wish { days: FUTURE, ..wish() }.self_signed(), refused(CertificateFault::IssuerNotYetValid)),
        ("no authority", Wish::default().self_signed(), refused(CertificateFault::IssuerNotAuthority)),
        (
            "no signer",
            Wish { key_usage: signs(), ..wish() }.self_signed(),
            refused(CertificateFault::IssuerNotAuthority),
        ),
        ("signer that says no more", Wish { key_usage: certifies(), ..Wish::default() }.self_signed(), ACCEPTED),
        (
            "for servers",
            Wish { is_for_servers_only: true, ..wish() }.self_signed(),
            refused(CertificateFault::IssuerNotAuthority),
        ),
        (
            "unknown and critical",
            Wish { extension: Some(("1.3.6.1.4.1.99999.1", true, vec![5, 0])), ..wish() }.self_signed(),
            refused(CertificateFault::Unacceptable),
        ),
        ("version 1", v1.self_signed(), ACCEPTED),
        (
            "weak",
            Wish { key: key_on(Nid::X9_62_PRIME192V1), ..wish() }.self_signed(),
            refused(CertificateFault::WeakKey),
        ),
        ("by SHA-1", Wish { digest: MessageDigest::sha1(), ..wish() }.self_signed(), ACCEPTED),
        ("no root", wish().issued_by(&authority("above").self_signed()), ACCEPTED),
        ("path of none", Wish { path_length: Some(0), ..wish() }.self_signed(), ACCEPTED),
    ];
    for (case, anchor, word) in cases {
        // The devices' names differ from all of them.
        let anchors = firsts(&[&anchor]);
        let device = Wish { name: "its device", ..Wish::default() }.issued_by(&anchor);
        assert_both_say(case, &anchors, &device.der()[..1], word);
    }
    let short = Wish { path_length: Some(0), ..wish() }.self_signed();
    let device = Wish::default().issued_by(&authority("between").issued_by(&short));
    assert_both_say("path of none, one between", &short.der(), &device.der(), refused(CertificateFault::PathTooLong));
    assert_both_say("none at all", &[], &Pki::new().device().der(), refused(CertificateFault::UnknownIssuer));
}

#[test]
fn a_leaf_that_is_an_anchor() {
    let issuer = authority("issuer").self_signed();
    let wrong = Wish { is_for_servers_only: true, ..Wish::default() };
    for (case, device, word) in [
        ("self-signed", Wish::default().self_signed(), ACCEPTED),
        ("issued", Wish::default().issued_by(&issuer), ACCEPTED),
        ("expired", Wish { days: PAST, ..Wish::default() }.self_signed(), refused(CertificateFault::Expired)),
        ("not yet", Wish { days: FUTURE, ..Wish::default() }.self_signed(), refused(CertificateFault::NotYetValid)),
        ("for servers", wrong.self_signed(), refused(CertificateFault::NotForClients)),
        (
            "for agreement",
            Wish { key_usage: agrees(), ..Wish::default() }.self_signed(),
            refused(CertificateFault::WrongKeyUsage),
        ),
    ] {
        assert_both_say(case, &device.der(), &device.der(), word);
        let another = Wish::default().self_signed();
        assert_both_say("another", &device.der(), &another.der(), refused(CertificateFault::SelfSigned));
    }
    // What comes with it is looked at as well.
    let between = Wish { days: PAST, ..authority("between") }.issued_by(&issuer);
    let device = Wish::default().issued_by(&between);
    let anchors = firsts(&[&device]);
    assert_both_say("with its issuer", &anchors, &device.der(), refused(CertificateFault::IssuerExpired));
    assert_both_say("alone", &anchors, &anchors, ACCEPTED);
}

#[test]
fn what_comes_beside_the_chain() {
    let pki = Pki::new();
    let device = Wish::default().issued_by(&authority("between").issued_by(&authority("upper").issued_by(&pki.root)));
    let der = device.der();
    let other = authority("other").self_signed().der().remove(0);
    let anchors = pki.root.der();
    let root = anchors[0].clone();
    for (case, chain, word) in [
        ("upside down", vec![der[0].clone(), der[2].clone(), der[1].clone()], ACCEPTED),
        ("with the root", [&der[..], std::slice::from_ref(&root)].concat(), ACCEPTED),
        ("with another", [&der[..], std::slice::from_ref(&other)].concat(), ACCEPTED),
        ("with another before", vec![der[0].clone(), other, der[1].clone(), der[2].clone()], ACCEPTED),
        ("twice", [&der[..], &der[..]].concat(), ACCEPTED),
        ("the root itself", vec![root, der[0].clone()], ACCEPTED),
        ("with garbage", [&der[..], &[vec![1, 2, 3]]].concat(), refused(CertificateFault::Malformed)),
        ("garbage", vec![b"certificate".to_vec()], refused(CertificateFault::Malformed)),
        ("with a tail", vec![[&der[0][..], &[0]].concat()], refused(CertificateFault::Malformed)),
    ] {
        assert_both_say(case, &anchors, &chain, word);
    }
}

#[test]
fn dates_to_the_second() {
    let pki = Pki::new();
    let device = Wish { days: (0, 1), ..Wish::default() }.issued_by(&pki.root);
    let day = 86_400;
    for (seconds, word) in [
        (0, ACCEPTED),
        (day - 1, ACCEPTED),
        (day, refused(CertificateFault::Expired)),
        (day + 1, refused(CertificateFault::Expired)),
    ] {
        let words = judge_at(&pki.root.der(), &device.der(), seconds_later(seconds));
        assert_eq!(words, (word, word), "{seconds} s");
    }
    let before = wall_clock() - Duration::from_secs(1);
    let word = refused(CertificateFault::NotYetValid);
    assert_eq!(judge_at(&pki.root.der(), &device.der(), before), (word, word));
}

/// NameConstraints of one name (RFC 5280, section 4.2.1.10).
fn constraints(is_permitted: bool, tag: u8, name: &[u8]) -> Vec<u8> {
    let wrap = |tag: u8, content: Vec<u8>| [vec![tag, u8::try_from(content.len()).unwrap()], content].concat();
    let subtree = wrap(0x30, wrap(tag, name.to_vec()));
    wrap(0x30, wrap(if is_permitted { 0xa0 } else { 0xa1 }, subtree))
}

#[test]
fn names() {
    const DNS: u8 = 0x82;
    let pki = Pki::new();
    for (is_permitted, base, dns, name, word) in [
        (true, "example.com", Some("device.example.com"), "device", ACCEPTED),
        (true, "example.com", Some("example.com"), "device", ACCEPTED),
        (true, "example.com", Some("device.example.org"), "device", refused(CertificateFault::NameNotPermitted)),
        (true, "example.com", Some("notexample.com"), "device", refused(CertificateFault::NameNotPermitted)),
        (false, "example.com", Some("device.example.com"), "device", refused(CertificateFault::NameNotPermitted)),
        (false, "example.com", Some("device.example.org"), "device", ACCEPTED),
        // No domain name: none of the constraints' business.
        (true, "example.com", None, "device", ACCEPTED),
        (true, "example.com", None, "urn:dev:ops:1-a.b", ACCEPTED),
        (true, "example.com", None, "a..b", ACCEPTED),
        (true, "example.com", None, "-a.b", ACCEPTED),
        (true, "example.com", None, "DEVICE.Example.Com", ACCEPTED),
        (true, "example.com", None, "example.com", ACCEPTED),
        (true, "example.com", None, "device.example.org", refused(CertificateFault::NameNotPermitted)),
        (true, "example.com", None, "notexample.com", refused(CertificateFault::NameNotPermitted)),
        (true, ".example.com", None, "device.example.com", ACCEPTED),
        (true, ".example.com", None, "example.com", refused(CertificateFault::NameNotPermitted)),
        (false, "example.com", None, "device.example.com", refused(CertificateFault::NameNotPermitted)),
        (false, "example.com", None, "device.example.org", ACCEPTED),
        (true, "example.com", Some("device.example.com"), "device.example.org", ACCEPTED),
    ] {
        let extension = Some(("2.5.29.30", true, constraints(is_permitted, DNS, base.as_bytes())));
        let case = format!("{is_permitted} {base}: {dns:?} {name}");
        let narrow = Wish { extension: extension.clone(), ..authority("narrow") };
        let wish = || Wish { dns, name, ..Wish::default() };
        let device = wish().issued_by(&narrow.issued_by(&pki.root));
        assert_both_say(&case, &pki.root.der(), &device.der(), word);
        let anchor = Wish { extension, ..authority("narrow") }.self_signed();
        assert_both_say(&case, &anchor.der(), &wish().issued_by(&anchor).der(), word);
    }
}

#[test]
fn extensions() {
    let pki = Pki::new();
    let device = |oid, critical, content: &[u8]| {
        Wish { extension: Some((oid, critical, content.to_vec())), ..Wish::default() }.issued_by(&pki.root)
    };
    let twice = |oid, content: &[u8]| {
        let key_usage = usage(|usage| {
            usage.digital_signature();
        });
        Wish { key_usage, extension: Some((oid, false, content.to_vec())), ..Wish::default() }.issued_by(&pki.root)
    };
    const CLIENT_ONLY: [u8; 12] = [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
    const ANY_PURPOSE: [u8; 8] = [0x30, 6, 6, 4, 0x55, 0x1d, 0x25, 0];
    for (case, device, word) in [
        ("for clients", device("2.5.29.37", true, &CLIENT_ONLY), ACCEPTED),
        ("for anything", device("2.5.29.37", false, &ANY_PURPOSE), refused(CertificateFault::NotForClients)),
        ("unknown", device("1.3.6.1.4.1.99999.1", false, &[5, 0]), ACCEPTED),
        ("unknown and critical", device("1.3.6.1.4.1.99999.1", true, &[5, 0]), refused(CertificateFault::Unacceptable)),
        ("key usage twice", twice("2.5.29.15", &[3, 2, 7, 0x80]), refused(CertificateFault::UnknownIssuer)),
        ("no key usage in key usage", device("2.5.29.15", true, &[3, 1, 0]), refused(CertificateFault::UnknownIssuer)),
        ("garbage as key usage", device("2.5.29.15", true, &[1, 2, 3]), refused(CertificateFault::UnknownIssuer)),
        ("garbage as constraints", device("2.5.29.19", true, &[5, 0]), refused(CertificateFault::UnknownIssuer)),
        ("garbage as purposes", device("2.5.29.37", false, &[5, 0]), refused(CertificateFault::UnknownIssuer)),
        ("garbage as names", device("2.5.29.17", false, &[5, 0]), refused(CertificateFault::UnknownIssuer)),
        ("subject key id", device("2.5.29.14", false, &[4, 1, 7]), ACCEPTED),
        ("critical subject key id", device("2.5.29.14", true, &[4, 1, 7]), refused(CertificateFault::Unacceptable)),
        ("key id of another", device("2.5.29.35", false, &[0x30, 3, 0x80, 1, 7]), ACCEPTED),
        (
            "serial of another",
            device("2.5.29.35", false, &[0x30, 3, 0x82, 1, 7]),
            refused(CertificateFault::UnknownIssuer),
        ),
        ("Netscape's client", device("2.16.840.1.113730.1.1", false, &[3, 2, 7, 0x80]), ACCEPTED),
        (
            "Netscape's server",
            device("2.16.840.1.113730.1.1", false, &[3, 2, 6, 0x40]),
            refused(CertificateFault::NotForClients),
        ),
    ] {
        assert_both_say(case, &pki.root.der(), &device.der(), word);
    }
    let with_key_id = |id: u8| Some(("2.5.29.14", false, vec![4, 1, id]));
    for (id, word) in [(7, ACCEPTED), (8, refused(CertificateFault::UnknownIssuer))] {
        let root = Wish { extension: with_key_id(id), ..authority("root") }.self_signed();
        let extension = Some(("2.5.29.35", false, vec![0x30, 3, 0x80, 1, 7]));
        let device = Wish { extension, ..Wish::default() }.issued_by(&root);
        assert_both_say("key id", &root.der(), &device.der(), word);
    }
}
