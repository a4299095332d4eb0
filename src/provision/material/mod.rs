//! Certificate and key material of server accounts: as operators give it, and as it is written to clients.
//!
//! [`Certificate`], [`PublicKey`] and [`PrivateKey`] keep the operator's text and hold the DER that goes into `/0/x/3`,
//! `/0/x/4` and `/0/x/5`; [`ServerCertificate`] is a certificate or a digest of one. All are read from one string: PEM
//! text, or DER as `base64:...` or `hex:...`. The `check_...` functions say what clients would not take. Implements
//! objects.md sections 3, 4 and 10 (E7, E15). It knows no definition, no file and no clock: the time is an argument.

mod certificate;
mod check;
mod client_identity;
mod error;
mod key_kind;
mod private_key;
mod public_key;
mod server_certificate;
mod subject_public_key;
mod text;

pub use certificate::Certificate;
pub use check::{
    check_certificate, check_certificate_usage, check_key_kind, check_key_pair, check_matching_type, check_pair,
    check_public_key, check_server_certificate, check_validity,
};
pub use client_identity::{CertificateName, PinnedCertificate, fingerprint, shown_common_name, shown_validity};
pub use error::MaterialError;
pub use key_kind::KeyKind;
pub use private_key::PrivateKey;
pub use public_key::PublicKey;
pub use server_certificate::{CertificateDigest, ServerCertificate, digest, digest_length};

#[cfg(test)]
pub(super) mod tests;
