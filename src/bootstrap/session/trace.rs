//! The trace of one session: every operation in order, with what became of it.
//!
//! It never holds a payload, and is bounded: a client that answers in thousands of blocks must not fill the memory of
//! the history.

use std::time::Instant;

use crate::bootstrap::outcome::Step;
use crate::coap::Code;

/// Steps that are kept of one session.
const LONGEST_TRACE: usize = 128;

/// The steps of one session so far.
#[derive(Default)]
pub(super) struct Trace {
    steps: Vec<Step>,
    /// Where the client went since the latest step; the next one says so.
    moved_to: Option<String>,
}

impl Trace {
    /// Adds a step; beyond the bound the last one says that there were more.
    pub(super) fn push(&mut self, mut step: Step) {
        if let Some(address) = self.moved_to.take() {
            // Before what it said there.
            let more = step.note.map(|note| format!("; {note}")).unwrap_or_default();
            step.note = Some(format!("the client moved to {address}{more}"));
        }
        if self.steps.len() < LONGEST_TRACE {
            self.steps.push(step);
        } else if let Some(last) = self.steps.last_mut() {
            last.note = Some("further steps are not listed".to_owned());
        }
    }

    /// The client is somewhere else now. That is no operation, and so no step: it is noted at the one under way.
    pub(super) fn moved(&mut self, address: String) {
        self.moved_to = Some(address);
    }

    /// Adds what became of one of our requests, which was first sent at a time and sent again so often. `code` is none where the client was silent or sent Reset.
    pub(super) fn record(
        &mut self,
        now: Instant,
        operation: String,
        (started, retransmissions): (Instant, u32),
        bytes: usize,
        code: Option<Code>,
        note: Option<String>,
    ) {
        self.push(Step {
            operation,
            bytes,
            code: code.map(|code| code.to_string()),
            duration: now - started,
            retransmissions,
            note,
        });
    }

    /// Adds to what is said of the latest step.
    pub(super) fn note(&mut self, words: &str) {
        if let Some(step) = self.steps.last_mut() {
            let note = step.note.get_or_insert_default();
            note.push_str(if note.is_empty() { "" } else { "; " });
            note.push_str(words);
        }
    }

    /// All steps.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Takes the steps out.
    pub(super) fn take(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }
}
