//! `bootstrapctl device`: the flags and columns of devices.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::definitions::{Fields, Verb};
use super::failure::Failure;
use super::human::or_nothing;
use super::key_input::KeyInput;
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
    /// Name of the profile; left out, the default profile.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
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
    const REMOVABLE: &'static [&'static str] = &["psk-identity", "psk", "profile"];
    const COLUMNS: &'static [&'static str] =
        &["endpoint", "psk identity", "key", "profile", "origin", "last outcome", "ended"];

    fn key_input(&self) -> Option<&KeyInput> {
        Some(&self.key)
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
