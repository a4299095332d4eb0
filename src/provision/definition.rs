//! What an operator says about server accounts, profiles and devices.
//!
//! One set of types serves the TOML file, the admin API and the database, so that a field has one name everywhere.
//! Every field but the name is optional here: that something is missing or does not fit is found by the checks, which
//! can name every mistake at once.

use serde::{Deserialize, Serialize};

use super::key_text::KeyText;

/// Whether an account leads to a management server or to a Bootstrap-Server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountType {
    /// An LwM2M Server: the client registers there.
    #[default]
    Management,
    /// An LwM2M Bootstrap-Server: replaces the client's own bootstrap account.
    Bootstrap,
}

/// What carries CoAP to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// UDP, with DTLS unless the security mode is NoSec.
    #[default]
    Udp,
    /// TCP, with TLS unless the security mode is NoSec.
    Tcp,
}

/// How the client and the server prove themselves (resource `/0/x/2`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecurityMode {
    /// Not at all (mode 3).
    NoSec,
    /// Pre-shared key (mode 0).
    #[default]
    Psk,
    /// Raw public key (mode 1).
    Rpk,
    /// X.509 certificate (mode 2).
    Certificate,
    /// Certificate obtained by EST (mode 4).
    Est,
}

/// A server account: what is written into a client so that it can reach one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerDefinition {
    /// Unique name, `[A-Za-z0-9._-]+` and not all digits.
    pub name: String,
    /// Management or bootstrap.
    #[serde(default, rename = "type")]
    pub account_type: AccountType,
    /// UDP or TCP.
    #[serde(default)]
    pub transport: Transport,
    /// Short Server ID, 1..65534 (resources `/0/x/10` and `/1/y/0`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssid: Option<u32>,
    /// Host with an optional port, or a full URI (resource `/0/x/0`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Security mode of the account.
    #[serde(default)]
    pub security: SecurityMode,
    /// PSK identity of the account; left out, it is the endpoint name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk_identity: Option<String>,
    /// Pre-shared key of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk: Option<KeyText>,
    /// Registration lifetime in seconds (resource `/1/y/1`); 86400 where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<u32>,
    /// Binding (resource `/1/y/7`); `U` for UDP and `T` for TCP where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// Whether notifications are stored while the server is disabled or the client offline (`/1/y/6`); true where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_notifications: Option<bool>,
    /// Default minimum period in seconds (`/1/y/2`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_minimum_period: Option<u32>,
    /// Default maximum period in seconds (`/1/y/3`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_maximum_period: Option<u32>,
    /// Disable timeout in seconds (`/1/y/5`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_timeout: Option<u32>,
    /// Client hold-off time in seconds (`/0/x/11`); bootstrap accounts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_hold_off_time: Option<u32>,
    /// Bootstrap-server account timeout in seconds (`/0/x/12`); bootstrap accounts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_server_account_timeout: Option<u32>,
}

/// A named list of server accounts and how they are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileDefinition {
    /// Unique name, `[A-Za-z0-9._-]+` and not all digits.
    pub name: String,
    /// Names of server accounts, in the order in which they are written.
    #[serde(default)]
    pub servers: Vec<String>,
    /// Whether devices that name no profile get this one.
    #[serde(default)]
    pub default: bool,
    /// `auto`, `tlv`, `senml-cbor`, `senml-json` or `lwm2m-cbor`; `auto` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// `auto`, `always` or `never`; `auto` where left out: asked, and done without where the client refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discover: Option<String>,
    /// Objects that are emptied first, such as `["/0", "/1"]`, which is what is meant where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<Vec<String>>,
    /// The Security Object instance in which the clients keep their bootstrap account, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_account_instance: Option<u32>,
}

/// The record of one client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceDefinition {
    /// Endpoint client name, unique; compared byte for byte.
    pub endpoint: String,
    /// PSK identity of the bootstrap credentials; left out, it is the endpoint name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk_identity: Option<String>,
    /// Pre-shared key of the bootstrap credentials; left out, the device is served over NoSec only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk: Option<KeyText>,
    /// Name of the profile; left out, the default profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}
