//! Flags that say what an account is and where it leads.

use clap::Args;
use serde::Serialize;

/// What an account is, and where it leads.
#[derive(Args, Debug, Default, Serialize)]
#[command(next_help_heading = "Account")]
pub struct AccountFields {
    /// `management` (the default): the client registers there. `bootstrap`: replaces the client's own bootstrap account.
    #[arg(long = "type", id = "type", value_name = "TYPE", value_parser = ["management", "bootstrap"])]
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
    /// transport where they are left out. May hold expressions, such as `${device.property.site}.example.com`.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
}
