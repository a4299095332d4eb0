//! Records against OpenSSL with nonce and additional data written out by hand, and everything that must be refused.

use super::*;

const KEY: [u8; 16] = [0x4b; 16];
const IMPLICIT: [u8; 4] = [0xa0, 0xa1, 0xa2, 0xa3];
const AEADS: [Aead; 3] = [Aead::Ccm8, Aead::Ccm, Aead::Gcm];

/// Of every record here: epoch 1 and sequence number 0x010203040506, as they stand in it.
#[cfg(feature = "openssl")]
const NUMBER: [u8; 8] = [0, 1, 1, 2, 3, 4, 5, 6];
const SEQUENCE: u64 = 0x0102_0304_0506;
const ID: [u8; 3] = [0xc1, 0xc2, 0xc3];

fn keys(aead: Aead) -> Keys {
    Keys::new(aead, &KEY, IMPLICIT)
}

fn header(content_type: u8, connection_id: Option<&[u8]>) -> Header<'_> {
    Header { content_type, epoch: 1, sequence: SEQUENCE, connection_id }
}

#[test]
fn every_suite_but_those_with_cbc_has_its_aead() {
    let found = CipherSuite::ALL.map(|suite| Aead::of(suite).map(|aead| (aead, aead.tag_length(), aead.overhead())));
    let (ccm_8, ccm, gcm) = ((Aead::Ccm8, 8, 16), (Aead::Ccm, 16, 24), (Aead::Gcm, 16, 24));
    let expected = [Some(ccm_8), Some(ccm), Some(gcm), None];
    assert_eq!(found[..4], expected, "pre-shared keys");
    assert_eq!(found[4..], expected, "certificates");
}

/// An association keeps two of them, and must stay small.
#[test]
fn the_keys_of_a_direction_take_less_than_32_bytes() {
    assert!(size_of::<Keys>() < 32, "{} bytes", size_of::<Keys>());
}

#[test]
fn what_is_sealed_is_opened_and_appended_to_what_is_there() {
    for aead in AEADS {
        for (id, header) in [(None, header(22, None)), (Some(ID), header(25, Some(&ID)))] {
            for length in [0, 1, 15, 16, 17, 64, 1200, LONGEST] {
                let content = vec![0x33; length];
                let mut out = b"before".to_vec();
                assert!(keys(aead).seal(&header, &[&content], &mut out));
                assert_eq!(out.len(), 6 + length + aead.overhead());
                assert_eq!(&out[..6], b"before");
                let mut plaintext = b"of another record".to_vec();
                assert!(keys(aead).open(&header, &out[6..], &mut plaintext), "{aead:?} {id:?} {length}");
                assert_eq!(plaintext, content);
            }
        }
    }
}

#[test]
fn nothing_is_sealed_that_would_repeat_a_nonce_or_is_too_long() {
    for aead in AEADS {
        for id in [&[][..], &ID] {
            let largest = LONGEST - usize::from(!id.is_empty());
            for (sequence, length, sealed) in [
                ((1 << 48) - 1, 1, true),
                (1 << 48, 1, false),
                (u64::MAX, 1, false),
                (0, largest, true),
                (0, largest + 1, false),
                (0, 1 << 17, false),
            ] {
                let mut out = b"before".to_vec();
                let content = vec![1; length];
                assert_eq!(seal_record(&keys(aead), 23, 1, sequence, id, &content, &mut out), sealed);
                assert_eq!(out.len() > 6, sealed, "{sequence} {length}");
                assert_eq!(&out[..6], b"before");
            }
        }
    }
}

