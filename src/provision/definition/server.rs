//! `ServerDefinition`: a server account. Spec sheet `objects.md`, sections 2 to 7.

use serde::{Deserialize, Serialize};

use super::Rotation;
use super::resource_values::ResourceValues;
use super::secrets::SecretText;
use crate::provision::account_key::AccountKey;
use crate::provision::key_text::KeyText;

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

/// What the server certificate is to the client (resource `/0/x/15`; spec sheet `objects.md`, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateUsage {
    /// 0: an authority that must occur in the path, beside the client's trust store.
    CaConstraint,
    /// 1: the server's certificate, beside the client's trust store.
    ServiceCertificateConstraint,
    /// 2: the trust anchor.
    TrustAnchorAssertion,
    /// 3: exactly the server's certificate; what clients assume where nothing is said.
    DomainIssued,
}

/// In which form the server certificate is written (resource `/0/x/13`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatchingType {
    /// 0: as it is.
    #[serde(rename = "exact")]
    Exact,
    /// 1: its SHA-256 digest.
    #[serde(rename = "sha-256")]
    Sha256,
    /// 2: its SHA-384 digest.
    #[serde(rename = "sha-384")]
    Sha384,
    /// 3: its SHA-512 digest.
    #[serde(rename = "sha-512")]
    Sha512,
}

/// What protects SMS (resource `/0/x/6`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmsSecurity {
    /// 1: DTLS on the device, with a pre-shared key.
    Dtls,
    /// 2: the Secured Packet Structure on the smartcard.
    SecuredPacket,
    /// 3: nothing.
    #[serde(rename = "nosec")]
    NoSec,
}

impl CertificateUsage {
    /// The value of the resource.
    pub fn number(self) -> u8 {
        match self {
            CertificateUsage::CaConstraint => 0,
            CertificateUsage::ServiceCertificateConstraint => 1,
            CertificateUsage::TrustAnchorAssertion => 2,
            CertificateUsage::DomainIssued => 3,
        }
    }
}

impl MatchingType {
    /// The value of the resource.
    pub fn number(self) -> u8 {
        match self {
            MatchingType::Exact => 0,
            MatchingType::Sha256 => 1,
            MatchingType::Sha384 => 2,
            MatchingType::Sha512 => 3,
        }
    }
}

impl SmsSecurity {
    /// The value of the resource.
    pub fn number(self) -> u8 {
        match self {
            SmsSecurity::Dtls => 1,
            SmsSecurity::SecuredPacket => 2,
            SmsSecurity::NoSec => 3,
        }
    }
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
    /// Host with an optional port, or a full URI (resource `/0/x/0`); may hold expressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Security mode of the account.
    #[serde(default)]
    pub security: SecurityMode,
    /// PSK identity of the account: text, `hex:...`, `base64:...`, `text:...`, or with expressions; left out, it is the
    /// endpoint name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk_identity: Option<String>,
    /// Pre-shared key of the account, or the expression that makes one. Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk: Option<AccountKey>,
    /// When what a random expression made is replaced; never where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate: Option<Rotation>,
    /// The server's certificate, a trust anchor, or the digest of one (resource `/0/x/4`): PEM, or DER as `base64:...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_certificate: Option<String>,
    /// The client's certificate (resource `/0/x/3`): PEM, or DER as `base64:...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// The server's raw public key (resource `/0/x/4`): PEM, or SubjectPublicKeyInfo as `base64:...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_public_key: Option<String>,
    /// The client's raw public key (resource `/0/x/3`): PEM, or SubjectPublicKeyInfo as `base64:...`. Left out, it is
    /// computed from the private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_public_key: Option<String>,
    /// The client's private key (resource `/0/x/5`): PEM, or DER as `base64:...`; PKCS#8 or SEC1. Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<SecretText>,
    /// What `server_certificate` is to the client (resource `/0/x/15`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_usage: Option<CertificateUsage>,
    /// The form in which `server_certificate` is written (resource `/0/x/13`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching_type: Option<MatchingType>,
    /// Server Name Indication (resource `/0/x/14`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// Registration lifetime in seconds (resource `/1/y/1`); 86400 where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<u32>,
    /// Binding (resource `/1/y/7`); `U` for UDP and `T` for TCP where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// Preferred transport (resource `/1/y/22`): one letter of the binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_transport: Option<String>,
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
    /// Registration priority order (`/1/y/13`): lower ones first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_priority_order: Option<u32>,
    /// Initial registration delay timer in seconds (`/1/y/14`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_registration_delay_timer: Option<u32>,
    /// Registration failure block (`/1/y/15`): whether a failure here keeps the client from the servers after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_failure_block: Option<bool>,
    /// Bootstrap on registration failure (`/1/y/16`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_on_registration_failure: Option<bool>,
    /// Communication retry count (`/1/y/17`), at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication_retry_count: Option<u32>,
    /// Communication retry timer in seconds (`/1/y/18`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication_retry_timer: Option<u32>,
    /// Communication sequence delay timer in seconds (`/1/y/19`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication_sequence_delay_timer: Option<u32>,
    /// Communication sequence retry count (`/1/y/20`), at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication_sequence_retry_count: Option<u32>,
    /// Whether the server may wake the client by SMS (`/1/y/21`, Trigger).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<bool>,
    /// Mute Send (`/1/y/23`): true, or left out, forbids the Send operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute_send: Option<bool>,
    /// Whether the server is reached by SMS too; the other `sms` fields need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<bool>,
    /// The server's SMS number, MSISDN without `+` (resource `/0/x/9`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_number: Option<String>,
    /// What protects SMS (resource `/0/x/6`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_security: Option<SmsSecurity>,
    /// SMS binding key parameters, 6 bytes: KIc, KID, SPI, TAR (resource `/0/x/7`), as `hex:...` or `base64:...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_binding_key_parameters: Option<String>,
    /// SMS binding secret keys, 16, 32 or 48 bytes (resource `/0/x/8`). Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_binding_secret_keys: Option<KeyText>,
    /// Client hold-off time in seconds (`/0/x/11`); bootstrap accounts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_hold_off_time: Option<u32>,
    /// Bootstrap-server account timeout in seconds (`/0/x/12`); bootstrap accounts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_server_account_timeout: Option<u32>,
    /// Further resources of the Security Object instance by id, such as `16 = [49320]`: those without a field above.
    #[serde(default, skip_serializing_if = "ResourceValues::is_empty")]
    pub security_resources: ResourceValues,
    /// Further resources of the Server Object instance by id, such as `10 = "11:0"`: those without a field above.
    #[serde(default, skip_serializing_if = "ResourceValues::is_empty")]
    pub server_resources: ResourceValues,
}
