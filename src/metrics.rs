//! Counters that the rooms increase and `status` shows. A leaf.
//!
//! A [`Counter`] may be shared between threads; reading it never blocks whoever counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number of events since the process started.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one event.
    pub fn increase(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number so far.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
