//! `bootstrapctl device`: the flags and columns of devices.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::definitions::{Fields, Verb};
use super::failure::Failure;
use super::human::or_nothing;
use super::key_input::{FileValue, KeyInput};
use super::report::Report;
use super::{Context, issued, numbers};
use crate::admin::api::{Entry, List};
use crate::admin::client::{Client, ClientError, DeviceQuery};
use crate::provision::DeviceDefinition;

/// What is done with devices.
#[derive(Debug, Subcommand)]
pub enum DeviceVerb {
    /// With their definitions.
    #[command(flatten)]
    Definition(Verb<DeviceFields>),
    /// With what was issued to them, their state, and clients that are to become devices.
    #[command(flatten)]
    Issued(issued::Verb),
}

impl DeviceVerb {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        match self {
            DeviceVerb::Definition(verb) => verb.run(context),
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

/// Which devices to list.
#[derive(Args, Debug)]
pub struct DeviceListing {
    /// Only devices whose endpoint name or PSK identity holds this text.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only devices behind this endpoint name: the next page.
    #[arg(long, value_name = "ENDPOINT")]
    after: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = numbers::limit, allow_negative_numbers = true)]
    limit: usize,
}

impl Fields for DeviceFields {
    type Definition = DeviceDefinition;
    type Listing = DeviceListing;
    const REMOVABLE: &'static [&'static str] = &["psk-identity", "psk", "profile", "property", "tags", "state"];
    const FROM_FILES: &'static [&'static str] = &["psk"];
    const COLUMNS: &'static [&'static str] =
        &["endpoint", "psk identity", "key", "profile", "origin", "last outcome", "ended"];

    fn field_of(flag: &str) -> String {
        if flag == "property" { "properties".to_owned() } else { flag.replace('-', "_") }
    }

    fn file_values(&self) -> Result<Vec<FileValue>, Failure> {
        Ok(Vec::from_iter(self.key.read_of_device()?))
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
        Ok(if properties.is_empty() { Vec::new() } else { vec![("properties", Value::Object(properties))] })
    }

    fn row(entry: &Entry<DeviceDefinition>) -> Vec<String> {
        let (device, last) = (entry.definition(), entry.record.last_session.as_ref());
        vec![
            device.endpoint.clone(),
            or_nothing(device.psk_identity.as_ref()),
            if entry.record.secrets.iter().any(|field| field == "psk") { "set" } else { "none" }.to_owned(),
            or_nothing(device.profile.as_ref()),
            entry.record.origin.name().to_owned(),
            or_nothing(last.map(|last| last.outcome)),
            or_nothing(last.map(|last| last.ended.whole_seconds())),
        ]
    }

    async fn list(client: &Client, listing: DeviceListing) -> Result<List<Entry<DeviceDefinition>>, ClientError> {
        let DeviceListing { search, after, limit } = listing;
        client.devices(DeviceQuery { search, after, limit: Some(limit) }).await
    }
}
