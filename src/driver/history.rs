//! The last sessions with their steps, newest first, in a ring of bounded length.
//!
//! What was is lost when the process ends; the last outcome of each device is in the store.

use std::collections::VecDeque;
use std::time::SystemTime;

use super::handle::SessionQuery;
use super::listener::ListenerName;
use crate::bootstrap::{Outcome, SessionReport};

/// Sessions that are remembered of clients that are on record.
const LENGTH: usize = 1_000;

/// Sessions that are remembered of strangers, who must not push the others out.
const STRANGERS: usize = 100;

/// A session and when it began.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRecord {
    /// When the Bootstrap-Request arrived, by the wall clock.
    pub started: SystemTime,
    /// Whether it has not ended yet; its report then shows the steps so far and its outcome means nothing.
    pub running: bool,
    /// Through which listener its client came.
    pub listener: ListenerName,
    /// What it did.
    pub report: SessionReport,
}

/// Ended sessions and how often each outcome occurred.
#[derive(Default)]
pub(super) struct History {
    sessions: VecDeque<SessionRecord>,
    strangers: VecDeque<SessionRecord>,
    outcomes: [u64; Outcome::ALL.len()],
}

impl History {
    /// Remembers the session of a client that is on record (`is_known`), or of a stranger.
    pub(super) fn record(&mut self, record: SessionRecord, is_known: bool) {
        self.outcomes[record.report.outcome as usize] += 1;
        let (ring, length) = if is_known { (&mut self.sessions, LENGTH) } else { (&mut self.strangers, STRANGERS) };
        if ring.len() == length {
            ring.pop_back();
        }
        ring.push_front(record);
    }

    /// Outcomes since the start, without those that never occurred.
    pub(super) fn outcomes(&self) -> Vec<(Outcome, u64)> {
        let counted = |outcome: Outcome| (outcome, self.outcomes[outcome as usize]);
        Outcome::ALL.into_iter().map(counted).filter(|(_, count)| *count > 0).collect()
    }

    pub(super) fn find(&self, id: u64) -> Option<SessionRecord> {
        self.sessions.iter().chain(&self.strangers).find(|record| record.report.id == id).cloned()
    }

    /// The sessions that the query asks for: `running` ones first, then ended ones.
    pub(super) fn select(&self, query: &SessionQuery, mut running: Vec<SessionRecord>) -> Vec<SessionRecord> {
        let newest_first = |record: &SessionRecord| std::cmp::Reverse(record.report.id);
        running.sort_by_key(newest_first);
        let mut ended: Vec<&SessionRecord> =
            self.sessions.iter().chain(&self.strangers).filter(|_| !query.running_only).collect();
        ended.sort_by_key(|record| newest_first(record));
        let wanted = |record: &SessionRecord| {
            let report = &record.report;
            let listener = record.listener.to_string();
            let texts = [
                report.endpoint.as_deref().unwrap_or_default(),
                &listener,
                &report.remote,
                report.moved_from.as_deref().unwrap_or_default(),
                &report.identity,
                report.profile.as_deref().unwrap_or_default(),
                report.outcome.name(),
                &report.reason,
            ];
            (query.endpoint.is_none() || report.endpoint == query.endpoint)
                && query.search.as_ref().is_none_or(|search| texts.iter().any(|text| text.contains(&**search)))
        };
        let ended = ended.into_iter().filter(|record| wanted(record)).cloned();
        running.into_iter().filter(wanted).chain(ended).take(query.limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::{Duration, SystemTime};

    use super::{History, LENGTH, SessionRecord};
    use crate::bootstrap::{Outcome, SessionReport};
    use crate::driver::{EngineKind, ListenerName, SessionQuery};
    use crate::provision::Transport;

    fn record(id: u64, endpoint: &str, running: bool) -> SessionRecord {
        let report = SessionReport {
            id,
            endpoint: Some(endpoint.to_owned()),
            listener: 0,
            remote: String::new(),
            moved_from: None,
            identity: String::new(),
            profile: None,
            lwm2m_version: None,
            content_format: None,
            outcome: Outcome::Completed,
            reason: String::new(),
            duration: Duration::ZERO,
            steps: Vec::new(),
            looping: None,
        };
        let listener = ListenerName {
            address: (Ipv4Addr::LOCALHOST, 5684).into(),
            transport: Transport::Udp,
            engine: Some(EngineKind::Native),
        };
        SessionRecord { started: SystemTime::UNIX_EPOCH, running, listener, report }
    }

    #[test]
    fn the_ring_is_bounded_and_forgets_the_oldest() {
        let mut history = History::default();
        (1..=LENGTH as u64 + 5).for_each(|id| history.record(record(id, "a", false), true));
        assert_eq!(history.find(5), None);
        assert!(history.find(6).is_some());
        assert_eq!(history.outcomes(), [(Outcome::Completed, LENGTH as u64 + 5)]);
    }

    #[test]
    fn strangers_do_not_push_out_clients_that_are_on_record() {
        let mut history = History::default();
        history.record(record(1, "a", false), true);
        (2..=5_000).for_each(|id| history.record(record(id, "stranger", false), false));
        assert!(history.find(1).is_some() && history.find(5_000).is_some());
        assert_eq!(history.find(4_000), None);
    }

    #[test]
    fn a_query_selects_by_endpoint_and_state_newest_first() {
        let mut history = History::default();
        for (id, endpoint) in [(1, "a"), (2, "b"), (3, "a")] {
            history.record(record(id, endpoint, false), id != 2);
        }
        let ids = |endpoint: Option<&str>, running_only, limit| {
            let query = SessionQuery { endpoint: endpoint.map(str::to_owned), search: None, limit, running_only };
            let running = vec![record(4, "a", true), record(5, "b", true)];
            history.select(&query, running).iter().map(|record| record.report.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(None, false, 10), [5, 4, 3, 2, 1]);
        assert_eq!(ids(Some("a"), false, 10), [4, 3, 1]);
        assert_eq!(ids(None, true, 10), [5, 4]);
        assert_eq!(ids(None, false, 3), [5, 4, 3]);
    }

    #[test]
    fn a_search_looks_into_all_that_is_told_of_a_session() {
        let mut history = History::default();
        let mut found = record(1, "meter-1", false);
        found.report.reason = "The client fell silent.".to_owned();
        found.report.remote = "192.0.2.7:5683".to_owned();
        found.report.moved_from = Some("198.51.100.9:5683".to_owned());
        history.record(found, true);
        let mut plain = record(2, "pump-1", false);
        plain.listener.engine = None;
        history.record(plain, true);
        let ids = |search: &str| {
            let search = Some(search.to_owned());
            let query = SessionQuery { endpoint: None, search, limit: 10, running_only: false };
            history.select(&query, vec![]).iter().map(|record| record.report.id).collect::<Vec<_>>()
        };
        assert_eq!(ids("meter"), [1]);
        assert_eq!(ids("192.0.2.7"), [1]);
        assert_eq!(ids("198.51.100.9"), [1]);
        assert_eq!(ids("silent"), [1]);
        assert_eq!(ids("completed"), [2, 1]);
        assert_eq!(ids("127.0.0.1:5684"), [2, 1]);
        assert_eq!(ids("native"), [1]);
        assert_eq!(ids("nosec"), [2]);
        assert_eq!(ids("nothing of it"), Vec::<u64>::new());
    }
}
