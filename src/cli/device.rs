//! `bootstrapctl device`: the flags and columns of devices.

use clap::Args;
use serde::Serialize;

use super::definitions::Fields;
use super::device_table::DeviceVerb;
use super::human::or_nothing;
use super::key_input::KeyInput;
use super::numbers;
use crate::admin::api::{Entry, List};
use crate::admin::client::{Client, ClientError, DeviceQuery};
use crate::provision::DeviceDefinition;

/// Devices on a page at most, as the daemon has it.
const LARGEST_PAGE: usize = 10_000;

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

impl Fields for DeviceFields {
    type Definition = DeviceDefinition;
    type Own = DeviceVerb;
    type Listing = DeviceListing;
    const REMOVABLE: &'static [&'static str] = &["psk-identity", "psk", "profile"];
    const CASCADES: bool = false;
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
