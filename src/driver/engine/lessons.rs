//! [`Lessons`]: what sessions learn of clients, from their look-up until the store has it.
//!
//! A session reports all that is known of its client after it. To tell what the client has shown from what was taken for
//! granted, what the session started from is kept until it ends.

use std::collections::HashMap;
use std::time::SystemTime;

use crate::bootstrap::SessionId;
use crate::provision::{ClientKnowledge, Inheritance, LearnedKnowledge};
use crate::store::DeviceLearned;

/// What running sessions started from, and what ended ones have learned. The former is bounded by the number of sessions,
/// the latter by how often it is taken.
#[derive(Default)]
pub(super) struct Lessons {
    running: HashMap<SessionId, Inheritance>,
    unwritten: HashMap<String, DeviceLearned>,
}

impl Lessons {
    /// A session starts from this.
    pub(super) fn begin(&mut self, session: SessionId, inheritance: Inheritance) {
        self.running.insert(session, inheritance);
    }

    /// A session is over. `device` is the endpoint of the device that it served, and `now` all that is known of its client,
    /// where the session has changed that.
    pub(super) fn end(&mut self, session: SessionId, device: Option<&str>, now: Option<&ClientKnowledge>) {
        let start = self.running.remove(&session).unwrap_or_default();
        let (Some(endpoint), Some(now)) = (device, now) else { return };
        let learned = start.learn(now);
        let (endpoint, at) = (endpoint.to_owned(), SystemTime::now().into());
        self.unwritten.insert(endpoint.clone(), DeviceLearned { endpoint, model: start.model, learned, at });
    }

    /// What is known of a device and has not reached the store.
    pub(super) fn unwritten(&self, endpoint: &str) -> Option<LearnedKnowledge> {
        self.unwritten.get(endpoint).map(|lesson| lesson.learned.clone())
    }

    /// Drops what no store has yet. What a running session learns is kept all the same.
    pub(super) fn forget(&mut self, endpoint: &str) {
        self.unwritten.remove(endpoint);
    }

    /// What is to be written.
    pub(super) fn take(&mut self) -> Vec<DeviceLearned> {
        self.unwritten.drain().map(|(_, lesson)| lesson).collect()
    }
}
