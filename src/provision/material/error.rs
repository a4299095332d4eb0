//! `MaterialError`: why a text is no certificate or key, and what to give instead.
//!
//! No variant holds any of the text: it may be a private key, even where a certificate was expected.

/// What is wrong with the text of a certificate or key. Sentences without a full stop, free of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaterialError {
    /// Neither PEM nor a prefix that says how the DER is written.
    #[error("it must be PEM text (`-----BEGIN ...`), or DER written as `base64:...` or `hex:...`")]
    NoForm,
    /// Not hexadecimal.
    #[error("what follows `hex:` must be pairs of hexadecimal digits")]
    NotHex,
    /// Not base64.
    #[error("what follows `base64:` must be base64 of the standard alphabet")]
    NotBase64,
    /// A `-----BEGIN` without a matching `-----END`.
    #[error("the PEM text is cut off: a `-----BEGIN` line lacks its `-----END` line")]
    PemCutOff,
    /// Between the lines stands something else than base64.
    #[error("between the BEGIN and END lines of the PEM text must stand base64 and nothing else")]
    PemNotBase64,
    /// The key is protected with a password, which a daemon cannot ask for.
    #[error(
        "the private key is encrypted; take its password away with `openssl pkcs8 -topk8 -nocrypt -in KEY.pem`, the \
         key is sealed here"
    )]
    Encrypted,
    /// A PEM block of another kind than the field wants.
    #[error("this field wants {wanted}, but the text holds {found}")]
    WrongContent {
        /// What the field is for.
        wanted: &'static str,
        /// What stands in the PEM text.
        found: &'static str,
    },
    /// More than one key where there can be one.
    #[error("the PEM text holds more than one key; give only the one that is meant")]
    SeveralKeys,
    /// The DER is no X.509 certificate.
    #[error("this is not an X.509 certificate (DER), or it is cut off")]
    NotCertificate,
    /// The DER is no `SubjectPublicKeyInfo`.
    #[error("this is not a public key (a DER SubjectPublicKeyInfo, as `openssl pkey -pubout` writes it)")]
    NotPublicKey,
    /// The DER is no private key of a known form.
    #[error("this is not a private key (DER of PKCS#8, SEC1 with a named curve, or PKCS#1), or it is cut off")]
    NotPrivateKey,
    /// A private key of an algorithm that no client takes.
    #[error("private keys may be EC, RSA or Ed25519; this one is of another algorithm")]
    UnknownAlgorithm,
    /// A SEC1 key without curve parameters.
    #[error("the EC private key does not say its curve; convert it with `openssl pkcs8 -topk8 -nocrypt`")]
    NoCurve,
    /// PKCS#8 and the SEC1 key inside it disagree.
    #[error("the EC private key names two different curves")]
    TwoCurves,
    /// The EC point of a public key is none.
    #[error("the EC public key is not a point of its curve")]
    NoPoint,
    /// A private key carries the public key of another.
    #[error("the EC private key carries a public key that is not its own")]
    ForeignPublicKey,
    /// No SHA-256.
    #[error("what follows `sha256:` must be 64 hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them")]
    NotFingerprint,
    /// Neither a certificate nor as long as any digest.
    #[error(
        "this is neither an X.509 certificate nor a digest of one (32, 48 or 64 bytes for SHA-256, SHA-384 or SHA-512)"
    )]
    NotCertificateNorDigest,
}
