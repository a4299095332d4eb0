//! `bootstrapctl device rotate, credentials, forget, block, unblock, pending, approve, reject`.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Context;
use super::definitions::changed;
use super::failure::Failure;
use super::human::{NOTHING, or_nothing, printable};
use super::report::{Report, Table};
use crate::admin::api::{Approval, Credentials, HeldClient, IssuedEntry, StateChange};
use crate::counted::{count, counted};
use crate::provision::{DeviceDefinition, SecretText};

/// What is done with devices beside their definitions.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Has new credentials issued at the device's next bootstrap, for every account that draws any at random.
    Rotate(One),
    /// Lists the credentials that were issued to a device: which are current, and which it may have.
    Credentials(ShowCredentials),
    /// Forgets what is known of a device's client: its next sessions have to show it anew.
    Forget(One),
    /// Blocks devices: each is refused from its next request on. Those under way finish.
    Block(States),
    /// Unblocks devices.
    Unblock(States),
    /// Lists unknown clients that wait to be approved, where a listener says `unknown = "pending"`.
    Pending,
    /// Makes a device of an unknown client that waits.
    Approve(Approve),
    /// Takes an unknown client out of the list; it comes back when it asks again.
    Reject(One),
}

/// One device.
#[derive(Args, Debug)]
pub struct One {
    /// Endpoint name.
    endpoint: String,
}

/// `device credentials`.
#[derive(Args, Debug)]
pub struct ShowCredentials {
    /// Endpoint name.
    endpoint: String,
    /// Prints what was issued, keys included; the audit trail says who asked.
    #[arg(long)]
    reveal: bool,
}

/// `device block` and `unblock`.
#[derive(Args, Debug)]
pub struct States {
    /// Endpoint names.
    #[arg(required_unless_present = "from")]
    endpoints: Vec<String>,
    /// A file with one endpoint name per line; `#` begins a comment, `-` is standard input. All are changed, or none.
    #[arg(long, value_name = "FILE", conflicts_with = "endpoints")]
    from: Option<PathBuf>,
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// `device approve`.
#[derive(Args, Debug)]
pub struct Approve {
    /// Endpoint name, as `device pending` shows it.
    endpoint: String,
    /// Name of the profile; left out, rules and the default decide.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// A tag; may be given several times.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
}

impl Verb {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        match self {
            Verb::Rotate(One { endpoint }) => rotate(endpoint, context),
            Verb::Forget(One { endpoint }) => forget(endpoint, context),
            Verb::Credentials(show) => show.run(context),
            Verb::Block(states) => states.run(context, true),
            Verb::Unblock(states) => states.run(context, false),
            Verb::Pending => pending(context),
            Verb::Approve(approve) => approve.run(context),
            Verb::Reject(One { endpoint }) => reject(endpoint, context),
        }
    }
}

fn rotate(endpoint: String, context: &Context) -> Result<Report, Failure> {
    context.wait(context.client.rotate(&endpoint))?;
    let text = format!("device `{}` gets new credentials at its next bootstrap", printable(&endpoint));
    Ok(Report::text(text, Table::new(["rotated"]).row(vec![endpoint]), &()))
}

fn forget(endpoint: String, context: &Context) -> Result<Report, Failure> {
    context.wait(context.client.forget_device(&endpoint))?;
    let text = format!("what the client of device `{}` has shown is forgotten", printable(&endpoint));
    Ok(Report::text(text, Table::new(["forgotten"]).row(vec![endpoint]), &()))
}

fn reject(endpoint: String, context: &Context) -> Result<Report, Failure> {
    context.wait(context.client.reject(&endpoint))?;
    let text = format!("`{}` waits no longer", printable(&endpoint));
    Ok(Report::text(text, Table::new(["rejected"]).row(vec![endpoint]), &()))
}

