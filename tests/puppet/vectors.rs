//! What the puppet computes, against what others have published.

use p256::ecdsa::SigningKey;

use crate::puppet::{prf, proof};

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).expect("hex")
}

/// From the list of the IETF's TLS working group, April 2007; many libraries repeat it.
#[test]
fn the_prf_with_sha_256() {
    let (secret, seed) = (hex("9bbe436ba940f017b17652849a71db35"), hex("a0ba9f936cda311827a6f796ffd5198c"));
    let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af\
                    0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
                    87347b66";
    assert_eq!(prf::prf(&secret, b"test label", &seed, 100), hex(expected));
}

/// RFC 6979, appendix A.2.5, SHA-256, "sample".
#[test]
fn a_deterministic_signature() {
    let key = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let key = SigningKey::from_slice(&key).expect("a key");
    let r = hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
    let s = hex("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
    // Both are DER integers whose highest bit is set.
    let expected = [&[0x30, 0x46, 0x02, 0x21, 0x00][..], &r, &[0x02, 0x21, 0x00], &s].concat();
    let signature = proof::sign(&key, b"sample");
    assert_eq!(signature, expected);
    assert!(proof::is_signed_by(&proof::spki(&key), b"sample", &signature));
    assert!(!proof::is_signed_by(&proof::spki(&key), b"Sample", &signature));
}

/// RFC 4279, section 2, by its words: length, zeros, length, key.
#[test]
fn the_premaster_secret_of_a_pre_shared_key() {
    assert_eq!(prf::psk_premaster(&[7, 8, 9]), [0, 3, 0, 0, 0, 0, 3, 7, 8, 9]);
}

#[test]
fn a_point_off_the_curve_is_none() {
    let key = proof::secret_key(&mut crate::puppet::wire::SplitMix(1));
    assert_eq!(proof::agree(&key, &proof::point_off_the_curve()), None);
    assert!(proof::agree(&key, &proof::point_of(&key)).is_some());
}
