//! What the client proves itself with, and what it says of itself: genuine messages with wrong contents, by which the
//! client stands, so that its Finished covers them.

use crate::case::{Case, thin_out};
use crate::comparison::hold;
use crate::differences::PROOFS;
use crate::puppet::certificate::Holder;
use crate::puppet::message::{CERTIFICATE, CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE, FINISHED, Message};
use crate::puppet::wire::vector;
use crate::puppet::{Profile, proof};
use crate::world::{IDENTITY, KEY, holder, profile};

#[test]
fn proofs() {
    let mut cases = Vec::new();
    identities(&mut cases);
    for name in ["psk-ccm8", "psk-gcm", "raw", "x509"] {
        flipped(&mut cases, name);
    }
    thin_out(&mut cases, 3);
    for name in ["raw", "x509"] {
        points(&mut cases, name);
        signatures(&mut cases, name);
        certificate_messages(&mut cases, name);
    }
    holders(&mut cases);
    hold("proofs", &cases, &PROOFS);
}

fn identities(cases: &mut Vec<Case>) {
    let mut add = |name: &str, identity: &[u8], key: &[u8]| {
        let profile = Profile { suites: vec![0xc0a8], ..Profile::psk(identity, key) };
        cases.push(Case::new(format!("psk {name}"), &profile));
    };
    add("right", IDENTITY, KEY);
    add("wrong key", IDENTITY, b"0123456789abcdeg");
    add("empty key", IDENTITY, b"");
    add("long key", IDENTITY, &[7; 64]);
    add("unknown identity", b"urn:dev:os:000009", KEY);
    add("no identity", b"", KEY);
    add("identity cut", &IDENTITY[..8], KEY);
    add("identity with a zero", b"urn:dev:os:000001\0", KEY);
    for length in [128, 255, 256, 257, 258, 512, 4_000] {
        add(&format!("identity of {length}"), &vec![b'x'; length], KEY);
    }
    let profile = profile("psk-ccm8");
    let mut edit = |name: &str, body: Vec<u8>| {
        let case = Case::new(format!("psk exchange {name}"), &profile);
        cases.push(case.message(CLIENT_KEY_EXCHANGE, move |message| message.body.clone_from(&body)));
    };
    edit("empty", vec![]);
    edit("of one byte", vec![0]);
    edit("with a byte behind", [vector(2, IDENTITY), vec![0]].concat());
    edit("too short", vector(2, IDENTITY)[..10].to_vec());
    edit("with a point", vector(1, &[4; 65]));
    edit("twice", [vector(2, IDENTITY), vector(2, IDENTITY)].concat());
}

/// Every byte of every message, but the whole of a chain, of which every seventh does.
fn flipped(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    let certificate = match name {
        "raw" => 3 + 91,
        "x509" => 6 + holder(1).chain[0].len(),
        _ => 0,
    };
    let exchange = if certificate == 0 { 2 + IDENTITY.len() } else { 66 };
    let verify = if certificate == 0 { 0 } else { 4 + 70 };
    let messages =
        [(CERTIFICATE, certificate), (CLIENT_KEY_EXCHANGE, exchange), (CERTIFICATE_VERIFY, verify), (FINISHED, 12)];
    let masks: &[u8] = if certificate == 0 { &[0x01, 0x10, 0x80, 0xff] } else { &[0x01, 0x80] };
    for (message_type, length) in messages {
        for position in 0..length {
            for mask in masks {
                let case = Case::new(format!("{name} message {message_type} byte {position}^{mask:02x}"), profile);
                cases.push(case.message(message_type, move |message| *message = message.with_flipped(position, *mask)));
            }
        }
    }
    type Change = fn(&mut Vec<u8>);
    let bodies: [(&str, Change); 6] = [
        ("empty", |body| body.clear()),
        ("one byte shorter", |body| body.truncate(body.len().saturating_sub(1))),
        ("one byte longer", |body| body.push(0)),
        ("of zeros", |body| body.fill(0)),
        ("doubled", |body| body.extend(body.clone())),
        ("halved", |body| body.truncate(body.len() / 2)),
    ];
    for (message_type, _) in messages.iter().filter(|(_, length)| *length > 0) {
        for (what, edit) in bodies {
            let case = Case::new(format!("{name} message {message_type} {what}"), profile);
            cases.push(case.message(*message_type, move |message| edit(&mut message.body)));
        }
    }
}