fn pending(context: &Context) -> Result<Report, Failure> {
    let list = context.wait(context.client.pending())?;
    let row = |client: &HeldClient| {
        vec![
            client.endpoint.clone(),
            if client.verified { "certificate" } else { "nothing" }.to_owned(),
            client.remote.clone(),
            client.listener.clone(),
            client.first_seen.whole_seconds().to_string(),
            client.last_seen.whole_seconds().to_string(),
            count(client.requests),
        ]
    };
    let columns = ["endpoint", "proves", "remote", "listener", "first seen", "last seen", "requests"];
    Ok(Report::list(Table::new(columns).rows(list.items.iter().map(row)), &list))
}

impl Approve {
    fn run(self, context: &Context) -> Result<Report, Failure> {
        let Approve { endpoint, profile, tags } = self;
        let approval = Approval { profile, tags: BTreeSet::from_iter(tags), ..Approval::default() };
        let entry = context.wait(context.client.approve::<DeviceDefinition>(&endpoint, &approval))?;
        Ok(changed("added", &entry))
    }
}

impl States {
    fn run(self, context: &Context, blocks: bool) -> Result<Report, Failure> {
        let endpoints = match &self.from {
            Some(path) => endpoints_in(path)?,
            None => self.endpoints,
        };
        let change = StateChange { endpoints, reason: self.reason };
        let (done, result) = match blocks {
            true => ("blocked", context.wait(context.client.block(&change))?),
            false => ("unblocked", context.wait(context.client.unblock(&change))?),
        };
        let already = match result.unchanged {
            0 => String::new(),
            number => format!("; {} already were", count(number)),
        };
        let text = format!("{done} {}{already}", counted(result.changed, "device"));
        let cells = vec![result.changed.to_string(), result.unchanged.to_string()];
        Ok(Report::text(text, Table::new(["changed", "unchanged"]).row(cells), &result))
    }
}

/// The endpoint names of a file: one per line, without comments and blank lines.
fn endpoints_in(path: &Path) -> Result<Vec<String>, Failure> {
    let unreadable = |source| Failure::ListFile { path: path.to_owned(), source };
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
    } else {
        text = std::fs::read_to_string(path).map_err(unreadable)?;
    }
    // An endpoint name may hold `#`, so that a comment is a line of its own.
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let endpoints: Vec<String> = lines.map(str::to_owned).collect();
    if endpoints.is_empty() {
        return Err(Failure::Usage(format!("{} names no device", path.display())));
    }
    Ok(endpoints)
}

impl ShowCredentials {
    fn run(self, context: &Context) -> Result<Report, Failure> {
        let found = context.wait(context.client.credentials(&self.endpoint, self.reveal))?;
        Ok(report(&found, self.reveal))
    }
}

fn report(found: &Credentials, reveal: bool) -> Report {
    let mut columns = vec!["server", "state", "issued", "confirmed"];
    columns.extend(if reveal { &["psk identity", "key", "key as text", "uri"][..] } else { &["drawn"] });
    let table = Table::new(columns).rows(found.items.iter().map(|entry| row(entry, reveal)));
    let report = Report::list(table, found);
    match &found.rotation_requested {
        Some(time) if found.items.iter().all(|entry| entry.issued <= *time) => {
            report.remark(format!("new ones were asked for at {} and come at the next bootstrap", time.whole_seconds()))
        }
        _ => report,
    }
}

fn row(entry: &IssuedEntry, reveal: bool) -> Vec<String> {
    let shown = |secret: &Option<SecretText>| secret.as_ref().map_or(NOTHING, SecretText::expose).to_owned();
    let mut cells = vec![
        entry.server.clone(),
        entry.state.name().to_owned(),
        entry.issued.whole_seconds().to_string(),
        or_nothing(entry.confirmed.as_ref().map(|time| time.whole_seconds())),
    ];
    if reveal {
        cells.extend([&entry.psk_identity, &entry.psk, &entry.psk_text, &entry.uri].map(shown));
    } else {
        cells.push(entry.fields.join(" "));
    }
    cells
}
