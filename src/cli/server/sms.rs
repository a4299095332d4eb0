//! Flags of the SMS binding (spec sheet `objects.md`, sections 2 and 7).

use clap::Args;
use serde::Serialize;

/// How a server is reached by SMS.
#[derive(Args, Debug, Default, Serialize)]
#[command(next_help_heading = "SMS")]
pub struct SmsFields {
    /// Whether the server is reached by SMS too; the other SMS flags need it, and a binding with S.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    sms: Option<bool>,
    /// The server's number: digits with the country code, without `+`.
    #[arg(long, value_name = "MSISDN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    sms_number: Option<String>,
    /// What protects SMS: `nosec`, `dtls` or `secured-packet` (the smartcard).
    #[arg(long, value_parser = ["nosec", "dtls", "secured-packet"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    sms_security: Option<String>,
    /// KIc, KID, SPI and TAR of the secured packets: 6 bytes as hex:... or base64:...
    #[arg(long, value_name = "BYTES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    sms_binding_key_parameters: Option<String>,
}
