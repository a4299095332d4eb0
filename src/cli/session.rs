//! `bootstrapctl session`: the bootstraps that the daemon remembers.

use std::cmp::Reverse;

use clap::{Args, Subcommand};

use super::Context;
use super::failure::Failure;
use super::human::{duration, or_nothing, printable};
use super::numbers;
use super::report::{Report, Table};
use crate::admin::api::{Session, SessionListener, SessionSummary};
use crate::admin::client::SessionQuery;
use crate::bootstrap::outcome::Step;

/// What is done with sessions.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists sessions, newest first.
    #[command(visible_alias = "ls")]
    List(List),
    /// Shows one session with every operation, its code and its duration; never what was written.
    Show(Show),
}

/// `session list`.
#[derive(Args, Debug)]
pub struct List {
    /// Only sessions of this endpoint name.
    #[arg(long)]
    endpoint: Option<String>,
    /// Only sessions in whose endpoint name, listener, address, identity, profile, outcome or reason this text stands.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = numbers::limit, allow_negative_numbers = true)]
    limit: usize,
    /// Only sessions that have not ended.
    #[arg(long)]
    running: bool,
}

/// `session show`.
#[derive(Args, Debug)]
pub struct Show {
    /// Number of the session, as the list shows it.
    #[arg(allow_negative_numbers = true)]
    id: u64,
}

impl Verb {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        match self {
            Verb::List(list) => list.run(context),
            Verb::Show(show) => show.run(context),
        }
    }
}

impl List {
    fn run(self, context: &Context) -> Result<Report, Failure> {
        let List { endpoint, search, limit, running } = self;
        let query = SessionQuery { endpoint, search, limit: Some(limit), running };
        let mut list = context.wait(context.client.sessions(query))?;
        newest_first(&mut list.items);
        let columns = ["id", "started", "endpoint", "listener", "remote", "profile", "outcome", "duration"];
        Ok(Report::list(Table::new(columns).rows(list.items.iter().map(row)), &list))
    }
}

impl Show {
    fn run(self, context: &Context) -> Result<Report, Failure> {
        Ok(report(&context.wait(context.client.session(self.id))?))
    }
}

/// By number, whether they have ended or not.
fn newest_first(sessions: &mut [SessionSummary]) {
    sessions.sort_by_key(|session| Reverse(session.id));
}

fn row(session: &SessionSummary) -> Vec<String> {
    vec![
        session.id.to_string(),
        session.started.whole_seconds().to_string(),
        or_nothing(session.endpoint.as_ref()),
        listener(&session.listener),
        session.remote.clone(),
        or_nothing(session.profile.as_ref()),
        outcome(session),
        duration(session.duration()),
    ]
}

/// As the log names it.
fn listener(listener: &SessionListener) -> String {
    let SessionListener { address, transport, security, engine } = listener;
    let transport = if transport == "tcp" { ", TCP" } else { "" };
    format!("{address} ({}{transport})", engine.as_ref().unwrap_or(security))
}

fn outcome(session: &SessionSummary) -> String {
    session.outcome.map_or_else(|| "running".to_owned(), |outcome| outcome.to_string())
}

/// What happened, and below it every step.
pub fn report(session: &Session) -> Report {
    let summary = &session.summary;
    let known = [
        ("session", Some(summary.id.to_string())),
        ("started", Some(summary.started.to_string())),
        ("endpoint", summary.endpoint.clone()),
        ("listener", Some(listener(&summary.listener))),
        ("remote", Some(summary.remote.clone())),
        ("moved from", summary.moved_from.clone()),
        ("proved", Some(summary.identity.clone())),
        ("profile", summary.profile.clone()),
        ("lwm2m version", summary.lwm2m_version.clone()),
        ("content format", summary.content_format.clone()),
        ("outcome", Some(outcome(summary))),
        ("reason", Some(summary.reason.clone()).filter(|reason| !reason.is_empty())),
        ("duration", Some(duration(summary.duration()))),
    ];
    let head = Table::new(["field", "value"])
        .rows(known.into_iter().filter_map(|(name, value)| Some(vec![name.to_owned(), value?])));
    let steps = Table::new(["step", "operation", "sent", "code", "duration", "sent again", "note"])
        .rows(session.steps.iter().enumerate().map(|(number, step)| step_row(number + 1, step)));
    let text = if session.steps.is_empty() {
        format!("{}\n\nno operation was sent", head.to_record_text())
    } else {
        format!("{}\n\n{}", head.to_record_text(), steps.to_text())
    };
    Report::text(text, steps, session)
}

