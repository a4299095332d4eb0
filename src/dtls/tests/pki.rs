//! Keys and certificates, made on the spot.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Extension, X509NameBuilder};

use super::super::{Configuration, Identity};
use crate::secret::Secret;

/// The time at which chains are looked at, in seconds since 1970: 2027-01-15.
const NOW: i64 = 1_800_000_000;

const DAY: i64 = 86_400;

/// [`NOW`], as the server is told.
pub(in crate::dtls) fn wall_clock() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs())
}

pub(in crate::dtls) fn key() -> PKey<Private> {
    key_on(Nid::X9_62_PRIME256V1)
}

pub(in crate::dtls) fn key_on(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A key, and the certificates that speak for it, leaf first.
#[derive(Clone)]
pub(in crate::dtls) struct Holder {
    pub(in crate::dtls) chain: Vec<X509>,
    pub(in crate::dtls) key: PKey<Private>,
}

/// What a certificate shall say. Days are counted from [`NOW`].
pub(in crate::dtls) struct Wish {
    pub(in crate::dtls) name: &'static str,
    /// 2 means version 3.
    pub(in crate::dtls) version: i32,
    pub(in crate::dtls) days: (i64, i64),
    pub(in crate::dtls) is_authority: bool,
    pub(in crate::dtls) path_length: Option<u32>,
    pub(in crate::dtls) key_usage: Option<KeyUsage>,
    pub(in crate::dtls) is_for_servers_only: bool,
    pub(in crate::dtls) digest: MessageDigest,
    pub(in crate::dtls) dns: Option<&'static str>,
    /// OID, whether critical, content.
    pub(in crate::dtls) extension: Option<(&'static str, bool, Vec<u8>)>,
    pub(in crate::dtls) key: PKey<Private>,
}

impl Default for Wish {
    fn default() -> Wish {
        Wish {
            name: "device",
            version: 2,
            // Clients look at servers' certificates by the real clock.
            days: (-20_000, 20_000),
            is_authority: false,
            path_length: None,
            key_usage: None,
            is_for_servers_only: false,
            digest: MessageDigest::sha256(),
            dns: None,
            extension: None,
            key: key(),
        }
    }
}

pub(in crate::dtls) fn authority(name: &'static str) -> Wish {
    Wish { name, is_authority: true, ..Wish::default() }
}

impl Wish {
    pub(in crate::dtls) fn self_signed(self) -> Holder {
        self.certify(None)
    }

    /// Certified by `issuer`, whose chain follows, as long as it is not its own issuer.
    pub(in crate::dtls) fn issued_by(self, issuer: &Holder) -> Holder {
        self.certify(Some(issuer))
    }

    fn certify(self, issuer: Option<&Holder>) -> Holder {
        let certificate = self.build(issuer);
        let above = issuer.map_or(&[][..], |issuer| &issuer.chain);
        let above = above
            .iter()
            .filter(|above| above.subject_name().to_der().unwrap() != above.issuer_name().to_der().unwrap());
        let chain = std::iter::once(certificate).chain(above.cloned()).collect();
        Holder { chain, key: self.key }
    }

    fn build(&self, issuer: Option<&Holder>) -> X509 {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_nid(Nid::COMMONNAME, self.name).unwrap();
        let name = name.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(self.version).unwrap();
        let mut serial = BigNum::new().unwrap();
        serial.rand(64, MsbOption::MAYBE_ZERO, false).unwrap();
        builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(issuer.map_or(&name, |issuer| issuer.chain[0].subject_name())).unwrap();
        let time = |days: i64| Asn1Time::from_unix((NOW + days * DAY).max(0)).unwrap();
        builder.set_not_before(&time(self.days.0)).unwrap();
        builder.set_not_after(&time(self.days.1)).unwrap();
        builder.set_pubkey(&self.key).unwrap();
        self.extend(&mut builder);
        builder.sign(issuer.map_or(&self.key, |issuer| &issuer.key), self.digest).unwrap();
        builder.build()
    }

    fn extend(&self, builder: &mut X509Builder) {
        if self.is_authority {
            let mut constraints = BasicConstraints::new();
            constraints.critical().ca();
            if let Some(length) = self.path_length {
                constraints.pathlen(length);
            }
            builder.append_extension(constraints.build().unwrap()).unwrap();
        }
        if let Some(usage) = &self.key_usage {
            builder.append_extension(usage.build().unwrap()).unwrap();
        }
        if self.is_for_servers_only {
            builder.append_extension(ExtendedKeyUsage::new().server_auth().build().unwrap()).unwrap();
        }
        if let Some(dns) = self.dns {
            let names = SubjectAlternativeName::new().dns(dns).build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(names).unwrap();
        }
        if let Some((oid, is_critical, content)) = &self.extension {
            let oid = Asn1Object::from_str(oid).unwrap();
            let content = Asn1OctetString::new_from_bytes(content).unwrap();
            builder.append_extension(X509Extension::new_from_der(&oid, *is_critical, &content).unwrap()).unwrap();
        }
    }
}

impl Holder {
    /// The chain in DER.
    pub(in crate::dtls) fn der(&self) -> Vec<Vec<u8>> {
        self.chain.iter().map(|certificate| certificate.to_der().unwrap()).collect()
    }

    /// The public key as DER SubjectPublicKeyInfo.
    pub(in crate::dtls) fn spki(&self) -> Vec<u8> {
        self.key.public_key_to_der().unwrap()
    }

    pub(in crate::dtls) fn identity(&self) -> Identity {
        Identity { chain: self.der(), private_key: Secret::new(self.key.private_key_to_der().unwrap()) }
    }
}

/// A root, a server certified by it, and what a listener needs to know of both.
pub(in crate::dtls) struct Pki {
    pub(in crate::dtls) root: Holder,
    pub(in crate::dtls) server: Holder,
}

impl Pki {
    pub(in crate::dtls) fn new() -> Pki {
        let root = authority("root").self_signed();
        let server = Wish { name: "server", ..Wish::default() }.issued_by(&root);
        Pki { root, server }
    }

    /// A device certified by the root.
    pub(in crate::dtls) fn device(&self) -> Holder {
        Wish::default().issued_by(&self.root)
    }

    pub(in crate::dtls) fn configuration(&self) -> Configuration {
        Configuration {
            identity: Some(self.server.identity()),
            trust_anchors: self.root.der(),
            ..Configuration::default()
        }
    }
}

/// A certificate that is so many bytes longer than need be.
pub(in crate::dtls) fn padded(name: &'static str, bytes: usize) -> Wish {
    Wish { name, extension: Some(("1.3.6.1.4.1.99999.1", false, octets(bytes))), ..Wish::default() }
}

/// An OCTET STRING of so many bytes.
fn octets(length: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
    [vec![4, 0x82, high, low], vec![7; length]].concat()
}
