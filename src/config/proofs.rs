//! What devices prove themselves by, beside what listeners take: a certificate, the name in one, or a raw public key on
//! record that no listener of the file accepts.
//!
//! Spec sheet `transport.md`, sections 4.1, 4.4 and 4.5. Knows no database: whoever reads devices there asks
//! [`AcceptedProofs`] as well.

use super::listener::{Listener, ListenerSecurity};
use super::listener_dtls::DtlsEngine;
use crate::provision::material::{KeyKind, PinnedCertificate, PublicKey};
use crate::provision::{DeviceDefinition, Problem};

/// By what clients without a pre-shared key get in, on any listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptedProofs {
    certificates: Curves,
    /// Whether certificates are verified, so that the name in one counts.
    verified_names: bool,
    raw_public_keys: Curves,
}

/// The curves that keys of clients may be on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Curves {
    /// No listener takes such clients.
    #[default]
    None,
    /// The native engine's.
    P256,
    /// OpenSSL's.
    P256AndP384,
}

impl AcceptedProofs {
    /// What at least one of these listeners takes.
    pub fn of(listeners: &[Listener]) -> AcceptedProofs {
        let most = |takes: fn(&Listener) -> bool| {
            let takers = listeners.iter().filter(|it| it.security == ListenerSecurity::Dtls && takes(it));
            let curves = takers.map(|listener| match listener.dtls.engine {
                DtlsEngine::Native => Curves::P256,
                DtlsEngine::OpenSsl => Curves::P256AndP384,
            });
            curves.max().unwrap_or_default()
        };
        AcceptedProofs {
            // A client may show a certificate to a server that shows it a raw public key (RFC 7250, section 4.2).
            certificates: most(|listener| {
                !listener.certificates.chain.is_empty() || listener.certificates.raw_public_keys
            }),
            verified_names: listeners.iter().any(|listener| !listener.certificates.trust_anchors.is_empty()),
            raw_public_keys: most(|listener| listener.certificates.raw_public_keys),
        }
    }

    /// What a device has on record and can nowhere prove itself by, as warnings that name the device; texts that cannot
    /// be read are none of its business.
    pub fn useless(self, device: &DeviceDefinition) -> Vec<Problem> {
        let certificate = device.certificate.as_deref().and_then(|text| {
            let pinned = PinnedCertificate::parse(text).ok()?;
            let kind = pinned.certificate().map(|certificate| certificate.kind());
            let remedy = "name a `certificate` and a `key` on one";
            useless(device, ("certificate", "certificate"), kind, self.certificates, remedy)
        });
        let name = device.certificate_name.as_ref().filter(|_| !self.verified_names).map(|_| {
            let message = format!(
                "the device `{}` has a certificate name on record, and no listener verifies certificates: name \
                 `trust_anchors` on one, beside `certificate` and `key`",
                device.endpoint.escape_debug()
            );
            Problem::warning("certificate_name", message)
        });
        let public_key = device.public_key.as_deref().and_then(|text| {
            let kind = PublicKey::parse(text).ok()?.kind();
            let remedy = "write `raw_public_keys = true` on one, and name a `key`";
            useless(device, ("public_key", "raw public key"), Some(kind), self.raw_public_keys, remedy)
        });
        certificate.into_iter().chain(name).chain(public_key).collect()
    }
}

/// What is to be said of one proof, which has this field and name; `kind` is none where only a fingerprint is on record.
fn useless(
    device: &DeviceDefinition,
    (field, proof): (&'static str, &str),
    kind: Option<KeyKind>,
    accepted: Curves,
    remedy: &str,
) -> Option<Problem> {
    let endpoint = device.endpoint.escape_debug();
    let message = match (accepted, kind) {
        (Curves::None, _) => {
            format!("the device `{endpoint}` has a {proof} on record, and no listener takes any: {remedy}")
        }
        (Curves::P256, Some(kind @ KeyKind::P384)) => {
            let other = if cfg!(feature = "openssl") { ", or write `engine = \"openssl\"` on one" } else { "" };
            format!(
                "the device `{endpoint}` has a {proof} on record whose key is {kind}, and all listeners that take a \
                 {proof} have the native DTLS engine, which takes EC P-256 alone: give the device a key of that \
                 kind{other}"
            )
        }
        _ => return None,
    };
    Some(Problem::warning(field, message))
}
