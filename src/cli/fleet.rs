//! `bootstrapctl apply` and `export`: a fleet as TOML files.

use std::collections::HashMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::Context;
use super::confirm::confirm;
use super::failure::Failure;
use super::human::printable;
use super::report::{Report, Table};
use crate::admin::api::{Fleet, FleetChange, FleetSummary, Problem, StatedDevice};
use crate::admin::client::ClientError;
use crate::config::{self, Printed};
use crate::provision::HoldsSecrets;

/// Of files with secrets, and of those without.
const MODES: [u32; 2] = [0o600, 0o644];

/// `apply`.
#[derive(Args, Debug)]
pub struct Apply {
    /// Directory whose *.toml files hold the servers, profiles and devices.
    directory: PathBuf,
    /// Says what would be done and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Deletes what the database defines and the files do not name; asks first.
    #[arg(long)]
    prune: bool,
    /// Does not ask.
    #[arg(long, short)]
    yes: bool,
}

/// `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// Directory for servers.toml, profiles.toml and devices.toml; left out, all of it goes to standard output.
    directory: Option<PathBuf>,
    /// With the secrets, which is noted in the audit trail; the files get mode 0600.
    #[arg(long)]
    reveal: bool,
}

impl Apply {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        let read = config::read_fleet(&self.directory).map_err(|mistakes| Failure::Fleet(mistakes.to_string()))?;
        let warnings = read.warnings.to_string();
        let devices = read.devices.into_iter().map(|device| StatedDevice::new(device, &read.stated)).collect();
        let fleet = Fleet { servers: read.servers, profiles: read.profiles, devices };
        let placed = |failure| name_places(failure, &read.places);
        let mut deletions = None;
        if self.prune && !self.dry_run {
            let planned = context.wait(context.client.apply(&fleet, true, true, None)).map_err(placed)?;
            let going: Vec<&FleetChange> = planned.changes.iter().filter(|change| change.change == "delete").collect();
            deletions = Some(going.len() as u64);
            if !going.is_empty() {
                let list: String =
                    going.iter().map(|change| format!("  {} {}\n", change.kind, printable(&change.name))).collect();
                confirm(&format!("{list}Delete these {} entries?", going.len()), self.yes)?;
            }
        }
        let summary =
            context.wait(context.client.apply(&fleet, self.dry_run, self.prune, deletions)).map_err(placed)?;
        let report = report(&summary);
        Ok(if warnings.is_empty() { report } else { warnings.lines().fold(report, Report::remark) })
    }
}

/// Puts file and line before each problem of an entry of the files.
fn name_places(failure: Failure, places: &HashMap<String, String>) -> Failure {
    let Failure::Daemon(ClientError::Problem(mut problem)) = failure else { return failure };
    if !problem.problems.is_empty() {
        for mistake in &mut problem.problems {
            let entry = mistake.field.rsplit_once(": ").map(|(entry, _)| entry);
            if let Some(place) = entry.and_then(|entry| places.get(entry)) {
                mistake.field = format!("{place}: {}", mistake.field);
            }
        }
        problem.detail = Problem::invalid_definition(problem.problems.clone()).detail;
    }
    Failure::Daemon(ClientError::Problem(problem))
}

/// Like a diff: `+`, `~` and `-` before what is added, changed and deleted.
fn report(summary: &FleetSummary) -> Report {
    let mut text = String::new();
    let mut table = Table::new(["change", "kind", "name", "fields"]);
    for FleetChange { change, kind, name, fields } in &summary.changes {
        let sign = match change.as_str() {
            "add" => '+',
            "delete" => '-',
            _ => '~',
        };
        let told = if change == "change" { format!(": {}", fields.join(", ")) } else { String::new() };
        text += &format!("{sign} {kind} {}{told}\n", printable(name));
        table = table.row(vec![change.clone(), kind.clone(), name.clone(), fields.join(" ")]);
    }
    let count = |wanted: &str| summary.changes.iter().filter(|change| change.change == wanted).count();
    let would = if summary.dry_run { "would be " } else { "" };
    text += &match summary.changes.len() {
        0 => format!("no change: {} entries are as the files say", summary.unchanged),
        _ => format!(
            "{would}applied: {} added, {} changed, {} deleted, {} unchanged",
            count("add"),
            count("change"),
            count("delete"),
            summary.unchanged
        ),
    };
    Report::text(text, table, summary)
}

impl Export {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        // Before anything is asked for, let alone revealed.
        if let Some(directory) = &self.directory {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
            made.map_err(|source| Failure::File { path: directory.clone(), source })?;
        }
        let Fleet { servers, profiles, devices } = context.wait(context.client.export_fleet(self.reveal))?;
        let [servers, profiles, devices] = [
            config::print_fleet(&printed(servers), &[], &[]),
            config::print_fleet(&[], &printed(profiles), &[]),
            config::print_fleet(&[], &[], &printed(devices)),
        ];
        let (servers, profiles, devices) =
            (servers.map_err(Failure::Fleet)?, profiles.map_err(Failure::Fleet)?, devices.map_err(Failure::Fleet)?);
        let Some(directory) = self.directory else {
            let text = format!("{}{}{}", *servers, *profiles, *devices);
            return Ok(Report::text(text.trim_end(), Table::default(), &()));
        };
        let mode = if self.reveal { MODES[0] } else { MODES[1] };
        let mut table = Table::new(["written"]);
        for (name, text) in [("servers.toml", &servers), ("profiles.toml", &profiles), ("devices.toml", &devices)] {
            let path = directory.join(name);
            write(&path, text, mode).map_err(|source| Failure::File { path: path.clone(), source })?;
            table = table.row(vec![path.display().to_string()]);
        }
        Ok(Report::text(format!("exported into {}", directory.display()), table, &()))
    }
}

fn printed<D: HoldsSecrets>(definitions: Vec<D>) -> Vec<Printed<D>> {
    definitions.into_iter().map(Printed::whole).collect()
}

/// A file that is there already gets the mode too, before the first secret is in it.
fn write(path: &Path, text: &Zeroizing<String>, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())
}
