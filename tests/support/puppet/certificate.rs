//! X.509 certificates on P-256 made on the spot, the same from the same seeds (RFC 5280, section 4.1).

use p256::ecdsa::SigningKey;

use super::proof;

/// A key, and the certificates that speak for it, leaf first, without the root.
#[derive(Clone)]
pub struct Holder {
    /// The key of the first certificate.
    pub key: SigningKey,
    /// DER. That of a root is its own alone.
    pub chain: Vec<Vec<u8>>,
    name: String,
    is_root: bool,
}

impl Holder {
    /// A self-signed authority.
    pub fn root(name: &str, seed: u64) -> Holder {
        let key = proof::signing_key(seed);
        let certificate = build(name, &key, name, &key, true, 0);
        Holder { key, chain: vec![certificate], name: name.to_owned(), is_root: true }
    }

    /// A self-signed certificate of no authority.
    pub fn self_signed(name: &str, seed: u64) -> Holder {
        let key = proof::signing_key(seed);
        let certificate = build(name, &key, name, &key, false, 0);
        Holder { key, chain: vec![certificate], name: name.to_owned(), is_root: false }
    }

    /// A certificate that this one issues, for an authority or not, made longer by `padding` bytes.
    pub fn issue(&self, name: &str, seed: u64, is_authority: bool, padding: usize) -> Holder {
        let key = proof::signing_key(seed);
        let mut chain = vec![build(name, &key, &self.name, &self.key, is_authority, padding)];
        if !self.is_root {
            chain.extend_from_slice(&self.chain);
        }
        Holder { key, chain, name: name.to_owned(), is_root: false }
    }

    /// The public half of the key as DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> Vec<u8> {
        proof::spki(&self.key)
    }

    /// The private key as DER ECPrivateKey.
    pub fn private_key(&self) -> Vec<u8> {
        proof::sec1_private_key(&self.key)
    }
}

/// One DER element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = vec![tag];
    match content.len() {
        short @ 0..=0x7f => bytes.push(short as u8),
        middle @ 0x80..=0xff => bytes.extend_from_slice(&[0x81, middle as u8]),
        long => bytes.extend_from_slice(&[0x82, (long >> 8) as u8, long as u8]),
    }
    bytes.extend_from_slice(&content);
    bytes
}

const SEQUENCE: u8 = 0x30;
/// ecdsa-with-SHA256, 1.2.840.10045.4.3.2.
const ECDSA_WITH_SHA256: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

fn name_of(common_name: &str) -> Vec<u8> {
    let attribute = der(SEQUENCE, &[&[0x06, 0x03, 0x55, 0x04, 0x03], &der(0x0c, &[common_name.as_bytes()])]);
    der(SEQUENCE, &[&der(0x31, &[&attribute])])
}

fn extension(oid: &[u8], is_critical: bool, content: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if is_critical { &[0x01, 0x01, 0xff] } else { &[] };
    der(SEQUENCE, &[&der(0x06, &[oid]), critical, &der(0x04, &[content])])
}

fn build(
    name: &str,
    key: &SigningKey,
    issuer: &str,
    issuer_key: &SigningKey,
    is_authority: bool,
    padding: usize,
) -> Vec<u8> {
    let serial = der(0x02, &[&[0x01], &super::prf::hash(&proof::spki(key))[..8]]);
    let validity = der(SEQUENCE, &[&der(0x17, &[b"000101000000Z"]), &der(0x18, &[b"20990101000000Z"])]);
    let mut extensions = Vec::new();
    if is_authority {
        // basicConstraints, critical, CA; keyUsage, critical, keyCertSign.
        let constraints = [0x55, 0x1d, 0x13].as_slice();
        let usage = [0x55, 0x1d, 0x0f].as_slice();
        extensions.extend(extension(constraints, true, &[0x30, 0x03, 0x01, 0x01, 0xff]));
        extensions.extend(extension(usage, true, &[0x03, 0x02, 0x02, 0x04]));
    } else {
        // subjectAltName: its name as a DNS name.
        let names = der(SEQUENCE, &[&der(0x82, &[name.as_bytes()])]);
        extensions.extend(extension(&[0x55, 0x1d, 0x11], false, &names));
    }
    if padding > 0 {
        // 1.3.6.1.4.1.99999.1, which nobody knows.
        let filler = der(0x04, &[&vec![7; padding]]);
        extensions.extend(extension(&[0x2b, 6, 1, 4, 1, 0x86, 0x8d, 0x1f, 1], false, &filler));
    }
    let to_be_signed = der(
        SEQUENCE,
        &[
            &der(0xa0, &[&[0x02, 0x01, 0x02]]),
            &serial,
            &ECDSA_WITH_SHA256,
            &name_of(issuer),
            &validity,
            &name_of(name),
            &proof::spki(key),
            &der(0xa3, &[&der(SEQUENCE, &[&extensions])]),
        ],
    );
    let signature = proof::sign(issuer_key, &to_be_signed);
    der(SEQUENCE, &[&to_be_signed, &ECDSA_WITH_SHA256, &der(0x03, &[&[0], &signature])])
}
