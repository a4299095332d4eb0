//! How many lines of the log each listener may take in a second, by what they are about, and how many were not written.
//!
//! Whoever can reach a listener can make its lines: what is about one subject has a budget of its own, so that no client
//! silences what is said of another listener or of devices that are on record. Writes nothing and reads no clock.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::counted::counted;
use crate::dtls::CloseReason;
use crate::route::Route;

/// How long a budget lasts. It begins with the first line.
const SECOND: Duration = Duration::from_secs(1);

/// What a line is about that clients can cause as often as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A handshake in which nobody was named that is on record.
    StrangersHandshake,
    /// A handshake in which a device on record was named, by whomever.
    DevicesHandshake,
    /// A handshake or an association that made room for another one.
    Eviction,
    /// The session of a client that was refused, and is not known to be on record.
    StrangersSession,
    /// The session of a client that was refused, and named a device on record.
    DevicesSession,
    /// CoAP without DTLS on a listener that wants DTLS.
    PlainCoap,
    /// A client that meets silence because the store cannot be read.
    UnreadableStore,
}

impl Subject {
    fn lines_per_second(self) -> usize {
        match self {
            Subject::StrangersHandshake
            | Subject::DevicesHandshake
            | Subject::StrangersSession
            | Subject::DevicesSession => 10,
            Subject::Eviction | Subject::PlainCoap | Subject::UnreadableStore => 1,
        }
    }

    /// What is said of `unsaid` of them that got no line.
    fn counted(self, unsaid: u64, listener: &str) -> String {
        let (noun, more) = match self {
            Subject::StrangersHandshake => ("more failed handshake", ""),
            Subject::DevicesHandshake => ("more failed handshake", " in the name of devices on record"),
            Subject::Eviction => ("more client", " that made room"),
            Subject::StrangersSession => ("more refused session", ""),
            Subject::DevicesSession => ("more refused session", " in the name of devices on record"),
            Subject::PlainCoap => ("more datagram", " of plain CoAP"),
            Subject::UnreadableStore => ("more client", " that met silence"),
        };
        let verb = if unsaid == 1 { "was" } else { "were" };
        format!("{}{more} on listener {listener} {verb} not logged in the last second", counted(unsaid, noun))
    }
}

/// What is said once a second of one client: how its handshake ended, or that nobody has the identity that it claims.
pub(super) type Told = (Route, Option<CloseReason>);

/// The budgets that somebody has drawn on in this second: a few for each listener.
#[derive(Default)]
pub(super) struct Limits {
    budgets: BTreeMap<(SocketAddr, Subject), Budget>,
}

struct Budget {
    /// What the log calls the listener.
    listener: String,
    ends: Instant,
    written: usize,
    unsaid: u64,
    /// At most as many as lines were written.
    told: Vec<Told>,
}

impl Limits {
    /// Whether another line may be written about a listener, which `name` is what the log calls. What was `told` in the same
    /// second takes no second line: whoever sends one datagram over and over has one line.
    ///
    /// What is over has to be taken by [`Limits::take_counts`] before.
    pub(super) fn admits(
        &mut self,
        now: Instant,
        subject: Subject,
        (listener, name): (SocketAddr, &dyn Display),
        told: Option<Told>,
    ) -> bool {
        let budget = self.budgets.entry((listener, subject)).or_insert_with(|| Budget {
            listener: name.to_string(),
            ends: now + SECOND,
            written: 0,
            unsaid: 0,
            told: Vec::new(),
        });
        let is_new = told.is_none_or(|told| !budget.told.contains(&told));
        let is_admitted = is_new && budget.written < subject.lines_per_second();
        if is_admitted {
            budget.written += 1;
            budget.told.extend(told);
        } else {
            budget.unsaid += 1;
        }
        is_admitted
    }

