//! The bootstrap cases of OMA's enabler test specification (ETS), by their ids, against the simulated client.
//!
//! Spec sheet `ets.md`. The pass criteria are checked from the messages that cross, which are decoded here. Where a case
//! has steps of the client or of a management server alone, the test begins or ends where the Bootstrap-Server does. What
//! stands for each case is told in `README.md` beside this file, which a test compares with the others.

#[path = "../support/fixtures.rs"]
#[expect(dead_code, reason = "the fixtures serve the tables as well")]
mod fixtures;
#[path = "../support/link.rs"]
mod link;

mod client_initiated;
mod conformance;
mod operations;
mod pack;
mod recording;
mod triggers;
