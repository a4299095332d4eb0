//! Every kind of key file and chain; signatures are checked by OpenSSL.

use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use openssl::symm::Cipher;

use super::ServerIdentity;
use crate::dtls::certificate::Identity;
use crate::dtls::tests::pki::{Holder, Pki, Wish, authority, key, key_on};
use crate::secret::Secret;

fn load(chain: Vec<Vec<u8>>, key: Vec<u8>, raw_public_keys: bool) -> Result<ServerIdentity, String> {
    let identity = Identity { chain, private_key: Secret::new(key) };
    ServerIdentity::load(&identity, raw_public_keys).map_err(|error| error.to_string())
}

fn sec1(key: &PKey<Private>) -> Vec<u8> {
    key.ec_key().unwrap().private_key_to_der().unwrap()
}

#[test]
fn each_form_of_a_key_signs_what_its_certificate_proves() {
    let Pki { server, .. } = Pki::new();
    for der in [sec1(&server.key), server.key.private_key_to_pkcs8().unwrap(), without_public_key(&server.key)] {
        let identity = load(server.der(), der, false).unwrap();
        assert_eq!((identity.chain(), identity.public_key()), (&server.der()[..], &server.spki()[..]));
        let signature = identity.sign(b"parameters").unwrap();
        let proves = |message: &[u8]| {
            let key = server.chain[0].public_key().unwrap();
            let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
            verifier.update(message).unwrap();
            verifier.verify(&signature).unwrap()
        };
        assert!(proves(b"parameters") && !proves(b"perimeters"));
    }
}

/// PKCS #8 around ECPrivateKey without the optional public key (RFC 5915, section 3).
fn without_public_key(key: &PKey<Private>) -> Vec<u8> {
    let scalar = key.ec_key().unwrap().private_key().to_vec_padded(32).unwrap();
    let head = [0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86];
    let rest = [0x48, 0xce, 0x3d, 3, 1, 7, 4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 0x20];
    [&head[..], &rest, &scalar].concat()
}

#[test]
fn what_is_no_key_of_the_server_is_refused() {
    let Pki { server, .. } = Pki::new();
    let p384 = key_on(Nid::SECP384R1);
    let encrypted = server.key.private_key_to_pkcs8_passphrase(Cipher::aes_128_cbc(), b"passphrase").unwrap();
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let good = sec1(&server.key);
    for (case, key, words) in [
        ("garbage", b"key".to_vec(), "private key is none"),
        ("nothing", vec![], "private key is none"),
        ("a tail", [&good[..], &[0]].concat(), "private key is none"),
        ("cut", good[..good.len() - 1].to_vec(), "private key is none"),
        ("encrypted", encrypted, "private key is none"),
        ("RSA", rsa.private_key_to_pkcs8().unwrap(), "private key is none"),
        ("RSA in PKCS #1", rsa.rsa().unwrap().private_key_to_der().unwrap(), "private key is none"),
        ("Ed25519", PKey::generate_ed25519().unwrap().private_key_to_pkcs8().unwrap(), "private key is none"),
        ("a public key", server.spki(), "private key is none"),
        ("P-384", sec1(&p384), "another curve"),
        ("P-384 in PKCS #8", p384.private_key_to_pkcs8().unwrap(), "another curve"),
        ("secp256k1", sec1(&key_on(Nid::SECP256K1)), "another curve"),
        ("another's public half", with_foreign_public_key(&server.key), "private key is none"),
        ("another's", sec1(&key()), "does not belong"),
    ] {
        let error = load(server.der(), key, true).err();
        assert!(error.as_ref().is_some_and(|error| error.contains(words)), "{case}: {error:?}");
    }
}

/// The scalar of one key beside the point of another.
fn with_foreign_public_key(own: &PKey<Private>) -> Vec<u8> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let foreign = key().ec_key().unwrap();
    let own = own.ec_key().unwrap();
    EcKey::from_private_components(&group, own.private_key(), foreign.public_key())
        .unwrap()
        .private_key_to_der()
        .unwrap()
}

#[test]
fn chains() {
    let root = authority("root").self_signed();
    let between = authority("between").issued_by(&root);
    let server = Wish { name: "server", ..Wish::default() }.issued_by(&between);
    let der = server.der();
    let key = || sec1(&server.key);
    let with_root = [&der[..], &root.der()[..]].concat();
    assert_eq!(load(with_root, key(), false).unwrap().chain(), der, "a root is not sent");
    let Holder { chain, key: own } = Wish { name: "server", ..Wish::default() }.self_signed();
    let alone = vec![chain[0].to_der().unwrap()];
    assert_eq!(load(alone.clone(), sec1(&own), false).unwrap().chain(), alone, "the leaf is sent, whoever issued it");

    assert!(load(vec![], key(), false).err().unwrap().contains("no certificate"));
    let raw = load(vec![], key(), true).unwrap();
    assert_eq!((raw.chain().len(), raw.public_key()), (0, &server.spki()[..]));

    let garbage = vec![der[0].clone(), vec![1]];
    assert!(load(garbage, key(), false).err().unwrap().contains("certificate 2"));
    let tail = vec![[&der[0][..], &[0]].concat()];
    assert!(load(tail, key(), false).err().unwrap().contains("certificate 1"));
    assert!(load(vec![der[1].clone(), der[0].clone()], key(), false).err().unwrap().contains("does not belong"));
}