fn step_row(number: usize, step: &Step) -> Vec<String> {
    vec![
        number.to_string(),
        printable(&step.operation),
        step.bytes.to_string(),
        step.code.clone().unwrap_or_else(|| "none".to_owned()),
        duration(step.duration),
        step.retransmissions.to_string(),
        step.note.clone().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{listener, newest_first, report};
    use crate::admin::api::{Session, SessionListener};
    use crate::bootstrap::outcome::{Outcome, SessionReport, Step};
    use crate::cli::report::Format;

    fn session(running: bool) -> Session {
        let step = |operation: &str, code: Option<&str>, note: Option<&str>| Step {
            operation: operation.to_owned(),
            bytes: 62,
            code: code.map(str::to_owned),
            duration: Duration::from_micros(1500),
            retransmissions: 0,
            note: note.map(str::to_owned),
        };
        let report = SessionReport {
            id: 7,
            endpoint: Some("meter\u{7}".to_owned()),
            listener: 0,
            remote: "192.0.2.1:40000".to_owned(),
            moved_from: None,
            identity: "PSK identity \"meter\"".to_owned(),
            profile: Some("default".to_owned()),
            lwm2m_version: None,
            content_format: None,
            outcome: Outcome::TimedOut,
            reason: "the client fell silent".to_owned(),
            duration: Duration::from_secs(93),
            steps: vec![
                step("Bootstrap-Delete /0", Some("2.02"), None),
                step("Bootstrap-Write /0/1", None, Some("no answer")),
            ],
            looping: None,
        };
        Session::of(UNIX_EPOCH, running, through("udp", Some("native")), report)
    }

    fn through(transport: &str, engine: Option<&str>) -> SessionListener {
        SessionListener {
            address: "127.0.0.1:5901".to_owned(),
            transport: transport.to_owned(),
            security: if engine.is_some() { "dtls" } else { "nosec" }.to_owned(),
            engine: engine.map(str::to_owned),
        }
    }

    #[test]
    fn the_listener_is_named_with_what_tells_it_from_others() {
        for (transport, engine, said) in [
            ("udp", Some("native"), "127.0.0.1:5901 (native)"),
            ("udp", Some("openssl"), "127.0.0.1:5901 (openssl)"),
            ("udp", None, "127.0.0.1:5901 (nosec)"),
            ("tcp", None, "127.0.0.1:5901 (nosec, TCP)"),
        ] {
            assert_eq!(listener(&through(transport, engine)), said);
        }
    }

    #[test]
    fn a_session_is_shown_step_by_step() {
        insta::assert_snapshot!(report(&session(false)).render(Format::Table), @r#"
        session   7
        started   1970-01-01T00:00:00Z
        endpoint  meter\u{7}
        listener  127.0.0.1:5901 (native)
        remote    192.0.2.1:40000
        proved    PSK identity "meter"
        profile   default
        outcome   timed_out
        reason    the client fell silent
        duration  1 min 33 s

        STEP  OPERATION             SENT  CODE  DURATION  SENT AGAIN  NOTE
        1     Bootstrap-Delete /0   62    2.02  1.5 ms    0
        2     Bootstrap-Write /0/1  62    none  1.5 ms    0           no answer
        "#);
    }

    #[test]
    fn a_client_that_moved_is_shown_where_it_is_and_where_it_was() {
        let mut moved = session(false);
        moved.summary.moved_from = Some("198.51.100.7:5683".to_owned());
        let shown = report(&moved).render(Format::Table);
        assert!(shown.contains("remote      192.0.2.1:40000\nmoved from  198.51.100.7:5683\n"), "{shown}");
        assert!(!report(&session(false)).render(Format::Json).contains("moved_from"));
    }

    #[test]
    fn the_newest_comes_first_even_where_an_older_one_still_runs() {
        let numbered = |id, running| {
            let mut summary = session(running).summary;
            summary.id = id;
            summary
        };
        let mut sessions = [numbered(3, true), numbered(9, false), numbered(10, false)];
        newest_first(&mut sessions);
        assert_eq!(sessions.map(|session| session.id), [10, 9, 3]);
    }

    #[test]
    fn a_running_session_has_no_outcome_yet() {
        let session = session(true);
        assert_eq!((session.summary.outcome, session.summary.reason.as_str()), (None, ""));
        assert!(report(&session).render(Format::Table).contains("running"));
        let json = report(&session).render(Format::Json);
        assert_eq!(serde_json::from_str::<Session>(&json).unwrap(), session);
    }
}
