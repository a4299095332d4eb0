//! `bootstrapctl device`: the flags and columns of devices.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::definitions::{Fields, Verb};
use super::device_table::TableVerb;
use super::failure::Failure;
use super::human::{NOTHING, or_nothing};
use super::key_input::{FileValue, KeyInput};
use super::report::Report;
use super::{Context, issued, key_input, numbers};
use crate::admin::api::{Entry, List};
use crate::admin::client::{Client, ClientError, DeviceQuery};
use crate::provision::DeviceDefinition;

/// Devices on a page at most, as the daemon has it.
const LARGEST_PAGE: usize = 10_000;

/// What is done with devices.
#[derive(Debug, Subcommand)]
pub enum DeviceVerb {
    /// With their definitions.
    #[command(flatten)]
    Definition(Verb<DeviceFields>),
    /// Many at once, as a table.
    #[command(flatten)]
    Table(TableVerb),
    /// With what was issued to them, their state, and clients that are to become devices.
    #[command(flatten)]
    Issued(issued::Verb),
}

impl DeviceVerb {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        match self {
            DeviceVerb::Definition(verb) => verb.run(context),
            DeviceVerb::Table(verb) => verb.run(context),
            DeviceVerb::Issued(verb) => verb.run(context),
        }
    }
}

/// What an operator says about a device.
#[derive(Args, Debug, Default, Serialize)]
pub struct DeviceFields {
    /// PSK identity of the bootstrap credentials; left out, it is the endpoint name.
    #[arg(long, value_name = "IDENTITY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    psk_identity: Option<String>,
    #[command(flatten)]
    #[serde(skip)]
    key: KeyInput,
    /// File with the one certificate by which the device proves itself, whoever signed it: PEM, DER, or a line
    /// `sha256:...` with its fingerprint; `-` reads it from stdin.
    #[arg(long, value_name = "FILE", help_heading = "Security")]
    #[serde(skip)]
    certificate_file: Option<PathBuf>,
    /// The name that the device's certificate says, signed by an authority that the listener trusts.
    #[arg(long, value_name = "NAME", help_heading = "Security")]
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_name: Option<String>,
    /// File with the raw public key by which the device proves itself: PEM or DER; `-` reads it from stdin.
    #[arg(long, value_name = "FILE", help_heading = "Security")]
    #[serde(skip)]
    public_key_file: Option<PathBuf>,
    /// Name of the profile; left out, that of the first rule that fits, or the default profile.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// What else is known of the device, for rules and expressions; may be given several times. Others stay as they are.
    #[arg(long, value_name = "NAME=VALUE", value_parser = property)]
    #[serde(skip)]
    property: Vec<(String, String)>,
    /// Takes one property away; may be given several times.
    #[arg(long, value_name = "NAME")]
    #[serde(skip)]
    unset_property: Vec<String>,
    /// All tags of the device, such as pilot,eu; those that it had before are replaced.
    #[arg(long, value_name = "TAG,...", value_delimiter = ',', value_parser = tag)]
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    /// Adds a tag; may be given several times. Others stay as they are.
    ///
    /// The tags are read, and then written: of two who do so at the same time for one device, one may be overwritten.
    #[arg(long, value_name = "TAG", value_parser = tag, conflicts_with = "tags")]
    #[serde(skip)]
    tag: Vec<String>,
    /// Takes a tag away; may be given several times. Others stay as they are, as with --tag.
    #[arg(long, value_name = "TAG", value_parser = tag, conflicts_with = "tags")]
    #[serde(skip)]
    untag: Vec<String>,
    /// Whether the device is served (`enabled`, the default) or refused (`blocked`).
    #[arg(long, value_parser = ["enabled", "blocked"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

fn property(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write a name and a value, such as site=north"),
    }
}

/// Which tags there may be, the daemon knows; that one is empty shows here.
fn tag(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("an empty tag: --unset tags takes all tags away") } else { Ok(text.to_owned()) }
}

/// Which devices are meant.
#[derive(Args, Debug, Default)]
pub struct DeviceFilter {
    /// Only devices whose endpoint name, PSK identity, tags or properties (as NAME=VALUE) hold this text.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only devices that name this profile.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Only devices with this tag.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only devices in this state.
    #[arg(long, value_parser = ["enabled", "blocked"])]
    state: Option<String>,
    /// Only devices that are defined there.
    #[arg(long, value_parser = ["file", "database"])]
    origin: Option<String>,
    /// Only devices whose last session ended so.
    #[arg(long, value_name = "OUTCOME")]
    last_outcome: Option<String>,
    /// Only devices with this property.
    #[arg(long, value_name = "NAME=VALUE")]
    property: Option<String>,
}

/// Which devices to list.
#[derive(Args, Debug)]
pub struct DeviceListing {
    #[command(flatten)]
    filter: DeviceFilter,
    /// What they are sorted by; devices without a session stand last.
    #[arg(long, default_value = "endpoint", value_parser = ["endpoint", "created", "changed", "last-session"])]
    sort: String,
    /// The last one first.
    #[arg(long)]
    descending: bool,
    /// Only devices behind this place: the next page.
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = numbers::limit, allow_negative_numbers = true)]
    limit: usize,
    /// All of them, page by page; for a large fleet `device export` is quicker.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl DeviceFilter {
    pub(super) fn query(self) -> DeviceQuery {
        let DeviceFilter { search, profile, tag, state, origin, last_outcome, property } = self;
        DeviceQuery { search, profile, tag, state, origin, last_outcome, property, ..DeviceQuery::default() }
    }
}