    /// Ends the seconds that are over; a line for each in which something was not said.
    pub(super) fn take_counts(&mut self, now: Instant) -> Vec<String> {
        let mut counts = Vec::new();
        self.budgets.retain(|(_, subject), budget| {
            let is_over = budget.ends <= now;
            if is_over && budget.unsaid > 0 {
                counts.push(subject.counted(budget.unsaid, &budget.listener));
            }
            !is_over
        });
        counts
    }

    /// When [`Limits::take_counts`] has something to say.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.budgets.values().filter(|budget| budget.unsaid > 0).map(|budget| budget.ends).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECTS: [Subject; 7] = [
        Subject::StrangersHandshake,
        Subject::DevicesHandshake,
        Subject::Eviction,
        Subject::StrangersSession,
        Subject::DevicesSession,
        Subject::PlainCoap,
        Subject::UnreadableStore,
    ];

    fn listener(port: u16) -> SocketAddr {
        ([192, 0, 2, 1], port).into()
    }

    fn count(limits: &mut Limits, now: Instant, subject: Subject, port: u16, attempts: usize) -> usize {
        let place = listener(port);
        (0..attempts).filter(|_| limits.admits(now, subject, (place, &place), None)).count()
    }

    #[test]
    fn each_listener_has_a_budget_for_each_subject_and_none_takes_from_another() {
        let (mut limits, start) = (Limits::default(), Instant::now());
        for port in [1, 2] {
            for subject in SUBJECTS {
                let lines = subject.lines_per_second();
                assert!(lines <= 10);
                assert_eq!(count(&mut limits, start, subject, port, 100), lines, "{subject:?} {port}");
            }
        }
        assert_eq!(limits.take_counts(start + Duration::from_millis(999)), [""; 0]);
        assert_eq!(count(&mut limits, start, Subject::StrangersHandshake, 1, 1), 0);
        assert_eq!(limits.take_counts(start + SECOND).len(), 14);
        assert_eq!(count(&mut limits, start + SECOND, Subject::StrangersHandshake, 1, 100), 10);
    }

    #[test]
    fn the_second_ends_with_what_was_not_said_though_nothing_else_comes() {
        let (mut limits, start) = (Limits::default(), Instant::now());
        assert_eq!(limits.poll_timeout(), None);
        count(&mut limits, start, Subject::StrangersHandshake, 1, 10);
        assert_eq!(limits.poll_timeout(), None, "all was said");
        count(&mut limits, start + Duration::from_millis(500), Subject::StrangersHandshake, 1, 15);
        count(&mut limits, start + Duration::from_millis(700), Subject::Eviction, 2, 2);
        assert_eq!(limits.poll_timeout(), Some(start + SECOND));
        let first = "15 more failed handshakes on listener 192.0.2.1:1 were not logged in the last second";
        assert_eq!(limits.take_counts(start + SECOND), [first]);
        assert_eq!(limits.poll_timeout(), Some(start + Duration::from_millis(1_700)));
        let second = "1 more client that made room on listener 192.0.2.1:2 was not logged in the last second";
        assert_eq!(limits.take_counts(start + Duration::from_millis(1_700)), [second]);
        assert!(limits.budgets.is_empty() && limits.poll_timeout().is_none());
    }

    #[test]
    fn what_one_client_does_over_and_over_takes_one_line_and_is_counted() {
        let (mut limits, start) = (Limits::default(), Instant::now());
        let client = Route::to(([192, 0, 2, 9], 40_000).into());
        let (here, other) = (listener(1), Route::to(([192, 0, 2, 9], 40_001).into()));
        let mut admits = |told| limits.admits(start, Subject::StrangersHandshake, (here, &here), Some(told));
        let replayed = (client, Some(CloseReason::NoCommonVersion));
        assert_eq!((0..300).filter(|_| admits(replayed)).count(), 1);
        assert!(
            admits((other, replayed.1))
                && admits((client, Some(CloseReason::NoCommonKeyType)))
                && admits((client, None))
        );
        let counted = "299 more failed handshakes on listener 192.0.2.1:1 were not logged in the last second";
        assert_eq!(limits.take_counts(start + SECOND), [counted]);
    }
}
