//! Where the two engines cannot say the same, and why. Each row is a chain that is wanted seldom enough to be refused, or
//! one that OpenSSL itself judges by chance.

use openssl::bn::BigNumContext;
use openssl::ec::PointConversionForm;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

use super::{ACCEPTED, Word, firsts, judge, refused};
use crate::dtls::certificate::CertificateFault;
use crate::dtls::tests::pki::{Holder, Pki, Wish, authority, key, key_on};

struct Difference {
    case: &'static str,
    reason: &'static str,
    anchors: Vec<Vec<u8>>,
    chain: Vec<Vec<u8>>,
    native: Word,
    openssl: Word,
}

const STRICTER: (Word, Word) = (refused(CertificateFault::NotEvaluated), ACCEPTED);

fn differences() -> Vec<Difference> {
    let pki = Pki::new();
    let root = pki.root.der();
    let row = |case, reason, holder: Holder, (native, openssl)| Difference {
        case,
        reason,
        anchors: root.clone(),
        chain: holder.der(),
        native,
        openssl,
    };
    let below = |wish: Wish| Wish::default().issued_by(&wish.issued_by(&pki.root));
    let critical = |oid, content: &[u8]| Some((oid, true, content.to_vec()));
    let mut rows = vec![
        row(
            "a leaf of X.509 version 1",
            "webpki reads version 3 only; before it, nothing in a certificate says what it is for",
            Wish { version: 0, ..Wish::default() }.issued_by(&pki.root),
            STRICTER,
        ),
        row(
            "a leaf that is an authority",
            "webpki does not take the key of an authority for a device's",
            authority("device").issued_by(&pki.root),
            STRICTER,
        ),
        row(
            "a leaf on P-384",
            "P-256 is the one curve of the engine",
            Wish { key: key_on(Nid::SECP384R1), ..Wish::default() }.issued_by(&pki.root),
            (refused(CertificateFault::UnsupportedKey), ACCEPTED),
        ),
        row(
            "a leaf with a compressed point",
            "the ServerHello says that uncompressed points are read and no others (RFC 8422, section 5.1.2)",
            Wish { key: compressed(), ..Wish::default() }.issued_by(&pki.root),
            (refused(CertificateFault::UnsupportedKey), ACCEPTED),
        ),
        row("SHA-224", "webpki has no such algorithm", below_by(&pki, MessageDigest::sha224()), STRICTER),
        row(
            "an authority on secp256k1",
            "webpki has no such algorithm",
            below(Wish { key: key_on(Nid::SECP256K1), ..authority("between") }),
            STRICTER,
        ),
        row(
            "a critical certificate policy",
            "webpki evaluates no policies, and refuses what is critical and not evaluated",
            Wish { extension: critical("2.5.29.32", &[0x30, 6, 0x30, 4, 6, 2, 0x2a, 3]), ..Wish::default() }
                .issued_by(&pki.root),
            STRICTER,
        ),
        row(
            "constraints on directory names",
            "webpki compares domains and addresses only, and refuses what it does not compare",
            below(Wish {
                extension: critical("2.5.29.30", &[0x30, 8, 0xa0, 6, 0x30, 4, 0xa4, 2, 0x30, 0]),
                ..authority("narrow")
            }),
            STRICTER,
        ),
        row("seven authorities in between", "webpki follows six", deep(&pki, 7), STRICTER),
        row(
            "three authorities of one name",
            "webpki tries all of one name, each at the price of a signature, and strangers may send many",
            Wish::default().issued_by(
                &["x", "y", "x", "y", "x"]
                    .iter()
                    .fold(pki.root.clone(), |above, name| authority(name).issued_by(&above)),
            ),
            STRICTER,
        ),
        row(
            "a self-issued authority below a path of none",
            "webpki counts it, RFC 5280, section 6.1.4 (l), does not",
            {
                let upper = Wish { path_length: Some(0), ..authority("upper") }.issued_by(&pki.root);
                // The issuer of its issuer is the root: it has not signed itself.
                let name = pki.root.chain[0].subject_name().to_der().unwrap();
                let [short, long] = [name.len(), name.len() + 2].map(|length| u8::try_from(length).unwrap());
                let key_id = [&[0x30, long + 2, 0xa1, long, 0xa4, short][..], &name].concat();
                let wish = Wish { extension: Some(("2.5.29.35", false, key_id)), ..authority("upper") };
                let again = wish.issued_by(&upper);
                let mut device = Wish::default().issued_by(&again);
                device.chain.splice(1.., [again.chain[0].clone(), upper.chain[0].clone()]);
                device
            },
            (refused(CertificateFault::PathTooLong), ACCEPTED),
        ),
        row(
            "an issuer's name in other letters",
            "names are compared byte for byte, where OpenSSL folds case (RFC 5280, section 7.1)",
            Wish::default().issued_by(&Holder { chain: authority("ROOT").self_signed().chain, ..pki.root.clone() }),
            (refused(CertificateFault::UnknownIssuer), ACCEPTED),
        ),
        row(
            "two faults at once: expired, and by the root's namesake",
            "dates are cheaper to check than signatures, and come first",
            Wish { days: (-20, -1), ..Wish::default() }.issued_by(&authority("root").self_signed()),
            (refused(CertificateFault::Expired), refused(CertificateFault::BadSignature)),
        ),
    ];
    rows.push(lax_anchor());
    rows
}

