//! Keys and certificates for the tests, made on the spot.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name};

/// A key, and the certificate that speaks for it.
pub struct Holder {
    /// Its own certificate.
    pub certificate: X509,
    /// On P-256.
    pub key: PKey<Private>,
}

impl Holder {
    /// An authority that nobody stands above.
    pub fn root(name: &str) -> Holder {
        certify(name, &[], None, true)
    }

    /// Certifies another authority.
    pub fn authority(&self, name: &str) -> Holder {
        certify(name, &[], Some(self), true)
    }

    /// Certifies somebody who certifies nobody, under DNS names besides.
    pub fn certify(&self, name: &str, dns: &[String]) -> Holder {
        certify(name, dns, Some(self), false)
    }

    /// The certificate as PEM.
    pub fn pem(&self) -> String {
        text(self.certificate.to_pem())
    }

    /// The certificate as hexadecimal DER.
    pub fn hex(&self) -> String {
        hex(&self.certificate.to_der().expect("a certificate"))
    }

    /// The private key as PEM, PKCS #8.
    pub fn key_pem(&self) -> String {
        text(self.key.private_key_to_pem_pkcs8())
    }

    /// The private key as hexadecimal DER, PKCS #8.
    pub fn key_hex(&self) -> String {
        hex(&self.key.private_key_to_pkcs8().expect("a key"))
    }

    /// The private key as PEM in the form of SEC 1, which older stacks read alone.
    pub fn key_sec1_pem(&self) -> String {
        text(self.key.ec_key().expect("it is on P-256").private_key_to_pem())
    }

    /// The public key as PEM.
    pub fn public_key_pem(&self) -> String {
        text(self.key.public_key_to_pem())
    }

    /// The public key as DER SubjectPublicKeyInfo.
    pub fn public_key_der(&self) -> Vec<u8> {
        self.key.public_key_to_der().expect("a key")
    }
}

/// Lower-case digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(pem: Result<Vec<u8>, openssl::error::ErrorStack>) -> String {
    String::from_utf8(pem.expect("it was just made")).expect("PEM is text")
}

fn certify(name: &str, dns: &[String], issuer: Option<&Holder>, is_authority: bool) -> Holder {
    build(name, dns, issuer, is_authority).expect("OpenSSL makes certificates")
}

fn build(
    name: &str,
    dns: &[String],
    issuer: Option<&Holder>,
    is_authority: bool,
) -> Result<Holder, openssl::error::ErrorStack> {
    let key = PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)?)?;
    let mut subject = X509Name::builder()?;
    subject.append_entry_by_nid(Nid::COMMONNAME, name)?;
    let subject = subject.build();
    let mut builder = X509Builder::new()?;
    let mut serial = BigNum::new()?;
    serial.rand(64, MsbOption::MAYBE_ZERO, false)?;
    builder.set_version(2)?;
    builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(issuer.map_or(&subject, |issuer| issuer.certificate.subject_name()))?;
    // From 2020 to 2049: neither the server's clock nor the device's matters.
    builder.set_not_before(&*Asn1Time::from_unix(1_577_836_800)?)?;
    builder.set_not_after(&*Asn1Time::from_unix(2_493_072_000)?)?;
    builder.set_pubkey(&key)?;
    if is_authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
    }
    if !dns.is_empty() {
        let mut names = SubjectAlternativeName::new();
        for name in dns {
            names.dns(name);
        }
        let names = names.build(&builder.x509v3_context(None, None))?;
        builder.append_extension(names)?;
    }
    builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256())?;
    Ok(Holder { certificate: builder.build(), key })
}
