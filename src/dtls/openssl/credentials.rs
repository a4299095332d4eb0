//! What the server proves itself with, made ready for OpenSSL.
//!
//! Spec sheet `transport.md`, sections 4.1 and 4.5.

use openssl::pkey::PKey;
use openssl::ssl::SslContextBuilder;
use openssl::x509::{X509NameRef, X509Ref};

use super::chain;
use crate::dtls::certificate::Identity;
use crate::dtls::error::EngineError;

/// Groups of the key exchange, and of clients' keys: P-256 is what LwM2M demands.
const GROUPS: &str = "P-256:X25519:P-384";

/// RFC 7925 section 4.4: ecdsa with SHA-256. The longer ones go with keys on P-384.
const SIGNATURE_ALGORITHMS: &str = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512";

fn is_root(certificate: &X509Ref) -> bool {
    let name = |name: &X509NameRef| name.to_der().ok();
    name(certificate.subject_name()) == name(certificate.issuer_name())
}

/// Loads a chain and its key. Without certificates they are the engine's only where raw public keys may be used.
pub(super) fn load(
    builder: &mut SslContextBuilder,
    identity: &Identity,
    raw_public_keys: bool,
) -> Result<(), EngineError> {
    let key = PKey::private_key_from_der(identity.private_key.expose()).map_err(|_| EngineError::PrivateKey)?;
    if !chain::is_on_a_served_curve(&key) {
        return Err(EngineError::PrivateKey);
    }
    for (index, der) in identity.chain.iter().enumerate() {
        let certificate = chain::read_certificate(der).ok_or(EngineError::Certificate { number: index + 1 })?;
        match index {
            // RFC 5246, section 7.4.2: a client that can use the root has it.
            1.. if is_root(&certificate) => {}
            0 => builder.set_certificate(&certificate)?,
            _ => builder.add_extra_chain_cert(certificate)?,
        }
    }
    builder.set_private_key(&key).map_err(|_| EngineError::NoPair)?;
    if !identity.chain.is_empty() {
        builder.check_private_key().map_err(|_| EngineError::NoPair)?;
    } else if !raw_public_keys {
        return Err(EngineError::NoCertificate);
    }
    builder.set_groups_list(GROUPS)?;
    builder.set_sigalgs_list(SIGNATURE_ALGORITHMS)?;
    Ok(())
}
