//! The pseudo-random function of TLS 1.2 with SHA-256 and what is made by it (RFC 5246, sections 5, 6.3, 7.4.9 and
//! 8.1; RFC 7627, section 4; RFC 4279, section 2).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// SHA-256.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// P_SHA256(secret, label + seed), its first `length` bytes.
pub fn prf(secret: &[u8], label: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let mut output = Vec::with_capacity(length + 32);
    let mut chain = hmac(secret, &[label, seed]);
    while output.len() < length {
        output.extend_from_slice(&hmac(secret, &[&chain, label, seed]));
        chain = hmac(secret, &[&chain]);
    }
    output.truncate(length);
    output
}

/// The premaster secret of a pre-shared key: zeros of its length, then the key.
pub fn psk_premaster(key: &[u8]) -> Vec<u8> {
    let length = u16::try_from(key.len()).expect("a key below 64 KiB").to_be_bytes();
    [&length[..], &vec![0; key.len()], &length, key].concat()
}

/// The master secret (RFC 5246, section 8.1).
pub fn master_secret(premaster: &[u8], client_random: &[u8; 32], server_random: &[u8; 32]) -> Vec<u8> {
    prf(premaster, b"master secret", &[&client_random[..], server_random].concat(), 48)
}

/// The extended master secret over all messages up to ClientKeyExchange (RFC 7627, section 4).
pub fn extended_master_secret(premaster: &[u8], transcript: &[u8]) -> Vec<u8> {
    prf(premaster, b"extended master secret", &hash(transcript), 48)
}

/// What Finished says, by its label and all messages before it.
pub fn verify_data(master: &[u8], label: &[u8], transcript: &[u8]) -> Vec<u8> {
    prf(master, label, &hash(transcript), 12)
}
