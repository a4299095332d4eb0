//! The OpenSSL engine (signatures first).

/// OpenSSL refused the configuration.
#[derive(Debug, thiserror::Error)]
#[error("OpenSSL refuses the configuration of the DTLS engine")]
pub struct EngineError(#[from] openssl::error::ErrorStack);
