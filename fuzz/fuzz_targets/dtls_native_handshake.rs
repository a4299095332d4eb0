//! Fuzz target: see `native/handshake.rs`.
#![no_main]

#[path = "../native/mod.rs"]
#[allow(dead_code)]
mod native;

libfuzzer_sys::fuzz_target!(|data: &[u8]| native::handshake(data));
