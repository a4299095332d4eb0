//! `bootstrapctl server`: the flags and columns of server accounts.

mod account;
mod bootstrap;
mod registration;
mod security;
mod sms;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use self::account::AccountFields;
use self::bootstrap::BootstrapFields;
use self::registration::RegistrationFields;
use self::security::SecurityFields;
use self::sms::SmsFields;
use super::definitions::Fields;
use super::failure::Failure;
use super::human::or_nothing;
use super::key_input::{self, FileValue, KeyInput};
use super::resources::{self, Assignment};
use crate::admin::api::{Entry, List};
use crate::admin::client::{Client, ClientError};
use crate::lwm2m::objects::{SECURITY, SERVER};
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
    #[command(flatten)]
    #[serde(flatten)]
    account: AccountFields,
    #[command(flatten)]
    #[serde(flatten)]
    security: SecurityFields,
    #[command(flatten)]
    #[serde(skip)]
    key: KeyInput,
    #[command(flatten)]
    #[serde(skip)]
    files: Files,
    #[command(flatten)]
    #[serde(flatten)]
    registration: RegistrationFields,
    #[command(flatten)]
    #[serde(flatten)]
    sms: SmsFields,
    #[command(flatten)]
    #[serde(flatten)]
    bootstrap: BootstrapFields,
    #[command(flatten)]
    #[serde(skip)]
    resources: Resources,
}

/// Values that come out of files; `-` is stdin.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Certificates and keys")]
struct Files {
    /// The server's certificate, a trust anchor, or the digest of one: PEM, DER, hex:... or base64:...
    #[arg(long, value_name = "FILE")]
    server_certificate_file: Option<PathBuf>,
    /// The client's certificate: PEM or DER.
    #[arg(long, value_name = "FILE")]
    client_certificate_file: Option<PathBuf>,
    /// The server's raw public key: PEM or DER.
    #[arg(long, value_name = "FILE")]
    server_public_key_file: Option<PathBuf>,
    /// The client's raw public key: PEM or DER; left out, it is computed from the private key.
    #[arg(long, value_name = "FILE")]
    client_public_key_file: Option<PathBuf>,
    /// The client's private key: PEM or DER, PKCS#8 or SEC1.
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// The SMS binding secret keys: 16, 32 or 48 bytes as hex:... or base64:...
    #[arg(long, value_name = "FILE")]
    sms_binding_secret_keys_file: Option<PathBuf>,
}

/// Resources without a flag of their own.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Further resources")]
struct Resources {
    /// A resource of the Security Object by its id, such as 16=49320,49326 for ciphersuites or 17=21:0 for OSCORE; may be
    /// given several times. An empty value takes it away.
    #[arg(long, value_name = "ID=VALUE")]
    security_resource: Vec<Assignment>,
    /// A resource of the Server Object by its id, such as 10=11:0 for an APN; may be given several times. An empty value
    /// takes it away.
    #[arg(long, value_name = "ID=VALUE")]
    server_resource: Vec<Assignment>,
}

impl Fields for ServerFields {
    type Definition = ServerDefinition;
    type Listing = Listing;
    const REMOVABLE: &'static [&'static str] = &[
        "type",
        "transport",
        "ssid",
        "uri",
        "security",
        "psk-identity",
        "psk",
        "rotate",
        "server-certificate",
        "client-certificate",
        "server-public-key",
        "client-public-key",
        "private-key",
        "certificate-usage",
        "matching-type",
        "sni",
        "lifetime",
        "binding",
        "preferred-transport",
        "store-notifications",
        "default-minimum-period",
        "default-maximum-period",
        "disable-timeout",
        "registration-priority-order",
        "initial-registration-delay-timer",
        "registration-failure-block",
        "bootstrap-on-registration-failure",
        "communication-retry-count",
        "communication-retry-timer",
        "communication-sequence-delay-timer",
        "communication-sequence-retry-count",
        "trigger",
        "mute-send",
        "sms",
        "sms-number",
        "sms-security",
        "sms-binding-key-parameters",
        "sms-binding-secret-keys",
        "client-hold-off-time",
        "bootstrap-server-account-timeout",
        "security-resource",
        "server-resource",
    ];
    const FROM_FILES: &'static [&'static str] = &[
        "psk",
        "server-certificate",
        "client-certificate",
        "server-public-key",
        "client-public-key",
        "private-key",
        "sms-binding-secret-keys",
    ];
    const CASCADES: bool = true;
    const COLUMNS: &'static [&'static str] = &["id", "name", "ssid", "uri", "security", "lifetime", "origin"];

    fn field_of(flag: &str) -> String {
        let field = flag.replace('-', "_");
        if field.ends_with("_resource") { field + "s" } else { field }
    }

    fn file_values(&self) -> Result<Vec<FileValue>, Failure> {
        let Files {
            server_certificate_file,
            client_certificate_file,
            server_public_key_file,
            client_public_key_file,
            private_key_file,
            sms_binding_secret_keys_file,
        } = &self.files;
        let mut values = Vec::from_iter(self.key.read_of_account()?);
        for (field, path) in [
            ("server_certificate", server_certificate_file),
            ("client_certificate", client_certificate_file),
            ("server_public_key", server_public_key_file),
            ("client_public_key", client_public_key_file),
            ("private_key", private_key_file),
        ] {
            if let Some(path) = path {
                values.push(FileValue { field, text: key_input::read_material(key_input::content_of(field), path)? });
            }
        }
        if let Some(path) = sms_binding_secret_keys_file {
            let text = key_input::read_file(path)?.expose_text().to_owned().into();
            values.push(FileValue { field: "sms_binding_secret_keys", text });
        }
        Ok(values)
    }

    fn further(&self) -> Result<Vec<(&'static str, serde_json::Value)>, Failure> {
        let Resources { security_resource, server_resource } = &self.resources;
        let security = resources::read("security-resource", SECURITY, security_resource)?;
        let server = resources::read("server-resource", SERVER, server_resource)?;
        let given = [("security_resources", security), ("server_resources", server)].into_iter();
        Ok(given.filter_map(|(field, values)| Some((field, values?))).collect())
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
