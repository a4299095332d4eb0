//! `bootstrapctl status`, `reload` and `audit`.

use std::time::Duration;

use clap::Args;

use super::Context;
use super::failure::Failure;
use super::human::{NOTHING, duration, or_nothing, printable};
use super::numbers;
use super::report::{Report, Table};
use crate::admin::api::{self, AuditLine};
use crate::counted::{count, counted};

/// What the rows are that do not explain themselves.
const ROWS: &str = "\
Rows about DTLS, of each listener:
  dtls               which engine serves it, and its figures since the start
    evicted          handshakes and associations that made room for new ones,
                     because there were as many as are kept at one time; their
                     clients begin anew
    dropped          datagrams that were garbage, or nobody's
    withheld         messages not sent to the new address of a client with a
                     connection id, because too little was heard from there;
                     they are sent again like lost ones
  dtls settings      what is in force, by its names in the config file

Of evicted, dropped and withheld a row says nothing where there were none.";

/// `status`.
#[derive(Args, Debug)]
#[command(after_help = ROWS)]
pub struct Status {}

/// `reload`.
#[derive(Args, Debug)]
pub struct Reload {}

/// `audit`.
#[derive(Args, Debug)]
pub struct Audit {
    /// At most so many lines, the latest first.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = numbers::limit, allow_negative_numbers = true)]
    limit: usize,
}

impl Status {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        let status = context.wait(context.client.status())?;
        Ok(Report::record(table(&status), &status))
    }
}

impl Reload {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        let summary = context.wait(context.client.reload())?;
        let cells = [summary.servers, summary.profiles, summary.devices].map(|number| number.to_string());
        let table = Table::new(["servers", "profiles", "devices"]).row(cells.to_vec());
        let report = Report::text(summary.to_string(), table, &summary);
        Ok(summary.warnings.iter().fold(report, |report, warning| report.remark(format!("warning: {warning}"))))
    }
}

impl Audit {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        let list = context.wait(context.client.audit(Some(self.limit)))?;
        let columns = ["time", "who", "verb", "kind", "name", "fields", "reason"];
        Ok(Report::list(Table::new(columns).rows(list.items.iter().map(row)), &list))
    }
}

fn row(line: &AuditLine) -> Vec<String> {
    let who = match line.uid {
        Some(uid) => format!("{}, uid {uid}", line.actor),
        None => line.actor.clone(),
    };
    vec![
        line.time.whole_seconds().to_string(),
        who,
        line.verb.clone(),
        line.kind.clone(),
        line.name.clone(),
        line.fields.join(" "),
        line.reason.clone().unwrap_or_default(),
    ]
}

/// Who waits and who is slowed down, where that has ever happened.
fn admission(admission: &api::Admission) -> Vec<(&'static str, String)> {
    let api::Admission { waiting, queued, dropped_from_queue, slowed_down, looping, worst } = admission;
    let mut rows = Vec::new();
    if *queued + dropped_from_queue > 0 {
        let (waiting, queued, dropped) = (count(*waiting as u64), count(*queued), count(*dropped_from_queue));
        rows.push((
            "waiting requests",
            format!("{waiting} now; {queued} had to wait, {dropped} found no turn in time"),
        ));
    }
    if *looping > 0 || *slowed_down > 0 {
        let (looping, ignored) = (counted(*looping as u64, "client"), counted(*slowed_down, "request"));
        rows.push(("slowed down", format!("{looping} in a loop; {ignored} met silence")));
    }
    rows.extend(worst.iter().map(|device| {
        let api::LoopingDevice { endpoint, remote, sessions, since, silence_s, .. } = device;
        let (endpoint, sessions) = (printable(endpoint), counted((*sessions).into(), "session"));
        let since = since.whole_seconds();
        let silence = match silence_s {
            0 => "its silence is over".to_owned(),
            seconds => format!("silence for {seconds} s more"),
        };
        ("looping", format!("{endpoint} from {remote}: {sessions} since {since}, {silence}"))
    }));
    rows
}

/// The DTLS of one listener; what should not happen is told only where it has.
fn dtls(listener: &api::ListenerDtls) -> String {
    let associations = counted(listener.associations as u64, "association");
    let handshakes = count(listener.handshakes as u64);
    let (completed, failed) = (count(listener.handshakes_completed), count(listener.handshakes_failed));
    let usual = format!(
        "{}: {associations}; handshakes: {handshakes} under way, {completed} proven, {failed} failed",
        listener.engine
    );
    let unusual = [
        (listener.evicted, count(listener.evicted), "evicted to make room"),
        (listener.datagrams_dropped, counted(listener.datagrams_dropped, "datagram"), "dropped"),
        (listener.withheld, counted(listener.withheld, "message"), "withheld from clients that moved"),
    ];
    let unusual = unusual.into_iter().filter(|(number, ..)| *number > 0);
    unusual.fold(usual, |said, (_, number, what)| format!("{said}; {number} {what}"))
}

/// How the DTLS of one listener is spoken, by the names of the config file.
fn dtls_settings(listener: &api::ListenerDtls) -> String {
    let switches = [
        ("connection_ids", listener.connection_ids),
        ("require_extended_master_secret", listener.require_extended_master_secret),
        ("raw_public_keys", listener.raw_public_keys),
    ];
    let switches = switches.map(|(name, is_on)| format!("{name} {}", if is_on { "on" } else { "off" }));
    format!("{}, dtls_timeout {} s", switches.join(", "), listener.dtls_timeout)
}

fn started(seconds_ago: u64) -> String {
    match seconds_ago {
        0 => "just now".to_owned(),
        seconds => format!("{} ago", duration(Duration::from_secs(seconds))),
    }
}

