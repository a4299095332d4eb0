//! `Timing`: the transmission parameters and what follows from them.
//!
//! RFC 7252 section 4.8; spec sheet `transport.md`, section 1.

use std::time::Duration;

/// MAX_LATENCY: the longest that a datagram is expected to be on its way (RFC 7252 section 4.8.2).
const MAX_LATENCY_SECONDS: f64 = 100.0;

/// No derived time is longer than this, so that no configuration can overflow a clock: about three years.
const LONGEST_SECONDS: f64 = 1e8;

/// The transmission parameters of RFC 7252 section 4.8. They may be changed per listener; slow networks need it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// ACK_TIMEOUT: the least time to wait for the first acknowledgement.
    pub ack_timeout: Duration,
    /// ACK_RANDOM_FACTOR: the first wait is random between ACK_TIMEOUT and this many times ACK_TIMEOUT; at least 1.
    pub ack_random_factor: f64,
    /// MAX_RETRANSMIT: how often a message is sent again before it is given up.
    pub max_retransmit: u32,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing { ack_timeout: Duration::from_secs(2), ack_random_factor: 1.5, max_retransmit: 4 }
    }
}

impl Timing {
    /// MAX_TRANSMIT_SPAN: from the first transmission of a confirmable message to its last one.
    pub fn max_transmit_span(&self) -> Duration {
        bounded(self.span_seconds(self.max_retransmit))
    }

    /// MAX_TRANSMIT_WAIT: from the first transmission of a confirmable message until it is given up.
    pub fn max_transmit_wait(&self) -> Duration {
        bounded(self.span_seconds(self.max_retransmit.saturating_add(1)))
    }

    /// EXCHANGE_LIFETIME: how long the message id of a confirmable message must not be used again.
    pub fn exchange_lifetime(&self) -> Duration {
        let processing_delay = self.ack_timeout.as_secs_f64();
        bounded(self.span_seconds(self.max_retransmit) + 2.0 * MAX_LATENCY_SECONDS + processing_delay)
    }

    /// NON_LIFETIME: the same for a non-confirmable message.
    pub fn non_lifetime(&self) -> Duration {
        bounded(self.span_seconds(self.max_retransmit) + MAX_LATENCY_SECONDS)
    }

    /// The first wait for an acknowledgement, for a random number from 0 to 1 (RFC 7252 section 4.2).
    pub fn first_timeout(&self, random: f64) -> Duration {
        let factor = 1.0 + (self.ack_random_factor - 1.0).max(0.0) * random.clamp(0.0, 1.0);
        bounded(self.ack_timeout.as_secs_f64() * factor)
    }

    /// ACK_TIMEOUT * (2^doublings - 1) * ACK_RANDOM_FACTOR
    fn span_seconds(&self, doublings: u32) -> f64 {
        let waits = 2_f64.powi(doublings.min(64) as i32) - 1.0;
        self.ack_timeout.as_secs_f64() * waits * self.ack_random_factor.max(1.0)
    }
}

/// A duration of at most [`LONGEST_SECONDS`]; what is no number counts as nothing.
fn bounded(seconds: f64) -> Duration {
    let seconds = if seconds.is_nan() { 0.0 } else { seconds };
    Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::Timing;
    use std::time::Duration;

    #[test]
    fn defaults_give_the_times_of_the_rfc() {
        let timing = Timing::default();
        assert_eq!(timing.max_transmit_span(), Duration::from_secs(45));
        assert_eq!(timing.max_transmit_wait(), Duration::from_secs(93));
        assert_eq!(timing.exchange_lifetime(), Duration::from_secs(247));
        assert_eq!(timing.non_lifetime(), Duration::from_secs(145));
    }

    #[test]
    fn the_first_wait_lies_between_the_timeout_and_its_random_factor() {
        let timing = Timing::default();
        let table = [(0.0, 2000), (0.5, 2500), (1.0, 3000), (7.0, 3000), (-1.0, 2000)];
        for (random, milliseconds) in table {
            assert_eq!(timing.first_timeout(random), Duration::from_millis(milliseconds));
        }
    }

    #[test]
    fn no_configuration_overflows() {
        for ack_random_factor in [f64::MAX, f64::NAN, f64::NEG_INFINITY] {
            let timing = Timing { ack_timeout: Duration::MAX, ack_random_factor, max_retransmit: u32::MAX };
            let longest = Duration::from_secs(100_000_000);
            assert_eq!(timing.exchange_lifetime(), longest);
            assert_eq!(timing.max_transmit_wait(), longest);
            assert_eq!(timing.first_timeout(f64::NAN).min(longest), timing.first_timeout(f64::NAN));
        }
    }
}
