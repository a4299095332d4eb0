//! What a simulated client without a pre-shared key proves itself with: a certificate and its key.
//!
//! Spec sheet `transport.md`, sections 4.1 and 4.5.

use std::net::IpAddr;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslContextBuilder, SslMode, SslRef, SslVerifyMode};
use openssl::x509::{X509, X509VerifyResult};

use crate::secret::Secret;
use crate::simulator::Failure;

/// The four suites for certificates, the preferred one first, as OpenSSL calls them.
pub(super) const SUITES: &str = "ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES128-GCM-SHA256:\
ECDHE-ECDSA-AES128-SHA256";

/// Bootstrap credentials of one client.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    chain: Vec<X509>,
    key: PKey<Private>,
    /// Whom the server's certificate has to lead to; empty: it is not looked at.
    trust: Vec<X509>,
}

impl ClientCertificate {
    /// Reads the client's chain, leaf first, its key, and the certificates of those who may certify the server. Each is
    /// PEM; what holds one thing only may be DER. Without `trust` any server is believed.
    ///
    /// # Errors
    ///
    /// [`Failure::UnusableCredentials`].
    pub fn read(chain: &[u8], key: &Secret, trust: Option<&[u8]>) -> Result<ClientCertificate, Failure> {
        let chain = certificates(chain)
            .ok_or(Failure::UnusableCredentials("the file of the certificate holds no X.509 certificate"))?;
        let trust = match trust {
            Some(trust) => certificates(trust)
                .ok_or(Failure::UnusableCredentials("the file of whom to trust holds no X.509 certificate"))?,
            None => Vec::new(),
        };
        let key = PKey::private_key_from_pem(key.expose())
            .or_else(|_| PKey::private_key_from_der(key.expose()))
            .map_err(|_| Failure::UnusableCredentials("the file of the certificate's key holds no private key"))?;
        let is_pair = chain[0].public_key().is_ok_and(|public| public.public_eq(&key));
        if !is_pair {
            return Err(Failure::UnusableCredentials("the private key does not belong to the certificate"));
        }
        Ok(ClientCertificate { chain, key, trust })
    }

    /// Loads whom to trust, which is the same for all clients of a context.
    pub(super) fn load_trust(&self, builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
        // The chain goes as it was given.
        builder.set_mode(SslMode::NO_AUTO_CHAIN);
        for anchor in &self.trust {
            builder.cert_store_mut().add_cert(anchor.clone())?;
        }
        builder.set_verify(if self.trust.is_empty() { SslVerifyMode::NONE } else { SslVerifyMode::PEER });
        Ok(())
    }

    /// Loads the client's own certificate and key.
    pub(super) fn prove(&self, ssl: &mut SslRef) -> Result<(), ErrorStack> {
        for (index, certificate) in self.chain.iter().enumerate() {
            match index {
                0 => ssl.set_certificate(certificate)?,
                _ => ssl.add_chain_cert(certificate.clone())?,
            }
        }
        ssl.set_private_key(&self.key)
    }

    /// Names the server: it has to show a certificate with this name, and learns which one it was asked by (RFC 6066,
    /// section 3: an IP address is no name there).
    pub(super) fn name_server(ssl: &mut SslRef, host: &str) -> Result<(), ErrorStack> {
        match host.parse::<IpAddr>() {
            Ok(address) => ssl.param_mut().set_ip(address),
            Err(_) => {
                ssl.set_hostname(host)?;
                ssl.param_mut().set_host(host)
            }
        }
    }
}

/// Why the server was not believed, if that is what was found; OpenSSL's numbers, of `x509_vfy.h`.
pub(super) fn distrust(ssl: &SslRef) -> Option<Failure> {
    // Whoever believes any server has a result all the same.
    let result = ssl.verify_result();
    if ssl.verify_mode() == SslVerifyMode::NONE || result == X509VerifyResult::OK {
        return None;
    }
    const UNKNOWN_AUTHORITY: [i32; 5] = [2, 18, 19, 20, 21];
    const OTHER_NAME: [i32; 2] = [62, 64];
    let reason = match result.as_raw() {
        number if OTHER_NAME.contains(&number) => {
            "the server's certificate is of a trusted authority and does not name the host that was asked for"
                .to_owned()
        }
        number if UNKNOWN_AUTHORITY.contains(&number) => {
            format!("the server's certificate leads to no trusted authority ({})", result.error_string())
        }
        _ => format!("the server's certificate is not trusted ({})", result.error_string()),
    };
    Some(Failure::HandshakeRefused { reason })
}

/// At least one certificate.
fn certificates(bytes: &[u8]) -> Option<Vec<X509>> {
    let found = X509::stack_from_pem(bytes).ok().filter(|found| !found.is_empty());
    found.or_else(|| Some(vec![X509::from_der(bytes).ok()?]))
}

#[cfg(test)]
mod tests;
