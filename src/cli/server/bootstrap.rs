//! Flags that only accounts of type bootstrap have.

use clap::Args;
use serde::Serialize;

/// What only a bootstrap account has.
#[derive(Args, Debug, Default, Serialize)]
#[command(next_help_heading = "Bootstrap account")]
pub struct BootstrapFields {
    /// Seconds that a client waits before it bootstraps by itself; bootstrap accounts only.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    client_hold_off_time: Option<u32>,
    /// Seconds after which a client drops its bootstrap account; 0 is never; bootstrap accounts only.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap_server_account_timeout: Option<u32>,
}
