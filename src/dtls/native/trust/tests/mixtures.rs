//! Chains put together by chance from all that a certificate may say: both engines accept, or both refuse.

use std::sync::OnceLock;

use openssl::pkey::{PKey, Private};
use openssl::x509::extension::KeyUsage;
use proptest::prelude::*;

use super::{ACCEPTED, Word, judge};
use crate::dtls::certificate::CertificateFault;
use crate::dtls::tests::pki::{Holder, Wish, key};

/// What one certificate of a mixture says.
#[derive(Clone, Copy, Debug)]
struct Says {
    is_authority: bool,
    path_length: Option<u32>,
    /// Signatures, agreement, certificates.
    usage: Option<(bool, bool, bool)>,
    is_for_servers_only: bool,
    days: (i64, i64),
    is_version_1: bool,
}

/// Mostly harmless, so that more than one thing is seldom wrong.
fn says(is_authority: bool) -> impl Strategy<Value = Says> {
    let usage =
        proptest::option::weighted(0.3, (proptest::bool::weighted(0.8), any::<bool>(), proptest::bool::weighted(0.8)));
    let usage = usage.prop_map(|usage| usage.filter(|(signs, agrees, certifies)| *signs || *agrees || *certifies));
    (
        proptest::bool::weighted(if is_authority { 0.95 } else { 0.02 }),
        proptest::option::weighted(0.2, 0u32..3),
        usage,
        proptest::bool::weighted(0.05),
        prop_oneof![20 => Just((-10, 10)), 1 => Just((-10, -1)), 1 => Just((1, 10))],
        proptest::bool::weighted(0.02),
    )
        .prop_map(|(is_authority, path_length, usage, is_for_servers_only, days, is_version_1)| Says {
            is_authority,
            path_length,
            usage,
            is_for_servers_only,
            days,
            is_version_1,
        })
}

fn keys() -> &'static [PKey<Private>; 6] {
    static KEYS: OnceLock<[PKey<Private>; 6]> = OnceLock::new();
    KEYS.get_or_init(|| [(); 6].map(|()| key()))
}

fn wish(says: Says, name: &'static str, key: usize) -> Wish {
    let key_usage = says.usage.map(|(signs, agrees, certifies)| {
        let mut usage = KeyUsage::new();
        if signs {
            usage.digital_signature();
        }
        if agrees {
            usage.key_agreement();
        }
        if certifies {
            usage.key_cert_sign();
        }
        usage
    });
    // Version 1 has no extensions (RFC 5280, section 4.1.2.1).
    if says.is_version_1 {
        return Wish { version: 0, name, days: says.days, key: keys()[key].clone(), ..Wish::default() };
    }
    Wish {
        name,
        days: says.days,
        is_authority: says.is_authority,
        path_length: says.path_length,
        key_usage,
        is_for_servers_only: says.is_for_servers_only,
        key: keys()[key].clone(),
        ..Wish::default()
    }
}

const NAMES: [&str; 4] = ["root", "a", "b", "c"];

/// A leaf below so many authorities; one key may be another's, so that a signature is wrong.
fn build(leaf: Says, authorities: &[Says], stolen: Option<usize>) -> (Holder, Holder) {
    let mut above: Option<Holder> = None;
    let mut root = None;
    for (depth, says) in authorities.iter().enumerate() {
        let wish = wish(*says, NAMES[depth], depth);
        let mut holder = match &above {
            Some(above) => wish.issued_by(above),
            None => wish.self_signed(),
        };
        root.get_or_insert_with(|| holder.clone());
        if stolen == Some(depth) {
            holder.key = keys()[5].clone();
        }
        above = Some(holder);
    }
    let device = wish(leaf, "device", 4).issued_by(&above.unwrap());
    (root.unwrap(), device)
}

/// The one thing that is expected beyond OpenSSL's rules: see `differences`.
fn is_explained(words: (Word, Word)) -> bool {
    match words {
        (Some(Err(CertificateFault::NotEvaluated)), Some(Ok(()))) => true,
        // Two faults: the engines name either.
        (Some(Err(_)), Some(Err(_))) => true,
        (native, openssl) => native == openssl,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn both_accept_or_both_refuse(
        leaf in says(false),
        authorities in proptest::collection::vec(says(true), 1..4),
        stolen in proptest::option::weighted(0.1, 0usize..3),
        anchor in 0usize..8,
    ) {
        let (root, device) = build(leaf, &authorities, stolen);
        // The anchor is the root, mostly; else one of the chain's.
        let anchors = match device.der().get(anchor) {
            Some(one) => vec![one.clone()],
            None => root.der(),
        };
        let words = judge(&anchors, &device.der());
        prop_assert!(is_explained(words), "{words:?}");
        let faults = [leaf].iter().chain(&authorities).all(|says| {
            says.days == (-10, 10) && !says.is_version_1 && !says.is_for_servers_only && says.usage.is_none()
                && says.path_length.is_none()
        });
        if faults && !leaf.is_authority && authorities.iter().all(|says| says.is_authority) && stolen.is_none() {
            prop_assert_eq!(words, (ACCEPTED, ACCEPTED));
        }
    }
}