/// Every bit of the fragment, and everything in the header that is authenticated.
#[test]
fn what_was_changed_anywhere_is_refused_and_leaves_nothing() {
    for aead in AEADS {
        for good in [header(23, None), header(25, Some(&ID))] {
            let mut fragment = Vec::new();
            assert!(keys(aead).seal(&good, &[b"a secret"], &mut fragment));
            let refused = |header: &Header<'_>, fragment: &[u8], what: &str| {
                let mut plaintext = b"of another record".to_vec();
                assert!(!keys(aead).open(header, fragment, &mut plaintext), "{aead:?}: {what}");
                assert!(plaintext.is_empty(), "{aead:?}: {what}");
            };
            for bit in 0..fragment.len() * 8 {
                let mut changed = fragment.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                refused(&good, &changed, "a bit of the fragment");
            }
            for bit in 0..16 {
                refused(&Header { epoch: good.epoch ^ 1 << bit, ..good }, &fragment, "epoch");
            }
            for bit in 0..48 {
                refused(&Header { sequence: good.sequence ^ 1 << bit, ..good }, &fragment, "sequence number");
            }
            for id in [Some(&[0xc1, 0xc2, 0xc2][..]), Some(&ID[..2]), Some(&[0xc1, 0xc2, 0xc3, 0]), None] {
                if good.connection_id.is_some() || id.is_some() {
                    refused(&Header { connection_id: id, ..good }, &fragment, "connection id");
                }
            }
            if good.connection_id.is_none() {
                refused(&Header { content_type: 22, ..good }, &fragment, "type");
            }
            let other = Keys::new(aead, &[0x4c; 16], IMPLICIT);
            assert!(!other.open(&good, &fragment, &mut Vec::new()), "another key");
            let other = Keys::new(aead, &KEY, [0; 4]);
            assert!(!other.open(&good, &fragment, &mut Vec::new()), "another implicit nonce");
        }
    }
}

#[test]
fn no_length_of_a_fragment_is_too_odd_to_be_refused() {
    for aead in AEADS {
        let longest = LONGEST + aead.overhead();
        for length in (0..64).chain([longest - 1, longest, longest + 1, 65_535, 1 << 20]) {
            let mut plaintext = b"of another record".to_vec();
            assert!(!keys(aead).open(&header(23, None), &vec![0; length], &mut plaintext), "{aead:?} {length}");
            assert!(plaintext.is_empty());
            assert!(plaintext.capacity() <= longest, "nothing is decrypted that is too long");
        }
        let mut fragment = Vec::new();
        assert!(keys(aead).seal(&header(23, None), &[b"a secret"], &mut fragment));
        for length in 0..fragment.len() {
            assert!(!keys(aead).open(&header(23, None), &fragment[..length], &mut Vec::new()), "{aead:?} {length}");
        }
    }
}

