//! Random sequences of events on the session server: whatever comes, it does not panic, meets its deadlines, ends every
//! session exactly once and sends no key to anybody who may not have it. The rules stand in `support/events.rs`.

#[path = "support/events.rs"]
mod events;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng};
use rand::Rng;

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_sequence_of_events_breaks_a_rule(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
        events::play(&bytes);
    }
}

/// The rules above are worth something only if the events reach all of a session.
#[test]
fn random_events_reach_nearly_every_outcome() {
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut reached = std::collections::BTreeMap::new();
    let mut keys_sent = 0;
    for _ in 0..300 {
        let mut bytes = vec![0; 800];
        rng.fill_bytes(&mut bytes);
        let summary = events::play(&bytes);
        keys_sent += summary.keys_sent;
        for (outcome, count) in summary.outcomes {
            *reached.entry(outcome).or_insert(0) += count;
        }
    }
    for outcome in [
        "completed",
        "probably_completed",
        "refused_unknown",
        "refused_identity",
        "refused_format",
        "refused_insecure",
        "invalid_provision",
        "discover_failed",
        "delete_failed",
        "write_failed",
        "finish_rejected",
        "timed_out",
        "reset",
        "superseded",
        "connection_lost",
        "internal",
    ] {
        assert!(reached.contains_key(outcome), "{outcome} is not among {reached:?}");
    }
    assert!(keys_sent > 100, "only {keys_sent} keys were sent");
}
