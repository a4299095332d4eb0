//! The protection of records from epoch 1 on: AES-128 with CCM_8, CCM or GCM (RFC 6347, section 4.1.2; RFC 6655,
//! RFC 7251, RFC 5288), with and without a connection id (RFC 9146, sections 4 and 5.3).
//!
//! A fragment is an explicit nonce of 8 bytes, the ciphertext, and the tag. What is sent has its epoch and sequence
//! number as the explicit nonce, which makes every nonce unique; what is received may have any, as the RFCs allow.
//!
//! Only the raw key is kept and expanded anew for each record. That costs a small part of what the record itself costs,
//! and an expanded key would be 700 bytes and more for each direction, which is most of what an association may take.

use aes::Aes128Enc;
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ccm::aead::generic_array::ArrayLength;
use ccm::aead::{AeadCore, AeadInPlace, Tag};
use ccm::consts::{U8, U12, U16};
use ccm::{Ccm, KeyInit, TagSize};
use zeroize::{Zeroize, Zeroizing};

use super::super::suites::CipherSuite;

/// DTLS 1.2 as records and additional data say it.
const VERSION: [u8; 2] = [0xfe, 0xfd];

/// The content type of every record with a connection id (RFC 9146, section 4).
const TLS12_CID: u8 = 25;

/// How long the explicit nonce is.
const EXPLICIT: usize = 8;

/// The longest plaintext, sent or received: what RFC 6347 allows, and room for the type and padding of RFC 9146.
const LONGEST: usize = (1 << 14) + 256;

/// How records are encrypted and authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aead {
    /// AES_128_CCM_8: a tag of 8 bytes.
    Ccm8,
    /// AES_128_CCM: a tag of 16 bytes.
    Ccm,
    /// AES_128_GCM: a tag of 16 bytes.
    Gcm,
}

impl Aead {
    /// What a suite uses. None for those with CBC, which this engine does not serve.
    pub(super) fn of(suite: CipherSuite) -> Option<Aead> {
        match suite {
            CipherSuite::PskAes128Ccm8 | CipherSuite::EcdheEcdsaAes128Ccm8 => Some(Aead::Ccm8),
            CipherSuite::PskAes128Ccm | CipherSuite::EcdheEcdsaAes128Ccm => Some(Aead::Ccm),
            CipherSuite::PskAes128GcmSha256 | CipherSuite::EcdheEcdsaAes128GcmSha256 => Some(Aead::Gcm),
            CipherSuite::PskAes128CbcSha256 | CipherSuite::EcdheEcdsaAes128CbcSha256 => None,
        }
    }

    /// Length of the tag in bytes.
    pub(super) fn tag_length(self) -> usize {
        match self {
            Aead::Ccm8 => 8,
            Aead::Ccm | Aead::Gcm => 16,
        }
    }

    /// By how many bytes a fragment is longer than its plaintext: explicit nonce and tag.
    pub(super) fn overhead(self) -> usize {
        EXPLICIT + self.tag_length()
    }
}

/// What of a record's header is authenticated together with its content.
pub(super) struct Header<'a> {
    /// As the record says it: 25 when there is a connection id, whatever the content really is.
    pub(super) content_type: u8,
    /// The epoch of the keys.
    pub(super) epoch: u16,
    /// The sequence number within the epoch, 48 bits.
    pub(super) sequence: u64,
    /// The connection id as the record carries it, 1 to 255 bytes. None in records without one, which is also how a
    /// peer that asked for an empty one is sent records.
    pub(super) connection_id: Option<&'a [u8]>,
}

