//! What retransmission parameters fit into a bootstrap: no client waits for ever.
//!
//! RFC 7252 sections 4.2 and 4.8.2; spec sheet `bootstrap.md`, sections 13 and 15: the whole bootstrap has 247 s, and no
//! more than 200 s may pass between two operations. The listeners of the config and the profiles are held to the same.

use std::time::Duration;

/// The longest that one exchange may take, be it answered in the last moment: no client waits longer for the next
/// operation.
pub const LONGEST_EXCHANGE: Duration = Duration::from_secs(200);

/// ACK_RANDOM_FACTOR where nothing else is said (RFC 7252 section 4.8).
pub const RANDOM_FACTOR: f64 = 1.5;

/// ACK_TIMEOUT in seconds where nothing else is said (RFC 7252 section 4.8).
pub const ACK_TIMEOUT_SECONDS: f64 = 2.0;

/// MAX_RETRANSMIT where nothing else is said and it fits (RFC 7252 section 4.8).
pub const MAX_RETRANSMIT: u32 = 4;

/// MAX_TRANSMIT_WAIT in seconds: how long one exchange takes at most, from an ACK_TIMEOUT in seconds (RFC 7252 section
/// 4.8.2).
pub fn longest_wait(ack_timeout: f64, random_factor: f64, max_retransmit: u32) -> f64 {
    ack_timeout * random_factor * (2_f64.powi(max_retransmit.saturating_add(1).min(64) as i32) - 1.0)
}

/// The most retransmissions with which an exchange fits; none where it does not fit even without one.
pub fn most_retransmissions(ack_timeout: f64, random_factor: f64) -> Option<u32> {
    let fits = |count: &u32| longest_wait(ack_timeout, random_factor, *count) < LONGEST_EXCHANGE.as_secs_f64();
    (0..=10).take_while(fits).last()
}

/// Why so many retransmissions do not fit, and how many do, as a sentence for the operator; none where they fit.
pub fn misfit(ack_timeout: f64, random_factor: f64, max_retransmit: u32) -> Option<String> {
    let most = most_retransmissions(ack_timeout, random_factor);
    if most.is_some_and(|most| max_retransmit <= most) {
        return None;
    }
    let wait = longest_wait(ack_timeout, random_factor, max_retransmit);
    let bound = LONGEST_EXCHANGE.as_secs();
    let remedy = match most {
        Some(most) => format!("with this `ack_timeout`, `max_retransmit` can be at most {most}"),
        None => "choose a shorter `ack_timeout` or a smaller `ack_random_factor`".to_owned(),
    };
    Some(format!(
        "an exchange could take {wait:.0} seconds, and clients wait less than {bound} for the next one: {remedy}"
    ))
}

#[cfg(test)]
mod tests {
    use super::{misfit, most_retransmissions};

    #[test]
    fn the_most_retransmissions_are_those_with_which_the_last_wait_ends_in_time() {
        // 2 * 1.5 * (2^6 - 1) = 189; 3 * (2^7 - 1) = 381. 60 * 1.5 = 90, and 270 with one repetition.
        for (ack_timeout, random_factor, most) in [
            (2.0, 1.5, Some(5)),
            (0.1, 1.0, Some(9)),
            (4.0, 1.5, Some(4)),
            (10.0, 1.5, Some(2)),
            (20.0, 1.5, Some(1)),
            (44.0, 1.5, Some(1)),
            (45.0, 1.5, Some(0)),
            (60.0, 1.5, Some(0)),
            (60.0, 1.0, Some(1)),
            (60.0, 10.0, None),
        ] {
            assert_eq!(most_retransmissions(ack_timeout, random_factor), most, "{ack_timeout} {random_factor}");
            if let Some(most) = most {
                assert_eq!(misfit(ack_timeout, random_factor, most), None);
                let sentence = misfit(ack_timeout, random_factor, most + 1).expect("one more is too many");
                assert!(sentence.contains(&format!("at most {most}")), "{sentence}");
            }
        }
        assert!(misfit(60.0, 10.0, 0).is_some_and(|sentence| sentence.contains("smaller `ack_random_factor`")));
    }
}
