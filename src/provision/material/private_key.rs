//! `PrivateKey`: a client's private key, which goes as PKCS#8 version 1 into `/0/x/5` (objects.md section 3).
//!
//! Operators have PKCS#8, SEC1 and PKCS#1; the DER, not the PEM label, says which it is. What is emitted is always
//! OneAsymmetricKey version 1 (RFC 5958 section 2) without attributes, the EC public key inside where it can be
//! computed, byte for byte as `openssl pkcs8 -topk8 -nocrypt` writes it.

use std::fmt;

use der::asn1::{AnyRef, Null, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader};
use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use sec1::EcPrivateKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier};
use zeroize::Zeroizing;

use super::key_kind::{EC_PUBLIC_KEY, ED25519, P256, P384, RSA_ENCRYPTION};
use super::subject_public_key::{SubjectPublicKey, uncompressed};
use super::text::{self, Form, Label};
use super::{KeyKind, MaterialError};
use crate::secret::Secret;

const WANTED: &str = "a private key (`-----BEGIN PRIVATE KEY-----`)";

/// A private key in the operator's own form, and its PKCS#8. Neither `Debug` nor an error ever shows any of it.
///
/// Equal where the PKCS#8 is, compared in constant time.
#[derive(Clone)]
pub struct PrivateKey {
    text: Zeroizing<String>,
    pkcs8: Secret,
    public: Option<SubjectPublicKey>,
}

impl PrivateKey {
    /// Reads PEM (`PRIVATE KEY`, `EC PRIVATE KEY`, `RSA PRIVATE KEY`; `EC PARAMETERS` beside it are passed over), or
    /// `base64:` or `hex:` of the DER.
    ///
    /// # Errors
    /// [`MaterialError`], also for an encrypted key.
    pub fn parse(text: &str) -> Result<PrivateKey, MaterialError> {
        let der = match text::read(text)? {
            Form::Der(der) => der,
            Form::Pem(mut blocks) => {
                blocks.retain(|block| block.label != Label::EcParameters);
                if let Some(foreign) = blocks.iter().find(|block| block.label != Label::PrivateKey) {
                    return Err(MaterialError::WrongContent { wanted: WANTED, found: foreign.label.content() });
                }
                match blocks.pop() {
                    Some(block) if blocks.is_empty() => block.der,
                    Some(_) => return Err(MaterialError::SeveralKeys),
                    None => {
                        let found = Label::EcParameters.content();
                        return Err(MaterialError::WrongContent { wanted: WANTED, found });
                    }
                }
            }
        };
        let (pkcs8, public) = convert(&der)?;
        Ok(PrivateKey { text: Zeroizing::new(text.to_owned()), pkcs8, public })
    }

    /// The operator's form; as secret as the key.
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// DER OneAsymmetricKey version 1, as it is written: 138 bytes for P-256.
    pub fn pkcs8(&self) -> &Secret {
        &self.pkcs8
    }

    /// DER SubjectPublicKeyInfo of its public key; `None` for a key without one on a curve other than P-256 and P-384.
    pub fn public_key_der(&self) -> Option<&[u8]> {
        self.public.as_ref().map(SubjectPublicKey::der)
    }

    /// Algorithm and size, where the public key is known.
    pub fn kind(&self) -> Option<KeyKind> {
        self.public.as_ref().map(SubjectPublicKey::kind)
    }

    pub(super) fn subject_public_key(&self) -> Option<&SubjectPublicKey> {
        self.public.as_ref()
    }
}

type Converted = (Secret, Option<SubjectPublicKey>);

fn convert(der: &[u8]) -> Result<Converted, MaterialError> {
    if let Ok(info) = PrivateKeyInfoRef::from_der(der) {
        let key = info.private_key.as_bytes();
        return match info.algorithm.oid {
            EC_PUBLIC_KEY => {
                let key = EcPrivateKey::from_der(key).map_err(|_| MaterialError::NotPrivateKey)?;
                let curve = info.algorithm.parameters_oid().map_err(|_| MaterialError::NotPrivateKey)?;
                convert_ec(Some(curve), &key)
            }
            RSA_ENCRYPTION => {
                convert_rsa(key, &RsaPrivateKeyRef::from_der(key).map_err(|_| MaterialError::NotPrivateKey)?)
            }
            ED25519 => convert_ed25519(key),
            _ => Err(MaterialError::UnknownAlgorithm),
        };
    }
    if let Ok(key) = EcPrivateKey::from_der(der) {
        convert_ec(None, &key)
    } else if let Ok(key) = RsaPrivateKeyRef::from_der(der) {
        convert_rsa(der, &key)
    } else if is_encrypted(der) {
        Err(MaterialError::Encrypted)
    } else {
        Err(MaterialError::NotPrivateKey)
    }
}

