//! `[limits]`, and timings for which no client waits.

use std::time::Duration;

use super::{SOUND, parse, said};
use crate::config::Limits;

#[test]
fn what_is_said_of_limits_is_taken_and_what_is_left_out_is_the_servers() {
    assert_eq!(parse(SOUND).unwrap().limits, Limits::default());
    let text = "[limits]\nsessions = 500\nqueue = 0\nnetwork_share = 50\nloop_sessions = 5\nloop_window = 300\n\
                loop_longest_silence = 0\n";
    assert_eq!(
        parse(&format!("{text}{SOUND}")).unwrap().limits,
        Limits {
            sessions: Some(500),
            queue: Some(0),
            network_share: Some(50),
            loop_sessions: Some(5),
            loop_window: Some(Duration::from_secs(300)),
            loop_longest_silence: Some(Duration::ZERO),
        }
    );
}

#[test]
fn limits_that_make_no_sense_are_named() {
    for (line, expected) in [
        ("sessions = 0", "`sessions` must be from 1 to 1000000"),
        ("queue = 2000000", "`queue` must be from 0 to 1000000"),
        ("network_share = 101", "`network_share` must be from 1 to 100 percent"),
        ("loop_sessions = 1", "`loop_sessions` must be from 2 to 1000"),
        ("loop_window = 5", "`loop_window` must be from 60 to 86400 seconds"),
        ("loop_longest_silence = 7200", "`loop_longest_silence` must be from 0 to 3600 seconds"),
        ("session = 1", "unknown key `session`"),
    ] {
        let said = said(&format!("[limits]\n{line}\n{SOUND}")).join("\n");
        assert!(said.contains("2:") && said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn a_timing_that_clients_do_not_wait_for_is_refused_and_the_error_says_what_fits() {
    let listener = |lines: &str| format!("{SOUND}[[listen]]\nbind = \"[::]:5685\"\n{lines}\n");
    for (lines, expected) in [
        ("ack_timeout = 60\nmax_retransmit = 4", "`max_retransmit` can be at most 0"),
        ("ack_timeout = 10\nmax_retransmit = 3", "could take 225 seconds"),
        ("ack_timeout = 10\nmax_retransmit = 3", "`max_retransmit` can be at most 2"),
        ("max_retransmit = 6", "`max_retransmit` can be at most 5"),
        ("ack_timeout = 60\nack_random_factor = 10", "a smaller `ack_random_factor`"),
    ] {
        let said = said(&listener(lines)).join("\n");
        assert!(said.contains(expected), "{lines}: {said}");
    }
    for (lines, max_retransmit) in [("ack_timeout = 60", 0), ("ack_timeout = 10", 2), ("ack_timeout = 1", 4)] {
        let config = parse(&listener(lines)).unwrap();
        assert_eq!(config.listeners[1].max_retransmit, max_retransmit, "{lines}");
    }
}
