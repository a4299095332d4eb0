//! Cipher suites, and records of epoch 1 (RFC 5246, section 6.2.3.3; RFC 6655, section 3; RFC 5288, section 3).

use aes_gcm::aes::Aes128;
use ccm_independent::Ccm;
use ccm_independent::aead::{Aead, KeyInit, Payload};
use ccm_independent::consts::{U8, U12, U16};

use super::prf::prf;

/// TLS_PSK_WITH_AES_128_CCM_8.
pub const PSK_CCM_8: u16 = 0xc0a8;
/// TLS_PSK_WITH_AES_128_CCM.
pub const PSK_CCM: u16 = 0xc0a4;
/// TLS_PSK_WITH_AES_128_GCM_SHA256.
pub const PSK_GCM: u16 = 0x00a8;
/// TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8.
pub const ECDHE_ECDSA_CCM_8: u16 = 0xc0ae;
/// TLS_ECDHE_ECDSA_WITH_AES_128_CCM.
pub const ECDHE_ECDSA_CCM: u16 = 0xc0ac;
/// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256.
pub const ECDHE_ECDSA_GCM: u16 = 0xc02b;
/// All suites with pre-shared keys.
pub const PSK_SUITES: [u16; 3] = [PSK_CCM_8, PSK_CCM, PSK_GCM];
/// All suites with certificates and raw public keys.
pub const ECDHE_SUITES: [u16; 3] = [ECDHE_ECDSA_CCM_8, ECDHE_ECDSA_CCM, ECDHE_ECDSA_GCM];

/// How records are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Ccm8,
    Ccm,
    Gcm,
}

/// A cipher suite that the puppet speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its number.
    pub code: u16,
    /// Whether a pre-shared key proves both; otherwise ECDHE with ECDSA.
    pub is_psk: bool,
    algorithm: Algorithm,
}

impl Suite {
    /// By number.
    pub fn of(code: u16) -> Option<Suite> {
        let (is_psk, algorithm) = match code {
            PSK_CCM_8 => (true, Algorithm::Ccm8),
            PSK_CCM => (true, Algorithm::Ccm),
            PSK_GCM => (true, Algorithm::Gcm),
            ECDHE_ECDSA_CCM_8 => (false, Algorithm::Ccm8),
            ECDHE_ECDSA_CCM => (false, Algorithm::Ccm),
            ECDHE_ECDSA_GCM => (false, Algorithm::Gcm),
            _ => return None,
        };
        Some(Suite { code, is_psk, algorithm })
    }
}

#[derive(Clone)]
enum Cipher {
    Ccm8(Ccm<Aes128, U8, U12>),
    Ccm(Ccm<Aes128, U16, U12>),
    Gcm(Box<aes_gcm::Aes128Gcm>),
}

/// What one side writes with.
#[derive(Clone)]
pub struct Direction {
    cipher: Cipher,
    /// The fixed part of the nonce.
    salt: [u8; 4],
}

impl Direction {
    /// `key`: 16 bytes.
    fn new(algorithm: Algorithm, key: &[u8], salt: &[u8]) -> Direction {
        let cipher = match algorithm {
            Algorithm::Ccm8 => Cipher::Ccm8(KeyInit::new_from_slice(key).expect("16 bytes")),
            Algorithm::Ccm => Cipher::Ccm(KeyInit::new_from_slice(key).expect("16 bytes")),
            Algorithm::Gcm => Cipher::Gcm(Box::new(KeyInit::new_from_slice(key).expect("16 bytes"))),
        };
        Direction { cipher, salt: salt.try_into().expect("4 bytes") }
    }

    fn nonce(&self, explicit: [u8; 8]) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.salt);
        nonce[4..].copy_from_slice(&explicit);
        nonce
    }

    /// The fragment of a record: explicit nonce, ciphertext, tag.
    pub fn seal(&self, explicit: [u8; 8], additional_data: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let nonce = self.nonce(explicit).into();
        let payload = Payload { msg: plaintext, aad: additional_data };
        let sealed = match &self.cipher {
            Cipher::Ccm8(cipher) => cipher.encrypt(&nonce, payload),
            Cipher::Ccm(cipher) => cipher.encrypt(&nonce, payload),
            Cipher::Gcm(cipher) => cipher.encrypt(&nonce, payload),
        };
        [&explicit[..], &sealed.expect("a plaintext below 16 MiB")].concat()
    }

    /// The plaintext of a record's fragment. `additional_data` is made from the plaintext's length.
    pub fn open(&self, fragment: &[u8], additional_data: impl FnOnce(usize) -> Vec<u8>) -> Option<Vec<u8>> {
        let (explicit, sealed) = fragment.split_first_chunk::<8>()?;
        let additional_data = additional_data(sealed.len().checked_sub(self.tag_length())?);
        let nonce = self.nonce(*explicit).into();
        let payload = Payload { msg: sealed, aad: &additional_data };
        match &self.cipher {
            Cipher::Ccm8(cipher) => cipher.decrypt(&nonce, payload),
            Cipher::Ccm(cipher) => cipher.decrypt(&nonce, payload),
            Cipher::Gcm(cipher) => cipher.decrypt(&nonce, payload),
        }
        .ok()
    }

    fn tag_length(&self) -> usize {
        if matches!(self.cipher, Cipher::Ccm8(_)) { 8 } else { 16 }
    }
}

/// The keys of one connection.
#[derive(Clone)]
pub struct Keys {
    /// What the client writes with.
    pub client: Direction,
    /// What the server writes with.
    pub server: Direction,
}

impl Keys {
    /// RFC 5246, section 6.3: no MAC keys, two keys of 16 bytes, two fixed nonces of 4.
    pub fn derive(suite: Suite, master: &[u8], client_random: &[u8; 32], server_random: &[u8; 32]) -> Keys {
        let block = prf(master, b"key expansion", &[&server_random[..], client_random].concat(), 40);
        Keys {
            client: Direction::new(suite.algorithm, &block[..16], &block[32..36]),
            server: Direction::new(suite.algorithm, &block[16..32], &block[36..]),
        }
    }
}