fn below_by(pki: &Pki, digest: MessageDigest) -> Holder {
    Wish { digest, ..Wish::default() }.issued_by(&pki.root)
}

fn deep(pki: &Pki, authorities: usize) -> Holder {
    const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
    let last = NAMES[..authorities].iter().fold(pki.root.clone(), |above, name| authority(name).issued_by(&above));
    Wish::default().issued_by(&last)
}

/// OpenSSL writes a point in the form in which it read it: ECPrivateKey (RFC 5915, section 3) with one.
fn compressed() -> PKey<Private> {
    let key = key().ec_key().unwrap();
    let mut context = BigNumContext::new().unwrap();
    let point = key.public_key().to_bytes(key.group(), PointConversionForm::COMPRESSED, &mut context).unwrap();
    let scalar = key.private_key().to_vec_padded(32).unwrap();
    let curve = [0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 0xa1, 0x24, 3, 0x22, 0];
    let der = [&[0x30, 0x57, 2, 1, 1, 4, 0x20][..], &scalar, &curve, &point].concat();
    PKey::private_key_from_der(&der).unwrap()
}

/// An anchor with a TRUE that is none in DER (X.690, section 11.1).
fn lax_anchor() -> Difference {
    let root = authority("root").self_signed();
    let device = Wish::default().issued_by(&root);
    let mut anchor = root.der().remove(0);
    // BOOLEAN TRUE of `critical` and, after it, the content of basicConstraints.
    let place = anchor.windows(3).position(|bytes| bytes == [1, 1, 0xff]).unwrap();
    anchor[place + 2] = 1;
    Difference {
        case: "an anchor in BER",
        reason: "x509-cert reads DER only, and the operator is told when the listener starts",
        anchors: vec![anchor],
        chain: device.der(),
        native: None,
        openssl: ACCEPTED,
    }
}

#[test]
fn each_difference_is_as_it_is_explained() {
    for difference in differences() {
        let Difference { case, reason, anchors, chain, native, openssl } = difference;
        assert_eq!(judge(&anchors, &chain), (native, openssl), "{case}: native, OpenSSL ({reason})");
    }
}

#[test]
fn six_authorities_in_between_are_followed() {
    let pki = Pki::new();
    assert_eq!(judge(&pki.root.der(), &deep(&pki, 6).der()), (ACCEPTED, ACCEPTED));
}

#[test]
fn of_anchors_that_share_a_name_each_is_tried() {
    // OpenSSL tries one of them, whichever its store finds first: it accepts one of the two devices only.
    let [old, new] = [key(), key()].map(|key| Wish { key, ..authority("root") }.self_signed());
    let anchors = firsts(&[&old, &new]);
    let verdicts = [&old, &new].map(|root| judge(&anchors, &Wish::default().issued_by(root).der()));
    assert_eq!(verdicts.map(|(native, _)| native), [ACCEPTED; 2]);
    assert_eq!(verdicts.iter().filter(|(_, openssl)| *openssl == ACCEPTED).count(), 1);
    let third = authority("root").self_signed();
    assert_eq!(judge(&anchors, &Wish::default().issued_by(&third).der()).0, refused(CertificateFault::BadSignature));
}