/// What the device may prove itself by.
fn proofs(entry: &Entry<DeviceDefinition>) -> String {
    let device = entry.definition();
    let has_key = entry.record.secrets.iter().any(|field| field == "psk");
    let proofs = [
        (has_key, "psk"),
        (device.certificate.is_some() || device.certificate_name.is_some(), "certificate"),
        (device.public_key.is_some(), "public key"),
    ];
    let names: Vec<&str> = proofs.into_iter().filter_map(|(is_there, name)| is_there.then_some(name)).collect();
    // A verified certificate with its endpoint name may still prove it: listeners say so, and no record.
    if names.is_empty() { NOTHING.to_owned() } else { names.join(", ") }
}

impl Fields for DeviceFields {
    type Definition = DeviceDefinition;
    type Listing = DeviceListing;
    const REMOVABLE: &'static [&'static str] = &[
        "psk-identity",
        "psk",
        "certificate",
        "certificate-name",
        "public-key",
        "profile",
        "property",
        "tags",
        "state",
    ];
    const FROM_FILES: &'static [&'static str] = &["psk", "certificate", "public-key"];
    const CASCADES: bool = false;
    const COLUMNS: &'static [&'static str] =
        &["endpoint", "state", "psk identity", "proves", "profile", "origin", "last outcome", "ended"];

    fn field_of(flag: &str) -> String {
        if flag == "property" { "properties".to_owned() } else { flag.replace('-', "_") }
    }

    fn file_values(&self) -> Result<Vec<FileValue>, Failure> {
        let mut values = Vec::from_iter(self.key.read_of_device()?);
        for (field, path) in [("certificate", &self.certificate_file), ("public_key", &self.public_key_file)] {
            if let Some(path) = path {
                values.push(FileValue { field, text: key_input::read_material(key_input::content_of(field), path)? });
            }
        }
        Ok(values)
    }

    fn further(&self) -> Result<Vec<(&'static str, Value)>, Failure> {
        let given = self.property.iter().map(|(name, value)| (name.clone(), Value::String(value.clone())));
        let unset = self.unset_property.iter().map(|name| (name.clone(), Value::Null));
        let properties: Map<_, _> = given.chain(unset).collect();
        if let Some(name) =
            self.unset_property.iter().find(|name| self.property.iter().any(|(other, _)| other == *name))
        {
            let message = format!("--property {name}=... and --unset-property {name} contradict each other");
            return Err(Failure::Usage(message));
        }
        if let Some(tag) = self.untag.iter().find(|tag| self.tag.contains(tag)) {
            return Err(Failure::Usage(format!("--tag {tag} and --untag {tag} contradict each other")));
        }
        Ok(if properties.is_empty() { Vec::new() } else { vec![("properties", Value::Object(properties))] })
    }

    fn amends(&self) -> bool {
        !self.tag.is_empty() || !self.untag.is_empty()
    }

    fn amend(&self, given: &mut Map<String, Value>, present: Option<&DeviceDefinition>) {
        if !self.amends() {
            return;
        }
        // A file that is given with --from may say tags too.
        let mut tags = match given.remove("tags") {
            Some(Value::Array(tags)) => tags,
            _ => present.iter().flat_map(|device| &device.tags).cloned().map(Value::String).collect(),
        };
        tags.retain(|tag| !self.untag.iter().any(|untag| tag == untag));
        for tag in &self.tag {
            if !tags.iter().any(|present| present == tag) {
                tags.push(Value::String(tag.clone()));
            }
        }
        given.insert("tags".to_owned(), Value::Array(tags));
    }

    fn row(entry: &Entry<DeviceDefinition>) -> Vec<String> {
        let (device, last) = (entry.definition(), entry.record.last_session.as_ref());
        vec![
            device.endpoint.clone(),
            device.state.name().to_owned(),
            or_nothing(device.psk_identity.as_ref()),
            proofs(entry),
            or_nothing(device.profile.as_ref()),
            entry.record.origin.name().to_owned(),
            or_nothing(last.map(|last| last.outcome)),
            or_nothing(last.map(|last| last.ended.whole_seconds())),
        ]
    }

    async fn list(client: &Client, listing: DeviceListing) -> Result<List<Entry<DeviceDefinition>>, ClientError> {
        let DeviceListing { filter, sort, descending, after, limit, all } = listing;
        let limit = Some(if all { LARGEST_PAGE } else { limit });
        let mut query = DeviceQuery { sort: Some(sort), descending, after, limit, ..filter.query() };
        let mut list = client.devices(&query).await?;
        while all && list.next.is_some() {
            query.after = list.next.take();
            let page = client.devices(&query).await?;
            list.items.extend(page.items);
            list.next = page.next;
        }
        Ok(list)
    }
}
