//! `Latencies`: how long each bootstrap took, kept exactly, because p99.9 is about a few of many.

use std::time::Duration;

use serde::Serialize;

/// The durations of a run, in whole microseconds; four bytes each.
#[derive(Default)]
pub(super) struct Latencies(Vec<u32>);

/// What operators ask of them, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LatencySummary {
    /// Half of the bootstraps took no longer.
    pub p50_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// 999 of 1000 took no longer.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// The mean.
    pub mean_ms: f64,
}

impl Latencies {
    pub(super) fn record(&mut self, duration: Duration) {
        self.0.push(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX));
    }

    /// None where nothing was recorded.
    pub(super) fn summary(&mut self) -> Option<LatencySummary> {
        self.0.sort_unstable();
        let last = self.0.len().checked_sub(1)?;
        let total: u64 = self.0.iter().map(|&micros| u64::from(micros)).sum();
        // Nearest rank: the smallest value that at least this share of all values does not exceed.
        let rank = |per_mille: usize| ((last + 1) * per_mille).div_ceil(1000).saturating_sub(1);
        let at = |index: usize| f64::from(self.0[index]) / 1e3;
        Some(LatencySummary {
            p50_ms: at(rank(500)),
            p99_ms: at(rank(990)),
            p999_ms: at(rank(999)),
            max_ms: at(last),
            mean_ms: total as f64 / (last + 1) as f64 / 1e3,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Latencies, LatencySummary};

    fn summary(micros: impl Iterator<Item = u64>) -> Option<LatencySummary> {
        let mut latencies = Latencies::default();
        micros.for_each(|micros| latencies.record(Duration::from_micros(micros)));
        latencies.summary()
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let thousand = summary((1..=1000).rev().map(|step| step * 1000)).unwrap();
        assert_eq!((thousand.p50_ms, thousand.p99_ms, thousand.p999_ms), (500.0, 990.0, 999.0));
        assert_eq!((thousand.max_ms, thousand.mean_ms), (1000.0, 500.5));
        let one = summary([1500].into_iter()).unwrap();
        assert_eq!((one.p50_ms, one.p99_ms, one.p999_ms, one.max_ms, one.mean_ms), (1.5, 1.5, 1.5, 1.5, 1.5));
        let three = summary([1, 2, 3000].into_iter()).unwrap();
        assert_eq!((three.p50_ms, three.p99_ms), (0.002, 3.0));
        assert_eq!(summary(std::iter::empty()), None);
    }
}
