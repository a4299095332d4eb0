//! Flags of the Server Object: how a client registers (spec sheet `objects.md`, section 5).

use clap::Args;
use serde::Serialize;

/// What a client is told of its registration.
#[derive(Args, Debug, Default, Serialize)]
#[command(next_help_heading = "Registration")]
pub struct RegistrationFields {
    /// Registration lifetime in seconds: how long the server believes in a client that stays silent; 86400 where left out.
    ///
    /// A client with a direct connection renews its registration before it ends, so that this is how soon a lost one is
    /// noticed. A client in queue mode (Q) is asleep most of the time: it wakes up to renew, so that this is also how long
    /// the server may have to wait with a request, and a short one costs battery.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    lifetime: Option<u32>,
    /// How the client can be reached: U (UDP), T (TCP), S (SMS), N (non-IP), M (MQTT), H (HTTP); left out, what the
    /// transport needs.
    ///
    /// LwM2M 1.0 knows U, UQ, S, SQ, US and UQS, where Q is queue mode: the client sleeps, and requests wait for it. Q is
    /// dropped for clients of later versions, which say so themselves; letters that a client does not know are dropped too.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    binding: Option<String>,
    /// The letter of the binding that the client is to prefer (LwM2M 1.1 and later).
    #[arg(long, value_name = "LETTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_transport: Option<String>,
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
    /// Seconds for which the server stays disabled when it disables itself; 86400 where left out.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_timeout: Option<u32>,
    /// Where this server stands among those of a client; lower ones first.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_priority_order: Option<u32>,
    /// Seconds before the first registration.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_registration_delay_timer: Option<u32>,
    /// Whether a failure to register here keeps the client from the servers after it.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_failure_block: Option<bool>,
    /// Whether a client that cannot register here bootstraps again.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap_on_registration_failure: Option<bool>,
    /// How often a client tries in one round, 1 or more.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    communication_retry_count: Option<u32>,
    /// Seconds before it tries again; each time twice as long.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    communication_retry_timer: Option<u32>,
    /// Seconds between two rounds.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    communication_sequence_delay_timer: Option<u32>,
    /// How many rounds, 1 or more.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    communication_sequence_retry_count: Option<u32>,
    /// Whether the server may wake the client by SMS.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<bool>,
    /// Whether the client is kept from the Send operation.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    mute_send: Option<bool>,
}
