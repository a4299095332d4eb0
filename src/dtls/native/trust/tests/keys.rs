//! What is on record: pinned certificates, raw public keys; and the proof that a client holds its key.

use openssl::bn::BigNumContext;
use openssl::ec::{Asn1Flag, EcGroup, EcKey, PointConversionForm};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use sha2::{Digest, Sha256};

use super::super::{Believed, Trust};
use crate::dtls::certificate::{CertificateFault, Offered, Verdict};
use crate::dtls::tests::pki::{Wish, authority, key, key_on, wall_clock};
use crate::peer::{CertificateTrust, Peer};

fn judge(offered: Offered, verdict: Verdict) -> Result<Believed, CertificateFault> {
    Trust::new(&[]).unwrap().judge(offered, verdict)
}

fn fault_of(offered: Offered, verdict: Verdict) -> Option<CertificateFault> {
    judge(offered, verdict).err()
}

fn holds(believed: &Believed, key: &PKey<Private>) -> bool {
    let message = b"what was said so far";
    let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
    signer.update(message).unwrap();
    believed.key.verify(&Sha256::digest(message).into(), &signer.sign_to_vec().unwrap())
}

#[test]
fn a_pinned_certificate_is_believed_whatever_it_says() {
    let expired = Wish { days: (-20, -10), is_for_servers_only: true, ..Wish::default() };
    let strange = Wish { extension: Some(("2.5.29.19", true, vec![5, 0])), ..authority("strange") };
    for wish in [expired, strange, Wish { version: 0, ..Wish::default() }] {
        let device = wish.self_signed();
        let mut chain = device.der();
        chain.push(b"not looked at".to_vec());
        let believed = judge(Offered::Certificate(chain.clone()), Verdict::Pinned).ok().unwrap();
        assert_eq!(believed.peer, Peer::Certificate { chain, trust: CertificateTrust::Pinned });
        assert!(holds(&believed, &device.key) && !holds(&believed, &key()));
    }
}

#[test]
fn a_pinned_certificate_needs_a_key_that_can_be_used() {
    let der = |key| Wish { key, ..Wish::default() }.self_signed().der();
    let good = der(key()).remove(0);
    for (chain, fault) in [
        (der(key_on(Nid::SECP384R1)), CertificateFault::UnsupportedKey),
        (der(rsa()), CertificateFault::UnsupportedKey),
        (vec![b"certificate".to_vec()], CertificateFault::Malformed),
        (vec![vec![]], CertificateFault::Malformed),
        (vec![good[..good.len() - 1].to_vec()], CertificateFault::Malformed),
        (vec![[&good[..], &[0]].concat()], CertificateFault::Malformed),
        (vec![], CertificateFault::NoCertificate),
    ] {
        assert_eq!(fault_of(Offered::Certificate(chain), Verdict::Pinned), Some(fault));
    }
}

fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// A SubjectPublicKeyInfo on P-256 with the point in another form.
fn in_form(key: &PKey<Private>, form: PointConversionForm) -> Vec<u8> {
    let key = key.ec_key().unwrap();
    let mut context = BigNumContext::new().unwrap();
    let point = key.public_key().to_bytes(key.group(), form, &mut context).unwrap();
    let length = u8::try_from(point.len()).unwrap();
    let algorithm = [0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    [&[0x30, length + 24][..], &algorithm, &[3, length + 1, 0], &point].concat()
}

/// A key whose curve is written out in full.
fn on_nameless_curve() -> PKey<Private> {
    let mut group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    group.set_asn1_flag(Asn1Flag::EXPLICIT_CURVE);
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

#[test]
fn raw_public_keys() {
    let device = key();
    let spki = device.public_key_to_der().unwrap();
    let believed = judge(Offered::RawPublicKey(spki.clone()), Verdict::Known).ok().unwrap();
    assert_eq!(believed.peer, Peer::RawPublicKey(spki.clone()));
    assert!(holds(&believed, &device) && !holds(&believed, &key()));

    let changed = |place: usize, byte: u8| {
        let mut changed = spki.clone();
        changed[place] = byte;
        changed
    };
    let of = |key: PKey<Private>| key.public_key_to_der().unwrap();
    let compressed = in_form(&device, PointConversionForm::COMPRESSED);
    let hybrid = in_form(&device, PointConversionForm::HYBRID);
    assert_eq!(in_form(&device, PointConversionForm::UNCOMPRESSED), spki);
    let ed25519 = PKey::generate_ed25519().unwrap();
    for (case, spki, fault) in [
        ("P-384", of(key_on(Nid::SECP384R1)), CertificateFault::UnsupportedKey),
        ("secp256k1", of(key_on(Nid::SECP256K1)), CertificateFault::UnsupportedKey),
        ("RSA", of(rsa()), CertificateFault::UnsupportedKey),
        ("Ed25519", of(ed25519), CertificateFault::UnsupportedKey),
        ("written-out curve", of(on_nameless_curve()), CertificateFault::UnsupportedKey),
        ("compressed", compressed, CertificateFault::UnsupportedKey),
        ("hybrid", hybrid, CertificateFault::Malformed),
        ("beside the curve", changed(90, spki[90] ^ 1), CertificateFault::Malformed),
        ("unused bits", changed(25, 1), CertificateFault::Malformed),
        ("tail", [&spki[..], &[0]].concat(), CertificateFault::Malformed),
        ("cut", spki[..90].to_vec(), CertificateFault::Malformed),
        ("nothing", vec![], CertificateFault::Malformed),
        ("a certificate", Wish::default().self_signed().der().remove(0), CertificateFault::Malformed),
    ] {
        assert_eq!(fault_of(Offered::RawPublicKey(spki), Verdict::Known), Some(fault), "{case}");
    }
}

#[test]
fn an_answer_that_does_not_fit_refuses() {
    let device = Wish::default().self_signed();
    let at = wall_clock();
    for verdict in [Verdict::Unknown, Verdict::Pinned, Verdict::Unpinned { at }] {
        let offered = Offered::RawPublicKey(device.spki());
        assert_eq!(fault_of(offered, verdict), Some(CertificateFault::UnknownRawPublicKey), "{verdict:?}");
    }
    for verdict in [Verdict::Known, Verdict::Unknown] {
        let offered = Offered::Certificate(device.der());
        assert_eq!(fault_of(offered, verdict), Some(CertificateFault::UnknownIssuer), "{verdict:?}");
    }
}

#[test]
fn a_changed_signature_or_hash_proves_nothing() {
    let device = key();
    let spki = device.public_key_to_der().unwrap();
    let believed = judge(Offered::RawPublicKey(spki), Verdict::Known).ok().unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &device).unwrap();
    signer.update(b"message").unwrap();
    let signature = signer.sign_to_vec().unwrap();
    let hash: [u8; 32] = Sha256::digest(b"message").into();
    assert!(believed.key.verify(&hash, &signature));
    for place in 0..signature.len() {
        for change in [1, 0x80, 0xff] {
            let mut changed = signature.clone();
            changed[place] ^= change;
            assert!(!believed.key.verify(&hash, &changed), "{place}, {change:#x}");
        }
    }
    assert!(!believed.key.verify(&Sha256::digest(b"massage").into(), &signature));
    assert!(!believed.key.verify(&hash, &[]) && !believed.key.verify(&hash, &[&signature[..], &[0]].concat()));
}