/// ClientKeyExchange with other points, and in other forms of the same.
fn points(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    let mut add = |what: &str, edit: fn(&[u8]) -> Vec<u8>| {
        let case = Case::new(format!("{name} point {what}"), profile);
        cases.push(case.message(CLIENT_KEY_EXCHANGE, move |message| {
            message.body = vector(1, &edit(&message.body[1..]));
        }));
    };
    add("as it is", <[u8]>::to_vec);
    add("compressed", |point| [&[2 | point[64] & 1], &point[1..33]].concat());
    add("hybrid", |point| [&[6 | point[64] & 1], &point[1..]].concat());
    add("negated and compressed", |point| [&[3 ^ point[64] & 1], &point[1..33]].concat());
    add("off the curve", |_| proof::point_off_the_curve().to_vec());
    add("at infinity", |_| vec![0]);
    add("at infinity in 65 bytes", |_| vec![0; 65]);
    add("of zeros", |_| [vec![4], vec![0; 64]].concat());
    add("beyond the field", |_| [vec![4], vec![0xff; 64]].concat());
    add("of nothing", |_| vec![]);
    add("without its form", |point| point[1..].to_vec());
    add("with a byte behind", |point| [point, &[0]].concat());
    add("of P-384", |_| [vec![4], vec![1; 96]].concat());
    add("of X25519", |_| vec![9; 32]);
    add("of another key", |_| proof::spki(&proof::signing_key(5))[26..].to_vec());
}

/// CertificateVerify with other algorithms, and with what is no signature or another form of one.
fn signatures(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    for algorithm in [0x0201_u16, 0x0203, 0x0301, 0x0303, 0x0401, 0x0402, 0x0503, 0x0603, 0x0804, 0x0807, 0, 0xffff] {
        let case = Case::new(format!("{name} signature by {algorithm:04x}"), profile);
        cases.push(case.message(CERTIFICATE_VERIFY, move |message| {
            message.body[..2].copy_from_slice(&algorithm.to_be_bytes());
        }));
    }
    let mut add = |what: &str, edit: fn(&[u8]) -> Vec<u8>| {
        let case = Case::new(format!("{name} signature {what}"), profile);
        cases.push(case.message(CERTIFICATE_VERIFY, move |message| {
            let signature = edit(&message.body[4..]);
            message.body = [&message.body[..2], &vector(2, &signature)].concat();
        }));
    };
    add("of nothing", |_| vec![]);
    add("with a byte behind", |signature| [signature, &[0]].concat());
    add("with a long length", |signature| [&[0x30, 0x81], &signature[1..]].concat());
    add("of indefinite length", |signature| [&[0x30, 0x80], &signature[2..], &[0, 0]].concat());
    add("with r of too many bytes", |signature| {
        let r = &signature[4..4 + usize::from(signature[3])];
        let rest = &signature[4 + r.len()..];
        [&[0x30, signature[1] + 1, 2, signature[3] + 1, 0], r, rest].concat()
    });
    add("of zeros", |_| vec![0x30, 6, 2, 1, 0, 2, 1, 0]);
    add("of ones", |_| vec![0x30, 6, 2, 1, 1, 2, 1, 1]);
    add("of a negative number", |_| vec![0x30, 6, 2, 1, 0x81, 2, 1, 1]);
    add("with s negated", |signature| {
        let signature = p256::ecdsa::DerSignature::from_bytes(signature).expect("a signature");
        let signature = p256::ecdsa::Signature::try_from(signature).expect("a signature");
        let (r, s) = signature.split_scalars();
        let negated = p256::ecdsa::Signature::from_scalars(r, -s).expect("a signature");
        negated.to_der().as_bytes().to_vec()
    });
    add("in plain form", |signature| {
        let signature = p256::ecdsa::DerSignature::from_bytes(signature).expect("a signature");
        p256::ecdsa::Signature::try_from(signature).expect("a signature").to_bytes().to_vec()
    });
    add("of something else", |_| proof::sign(&proof::signing_key(21), b"something else"));
    let other = proof::signing_key(77);
    let case = Case::new(format!("{name} signature by another key"), profile);
    cases.push(case.message(CERTIFICATE_VERIFY, move |message| {
        *message = Message::certificate_verify(proof::ECDSA_SHA256, &proof::sign(&other, b"whatever"));
    }));
}