/// RFC 9146, section 4: content, type, and zeros to any number.
#[test]
fn the_inner_plaintext_is_content_and_type_without_padding() {
    type Inner = Option<(u8, &'static [u8])>;
    let table: &[(&[u8], Inner)] = &[
        (&[], None),
        (&[0], None),
        (&[0; 300], None),
        (&[23], Some((23, &[]))),
        (&[23, 0, 0], Some((23, &[]))),
        (&[1, 2, 22], Some((22, &[1, 2]))),
        (&[1, 2, 22, 0, 0, 0, 0], Some((22, &[1, 2]))),
        (&[0, 0, 21, 0], Some((21, &[0, 0]))),
        (&[23, 0, 23], Some((23, &[23, 0]))),
    ];
    for (plaintext, expected) in table {
        assert_eq!(inner(plaintext), *expected, "{plaintext:?}");
    }
}

#[cfg(feature = "openssl")]
mod against_openssl {
    use openssl::cipher::Cipher;
    use openssl::cipher_ctx::CipherCtx;

    use super::*;

    /// Ciphertext and tag.
    fn sealed(aead: Aead, nonce: &[u8; 12], additional: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let (cipher, tag_length) = match aead {
            Aead::Ccm8 => (Cipher::aes_128_ccm(), 8),
            Aead::Ccm => (Cipher::aes_128_ccm(), 16),
            Aead::Gcm => (Cipher::aes_128_gcm(), 16),
        };
        let mut context = CipherCtx::new().expect("a context");
        context.encrypt_init(Some(cipher), None, None).expect("a cipher");
        context.set_iv_length(nonce.len()).expect("a length");
        if aead != Aead::Gcm {
            context.set_tag_length(tag_length).expect("a length");
        }
        context.encrypt_init(None, Some(&KEY), Some(nonce)).expect("a key");
        if aead != Aead::Gcm {
            context.set_data_len(plaintext.len()).expect("a length");
        }
        context.cipher_update(additional, None).expect("additional data");
        let mut output = Vec::new();
        context.cipher_update_vec(plaintext, &mut output).expect("a plaintext");
        context.cipher_final_vec(&mut output).expect("an end");
        let mut tag = vec![0; tag_length];
        context.tag(&mut tag).expect("a tag");
        [output, tag].concat()
    }

    /// RFC 5288 and RFC 6655, section 3: implicit, then explicit.
    fn nonce(explicit: [u8; 8]) -> [u8; 12] {
        [&IMPLICIT[..], &explicit].concat().try_into().expect("twelve bytes")
    }

    /// RFC 6347, section 4.1.2.1, with RFC 5246, section 6.2.3.3.
    fn additional(content_type: u8, length: u8) -> [u8; 13] {
        [0, 1, 1, 2, 3, 4, 5, 6, content_type, 0xfe, 0xfd, 0, length]
    }

    /// RFC 9146, section 5.3, with the id of these tests.
    #[rustfmt::skip]
    fn additional_with_id(length: u8) -> [u8; 26] {
        [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 25, 3, 25, 0xfe, 0xfd,
            0, 1, 1, 2, 3, 4, 5, 6, 0xc1, 0xc2, 0xc3, 0, length,
        ]
    }

    #[test]
    fn a_record_is_what_openssl_makes_of_it() {
        for aead in AEADS {
            for length in 0..=80_u8 {
                let content: Vec<u8> = (1..=length).collect();
                let fragment = sealed(aead, &nonce(NUMBER), &additional(22, length), &content);
                let start = [22, 0xfe, 0xfd, 0, 1, 1, 2, 3, 4, 5, 6, 0, length + aead.overhead() as u8];
                let mut record = Vec::new();
                assert!(seal_record(&keys(aead), 22, 1, SEQUENCE, &[], &content, &mut record));
                assert_eq!(record, [&start[..], &NUMBER, &fragment].concat(), "{aead:?} {length}");
            }
        }
    }

    #[test]
    fn a_record_with_a_connection_id_is_what_openssl_makes_of_it() {
        for aead in AEADS {
            for length in 0..=80_u8 {
                let content: Vec<u8> = (1..=length).collect();
                let plaintext = [&content[..], &[23]].concat();
                let fragment = sealed(aead, &nonce(NUMBER), &additional_with_id(length + 1), &plaintext);
                let start =
                    [25, 0xfe, 0xfd, 0, 1, 1, 2, 3, 4, 5, 6, 0xc1, 0xc2, 0xc3, 0, length + 1 + aead.overhead() as u8];
                let mut record = Vec::new();
                assert!(seal_record(&keys(aead), 23, 1, SEQUENCE, &ID, &content, &mut record));
                assert_eq!(record, [&start[..], &NUMBER, &fragment].concat(), "{aead:?} {length}");
            }
        }
    }

    /// Peers may choose the explicit nonce as they like (GnuTLS and Mbed TLS count, others draw), and may pad.
    #[test]
    fn a_record_of_openssl_is_opened_whatever_its_explicit_nonce() {
        for aead in AEADS {
            for explicit in [NUMBER, [0; 8], [0xff; 8], [9, 8, 7, 6, 5, 4, 3, 2]] {
                let fragment = sealed(aead, &nonce(explicit), &additional(23, 5), b"plain");
                let mut plaintext = Vec::new();
                assert!(keys(aead).open(&header(23, None), &[&explicit[..], &fragment].concat(), &mut plaintext));
                assert_eq!(plaintext, b"plain");

                let fragment = sealed(aead, &nonce(explicit), &additional_with_id(9), b"plain\x17\0\0\0");
                let fragment = [&explicit[..], &fragment].concat();
                assert!(keys(aead).open(&header(25, Some(&ID)), &fragment, &mut plaintext));
                assert_eq!(inner(&plaintext), Some((23, &b"plain"[..])));
            }
        }
    }
}
