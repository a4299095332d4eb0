//! The seal of one secret: XChaCha20-Poly1305 with a fresh random nonce and the secret's place as associated data.
//!
//! A sealed secret is one byte for the number of the key, 24 bytes of nonce, the ciphertext and its tag
//! (draft-irtf-cfrg-xchacha-03, section 2; RFC 8439, section 2.8). The associated data binds it to its table, row and
//! column, so that nobody with a pen in the database moves a key to another row. The number is the database's own count
//! of its keys: a seal that a change of the key left behind says so and does not look damaged. Knows nothing of SQL.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand::TryRng;
use rand::rngs::SysRng;

use super::sealing_key::SealingKey;
use crate::secret::Secret;

/// Every column that holds seals, as table and column; a seal is bound to the table's `id`. Whoever renews or proves
/// the seals of a database goes by this list.
pub(super) const SEALED: &[(&str, &str)] = &[
    ("seal_check", "sealed"),
    ("servers", "secrets"),
    ("profiles", "secrets"),
    ("devices", "psk"),
    ("issued_credentials", "sealed"),
    ("issued_credentials", "sealed_key"),
];

/// Columns that held seals in earlier schemas, as a backup may have one.
pub(super) const FORMERLY_SEALED: &[(&str, &str)] = &[("servers", "psk")];

/// First byte of a seal that was made with a database's first key.
pub(super) const FIRST_KEY: u8 = 1;
/// Bytes of an XChaCha20 nonce: long enough to be drawn at random for ever.
const NONCE_LENGTH: usize = 24;

/// Why a secret was not sealed or unsealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// The secret is longer than the cipher allows.
    #[error("the secret is too long to be sealed")]
    TooLong,
    /// The first byte is the number of another key.
    #[error("it is sealed with another key than the rest of the database (key number {found}, not {expected})")]
    OtherKey {
        /// Number of the key that sealed it.
        found: u8,
        /// Number of the key in use.
        expected: u8,
    },
    /// The seal does not hold: wrong key, other place, or changed bytes.
    #[error("the seal is broken: it was changed, moved, or made with another key")]
    Broken,
}

/// Where a sealed secret stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub table: &'static str,
    pub row: i64,
    pub column: &'static str,
}

impl Place {
    /// Key number, table, column and row: no two places share these bytes, because names hold no zero byte.
    fn associated_data(&self, number: u8) -> Vec<u8> {
        let mut data = vec![number];
        data.extend_from_slice(self.table.as_bytes());
        data.push(0);
        data.extend_from_slice(self.column.as_bytes());
        data.push(0);
        data.extend_from_slice(&self.row.to_be_bytes());
        data
    }
}

/// Seals and unseals with one key.
#[derive(Clone)]
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    number: u8,
}

impl Sealer {
    /// Seals with `key`, which is key `number` of the database.
    pub fn new(key: &SealingKey, number: u8) -> Sealer {
        Sealer { cipher: XChaCha20Poly1305::new(key.bytes().into()), number }
    }

    /// Seals with the key that takes the place of this one. After 255 the count begins again; 0 is no number.
    pub fn succeeded_by(&self, key: &SealingKey) -> Sealer {
        Sealer::new(key, self.number.checked_add(1).unwrap_or(FIRST_KEY))
    }

    /// Seals `clear` for `place`.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`] and [`SealError::TooLong`].
    pub fn seal(&self, place: Place, clear: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LENGTH];
        SysRng.try_fill_bytes(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let payload = Payload { msg: clear, aad: &place.associated_data(self.number) };
        let ciphertext = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::TooLong)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LENGTH + ciphertext.len());
        sealed.push(self.number);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// What was sealed for `place`.
    ///
    /// # Errors
    /// [`SealError::OtherKey`] and [`SealError::Broken`].
    pub fn unseal(&self, place: Place, sealed: &[u8]) -> Result<Secret, SealError> {
        let (&found, rest) = sealed.split_first().ok_or(SealError::Broken)?;
        if found != self.number {
            return Err(SealError::OtherKey { found, expected: self.number });
        }
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(SealError::Broken)?;
        let payload = Payload { msg: ciphertext, aad: &place.associated_data(found) };
        let clear = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Broken)?;
        Ok(Secret::new(clear))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sealing_key::SealingKey;
    use super::{FIRST_KEY, Place, SealError, Sealer};

    const HERE: Place = Place { table: "devices", row: 7, column: "psk" };

    #[test]
    fn a_seal_opens_in_its_place_only() {
        let sealer = Sealer::new(&SealingKey::new([1; 32]), FIRST_KEY);
        let sealed = sealer.seal(HERE, b"hex:0102").unwrap();
        assert_eq!(sealer.unseal(HERE, &sealed).unwrap().expose(), b"hex:0102");
        for place in [Place { table: "servers", ..HERE }, Place { row: 8, ..HERE }, Place { column: "key", ..HERE }] {
            assert_eq!(sealer.unseal(place, &sealed), Err(SealError::Broken), "{place:?}");
        }
        let other = Sealer::new(&SealingKey::new([2; 32]), FIRST_KEY);
        assert_eq!(other.unseal(HERE, &sealed), Err(SealError::Broken));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_breaks_the_seal() {
        let sealer = Sealer::new(&SealingKey::new([1; 32]), FIRST_KEY);
        let sealed = sealer.seal(HERE, b"k").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.unseal(HERE, &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(sealer.unseal(HERE, &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_seal_of_a_former_key_says_so() {
        let former = Sealer::new(&SealingKey::new([1; 32]), 255);
        let sealed = former.seal(HERE, b"k").unwrap();
        let present = former.succeeded_by(&SealingKey::new([1; 32]));
        assert_eq!(present.unseal(HERE, &sealed), Err(SealError::OtherKey { found: 255, expected: 1 }));
        let mut renumbered = sealed;
        renumbered[0] = 1;
        assert_eq!(present.unseal(HERE, &renumbered), Err(SealError::Broken), "the number is sealed too");
    }

    #[test]
    fn two_seals_of_one_secret_differ() {
        let sealer = Sealer::new(&SealingKey::new([1; 32]), FIRST_KEY);
        assert_ne!(sealer.seal(HERE, b"k").unwrap(), sealer.seal(HERE, b"k").unwrap());
    }

    /// Computed with libsodium's `crypto_aead_xchacha20poly1305_ietf`: key 00..1f, nonce 40..57.
    #[test]
    fn the_form_stays_readable() {
        let key: [u8; 32] = std::array::from_fn(|index| index as u8);
        let sealer = Sealer::new(&SealingKey::new(key), FIRST_KEY);
        let sealed = data_encoding::HEXLOWER.decode(VECTOR.as_bytes()).unwrap();
        assert_eq!(sealer.unseal(HERE, &sealed).unwrap().expose(), b"hex:0102");
    }

    const VECTOR: &str = "01404142434445464748494a4b4c4d4e4f5051525354555657\
                          bc5c7d4ae0d14924d5822275e9eeb5c8debfae148f2e076f";
}
