//! What may be wrong with the configuration of a DTLS server, whichever engine it names.

/// The configuration of the engine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// OpenSSL's own reasons.
    #[cfg(feature = "openssl")]
    #[error("OpenSSL refuses the configuration of the DTLS engine: {0}")]
    Refused(#[from] openssl::error::ErrorStack),
    /// Nothing that the engine serves is among the suites.
    #[error("the DTLS engine serves none of the configured cipher suites")]
    NoSuite,
    /// In the server's chain, counted from 1.
    #[error("certificate {number} of the server's chain is no X.509 certificate in DER")]
    Certificate {
        /// Which one.
        number: usize,
    },
    /// A private key without a certificate, where clients may not use raw public keys.
    #[error("the server has a private key but no certificate: name one, or allow raw public keys")]
    NoCertificate,
    /// Unreadable, or of another kind.
    #[error("the server's private key is none in DER on the curve P-256 or P-384")]
    PrivateKey,
    /// P-256 is the one curve of the native engine.
    #[error(
        "the server's private key is on another curve than P-256, which is the only one of the native DTLS engine: use a \
         key on P-256, or `engine = \"openssl\"`"
    )]
    Curve,
    /// Certificate and key are no pair.
    #[error("the server's private key does not belong to the first certificate of its chain")]
    NoPair,
    /// Among the trust anchors, counted from 1.
    #[error("trust anchor {number} is no X.509 certificate in DER")]
    TrustAnchor {
        /// Which one.
        number: usize,
    },
}
