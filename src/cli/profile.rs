//! `bootstrapctl profile`: the flags and columns of profiles.

use clap::Args;
use serde::Serialize;

use super::definitions::{Fields, NoVerb};
use super::human::or_nothing;
use super::key_input::KeyInput;
use super::server::Listing;
use crate::admin::api::{Entry, List};
use crate::admin::client::{Client, ClientError};
use crate::provision::ProfileDefinition;

/// What an operator says about a profile.
#[derive(Args, Debug, Default, Serialize)]
pub struct ProfileFields {
    /// Names of server accounts in the order in which they are written, such as eu,backup.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = server_name)]
    #[serde(skip_serializing_if = "Option::is_none")]
    servers: Option<Vec<String>>,
    /// Whether devices that name no profile get this one.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<bool>,
    /// Content format of the writes; `auto`, the default, follows the client.
    ///
    /// The field is called `format`, but `--format` says how answers are printed.
    #[arg(long = "content-format", id = "content_format", value_name = "FORMAT", value_parser = ["auto", "tlv", "senml-cbor", "senml-json", "lwm2m-cbor"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    /// Whether to ask the client first what it has: `auto` (asked, and done without where the client refuses), `always`
    /// or `never`.
    #[arg(long, value_parser = ["auto", "always", "never"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    discover: Option<String>,
    /// Objects that are emptied first; /0,/1 where left out. The client's bootstrap account always survives.
    #[arg(long, value_name = "PATH,...", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    delete: Option<Vec<String>>,
    /// The Security Object instance in which the clients keep their bootstrap account, where that is known.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap_account_instance: Option<u32>,
}

/// Which names there are, the daemon knows; that one is empty shows here.
fn server_name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        Err("an empty name: a profile needs one server account at least, such as eu,backup")
    } else {
        Ok(text.to_owned())
    }
}

impl Fields for ProfileFields {
    type Definition = ProfileDefinition;
    type Own = NoVerb;
    type Listing = Listing;
    const REMOVABLE: &'static [&'static str] =
        &["servers", "default", "content-format", "discover", "delete", "bootstrap-account-instance"];
    const CASCADES: bool = true;
    const COLUMNS: &'static [&'static str] = &["id", "name", "servers", "default", "format", "discover", "origin"];

    fn field_of(flag: &str) -> String {
        if flag == "content-format" { "format".to_owned() } else { flag.replace('-', "_") }
    }

    fn key_input(&self) -> Option<&KeyInput> {
        None
    }

    fn row(entry: &Entry<ProfileDefinition>) -> Vec<String> {
        let profile = entry.definition();
        vec![
            entry.record.id.to_string(),
            profile.name.clone(),
            profile.servers.join(" "),
            if profile.default { "yes" } else { "no" }.to_owned(),
            or_nothing(profile.format.as_ref()),
            or_nothing(profile.discover.as_ref()),
            entry.record.origin.name().to_owned(),
        ]
    }

    async fn list(client: &Client, listing: Listing) -> Result<List<Entry<ProfileDefinition>>, ClientError> {
        client.list(listing.search).await
    }
}
