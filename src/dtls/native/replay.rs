//! Which records of one epoch have been seen (RFC 6347, section 4.1.2.6): a window of 64 behind the newest.
//!
//! The window knows numbers only. A record moves it after its tag has been found genuine, never before: otherwise one
//! forged record with a high number would shut out everything that the peer really sends.

/// How many numbers, the newest included, are told apart. What is older counts as seen.
const WIDTH: u64 = 64;

/// The window of one direction and epoch.
pub(super) struct ReplayWindow {
    /// Means nothing while `seen` is empty.
    newest: u64,
    /// Bit `n` is set when the record `newest - n` has been seen; bit 0 therefore from the first record on.
    seen: u64,
}

impl ReplayWindow {
    /// A window that has seen nothing.
    pub(super) fn new() -> ReplayWindow {
        ReplayWindow { newest: 0, seen: 0 }
    }

    /// Whether a record with this number may still be new: asked before its tag is checked, so that repetitions cost
    /// no cryptography.
    pub(super) fn admits(&self, sequence: u64) -> bool {
        if self.is_beyond(sequence) {
            return true;
        }
        let age = self.newest - sequence;
        age < WIDTH && self.seen >> age & 1 == 0
    }

    /// Notes a record that was admitted and has been found genuine. Returns whether it is the newest so far, which is
    /// what a change of address demands (RFC 9146, section 6).
    pub(super) fn accept(&mut self, sequence: u64) -> bool {
        if self.is_beyond(sequence) {
            let step = sequence - self.newest;
            self.seen = if step < WIDTH { self.seen << step | 1 } else { 1 };
            self.newest = sequence;
            return true;
        }
        let age = self.newest - sequence;
        if age < WIDTH {
            self.seen |= 1 << age;
        }
        false
    }

    fn is_beyond(&self, sequence: u64) -> bool {
        self.seen == 0 || sequence > self.newest
    }
}

#[cfg(test)]
mod tests;
