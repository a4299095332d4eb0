//! The server against OpenSSL clients, in memory: every datagram passes through the hands of the test.

mod bounds;
mod certificates;
mod chains;
mod client;
mod handshake;
mod hostile;
mod loss;
pub(super) mod pki;
mod raw_keys;
mod reboot;
mod world;
