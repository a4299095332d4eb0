//! The server against OpenSSL clients, in memory: every datagram passes through the hands of the test. The room includes
//! this module twice, once for each engine.

mod bounds;
mod certificates;
mod chains;
mod client;
mod failures;
mod handshake;
mod hostile;
mod loss;
pub(super) mod pki;
mod raw_keys;
mod reboot;
mod world;

use super::EngineKind;

/// The engine that is tested, by the name under which this module is included.
const ENGINE: EngineKind = match module_path!().as_bytes() {
    [.., b':', b':', b'n', b'a', b't', b'i', b'v', b'e', b'_', b't', b'e', b's', b't', b's'] => EngineKind::Native,
    _ => EngineKind::OpenSsl,
};

/// Whether the engine serves suites with CBC, keys on P-384 and a clock of its own.
fn is_openssl() -> bool {
    ENGINE == EngineKind::OpenSsl
}
