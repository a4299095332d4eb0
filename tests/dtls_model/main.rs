//! The state machines of both DTLS engines, learned from the running engines by asking them (README.md), are the reviewed
//! ones that stand here, and the only way to application data in them is the proper one.

mod client;
mod input;
mod learner;
mod machine;
#[path = "../support/puppet/mod.rs"]
mod puppet;
mod system;

use std::fs;
use std::path::Path;

use bootstrapd::dtls::EngineKind;

use crate::machine::Machine;
use crate::system::{Credentials, System};

/// Learns and compares; what was learned is left in target/dtls_model/.
fn check(engine: EngineKind, credentials: Credentials, name: &str) {
    let (proper, required) = proper_words(credentials);
    let machine = Machine::learned(&learner::learn(&mut System::new(engine, credentials), &proper));
    let learned = machine.write();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = root.join("tests/dtls_model").join(format!("{name}.model"));
    let kept = fs::read_to_string(&place).unwrap_or_default();
    let difference = machine::difference(&kept, &learned);
    let left = root.join("target/dtls_model").join(format!("{name}.model"));
    fs::create_dir_all(left.parent().expect("a directory")).expect("can be made");
    fs::write(&left, &learned).expect("can be written");
    assert!(machine.delivers(), "{name}: the client of the test never gets through");
    let shortcuts = machine.shortcuts(&required);
    assert!(shortcuts.is_empty(), "{name}: application data without a proper handshake:\n{}", shortcuts.join("\n"));
    if let Some(difference) = difference {
        panic!(
            "{name}: the engine is not what {} says ('-'), but what {} says ('+'):\n{difference}",
            place.display(),
            left.display()
        );
    }
}

/// A handshake and a word on it, and what of that must have been said right before the word is heard.
fn proper_words(credentials: Credentials) -> (Vec<&'static str>, Vec<&'static str>) {
    let proof: &[&str] = match credentials {
        Credentials::Psk => &["ClientKeyExchange"],
        Credentials::Rpk | Credentials::X509 => &["Certificate", "ClientKeyExchange", "CertificateVerify"],
    };
    let required = [&["ClientHello+cookie"], proof, &["ChangeCipherSpec", "{Finished}"]].concat();
    let proper = [&["ClientHello"], &required[..], &["{ApplicationData}"]].concat();
    (proper, required)
}

#[test]
fn native_with_a_pre_shared_key() {
    check(EngineKind::Native, Credentials::Psk, "psk.native");
}

#[test]
fn native_with_a_raw_public_key() {
    check(EngineKind::Native, Credentials::Rpk, "rpk.native");
}

#[test]
fn native_with_a_certificate() {
    check(EngineKind::Native, Credentials::X509, "x509.native");
}

#[cfg(feature = "openssl")]
mod openssl {
    use super::*;

    #[test]
    fn openssl_with_a_pre_shared_key() {
        check(EngineKind::OpenSsl, Credentials::Psk, "psk.openssl");
    }

    #[test]
    fn openssl_with_a_raw_public_key() {
        check(EngineKind::OpenSsl, Credentials::Rpk, "rpk.openssl");
    }

    #[test]
    fn openssl_with_a_certificate() {
        check(EngineKind::OpenSsl, Credentials::X509, "x509.openssl");
    }
}
