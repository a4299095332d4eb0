//! `list show add set delete` of server accounts, profiles and devices.
//!
//! The same for every kind; a kind says its flags and columns by [`Fields`]. `set` sends only what was given, as a JSON
//! merge patch (RFC 7396).

use std::future::Future;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Context;
use super::confirm::confirm;
use super::failure::Failure;
use super::human::{NOTHING, printable};
use super::key_input::{self, FileValue};
use super::model;
use super::report::{Report, Table};
use super::wording::Wording;
use crate::admin::api::{Dependents, Entry, List, Origin, Resource};
use crate::admin::client::{Client, ClientError};
use crate::counted::counted;

/// The flags of one kind of definition. Serialised, they are the fields that were given, as the API names them.
pub trait Fields: Args + Serialize {
    /// What they define.
    type Definition: Resource;
    /// The flags of `list`.
    type Listing: Args + std::fmt::Debug;
    /// Fields that can be taken away, in kebab-case.
    const REMOVABLE: &'static [&'static str];
    /// Whether others depend on it, which may be deleted with it.
    const CASCADES: bool;
    /// Those of them whose flag names a file, and ends with `-file`.
    const FROM_FILES: &'static [&'static str] = &[];
    /// Columns of `list`.
    const COLUMNS: &'static [&'static str];

    /// The field that a flag stands for.
    fn field_of(flag: &str) -> String {
        flag.replace('-', "_")
    }
    /// The values that files hold, such as keys.
    fn file_values(&self) -> Result<Vec<FileValue>, Failure> {
        Ok(Vec::new())
    }
    /// Fields that are put together from several flags or take a closer look, as the API names them.
    fn further(&self) -> Result<Vec<(&'static str, Value)>, Failure> {
        Ok(Vec::new())
    }
    /// Whether what was given counts from what is there, so that it has to be read first.
    fn amends(&self) -> bool {
        false
    }
    /// Puts in what counts from what is there, which is nothing where one is added.
    fn amend(&self, _given: &mut Map<String, Value>, _present: Option<&Self::Definition>) {}
    /// Cells of `list`.
    fn row(entry: &Entry<Self::Definition>) -> Vec<String>;
    /// Asks for the list.
    fn list(
        client: &Client,
        listing: Self::Listing,
    ) -> impl Future<Output = Result<List<Entry<Self::Definition>>, ClientError>>;
}

/// What is done with a kind of definition.
#[derive(Debug, Subcommand)]
pub enum Verb<F: Fields> {
    /// Lists them.
    #[command(visible_alias = "ls")]
    List(F::Listing),
    /// Shows one with all its fields; of keys only whether they are set, unless they are to be revealed.
    Show(Show),
    /// Adds one.
    Add(Box<Add<F>>),
    /// Changes one: only what is given.
    Set(Box<Set<F>>),
    /// Deletes one; asks first.
    #[command(visible_alias = "rm")]
    Delete(Delete),
}

/// `show`.
#[derive(Args, Debug)]
pub struct Show {
    /// Name or number; for a device its endpoint name.
    name: String,
    /// Prints its keys too; the audit trail says who asked.
    #[arg(long)]
    reveal: bool,
}

/// `add`.
#[derive(Args, Debug)]
pub struct Add<F: Fields> {
    /// Its name: letters, digits, `.`, `_` and `-`, not digits alone. For a device its endpoint name, whatever it holds.
    name: String,
    #[command(flatten)]
    fields: F,
    #[command(flatten)]
    from: From,
}

/// A file with fields.
#[derive(Args, Debug)]
struct From {
    /// TOML or JSON file with fields as the config and the API name them; `-` is stdin. What is given by flags counts
    /// before what the file says.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// `set`.
#[derive(Args, Debug)]
pub struct Set<F: Fields> {
    /// Name or number; for a device its endpoint name.
    name: String,
    #[command(flatten)]
    fields: F,
    #[command(flatten)]
    from: From,
    /// Takes a field away, so that its default counts; may be given several times.
    #[arg(long, value_name = "FIELD", value_parser = PossibleValuesParser::new(F::REMOVABLE))]
    unset: Vec<String>,
}

/// `delete`.
#[derive(Args, Debug)]
pub struct Delete {
    /// Name or number; for a device its endpoint name.
    name: String,
    /// Does not ask.
    #[arg(long, short)]
    yes: bool,
    /// Of a server account or a profile: deletes what depends on it too, the profiles and the devices that name them.
    #[arg(long)]
    cascade: bool,
}

impl<F: Fields> Verb<F> {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        match self {
            Verb::List(listing) => list::<F>(listing, context),
            Verb::Show(show) => show.run::<F>(context),
            Verb::Add(add) => add.run(context),
            Verb::Set(set) => set.run(context),
            Verb::Delete(delete) => delete.run::<F>(context),
        }
    }
}

