//! Every byte of a good chain, changed: both engines refuse, and never do they part.

use super::{ACCEPTED, Trust, Word, judge};
use crate::dtls::certificate::{Offered, Verdict};
use crate::dtls::tests::pki::{Pki, Wish, authority, wall_clock};

/// One bit, the sign, all.
const CHANGES: [u8; 3] = [0x01, 0x80, 0xff];

fn word_of(trust: &Trust, chain: &[Vec<u8>]) -> Word {
    let verdict = Verdict::Unpinned { at: wall_clock() };
    Some(trust.judge(Offered::Certificate(chain.to_vec()), verdict).map(drop))
}

#[test]
fn no_changed_byte_of_a_chain_is_accepted() {
    let pki = Pki::new();
    let chain = Wish { dns: Some("device.example.com"), ..Wish::default() }
        .issued_by(&Wish { path_length: Some(1), ..authority("between") }.issued_by(&pki.root))
        .der();
    let anchors = pki.root.der();
    assert_eq!(judge(&anchors, &chain), (ACCEPTED, ACCEPTED));
    // It knows the signature on the right authority.
    let knowing = Trust::new(&anchors).unwrap();
    assert_eq!(word_of(&knowing, &chain), ACCEPTED);
    for (number, certificate) in chain.iter().enumerate() {
        for place in 0..certificate.len() {
            for change in CHANGES {
                let mut changed = chain.clone();
                changed[number][place] ^= change;
                let (native, openssl) = judge(&anchors, &changed);
                let words = (native.unwrap(), openssl.unwrap());
                assert!(matches!(words, (Err(_), Err(_))), "{number}, {place}, {change:#x}: {words:?}");
                assert_eq!(word_of(&knowing, &changed), native, "{number}, {place}, {change:#x}");
            }
        }
    }
}

/// Nobody signs an anchor, so that many a change of it goes unseen, in its own signature first of all.
#[test]
fn with_a_changed_byte_of_an_anchor_the_native_engine_accepts_no_more_than_openssl() {
    let root = authority("root").self_signed();
    let (anchor, chain) = (root.der().remove(0), Wish::default().issued_by(&root).der());
    let (mut stricter, mut laxer) = (0, Vec::new());
    for place in 0..anchor.len() {
        for change in CHANGES {
            let mut changed = anchor.clone();
            changed[place] ^= change;
            let (native, openssl) = judge(&[changed], &chain);
            match (native == ACCEPTED, openssl == ACCEPTED) {
                (true, false) => laxer.push((place, change, openssl)),
                (false, true) => stricter += 1,
                _ => {}
            }
        }
    }
    assert_eq!(laxer, []);
    // Another version, another algorithm in one of its two places, a TRUE that is not DER's, and the like.
    assert!(stricter * 10 < anchor.len() * CHANGES.len(), "{stricter} of {}", anchor.len() * CHANGES.len());
}
