//! Keys and certificates for one test, made on the spot and written as the files that an operator has.

use std::path::PathBuf;

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use crate::harness::Site;

const DAY: i64 = 86_400;

/// A key, and the certificates that speak for it, its own first.
#[derive(Clone)]
pub struct Holder {
    pub chain: Vec<X509>,
    pub key: PKey<Private>,
}

/// What a certificate shall say.
#[derive(Clone, Copy)]
pub struct Wish<'w> {
    pub name: &'w str,
    pub dns: Option<&'w str>,
    pub uri: Option<&'w str>,
    pub is_authority: bool,
    /// First and last day, counted from now.
    pub days: (i64, i64),
}

impl<'w> Wish<'w> {
    pub fn named(name: &'w str) -> Wish<'w> {
        Wish { name, dns: None, uri: None, is_authority: false, days: (-400, 400) }
    }

    pub fn authority(name: &'w str) -> Wish<'w> {
        Wish { is_authority: true, ..Wish::named(name) }
    }

    pub fn self_signed(self) -> Holder {
        self.certify(ec_key(Nid::X9_62_PRIME256V1), None)
    }

    pub fn issued_by(self, issuer: &Holder) -> Holder {
        self.certify(ec_key(Nid::X9_62_PRIME256V1), Some(issuer))
    }

    pub fn self_signed_with_rsa(self, bits: u32) -> Holder {
        let key = PKey::from_rsa(Rsa::generate(bits).expect("a key can be made")).expect("it is one");
        self.certify(key, None)
    }

    pub fn self_signed_on_p384(self) -> Holder {
        self.self_signed_on(Nid::SECP384R1)
    }

    pub fn self_signed_on(self, curve: Nid) -> Holder {
        self.certify(ec_key(curve), None)
    }

    fn certify(self, key: PKey<Private>, issuer: Option<&Holder>) -> Holder {
        let certificate = self.build(&key, issuer).expect("OpenSSL makes certificates");
        let above = issuer.map_or(&[][..], |issuer| &issuer.chain);
        Holder { chain: std::iter::once(certificate).chain(above.iter().cloned()).collect(), key }
    }

    fn build(self, key: &PKey<Private>, issuer: Option<&Holder>) -> Result<X509, openssl::error::ErrorStack> {
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_nid(Nid::COMMONNAME, self.name)?;
        let name = name.build();
        let mut builder = X509Builder::new()?;
        builder.set_version(2)?;
        let mut serial = BigNum::new()?;
        serial.rand(64, MsbOption::MAYBE_ZERO, false)?;
        builder.set_serial_number(Asn1Integer::from_bn(&serial)?.as_ref())?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(issuer.map_or(&name, |issuer| issuer.chain[0].subject_name()))?;
        let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs().cast_signed());
        builder.set_not_before(Asn1Time::from_unix(now + self.days.0 * DAY)?.as_ref())?;
        builder.set_not_after(Asn1Time::from_unix(now + self.days.1 * DAY)?.as_ref())?;
        builder.set_pubkey(key)?;
        if self.is_authority {
            builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        }
        if self.dns.is_some() || self.uri.is_some() {
            let mut names = SubjectAlternativeName::new();
            if let Some(dns) = self.dns {
                names.dns(dns);
            }
            if let Some(uri) = self.uri {
                names.uri(uri);
            }
            let extension = names.build(&builder.x509v3_context(None, None))?;
            builder.append_extension(extension)?;
        }
        builder.sign(issuer.map_or(key, |issuer| &issuer.key), MessageDigest::sha256())?;
        Ok(builder.build())
    }
}

fn ec_key(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).expect("OpenSSL knows the curve");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key can be made")).expect("it is one")
}

impl Holder {
    /// Its certificates as PEM.
    pub fn pem(&self) -> String {
        self.chain.iter().map(pem).collect()
    }

    /// Its private key as PEM.
    pub fn key_pem(&self) -> String {
        text(self.key.private_key_to_pem_pkcs8().expect("a key can be written"))
    }

    /// Its public key as PEM.
    pub fn public_key_pem(&self) -> String {
        text(self.key.public_key_to_pem().expect("a key can be written"))
    }

    /// SHA-256 of its certificate, as `sha256:...`.
    pub fn fingerprint(&self) -> String {
        let digest = sha256(&self.chain[0].to_der().expect("a certificate can be written"));
        format!("sha256:{}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    /// Writes `NAME.pem` and `NAME.key`, which others may not read.
    pub fn write(&self, site: &Site, name: &str) -> (PathBuf, PathBuf) {
        use std::os::unix::fs::PermissionsExt as _;
        let key = site.file(&format!("{name}.key"), &self.key_pem());
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("the file is ours");
        (site.file(&format!("{name}.pem"), &self.pem()), key)
    }
}

fn pem(certificate: &X509) -> String {
    text(certificate.to_pem().expect("a certificate can be written"))
}

fn text(pem: Vec<u8>) -> String {
    String::from_utf8(pem).expect("PEM is text")
}
