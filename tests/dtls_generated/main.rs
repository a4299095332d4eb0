//! The bodies of the native engine's fuzz targets, with inputs from a seeded generator: no instrumented build and no
//! nightly compiler, every run repeats anywhere, and millions of them take minutes.
//!
//! `RUNS=10000000 cargo test --release --no-default-features --features dtls --test dtls_generated`; without `RUNS` 100,000
//! of each, and 500 in a build without optimisation. A failure says the input in hexadecimal, to be kept under
//! `fuzz/corpus`.

mod generator;
#[path = "../../fuzz/native/mod.rs"]
mod native;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use generator::Generator;

fn runs() -> u64 {
    let by_default = if cfg!(debug_assertions) { 500 } else { 100_000 };
    std::env::var("RUNS").map_or(by_default, |runs| runs.parse().expect("RUNS is a number"))
}

/// Gives a target's body as many inputs as are wanted, on all processors.
fn run(target: &str) {
    let (_, body) = native::TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target");
    let generator = Generator::of(target);
    let (runs, threads) = (runs(), thread::available_parallelism().map_or(1, |count| count.get() as u64));
    thread::scope(|scope| {
        for first in 0..threads {
            let generator = &generator;
            scope.spawn(move || {
                for number in (first..runs).step_by(threads as usize) {
                    let input = generator.input(number);
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(&input))) {
                        let hexadecimal: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
                        eprintln!("{target}, input {number}: {hexadecimal}");
                        resume_unwind(panic);
                    }
                }
            });
        }
    });
    println!("{target}: {runs} inputs");
}

#[test]
fn nothing_comes_of_the_records_of_strangers() {
    run("dtls_native_records");
}

#[test]
fn only_the_proper_handshake_is_believed() {
    run("dtls_native_handshake");
}

#[test]
fn what_was_said_arrives_once_and_nothing_else_does() {
    run("dtls_native_established");
}

#[test]
fn only_the_newest_genuine_record_moves_anybody() {
    run("dtls_native_connection_id");
}
