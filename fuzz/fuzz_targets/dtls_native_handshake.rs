//! Fuzz target: see `native/handshake.rs`.
#![no_main]

#[path = "../native/mod.rs"]
#[allow(dead_code)]
mod native;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| native::handshake(data));

// A handshake with public keys takes ten times as long as one with a pre-shared key, so most runs are of the latter.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    if let Some(kind) = data[..size].first_mut()
        && seed % 8 > 0
        && *kind % 16 >= 14
    {
        *kind -= 14;
    }
    size
});