impl Header<'_> {
    /// Epoch and sequence number as they stand in the record: eight bytes.
    fn number(&self) -> [u8; 8] {
        (u64::from(self.epoch) << 48 | self.sequence).to_be_bytes()
    }

    /// RFC 5246, section 6.2.3.3 with the number of RFC 6347; with a connection id RFC 9146, section 5.3.
    fn additional_data(&self, length: usize) -> Vec<u8> {
        let length = (length as u16).to_be_bytes();
        match self.connection_id {
            None => [&self.number()[..], &[self.content_type], &VERSION, &length].concat(),
            Some(id) => {
                let placeholder = [0xff; 8];
                let types = [TLS12_CID, id.len() as u8, TLS12_CID];
                [&placeholder[..], &types, &VERSION, &self.number(), id, &length].concat()
            }
        }
    }
}

/// The keys of one direction. Wiped on drop, and never shown.
pub(super) struct Keys {
    aead: Aead,
    key: Zeroizing<[u8; 16]>,
    /// The first four bytes of every nonce.
    implicit: Zeroizing<[u8; 4]>,
}

impl Keys {
    /// The write key and implicit nonce of one side, as the key block has them.
    pub(super) fn new(aead: Aead, key: &[u8; 16], implicit: [u8; 4]) -> Keys {
        Keys { aead, key: Zeroizing::new(*key), implicit: Zeroizing::new(implicit) }
    }

    /// Appends explicit nonce, ciphertext and tag to `out`. `plaintext` comes in pieces, so that content and the type
    /// that follows it in a record with a connection id need not be copied together.
    ///
    /// Returns false and appends nothing for a sequence number of more than 48 bits, because it would repeat a nonce,
    /// and for more than 2^14 + 256 bytes.
    pub(super) fn seal(&self, header: &Header<'_>, plaintext: &[&[u8]], out: &mut Vec<u8>) -> bool {
        let length = plaintext.iter().map(|piece| piece.len()).sum();
        if header.sequence >> 48 != 0 || length > LONGEST {
            return false;
        }
        let start = out.len();
        // Reserved whole, so that growing leaves no copy of the plaintext behind.
        out.reserve(length + self.aead.overhead());
        let explicit = header.number();
        out.extend_from_slice(&explicit);
        plaintext.iter().for_each(|piece| out.extend_from_slice(piece));
        let sealed = self.encrypt(&self.nonce(&explicit), &header.additional_data(length), out, start + EXPLICIT);
        if !sealed {
            out[start..].zeroize();
            out.truncate(start);
        }
        sealed
    }

    /// Decrypts a record's fragment into `plaintext`, which is emptied first and must be wiped by the caller
    /// afterwards. Returns false, and leaves `plaintext` empty, when the fragment is not genuine.
    pub(super) fn open(&self, header: &Header<'_>, fragment: &[u8], plaintext: &mut Vec<u8>) -> bool {
        wipe(plaintext);
        let Some(length) = fragment.len().checked_sub(self.aead.overhead()).filter(|length| *length <= LONGEST) else {
            return false;
        };
        let Some((explicit, rest)) = fragment.split_first_chunk::<EXPLICIT>() else {
            return false;
        };
        let (ciphertext, tag) = rest.split_at(length);
        plaintext.extend_from_slice(ciphertext);
        let genuine = self.decrypt(&self.nonce(explicit), &header.additional_data(length), plaintext, tag);
        if !genuine {
            wipe(plaintext);
        }
        genuine
    }

