//! Keys on P-256: signatures (RFC 6979, so that runs repeat), key agreement, and their encodings (RFC 5480, RFC 5915).

use std::cell::RefCell;
use std::collections::BTreeMap;

use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::{PublicKey, SecretKey};

use super::prf::hash;
use super::wire::SplitMix;

/// ecdsa_secp256r1_sha256, the only algorithm there is here.
pub const ECDSA_SHA256: u16 = 0x0403;
/// secp256r1, the only group.
pub const SECP256R1: u16 = 23;
/// Everything of a SubjectPublicKeyInfo on P-256 before its point.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// How many answers are remembered.
const ANSWERS_MAX: usize = 1 << 14;

thread_local! {
    static ANSWERS: RefCell<Option<BTreeMap<[u8; 32], Vec<u8>>>> = const { RefCell::new(None) };
}

/// From now on this thread remembers answers: a fuzzer asks the same again and again, and the curve would take most of its
/// time.
pub fn remember_answers() {
    ANSWERS.with_borrow_mut(|answers| *answers = Some(answers.take().unwrap_or_default()));
}

/// What `answer` gives, which depends on `question` alone.
fn once(question: &[&[u8]], answer: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    ANSWERS.with_borrow_mut(|answers| {
        let Some(answers) = answers else { return answer() };
        if answers.len() >= ANSWERS_MAX {
            answers.clear();
        }
        let question = hash(&question.iter().flat_map(|part| hash(part)).collect::<Vec<u8>>());
        answers.entry(question).or_insert_with(answer).clone()
    })
}

/// A point that is none: x = 1, y = 1 does not solve the equation of P-256.
pub fn point_off_the_curve() -> [u8; 65] {
    let mut point = [0; 65];
    (point[0], point[32], point[64]) = (4, 1, 1);
    point
}

/// A private key by its seed.
pub fn secret_key(random: &mut SplitMix) -> SecretKey {
    loop {
        if let Ok(key) = SecretKey::from_slice(&random.bytes()) {
            return key;
        }
    }
}

/// A key to sign with, by its seed.
pub fn signing_key(seed: u64) -> SigningKey {
    SigningKey::from(secret_key(&mut SplitMix(seed)))
}

/// The public half, uncompressed: 65 bytes.
pub fn point_of(key: &SecretKey) -> Vec<u8> {
    once(&[b"point", &key.to_bytes()], || VerifyingKey::from(key.public_key()).to_sec1_point(false).as_bytes().to_vec())
}

/// The public half of a signing key as DER SubjectPublicKeyInfo.
pub fn spki(key: &SigningKey) -> Vec<u8> {
    [&SPKI_PREFIX[..], key.verifying_key().to_sec1_point(false).as_bytes()].concat()
}

/// The private key as DER ECPrivateKey (RFC 5915).
pub fn sec1_private_key(key: &SigningKey) -> Vec<u8> {
    let mut der = vec![0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
    der.extend_from_slice(&key.to_bytes());
    der.extend_from_slice(&[0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    der.extend_from_slice(&[0xa1, 0x44, 0x03, 0x42, 0x00]);
    der.extend_from_slice(key.verifying_key().to_sec1_point(false).as_bytes());
    der
}

/// ECDSA with SHA-256, DER.
pub fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    once(&[b"signature", &key.to_bytes(), message], || {
        let signature: DerSignature = key.sign(message);
        signature.as_bytes().to_vec()
    })
}

/// Whether `spki` signed `message`. Who remembers answers is told so without a look at all but one signature in 256: no
/// two are the same, and they are not what a fuzzer plays with.
pub fn is_signed_by(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    if ANSWERS.with_borrow(Option::is_some) && signature.last() != Some(&0) {
        return true;
    }
    let Some(point) = spki.strip_prefix(&SPKI_PREFIX) else { return false };
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_sec1_bytes(point), DerSignature::from_bytes(signature)) else {
        return false;
    };
    key.verify(message, &signature).is_ok()
}

/// The x coordinate that both sides agree on; `None` where `point` is not on the curve.
pub fn agree(key: &SecretKey, point: &[u8]) -> Option<Vec<u8>> {
    let shared = once(&[b"agreement", &key.to_bytes(), point], || match PublicKey::from_sec1_bytes(point) {
        Ok(theirs) => {
            p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), theirs.as_affine()).raw_secret_bytes().to_vec()
        }
        Err(_) => Vec::new(),
    });
    (!shared.is_empty()).then_some(shared)
}

/// The first SubjectPublicKeyInfo on P-256 within a certificate, found by its bytes: this is no PKIX.
pub fn spki_within(certificate: &[u8]) -> Option<&[u8]> {
    let start = certificate.windows(SPKI_PREFIX.len()).position(|window| window == SPKI_PREFIX)?;
    certificate.get(start..start + SPKI_PREFIX.len() + 65)
}
