//! A chain that nobody signed, with names that lead to the anchor in many ways: webpki goes each of them, and each begins
//! with the same wrong signatures.

use std::collections::BTreeSet;

use super::super::certificate::Certificate;
use super::super::signatures::Signatures;
use super::super::{seconds_since_epoch, verify_path};
use crate::dtls::certificate::CertificateFault;
use crate::dtls::tests::pki::{Pki, Wish, authority, wall_clock};

#[test]
fn no_wrong_signature_of_a_chain_is_computed_twice() {
    let pki = Pki::new();
    let own = |name| authority(name).self_signed();
    let below = |name, above| authority(name).issued_by(&own(above));
    let leaf = Wish::default().issued_by(&own("a"));
    let forged = [own("a"), below("a", "b"), own("b"), below("b", "c"), own("c"), below("c", "root"), own("root")];
    let read = |der: Vec<u8>| Certificate::read(der).unwrap();
    let firsts = [&leaf].into_iter().chain(&forged).chain([&pki.root]);
    let path: Vec<Certificate> = firsts.map(|holder| read(holder.der().remove(0))).collect();
    let signatures = Signatures::default();
    let chain = signatures.of_chain(&path[0].der);
    let path: Vec<&Certificate> = path.iter().collect();
    let word = verify_path(&path, seconds_since_epoch(wall_clock()), &chain);
    assert_eq!(word, Err(CertificateFault::BadSignature));
    let computed = chain.wrong();
    assert_eq!(computed.iter().collect::<BTreeSet<_>>().len(), computed.len(), "none twice");
    assert_eq!(computed.len(), 2, "both certificates that name the anchor as their issuer");
}
