//! Every client that there is against the whole server: each preset of the simulator is bootstrapped under every option of
//! a profile that can suit it, twice, and holds its provision each time; and so is a client that takes blocks, asks for
//! packs and answers Finish in any of the ways that there are.
//!
//! Spec sheets `clients.md` and `bootstrap.md`, section 16. What does not suit a client stands in the module with its
//! reason. It may end otherwise, but never with a client that holds less and a server that calls it completed.

mod answers;
mod blocks;
mod outcome;
mod packs;
mod profiles;

#[path = "../support/fixtures.rs"]
#[expect(dead_code, reason = "the fixtures serve the tables as well")]
mod fixtures;
#[path = "../support/simulated.rs"]
mod simulated;
