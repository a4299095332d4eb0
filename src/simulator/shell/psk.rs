//! What a simulated client proves itself with, and the cipher suites it may do it by.
//!
//! Spec sheet `transport.md`, sections 4.1 and 4.3.

use std::str::FromStr;

use crate::secret::Secret;
#[cfg(feature = "openssl")]
use crate::simulator::Failure;

/// Bootstrap credentials of one client.
#[derive(Clone, Debug, PartialEq)]
pub struct Psk {
    /// PSK identity, 1 to 128 bytes.
    pub identity: String,
    /// Pre-shared key, 1 to 64 bytes.
    pub key: Secret,
}

impl Psk {
    /// The bounds within which OpenSSL carries a key faithfully; the limits of LwM2M lie well within.
    ///
    /// # Errors
    ///
    /// [`Failure::UnusableCredentials`].
    #[cfg(feature = "openssl")]
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.identity.is_empty() || self.identity.len() > 255 || self.identity.contains('\0') {
            return Err(Failure::UnusableCredentials("the PSK identity must have 1 to 255 bytes and no NUL"));
        }
        if self.key.is_empty() || self.key.len() > 256 {
            return Err(Failure::UnusableCredentials("the key must have 1 to 256 bytes"));
        }
        Ok(())
    }
}

/// The PSK cipher suites that an LwM2M client may offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CipherSuite {
    /// TLS_PSK_WITH_AES_128_CCM_8 (0xC0A8), the one that every client and server must have.
    Aes128Ccm8,
    /// TLS_PSK_WITH_AES_128_CCM (0xC0A4).
    Aes128Ccm,
    /// TLS_PSK_WITH_AES_128_GCM_SHA256 (0x00A8).
    Aes128GcmSha256,
    /// TLS_PSK_WITH_AES_128_CBC_SHA256 (0x00AE).
    Aes128CbcSha256,
}

impl CipherSuite {
    /// All of them, the preferred one first.
    pub const ALL: [CipherSuite; 4] =
        [CipherSuite::Aes128Ccm8, CipherSuite::Aes128Ccm, CipherSuite::Aes128GcmSha256, CipherSuite::Aes128CbcSha256];

    /// The name without what all four have in common.
    pub fn name(self) -> &'static str {
        match self {
            CipherSuite::Aes128Ccm8 => "AES_128_CCM_8",
            CipherSuite::Aes128Ccm => "AES_128_CCM",
            CipherSuite::Aes128GcmSha256 => "AES_128_GCM_SHA256",
            CipherSuite::Aes128CbcSha256 => "AES_128_CBC_SHA256",
        }
    }

    #[cfg(feature = "openssl")]
    pub(super) fn openssl_name(self) -> &'static str {
        match self {
            CipherSuite::Aes128Ccm8 => "PSK-AES128-CCM8",
            CipherSuite::Aes128Ccm => "PSK-AES128-CCM",
            CipherSuite::Aes128GcmSha256 => "PSK-AES128-GCM-SHA256",
            CipherSuite::Aes128CbcSha256 => "PSK-AES128-CBC-SHA256",
        }
    }
}

/// A name that none of the four suites has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cipher suite must be AES_128_CCM_8, AES_128_CCM, AES_128_GCM_SHA256 or AES_128_CBC_SHA256")]
pub struct UnknownCipherSuite;

impl FromStr for CipherSuite {
    type Err = UnknownCipherSuite;

    fn from_str(name: &str) -> Result<CipherSuite, UnknownCipherSuite> {
        CipherSuite::ALL.into_iter().find(|suite| suite.name() == name).ok_or(UnknownCipherSuite)
    }
}
