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

#[cfg(test)]
mod tests {
    use super::{ClientKnowledge, Inheritance, Lessons};
    use crate::bootstrap::SessionId;

    fn block_size(bytes: u16) -> ClientKnowledge {
        ClientKnowledge { block_size: Some(bytes), ..ClientKnowledge::default() }
    }

    fn inheritance() -> Inheritance {
        let kind = ClientKnowledge { refuses_discover: true, ..ClientKnowledge::default() };
        Inheritance { model: Some("m".to_owned()), kind, ..Inheritance::default() }
    }

    #[test]
    fn what_a_session_learned_is_there_at_once_and_taken_once() {
        let mut lessons = Lessons::default();
        let now = inheritance().together().or(&block_size(64));
        lessons.begin(SessionId(1), inheritance());
        lessons.begin(SessionId(2), inheritance());
        lessons.end(SessionId(1), Some("a"), Some(&now));
        let learned = lessons.unwritten("a").unwrap();
        assert_eq!((&learned.shown, &learned.inherited), (&block_size(64), &inheritance().kind));
        assert_eq!(lessons.unwritten("b"), None);
        let taken = lessons.take();
        assert_eq!(taken.len(), 1);
        assert_eq!(
            (taken[0].endpoint.as_str(), taken[0].model.as_deref(), &taken[0].learned),
            ("a", Some("m"), &learned)
        );
        assert_eq!((lessons.take().len(), lessons.unwritten("a")), (0, None));
    }

    #[test]
    fn a_session_that_learned_nothing_leaves_nothing_behind_and_one_that_is_forgotten_neither() {
        let mut lessons = Lessons::default();
        for (session, device, now) in [(1, Some("a"), None), (2, None, Some(block_size(64))), (3, None, None)] {
            lessons.begin(SessionId(session), inheritance());
            lessons.end(SessionId(session), device, now.as_ref());
        }
        assert!(lessons.running.is_empty() && lessons.take().is_empty());
        lessons.end(SessionId(9), Some("b"), Some(&block_size(64)));
        assert_eq!(lessons.unwritten("b").unwrap().shown, block_size(64), "one whose beginning is not known");
        lessons.forget("b");
        assert!(lessons.take().is_empty());
    }
}