fn certificate_messages(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    let leaf = holder(1).chain.remove(0);
    let spki = proof::spki(&proof::signing_key(21));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("of nobody", Message::certificate(&[]).body),
        ("of one empty", vector(3, &vector(3, &[]))),
        ("of two empty", vector(3, &[vector(3, &[]), vector(3, &[])].concat())),
        ("of garbage", vector(3, &vector(3, &[0xaa; 40]))),
        ("of a raw key", Message::raw_public_key(&spki).body),
        ("of a raw key in a list", Message::certificate(std::slice::from_ref(&spki)).body),
        ("of a certificate and garbage", Message::certificate(&[leaf.clone(), vec![0xaa; 40]]).body),
        ("of a certificate and an empty one", Message::certificate(&[leaf.clone(), vec![]]).body),
        ("of a certificate twice", Message::certificate(&[leaf.clone(), leaf.clone()]).body),
        ("of a certificate nine times", Message::certificate(&vec![leaf.clone(); 9]).body),
        ("of a certificate with a byte behind", Message::certificate(&[[&leaf[..], &[0]].concat()]).body),
        ("of a certificate without a list", vector(3, &leaf)),
        ("of a certificate and more than its list", [Message::certificate(&[leaf]).body, vec![0]].concat()),
        ("of 16000 bytes", vector(3, &vector(3, &vec![0x30; 16_000]))),
        ("of 17000 bytes", vector(3, &vector(3, &vec![0x30; 17_000]))),
    ];
    for (what, body) in bodies {
        let case = Case::new(format!("{name} certificate {what}"), profile);
        cases.push(case.message(CERTIFICATE, move |message| message.body.clone_from(&body)));
    }
}

/// Certificates that are what they are, of clients that are not those that are served.
fn holders(cases: &mut Vec<Case>) {
    let mut add = |what: &str, holder: Holder, edit: fn(&mut Vec<Vec<u8>>)| {
        let mut chain = holder.chain;
        edit(&mut chain);
        cases.push(Case::new(format!("x509 holder {what}"), &Profile::certificate(chain, holder.key)));
    };
    for length in 1..=8 {
        add(&format!("of a chain of {length}"), holder(length), |_| {});
    }
    let root = || Holder::root("root.example", 22);
    let other = || Holder::root("root.example", 88);
    add("self-signed", Holder::self_signed("urn:dev:os:000002", 30), |_| {});
    add("of another root of the same name", other().issue("urn:dev:os:000002", 31, false, 0), |_| {});
    add("of a root of another name", Holder::root("else.example", 22).issue("urn:dev:os:000002", 31, false, 0), |_| {});
    add("that is an authority", root().issue("urn:dev:os:000002", 32, true, 0), |_| {});
    add("that is the root", root(), |_| {});
    add(
        "of one that is no authority",
        root().issue("leaf", 33, false, 0).issue("urn:dev:os:000002", 34, false, 0),
        |_| {},
    );
    add("with a large certificate", root().issue("urn:dev:os:000002", 35, false, 5_000), |_| {});
    add("without what is between", holder(3), |chain| chain.truncate(1));
    add("without the middle", holder(3), |chain| drop(chain.remove(1)));
    add("with the middle reversed", holder(3), |chain| chain.swap(1, 2));
    add("with a chain reversed", holder(3), |chain| chain.reverse());
    add("with a certificate twice in between", holder(3), |chain| chain.insert(1, chain[1].clone()));
    add("with the root behind", holder(3), |chain| chain.extend(Holder::root("root.example", 22).chain));
    add("with a stranger behind", holder(1), |chain| chain.extend(Holder::root("else.example", 5).chain));
    add("with garbage behind", holder(1), |chain| chain.push(vec![0xaa; 50]));
    let stolen = holder(1);
    let thief = Profile::certificate(stolen.chain, proof::signing_key(78));
    cases.push(Case::new("x509 holder of another's certificate", &thief));
    let unknown = Profile::raw_public_key(proof::signing_key(79));
    cases.push(Case::new("raw holder that is unknown", &unknown));
}
