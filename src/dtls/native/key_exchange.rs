//! ECDHE on secp256r1: our half of it, signed, and the premaster secret (RFC 8422, sections 5.4, 5.7 and 5.10).
//!
//! Knows no messages but ServerKeyExchange and ClientKeyExchange, and no state.

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use rand::Rng;
use zeroize::Zeroizing;

use super::hello::Agreement;
use super::identity::ServerIdentity;
use crate::dtls::missing::{ECDSA_SHA256, SECP256R1};

/// Length of an uncompressed point on secp256r1.
const POINT_LENGTH: usize = 65;

/// ECCurveType named_curve (RFC 8422, section 5.4).
const NAMED_CURVE: u8 = 3;

/// Our half of one key exchange. Wiped when it goes.
pub(super) struct Ephemeral(PrivateKey);

impl Ephemeral {
    /// Draws a key. `None`: the library refuses, which it never should.
    pub(super) fn draw(random: &mut impl Rng) -> Option<Ephemeral> {
        // A number beyond the order of the curve comes up once in 2^32.
        for _ in 0..4 {
            let mut scalar = Zeroizing::new([0; 32]);
            random.fill_bytes(&mut *scalar);
            if let Ok(key) = PrivateKey::from_private_key(&ECDH_P256, &*scalar) {
                return Some(Ephemeral(key));
            }
        }
        None
    }

    /// The body of ServerKeyExchange: our point, signed with both randoms.
    pub(super) fn server_key_exchange(&self, agreement: &Agreement, identity: &ServerIdentity) -> Option<Vec<u8>> {
        let point = self.0.compute_public_key().ok()?;
        let mut body = Vec::with_capacity(4 + POINT_LENGTH + 4 + 72);
        body.push(NAMED_CURVE);
        body.extend_from_slice(&SECP256R1);
        body.push(u8::try_from(point.as_ref().len()).ok()?);
        body.extend_from_slice(point.as_ref());
        let signed = [&agreement.client_random[..], &agreement.server_random, &body].concat();
        let signature = identity.sign(&signed)?;
        body.extend_from_slice(&ECDSA_SHA256);
        body.extend_from_slice(&u16::try_from(signature.len()).ok()?.to_be_bytes());
        body.extend_from_slice(&signature);
        Some(body)
    }

    /// The premaster secret: the x coordinate of the shared point. `None`: the client's is none on the curve.
    pub(super) fn premaster(&self, point: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let theirs = UnparsedPublicKey::new(&ECDH_P256, point);
        agreement::agree(&self.0, theirs, (), |shared| Ok(Zeroizing::new(shared.to_vec()))).ok()
    }
}

/// The point in the body of a ClientKeyExchange: uncompressed, and nothing else.
pub(super) fn point_of(body: &[u8]) -> Option<&[u8]> {
    let (length, point) = body.split_first()?;
    (usize::from(*length) == point.len() && point.len() == POINT_LENGTH && point[0] == 4).then_some(point)
}
