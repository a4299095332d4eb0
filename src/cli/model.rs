//! `bootstrapctl model list, show, forget`, and what is known of the client of a device, in words.

use clap::{Args, Subcommand};

use super::Context;
use super::failure::Failure;
use super::human::{NOTHING, or_nothing, printable};
use super::report::{Report, Table};
use crate::admin::api::{Knowledge, KnownFact, KnownFrom, Model};
use crate::counted::count;
use crate::provision::Rule;

/// What is done with models.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists the models of the config file in the order in which they are tried.
    #[command(visible_alias = "ls")]
    List,
    /// Shows one: which devices are of it, and what is known of their client.
    Show(One),
    /// Forgets what was learned of a model: its devices have to show it anew. Of each of them it stays known.
    Forget(One),
}

/// One model.
#[derive(Args, Debug)]
pub struct One {
    /// Its name.
    name: String,
}

impl Verb {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        match self {
            Verb::List => list(context),
            Verb::Show(One { name }) => show(&name, context),
            Verb::Forget(One { name }) => forget(name, context),
        }
    }
}

fn list(context: &Context) -> Result<Report, Failure> {
    let list = context.wait(context.client.models())?;
    let row = |model: &Model| {
        vec![
            model.name.clone(),
            or_nothing(model.client.as_ref()),
            count(model.facts.len() as u64),
            count(model.devices),
            or_nothing(model.learned.map(|at| at.whole_seconds())),
        ]
    };
    let columns = ["name", "client", "known", "devices heard", "learned"];
    Ok(Report::list(Table::new(columns).rows(list.items.iter().map(row)), &list))
}

fn show(name: &str, context: &Context) -> Result<Report, Failure> {
    let model = context.wait(context.client.model(name))?;
    let field = |name: &str, value: String| vec![name.to_owned(), value];
    let mut table = Table::new(["field", "value"]).row(field("name", model.name.clone()));
    table = table.rows(model.rules.iter().map(|rule| field("rule", rule_in_words(rule))));
    table = table
        .row(field("client", or_nothing(model.client.as_ref())))
        .rows(model.note.iter().map(|note| field("note", note.clone())))
        .row(field("devices heard", count(model.devices)))
        .row(field("learned", or_nothing(model.learned.map(|at| at.whole_seconds()))))
        .rows(known_rows(&model.facts));
    Ok(Report::record(table, &model))
}

fn forget(name: String, context: &Context) -> Result<Report, Failure> {
    context.wait(context.client.forget_model(&name))?;
    let text = format!("what was learned of model `{}` is forgotten", printable(&name));
    Ok(Report::text(text, Table::new(["forgotten"]).row(vec![name]), &()))
}

fn rule_in_words(rule: &Rule) -> String {
    let Rule { endpoint, tag, properties } = rule;
    let endpoint = endpoint.iter().map(|pattern| format!("endpoint {pattern}"));
    let tag = tag.iter().map(|tag| format!("tag {tag}"));
    let properties = properties.iter().map(|(name, value)| format!("{name}={value}"));
    endpoint.chain(tag).chain(properties).collect::<Vec<_>>().join(", ")
}

/// Rows of a record for what is known of the client of a device.
pub(super) fn rows_of_device(known: &Knowledge) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    rows.extend(known.model.iter().map(|model| vec!["model".to_owned(), model.clone()]));
    rows.extend(known.learned.map(|at| vec!["learned".to_owned(), at.whole_seconds().to_string()]));
    rows.extend(known_rows(&known.facts));
    rows
}

fn known_rows(facts: &[KnownFact]) -> Vec<Vec<String>> {
    let rows: Vec<_> = facts.iter().map(|fact| vec!["known".to_owned(), sentence(fact)]).collect();
    if rows.is_empty() { vec![vec!["known".to_owned(), NOTHING.to_owned()]] } else { rows }
}

/// What is known, and how.
pub(super) fn sentence(KnownFact { fact, from }: &KnownFact) -> String {
    let from = match from {
        KnownFrom::Device => "the device has shown it",
        KnownFrom::Model => "devices of its model have shown it",
        KnownFrom::Client => "known of such clients",
        KnownFrom::Earlier => "known from elsewhere when it was last served",
    };
    format!("{fact} ({from})")
}