/// The status as rows of name and value; several rows where there are several of a kind.
fn table(status: &api::Status) -> Table {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let state = if status.draining { "stopping" } else { "serving" };
    let health = if status.degraded.is_empty() { String::new() } else { ", degraded".to_owned() };
    rows.push(("state", format!("{state}{health}")));
    rows.extend(status.degraded.iter().map(|reason| ("degraded", printable(reason))));
    rows.push(("version", status.version.clone()));
    rows.push(("config", or_nothing(status.config.as_ref())));
    rows.push(("started", format!("{} ({})", status.started.whole_seconds(), started(status.uptime_s))));
    for listener in &status.listeners {
        rows.push(("listening", format!("{} {} {}", listener.address, listener.transport, listener.security)));
        rows.extend(listener.dtls.as_ref().map(|it| ("dtls", dtls(it))));
        rows.extend(listener.dtls.as_ref().map(|it| ("dtls settings", dtls_settings(it))));
        rows.extend(listener.certificate.as_ref().map(|certificate| {
            let (subject, end) = (printable(&certificate.subject), certificate.not_after.whole_seconds());
            let left = match certificate.days_left {
                days @ ..0 => format!("expired {} ago", counted(days.unsigned_abs(), "day")),
                days => format!("{} left", counted(days.unsigned_abs(), "day")),
            };
            ("certificate", format!("{subject} until {end} ({left})"))
        }));
    }
    let api::Definitions { servers, profiles, devices, shadowed } = status.definitions;
    for (name, number) in [("server accounts", servers), ("profiles", profiles), ("devices", devices)] {
        rows.push((name, count(number)));
    }
    if shadowed > 0 {
        let entries = if shadowed == 1 { "entry" } else { "entries" };
        rows.push(("shadowed", format!("{} {entries} of the database behind the file's", count(shadowed))));
    }
    rows.push(("running sessions", count(status.running_sessions as u64)));
    rows.extend(admission(&status.admission));
    rows.push(("associations", count(status.associations as u64)));
    let (completed, failed) = (count(status.handshakes_completed), count(status.handshakes_failed));
    rows.push(("handshakes", format!("{completed} proven, {failed} failed")));
    if status.outcomes.is_empty() {
        rows.push(("ended sessions", NOTHING.to_owned()));
    }
    for ended in &status.outcomes {
        rows.push(("ended sessions", format!("{} {}", count(ended.count), ended.outcome)));
    }
    rows.push(("datagrams", format!("{} in, {} out", count(status.datagrams_in), count(status.datagrams_out))));
    let drops = status.drops.iter().filter(|(_, number)| **number > 0);
    rows.extend(drops.map(|(cause, number)| ("dropped", format!("{} {cause}", count(*number)))));
    Table::new(["field", "value"]).rows(rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]))
}

#[cfg(test)]
mod tests {
    use super::{admission, api, dtls, dtls_settings, started};

    fn listener(evicted: u64, datagrams_dropped: u64, withheld: u64) -> api::ListenerDtls {
        api::ListenerDtls {
            engine: "native".to_owned(),
            connection_ids: true,
            require_extended_master_secret: false,
            raw_public_keys: true,
            dtls_timeout: 2.5,
            associations: 1_200,
            handshakes: 3,
            handshakes_completed: 4,
            handshakes_failed: 5,
            evicted,
            datagrams_dropped,
            withheld,
        }
    }

    #[test]
    fn what_should_not_happen_is_told_in_words_and_only_where_it_has() {
        let usual = "native: 1,200 associations; handshakes: 3 under way, 4 proven, 5 failed";
        for ((evicted, dropped, withheld), more) in [
            ((0, 0, 0), ""),
            ((0, 1, 1), "; 1 datagram dropped; 1 message withheld from clients that moved"),
            ((7, 0, 0), "; 7 evicted to make room"),
            ((0, 8, 0), "; 8 datagrams dropped"),
            ((0, 0, 9), "; 9 messages withheld from clients that moved"),
        ] {
            assert_eq!(dtls(&listener(evicted, dropped, withheld)), format!("{usual}{more}"));
        }
    }

    #[test]
    fn a_loop_is_told_with_what_is_left_of_its_silence() {
        let looping = |silence_s, number| {
            let worst = api::LoopingDevice {
                endpoint: "meter-1".to_owned(),
                remote: "192.0.2.1".to_owned(),
                sessions: 11,
                since: api::Timestamp::at(std::time::UNIX_EPOCH),
                last: api::Timestamp::at(std::time::UNIX_EPOCH),
                silence_s,
                ignored: number,
            };
            let slowed_down =
                api::Admission { slowed_down: number, looping: 1, worst: vec![worst], ..api::Admission::default() };
            admission(&slowed_down).into_iter().map(|(_, said)| said).collect::<Vec<_>>()
        };
        let loops = "meter-1 from 192.0.2.1: 11 sessions since 1970-01-01T00:00:00Z";
        let (one, two) = ("1 client in a loop; 1 request met silence", "1 client in a loop; 2 requests met silence");
        assert_eq!(looping(7, 1), [one, &format!("{loops}, silence for 7 s more")]);
        assert_eq!(looping(0, 2), [two, &format!("{loops}, its silence is over")]);
    }

    #[test]
    fn a_start_within_the_last_second_was_just_now() {
        for (seconds, said) in [(0, "just now"), (1, "1 s ago"), (65, "1 min 5 s ago")] {
            assert_eq!(started(seconds), said);
        }
    }

    #[test]
    fn settings_have_the_names_of_the_config_file() {
        let said = dtls_settings(&listener(0, 0, 0));
        let expected = "connection_ids on, require_extended_master_secret off, raw_public_keys on, dtls_timeout 2.5 s";
        assert_eq!(said, expected);
    }
}