fn list<F: Fields>(listing: F::Listing, context: &Context) -> Result<Report, Failure> {
    let list = context.wait(F::list(&context.client, listing))?;
    let table = Table::new(F::COLUMNS.iter().copied()).rows(list.items.iter().map(F::row));
    let report = Report::list(table, &list);
    Ok(match &list.next {
        None => report,
        Some(next) => {
            let total = list.total.map_or_else(|| "many".to_owned(), |total| total.to_string());
            report.remark(format!("{} of {total}; the next ones come with --after '{next}'", list.items.len()))
        }
    })
}

impl Show {
    fn run<F: Fields>(self, context: &Context) -> Result<Report, Failure> {
        if !self.reveal {
            let entry = context.wait(context.client.show::<F::Definition>(&self.name))?;
            return Ok(Report::record(record(&entry), &entry));
        }
        let shown = context.wait(context.client.reveal::<F::Definition>(&self.name))?;
        let secrets = shown.revealed.clone().into_iter();
        let rows = secrets.map(|(place, secret)| vec![place, secret.expose().to_owned()]);
        Ok(Report::record(record(&shown.entry).rows(rows), &shown))
    }
}

impl<F: Fields> Add<F> {
    fn run(self, context: &Context) -> Result<Report, Failure> {
        let mut fields = given(&self.fields, &self.from)?;
        self.fields.amend(&mut fields, None);
        fields.values_mut().for_each(drop_removals);
        fields.insert(F::Definition::KEY.to_owned(), Value::String(self.name));
        let wording = Wording { exists: false, given: &fields };
        let create = async {
            context.client.create::<F::Definition>(&fields).await.map_err(|error| wording.of_error::<F>(error))
        };
        let entry = context.wait(create)?;
        Ok(changed("added", &entry))
    }
}

impl<F: Fields> Set<F> {
    fn run(self, context: &Context) -> Result<Report, Failure> {
        let present = match self.fields.amends() {
            true => Some(context.wait(context.client.show::<F::Definition>(&self.name))?),
            false => None,
        };
        let patch = self.patch(present.as_ref().map(Entry::definition))?;
        let wording = Wording { exists: true, given: &patch };
        let change = async {
            let change = context.client.change::<F::Definition>(&self.name, &patch);
            change.await.map_err(|error| wording.of_error::<F>(error))
        };
        let entry = context.wait(change)?;
        Ok(changed("changed", &entry))
    }

    /// The merge patch that the flags stand for.
    fn patch(&self, present: Option<&F::Definition>) -> Result<Map<String, Value>, Failure> {
        let mut patch = given(&self.fields, &self.from)?;
        self.fields.amend(&mut patch, present);
        patch.remove(F::Definition::KEY);
        for flag in &self.unset {
            if patch.insert(F::field_of(flag), Value::Null).is_some_and(|value| !value.is_null()) {
                return Err(Failure::Usage(format!("--{flag} and --unset {flag} contradict each other")));
            }
        }
        if patch.is_empty() {
            return Err(Failure::Usage("nothing to change: give at least one field, or --unset one".into()));
        }
        Ok(patch)
    }
}

impl Delete {
    fn run<F: Fields>(self, context: &Context) -> Result<Report, Failure> {
        let what = format!("{} `{}`", F::Definition::NOUN, printable(&self.name));
        // What the config file defines is refused for that, whatever depends on it.
        let is_of_file = || -> Result<bool, Failure> {
            let entry = context.wait(context.client.show::<F::Definition>(&self.name))?;
            Ok(entry.record.origin == Origin::File)
        };
        if F::CASCADES && !is_of_file()? {
            let dependents = context.wait(context.client.dependents::<F::Definition>(&self.name))?;
            if dependents.count() > 0 || !dependents.of_file.is_empty() {
                return self.run_cascading::<F>(&what, &dependents, context);
            }
        }
        confirm(&format!("Delete {what}?"), self.yes)?;
        context.wait(context.client.delete::<F::Definition>(&self.name))?;
        Ok(deleted(&what, self.name))
    }

