//! The cipher suites (spec sheet `transport.md`, section 4.1), as the registry and the engine know them.

/// A cipher suite that may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CipherSuite {
    /// TLS_PSK_WITH_AES_128_CCM_8, C0A8: what every constrained client speaks.
    PskAes128Ccm8,
    /// TLS_PSK_WITH_AES_128_CCM, C0A4.
    PskAes128Ccm,
    /// TLS_PSK_WITH_AES_128_GCM_SHA256, 00A8.
    PskAes128GcmSha256,
    /// TLS_PSK_WITH_AES_128_CBC_SHA256, 00AE.
    PskAes128CbcSha256,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, C0AE: certificates and raw public keys, as the three that follow.
    EcdheEcdsaAes128Ccm8,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_CCM, C0AC.
    EcdheEcdsaAes128Ccm,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, C02B.
    EcdheEcdsaAes128GcmSha256,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, C023.
    EcdheEcdsaAes128CbcSha256,
}

impl CipherSuite {
    /// All of them, in the order of preference that [`super::Configuration::suites`] explains.
    pub const ALL: [CipherSuite; 8] = [
        CipherSuite::PskAes128Ccm8,
        CipherSuite::PskAes128Ccm,
        CipherSuite::PskAes128GcmSha256,
        CipherSuite::PskAes128CbcSha256,
        CipherSuite::EcdheEcdsaAes128Ccm8,
        CipherSuite::EcdheEcdsaAes128Ccm,
        CipherSuite::EcdheEcdsaAes128GcmSha256,
        CipherSuite::EcdheEcdsaAes128CbcSha256,
    ];

    /// Whether both sides prove themselves by a pre-shared key.
    pub fn takes_psk(self) -> bool {
        matches!(
            self,
            CipherSuite::PskAes128Ccm8
                | CipherSuite::PskAes128Ccm
                | CipherSuite::PskAes128GcmSha256
                | CipherSuite::PskAes128CbcSha256
        )
    }

    /// Whether it is one with CBC, which OpenSSL alone serves.
    #[cfg(feature = "dtls")]
    pub(super) fn has_cbc(self) -> bool {
        matches!(self, CipherSuite::PskAes128CbcSha256 | CipherSuite::EcdheEcdsaAes128CbcSha256)
    }

    /// Its number in the registry of cipher suites.
    #[cfg(feature = "dtls")]
    pub(super) fn number(self) -> [u8; 2] {
        match self {
            CipherSuite::PskAes128Ccm8 => [0xc0, 0xa8],
            CipherSuite::PskAes128Ccm => [0xc0, 0xa4],
            CipherSuite::PskAes128GcmSha256 => [0x00, 0xa8],
            CipherSuite::PskAes128CbcSha256 => [0x00, 0xae],
            CipherSuite::EcdheEcdsaAes128Ccm8 => [0xc0, 0xae],
            CipherSuite::EcdheEcdsaAes128Ccm => [0xc0, 0xac],
            CipherSuite::EcdheEcdsaAes128GcmSha256 => [0xc0, 0x2b],
            CipherSuite::EcdheEcdsaAes128CbcSha256 => [0xc0, 0x23],
        }
    }

    /// Whether it is in a list of numbers of suites, two bytes each.
    #[cfg(feature = "dtls")]
    pub(super) fn is_among(self, numbers: &[u8]) -> bool {
        numbers.chunks_exact(2).any(|number| number == self.number())
    }

    /// What OpenSSL calls it.
    #[cfg(feature = "openssl")]
    pub(super) fn openssl_name(self) -> &'static str {
        match self {
            CipherSuite::PskAes128Ccm8 => "PSK-AES128-CCM8",
            CipherSuite::PskAes128Ccm => "PSK-AES128-CCM",
            CipherSuite::PskAes128GcmSha256 => "PSK-AES128-GCM-SHA256",
            CipherSuite::PskAes128CbcSha256 => "PSK-AES128-CBC-SHA256",
            CipherSuite::EcdheEcdsaAes128Ccm8 => "ECDHE-ECDSA-AES128-CCM8",
            CipherSuite::EcdheEcdsaAes128Ccm => "ECDHE-ECDSA-AES128-CCM",
            CipherSuite::EcdheEcdsaAes128GcmSha256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
            CipherSuite::EcdheEcdsaAes128CbcSha256 => "ECDHE-ECDSA-AES128-SHA256",
        }
    }

    /// Shortest content of a record of epoch 1 that it can have produced. OpenSSL ends an association at a shorter one
    /// with an AEAD; with CBC it takes any length without harm.
    #[cfg(feature = "openssl")]
    pub(super) fn shortest_record(self) -> usize {
        match self {
            // RFC 6655 and RFC 7251: explicit nonce 8, tag 8.
            CipherSuite::PskAes128Ccm8 | CipherSuite::EcdheEcdsaAes128Ccm8 => 16,
            // The same and RFC 5288 and RFC 5289: explicit nonce 8, tag 16.
            CipherSuite::PskAes128Ccm
            | CipherSuite::EcdheEcdsaAes128Ccm
            | CipherSuite::PskAes128GcmSha256
            | CipherSuite::EcdheEcdsaAes128GcmSha256 => 24,
            CipherSuite::PskAes128CbcSha256 | CipherSuite::EcdheEcdsaAes128CbcSha256 => 0,
        }
    }
}

/// The suites of a configuration in OpenSSL's words. SECLEVEL 0, because the 64-bit tags of CCM_8 are below every other
/// level.
#[cfg(feature = "openssl")]
pub(super) fn openssl_list(configuration: &super::Configuration) -> String {
    let mut list = String::new();
    for suite in served(configuration) {
        list.push_str(suite.openssl_name());
        list.push(':');
    }
    list + "@SECLEVEL=0"
}

/// The suites that a server with this configuration can serve, best first, as far as it depends on what it proves itself
/// with.
#[cfg(feature = "openssl")]
pub(super) fn served(configuration: &super::Configuration) -> impl Iterator<Item = CipherSuite> + '_ {
    let has_identity = configuration.identity.is_some();
    configuration.suites.iter().copied().filter(move |suite| suite.takes_psk() || has_identity)
}
