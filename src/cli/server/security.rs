//! Flags of the Security Object: how client and server prove themselves (spec sheet `objects.md`, sections 2 to 4).

use clap::Args;
use serde::Serialize;

use crate::provision::Rotation;

/// How client and server prove themselves.
#[derive(Args, Debug, Default, Serialize)]
#[command(next_help_heading = "Security")]
pub struct SecurityFields {
    /// How client and server prove themselves: `psk` (the default), `rpk` (raw public keys), `certificate`, `est`
    /// (certificate by enrolment), or `nosec`, which protects nothing.
    #[arg(long, value_parser = ["nosec", "psk", "rpk", "certificate", "est"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    security: Option<String>,
    /// PSK identity of the account: text, hex:..., base64:..., or with expressions; left out, the endpoint name.
    #[arg(long, value_name = "IDENTITY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    psk_identity: Option<String>,
    /// When what a random expression made is replaced: `never` (the default), `every-bootstrap`, or after so many days.
    #[arg(long, value_name = "WHEN", value_parser = rotation)]
    #[serde(skip_serializing_if = "Option::is_none")]
    rotate: Option<String>,
    /// What the server certificate is to the client; domain-issued, exactly this certificate, where left out.
    #[arg(long, value_parser = ["ca-constraint", "service-certificate-constraint", "trust-anchor-assertion", "domain-issued"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_usage: Option<String>,
    /// The form in which the server certificate is written: as it is (`exact`, the default) or its digest.
    #[arg(long, value_parser = ["exact", "sha-256", "sha-384", "sha-512"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    matching_type: Option<String>,
    /// The server name that the client asks for in its handshake (Server Name Indication).
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<String>,
}

/// Checked here, so that the mistake is a wrong flag; the daemon reads the same words.
fn rotation(text: &str) -> Result<String, String> {
    Rotation::parse(text).map(|rotation| rotation.to_string())
}
