//! Vectors of others, and the formulas of the RFCs written out with the HMAC of OpenSSL.

use data_encoding::HEXLOWER;

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal")
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().expect("the length that is asked for")
}

/// The vector for the PRF of TLS 1.2 with SHA-256 that was published on the mailing list of the TLS working group.
#[test]
fn the_function_is_that_of_the_published_vector() {
    let expected = bytes(concat!(
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a",
        "6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab",
        "4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701",
        "87347b66",
    ));
    let secret = bytes("9bbe436ba940f017b17652849a71db35");
    let seed = bytes("a0ba9f936cda311827a6f796ffd5198c");
    let mut output = [0; 100];
    prf(&secret, b"test label", &[&seed], &mut output);
    assert_eq!(output[..], expected);

    let (first, second) = seed.split_at(5);
    let mut shorter = [0; 33];
    prf(&secret, b"test label", &[first, &[], second], &mut shorter);
    assert_eq!(shorter[..], expected[..33], "seeds are concatenated, and a shorter output is a prefix");
}

/// NIST CAVP, component testing of the TLS 1.2 key derivation with SHA-256, count 0. Its randoms differ between master
/// secret and key block, and its key block is longer than ours.
#[test]
fn master_secret_and_key_block_are_those_of_nist() {
    let premaster = bytes(concat!(
        "f8938ecc9edebc5030c0c6a441e213cd24e6f770a50dda07876f8d55da062bca",
        "db386b411fd4fe4313a604fce6c17fbc",
    ));
    let client = array("36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8c");
    let server = array("f6c9575ed7ddd73e1f7d16eca115415812a43c2b747daaaae043abfb50053fce");
    let master = MasterSecret::plain(&premaster, &client, &server);
    let expected = "202c88c00f84a17a20027079604787461176455539e705be730890602c289a5001e34eeb3a043e5d52a65e66125188bf";
    assert_eq!(master.0[..], bytes(expected));

    let client = array("62e1fd91f23f558a605f28478c58cf72637b89784d959df7e946d3f07bd1b616");
    let server = array("ae6c806f8ad4d80784549dff28a4b58fd837681a51d928c3e30ee5ff14f39868");
    let keys = master.key_block(&client, &server);
    assert_eq!(keys.client_key, array("d06139889fffac1e3a71865f504aa5d0"));
    assert_eq!(keys.server_key, array("d2a2e89506c6f2279b670c3e1b74f531"));
    assert_eq!(keys.client_iv, array("016a2530"));
    assert_eq!(keys.server_iv, array("c51a3a0f"));
}

/// RFC 4279, section 2, by hand.
#[test]
fn the_premaster_secret_of_a_key_has_zeros_of_its_length() {
    assert_eq!(**psk_premaster(&[]), [0, 0, 0, 0]);
    assert_eq!(**psk_premaster(&[7]), [0, 1, 0, 0, 1, 7]);
    assert_eq!(**psk_premaster(&[1, 2, 3]), [0, 3, 0, 0, 0, 0, 3, 1, 2, 3]);

    let longer = psk_premaster(&[0xab; 300]);
    assert_eq!(longer[..2], [1, 44]);
    assert_eq!(longer[2..302], [0; 300]);
    assert_eq!(longer[302..304], [1, 44]);
    assert_eq!(longer[304..], [0xab; 300]);
}

#[cfg(feature = "openssl")]
mod against_openssl {
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::sign::Signer;

    use super::*;

    fn hmac(secret: &[u8], data: &[u8]) -> Vec<u8> {
        let key = PKey::hmac(secret).expect("a key");
        let mut signer = Signer::new(MessageDigest::sha256(), &key).expect("a signer");
        signer.sign_oneshot_to_vec(data).expect("a tag")
    }

    /// P_SHA256(secret, seed) of RFC 5246, section 5, word for word; `seed` includes the label.
    fn expanded(secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
        let (mut output, mut a) = (Vec::new(), seed.to_vec());
        while output.len() < length {
            a = hmac(secret, &a);
            output.extend(hmac(secret, &[&a, seed].concat()));
        }
        output.truncate(length);
        output
    }

    /// RFC 7627, section 4. Premaster secrets of all the lengths there are: short, of a curve, and of the longest key.
    #[test]
    fn the_extended_master_secret_is_the_formula_of_rfc_7627() {
        let hash = array("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
        let seed = [&b"extended master secret"[..], &hash].concat();
        for length in [4, 5, 32, 63, 64, 65, 132] {
            let premaster = vec![0x5a; length];
            let master = MasterSecret::extended(&premaster, &hash);
            assert_eq!(master.0[..], expanded(&premaster, &seed, 48), "premaster of {length} bytes");
        }
    }

    /// RFC 5246, sections 6.3 and 8.1, for randoms that are told apart in every byte.
    #[test]
    fn the_key_block_is_the_formula_of_rfc_5246() {
        let (client, server) = ([0xc1; 32], [0x5e; 32]);
        let premaster = psk_premaster(b"a pre-shared key");
        let master = expanded(&premaster, &[&b"master secret"[..], &client, &server].concat(), 48);
        let block = expanded(&master, &[&b"key expansion"[..], &server, &client].concat(), 40);

        let keys = MasterSecret::plain(&premaster, &client, &server).key_block(&client, &server);
        assert_eq!(keys.client_key, block[..16]);
        assert_eq!(keys.server_key, block[16..32]);
        assert_eq!(keys.client_iv, block[32..36]);
        assert_eq!(keys.server_iv, block[36..40]);
    }

    /// RFC 5246, section 7.4.9.
    #[test]
    fn finished_is_the_formula_of_rfc_5246() {
        let transcript = [0x77; 32];
        let master = MasterSecret::extended(&[3; 32], &[9; 32]);
        for (side, label) in [(Side::Client, "client finished"), (Side::Server, "server finished")] {
            let expected = expanded(&master.0[..], &[label.as_bytes(), &transcript].concat(), 12);
            assert_eq!(master.verify_data(side, &transcript)[..], expected, "{label}");
        }
    }
}