/// The curve stands in the PKCS#8 algorithm (`outer`), in the SEC1 key, or in both.
fn convert_ec(outer: Option<ObjectIdentifier>, key: &EcPrivateKey) -> Result<Converted, MaterialError> {
    let inner = key.parameters.and_then(|parameters| parameters.named_curve());
    let curve = match (outer, inner) {
        (Some(outer), Some(inner)) if outer != inner => return Err(MaterialError::TwoCurves),
        (outer, inner) => outer.or(inner).ok_or(MaterialError::NoCurve)?,
    };
    let computed = compute_ec(curve, key.private_key)?;
    let point = match (&computed, key.public_key) {
        (Some((_, own)), Some(carried)) if *own != uncompressed(curve, carried)? => {
            return Err(MaterialError::ForeignPublicKey);
        }
        (Some((_, own)), _) => Some(own.as_slice()),
        (None, carried) => carried,
    };
    let scalar = computed.as_ref().map_or(key.private_key, |(scalar, _)| scalar);
    // RFC 5915 wants the parameters in a bare SEC1 key; inside PKCS#8 they stand in the algorithm already.
    let sec1 = EcPrivateKey { private_key: scalar, parameters: None, public_key: point };
    let sec1 = Zeroizing::new(sec1.to_der().map_err(|_| MaterialError::NotPrivateKey)?);
    let algorithm = AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters: Some(AnyRef::from(&curve)) };
    finish(algorithm, &sec1, point)
}

/// Scalar of full length, and the uncompressed point that belongs to it.
type EcKeyPair = (Zeroizing<Vec<u8>>, Vec<u8>);

/// `None` on curves on which nothing is computed.
fn compute_ec(curve: ObjectIdentifier, scalar: &[u8]) -> Result<Option<EcKeyPair>, MaterialError> {
    match curve {
        P256 => {
            let key = p256::SecretKey::from_slice(scalar).map_err(|_| MaterialError::NotPrivateKey)?;
            let full = Zeroizing::new(Zeroizing::new(key.to_bytes()).to_vec());
            Ok(Some((full, key.public_key().to_sec1_bytes().into_vec())))
        }
        P384 => {
            let key = p384::SecretKey::from_slice(scalar).map_err(|_| MaterialError::NotPrivateKey)?;
            let full = Zeroizing::new(Zeroizing::new(key.to_bytes()).to_vec());
            Ok(Some((full, key.public_key().to_sec1_bytes().into_vec())))
        }
        _ => Ok(None),
    }
}

fn convert_rsa(pkcs1: &[u8], key: &RsaPrivateKeyRef) -> Result<Converted, MaterialError> {
    let public = key.public_key().to_der().map_err(|_| MaterialError::NotPrivateKey)?;
    let algorithm = AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(Null.into()) };
    finish(algorithm, pkcs1, Some(&public))
}

/// The key is an octet string of 32 bytes (RFC 8410 section 7).
fn convert_ed25519(key: &[u8]) -> Result<Converted, MaterialError> {
    let seed = <&OctetStringRef>::from_der(key).map_err(|_| MaterialError::NotPrivateKey)?;
    let seed = <[u8; 32]>::try_from(seed.as_bytes()).map_err(|_| MaterialError::NotPrivateKey)?;
    let seed = Zeroizing::new(seed);
    let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    finish(AlgorithmIdentifierRef { oid: ED25519, parameters: None }, key, Some(&public))
}

fn finish(algorithm: AlgorithmIdentifierRef, key: &[u8], public: Option<&[u8]>) -> Result<Converted, MaterialError> {
    let octets = OctetStringRef::new(key).map_err(|_| MaterialError::NotPrivateKey)?;
    // Without attributes and public key of its own it is version 1, whatever version came in.
    let info = PrivateKeyInfoRef::new(algorithm, octets);
    let pkcs8 = Secret::new(info.to_der().map_err(|_| MaterialError::NotPrivateKey)?);
    let public = public.map(|public| SubjectPublicKey::new(algorithm.into(), public)).transpose()?;
    Ok((pkcs8, public))
}

/// EncryptedPrivateKeyInfo (RFC 5958 section 3): an algorithm and an octet string.
fn is_encrypted(der: &[u8]) -> bool {
    let Ok(mut reader) = SliceReader::new(der) else { return false };
    let content = reader.sequence(|content| {
        AlgorithmIdentifierRef::decode(content)?;
        <&OctetStringRef>::decode(content).map(|_| ())
    });
    content.is_ok()
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &PrivateKey) -> bool {
        self.pkcs8 == other.pkcs8
    }
}

impl Eq for PrivateKey {}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey(..)")
    }
}

impl<'de> Deserialize<'de> for PrivateKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PrivateKey, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        PrivateKey::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Serialises as the operator's form: only for seals and for requests to the admin socket, never for an answer or a log.
impl Serialize for PrivateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
