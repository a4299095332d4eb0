//! `bootstrapctl server`: the flags and columns of server accounts.

use clap::Args;
use serde::Serialize;

use super::definitions::{Fields, NoVerb};
use super::human::or_nothing;
use super::key_input::KeyInput;
use crate::admin::api::{Entry, List};
use crate::admin::client::{Client, ClientError};
use crate::provision::{SecurityMode, ServerDefinition};

/// Which of them to list.
#[derive(Args, Debug)]
pub struct Listing {
    /// Only those that hold this text: a server account in name, URI or PSK identity, a profile in its name or in those
    /// of its server accounts.
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
}

/// What an operator says about a server account.
#[derive(Args, Debug, Default, Serialize)]
pub struct ServerFields {
    /// `management`: the client registers there. `bootstrap`: replaces the client's own bootstrap account; in this version
    /// it can be kept, but no profile can name it.
    #[arg(long = "type", value_name = "TYPE", value_parser = ["management", "bootstrap"])]
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    account_type: Option<String>,
    /// What carries CoAP between client and server: `udp` (the default) or `tcp`. The daemon itself listens on UDP only in
    /// this version.
    #[arg(long, value_parser = ["udp", "tcp"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
    /// Short Server ID, 1 to 65534: the number by which a client tells its servers apart.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    ssid: Option<u32>,
    /// Host with an optional port, such as eu.example.com:5684, or a full URI; scheme and port follow from security and
    /// transport where they are left out.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    /// How client and server prove themselves: `psk` (the default) or `nosec`; `rpk`, `certificate` and `est` are not
    /// supported in this version.
    #[arg(long, value_parser = ["nosec", "psk", "rpk", "certificate", "est"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    security: Option<String>,
    /// PSK identity of the account; left out, it is the endpoint name of each device.
    #[arg(long, value_name = "IDENTITY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    psk_identity: Option<String>,
    #[command(flatten)]
    #[serde(skip)]
    key: KeyInput,
    /// Registration lifetime in seconds: how long the server believes in a client that stays silent; 86400 where left
    /// out.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    lifetime: Option<u32>,
    /// How the client can be reached: U (UDP), S (SMS), T (TCP), N (non-IP), Q appended where it sleeps and its requests
    /// are queued. Q is dropped for clients of LwM2M 1.1 and later, which say so themselves.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    binding: Option<String>,
    /// Whether notifications are kept while the server cannot be reached; true where left out.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    store_notifications: Option<bool>,
    /// Seconds between two notifications at least, where an observation does not say.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    default_minimum_period: Option<u32>,
    /// Seconds between two notifications at most, where an observation does not say.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    default_maximum_period: Option<u32>,
    /// Seconds for which the server stays disabled when it disables itself.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_timeout: Option<u32>,
    /// Seconds that a client waits before it bootstraps by itself; bootstrap accounts only.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    client_hold_off_time: Option<u32>,
    /// Seconds after which a client drops its bootstrap account; 0 is never; bootstrap accounts only.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap_server_account_timeout: Option<u32>,
}

impl Fields for ServerFields {
    type Definition = ServerDefinition;
    type Own = NoVerb;
    type Listing = Listing;
    const REMOVABLE: &'static [&'static str] = &[
        "type",
        "transport",
        "ssid",
        "uri",
        "security",
        "psk-identity",
        "psk",
        "lifetime",
        "binding",
        "store-notifications",
        "default-minimum-period",
        "default-maximum-period",
        "disable-timeout",
        "client-hold-off-time",
        "bootstrap-server-account-timeout",
    ];
    const CASCADES: bool = true;
    const COLUMNS: &'static [&'static str] = &["id", "name", "ssid", "uri", "security", "lifetime", "origin"];

    fn key_input(&self) -> Option<&KeyInput> {
        Some(&self.key)
    }

    fn row(entry: &Entry<ServerDefinition>) -> Vec<String> {
        let server = entry.definition();
        vec![
            entry.record.id.to_string(),
            server.name.clone(),
            or_nothing(server.ssid),
            or_nothing(server.uri.as_ref()),
            security_name(server.security).to_owned(),
            or_nothing(server.lifetime),
            entry.record.origin.name().to_owned(),
        ]
    }

    async fn list(client: &Client, listing: Listing) -> Result<List<Entry<ServerDefinition>>, ClientError> {
        client.list(listing.search).await
    }
}

fn security_name(mode: SecurityMode) -> &'static str {
    match mode {
        SecurityMode::NoSec => "nosec",
        SecurityMode::Psk => "psk",
        SecurityMode::Rpk => "rpk",
        SecurityMode::Certificate => "certificate",
        SecurityMode::Est => "est",
    }
}
