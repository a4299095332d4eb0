//! The DTLS client of the tests against the server: what every other test that uses it relies on.

#[path = "../support/puppet/mod.rs"]
mod puppet;

mod behaving;
mod misbehaving;
mod vectors;
mod world;