    fn nonce(&self, explicit: &[u8; EXPLICIT]) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&*self.implicit);
        nonce[4..].copy_from_slice(explicit);
        nonce
    }

    /// Encrypts `buffer` from `start` on and appends the tag.
    fn encrypt(&self, nonce: &[u8; 12], additional: &[u8], buffer: &mut Vec<u8>, start: usize) -> bool {
        match self.aead {
            Aead::Ccm8 => encrypt_ccm(&self.ccm::<U8>(), nonce, additional, buffer, start),
            Aead::Ccm => encrypt_ccm(&self.ccm::<U16>(), nonce, additional, buffer, start),
            Aead::Gcm => {
                let (nonce, additional) = (Nonce::assume_unique_for_key(*nonce), Aad::from(additional));
                self.gcm()
                    .and_then(|key| key.seal_in_place_separate_tag(nonce, additional, &mut buffer[start..]).ok())
                    .map(|tag| buffer.extend_from_slice(tag.as_ref()))
                    .is_some()
            }
        }
    }

    fn decrypt(&self, nonce: &[u8; 12], additional: &[u8], buffer: &mut [u8], tag: &[u8]) -> bool {
        match self.aead {
            Aead::Ccm8 => decrypt_ccm(&self.ccm::<U8>(), nonce, additional, buffer, tag),
            Aead::Ccm => decrypt_ccm(&self.ccm::<U16>(), nonce, additional, buffer, tag),
            Aead::Gcm => {
                let (nonce, additional) = (Nonce::assume_unique_for_key(*nonce), Aad::from(additional));
                self.gcm().is_some_and(|key| key.open_in_place_separate_tag(nonce, additional, tag, buffer).is_ok())
            }
        }
    }

    fn ccm<M: ArrayLength<u8> + TagSize>(&self) -> Ccm<Aes128Enc, M, U12> {
        Ccm::new((&*self.key).into())
    }

    fn gcm(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_128_GCM, &*self.key).ok().map(LessSafeKey::new)
    }
}

fn encrypt_ccm<C>(cipher: &C, nonce: &[u8; 12], additional: &[u8], buffer: &mut Vec<u8>, start: usize) -> bool
where
    C: AeadInPlace + AeadCore<NonceSize = U12>,
{
    let tag = cipher.encrypt_in_place_detached(nonce.into(), additional, &mut buffer[start..]);
    tag.map(|tag| buffer.extend_from_slice(&tag)).is_ok()
}

fn decrypt_ccm<C>(cipher: &C, nonce: &[u8; 12], additional: &[u8], buffer: &mut [u8], tag: &[u8]) -> bool
where
    C: AeadInPlace + AeadCore<NonceSize = U12>,
{
    Tag::<C>::from_exact_iter(tag.iter().copied())
        .is_some_and(|tag| cipher.decrypt_in_place_detached(nonce.into(), additional, buffer, &tag).is_ok())
}

/// Wipes what is in use and no more: a buffer that serves every record is much larger than most of them.
fn wipe(plaintext: &mut Vec<u8>) {
    plaintext.as_mut_slice().zeroize();
    plaintext.clear();
}

/// Appends a whole record with its header. With a connection id, the one that the peer chose and that is not empty, it
/// has the type 25, and the real type follows the content inside (RFC 9146, section 4).
///
/// Returns false and appends nothing for what [`Keys::seal`] does not seal.
pub(super) fn seal_record(
    keys: &Keys,
    content_type: u8,
    epoch: u16,
    sequence: u64,
    connection_id: &[u8],
    content: &[u8],
    out: &mut Vec<u8>,
) -> bool {
    let real_type = [content_type];
    let (header, plaintext): (Header<'_>, &[&[u8]]) = if connection_id.is_empty() {
        (Header { content_type, epoch, sequence, connection_id: None }, &[content])
    } else {
        let header = Header { content_type: TLS12_CID, epoch, sequence, connection_id: Some(connection_id) };
        (header, &[content, &real_type])
    };
    let start = out.len();
    let length: usize = plaintext.iter().map(|piece| piece.len()).sum();
    out.push(header.content_type);
    out.extend_from_slice(&VERSION);
    out.extend_from_slice(&header.number());
    out.extend_from_slice(connection_id);
    out.extend_from_slice(&((length + keys.aead.overhead()) as u16).to_be_bytes());
    let sealed = keys.seal(&header, plaintext, out);
    if !sealed {
        out.truncate(start);
    }
    sealed
}

/// What the inner plaintext of a record with a connection id really is: its type and content, without the padding
/// (RFC 9146, section 4). None when it is padding alone.
pub(super) fn inner(plaintext: &[u8]) -> Option<(u8, &[u8])> {
    let end = plaintext.iter().rposition(|byte| *byte != 0)?;
    Some((plaintext[end], &plaintext[..end]))
}

#[cfg(test)]
mod tests;