    fn run_cascading<F: Fields>(
        self,
        what: &str,
        dependents: &Dependents,
        context: &Context,
    ) -> Result<Report, Failure> {
        let list = list_of(dependents);
        if !self.cascade {
            return Err(Failure::InUse(format!("{what} is in use:\n{list}give --cascade to delete these with it")));
        }
        confirm(&format!("Deleting {what} deletes with it:\n{list}Delete all of this?"), self.yes)?;
        context.wait(context.client.delete_cascading::<F::Definition>(&self.name, dependents.count()))?;
        Ok(deleted(&format!("{what} with {} entries that depended on it", dependents.count()), self.name))
    }
}

/// What goes, and what stays, one kind per line.
fn list_of(dependents: &Dependents) -> String {
    let Dependents { profiles, devices, first_devices, unnamed_devices, of_file } = dependents;
    let quoted =
        |names: &[String]| names.iter().map(|name| format!("`{}`", printable(name))).collect::<Vec<_>>().join(", ");
    let mut list = String::new();
    if !profiles.is_empty() {
        list += &format!("  {}: {}\n", counted(profiles.len() as u64, "profile"), quoted(profiles));
    }
    if *devices > 0 {
        let more = if *devices > first_devices.len() as u64 { ", ..." } else { "" };
        list += &format!("  {}: {}{more}\n", counted(*devices, "device"), quoted(first_devices));
    }
    if *unnamed_devices > 0 {
        let devices = counted(*unnamed_devices, "device");
        list += &format!("  ({devices} without a profile of their own may lose the one they get; they stay)\n");
    }
    if !of_file.is_empty() {
        list += &format!(
            "  of these the config file defines {}: nothing can be deleted before it lets go of them\n",
            of_file.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ")
        );
    }
    list
}

fn deleted(what: &str, name: String) -> Report {
    Report::text(format!("deleted {what}"), Table::new(["deleted"]).row(vec![name]), &())
}

/// The fields that were given, those in files with them.
fn given<F: Fields>(fields: &F, from: &From) -> Result<Map<String, Value>, Failure> {
    let mut given = from.from.as_deref().map(key_input::read_fields).transpose()?.unwrap_or_default();
    match serde_json::to_value(fields) {
        Ok(Value::Object(flags)) => given.extend(flags),
        _ => return Err(Failure::Usage("the flags cannot be written as JSON".into())),
    }
    for (field, value) in fields.further()? {
        given.insert(field.to_owned(), value);
    }
    for FileValue { field, text } in fields.file_values()? {
        given.insert(field.to_owned(), Value::String(text.as_str().to_owned()));
    }
    Ok(given)
}

/// What is added has no members that could be taken away.
fn drop_removals(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
    }
}

pub(super) fn changed<D: Resource>(verb: &str, entry: &Entry<D>) -> Report {
    let name = printable(entry.definition().key());
    let report = Report::text(format!("{verb} {} `{name}`", D::NOUN), record(entry), entry);
    entry
        .warnings
        .iter()
        .fold(report, |report, warning| report.remark(format!("warning: {}: {}", warning.field, warning.message)))
}

/// Every field as a row: what names it first, then what the operator said, then what the daemon adds.
fn record<D: Resource>(entry: &Entry<D>) -> Table {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(entry) else { return Table::default() };
    fields.remove("warnings");
    fields.remove("knowledge");
    let mut take = |names: &[&str]| -> Vec<(String, Value)> {
        names.iter().filter_map(|name| Some(((*name).to_owned(), fields.remove(*name)?))).collect()
    };
    let first = take(&[D::KEY, "id", "origin", "shadowed"]);
    let last = take(&[
        "certificate_fingerprint",
        "certificate_subject",
        "public_key_fingerprint",
        "bootstrap_credentials",
        "secrets",
        "created",
        "changed",
        "last_session",
    ]);
    let all = first.into_iter().chain(fields).chain(last);
    let mut rows = Vec::new();
    for (name, value) in all {
        add_rows(&mut rows, name, value);
    }
    rows.extend(entry.record.knowledge.iter().flat_map(model::rows_of_device));
    Table::new(["field", "value"]).rows(rows)
}

/// One row for each value within: `properties.site`, `rules.0.tag`.
fn add_rows(rows: &mut Vec<Vec<String>>, name: String, value: Value) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.into_iter().for_each(|(member, value)| add_rows(rows, format!("{name}.{member}"), value));
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.into_iter().enumerate().for_each(|(at, value)| add_rows(rows, format!("{name}.{at}"), value));
        }
        value => rows.push(vec![name, cell(&value)]),
    }
}

/// JSON as a cell; of a text of several lines, such as a certificate, the first.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => match text.split_once('\n') {
            Some((first, rest)) if !rest.is_empty() => format!("{first} ... ({} lines)", text.lines().count()),
            _ => text.trim_end_matches('\n').to_owned(),
        },
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
