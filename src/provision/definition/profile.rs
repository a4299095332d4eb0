//! `ProfileDefinition`: a named list of server accounts, which devices get it, and how it is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_default;
use super::resource_values::ResourceValues;

/// A named list of server accounts and how they are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileDefinition {
    /// Unique name, `[A-Za-z0-9._-]+` and not all digits.
    pub name: String,
    /// Names of server accounts, in the order in which they are written.
    #[serde(default)]
    pub servers: Vec<String>,
    /// Whether devices that name no profile, and that no rule gives one, get this one.
    #[serde(default)]
    pub default: bool,
    /// Which devices that name no profile get this one: those that any of the rules fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Where this profile stands when the rules of several fit: lower ones first, and by name where equal; 1000 where
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_order: Option<u32>,
    /// `auto`, `tlv`, `senml-cbor`, `senml-json` or `lwm2m-cbor`, and at the level of resources `plain-text` or `cbor`;
    /// `auto` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// `auto`, `always` or `never`; `auto` where left out: asked, and done without where the client refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discover: Option<String>,
    /// `replace` or `incremental`; `replace` where left out: everything is written, whatever the client has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// How much one write carries: `instance`, `object` or `resource`; `instance` where left out, which works everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// How a Bootstrap-Pack-Request is answered: `allow`, `redirect` (4.05) or `never` (5.01); `allow` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
    /// What is deleted first: objects, object instances or `/`, such as `["/0", "/1"]`, which is what is meant where left
    /// out (nothing in incremental mode); `[]` deletes nothing, and what the client has beside is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<Vec<String>>,
    /// `auto` or `never`; `auto` where left out: Access Control is written for two or more accounts where the client's
    /// version needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_control: Option<String>,
    /// Object instances that are written after the accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<WriteDefinition>,
    /// The Security Object instance in which the clients keep their bootstrap account, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_account_instance: Option<u32>,
    /// Shortest wait in seconds for an answer before a request is sent again (ACK_TIMEOUT); the listener's where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_timeout: Option<f64>,
    /// How often a request is sent again (MAX_RETRANSMIT); the listener's where left out, but no more often than fits into
    /// the time that clients wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retransmit: Option<u32>,
}

/// One way to fit: everything that it says must hold of the device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The endpoint name fits this pattern, in which `*` is any text and `?` any character.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The device has this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The device's properties have these values.
    #[serde(default, rename = "property", skip_serializing_if = "is_default")]
    pub properties: BTreeMap<String, String>,
}

/// One object instance that is written as it stands here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteDefinition {
    /// Object and object instance, such as `/5/0`.
    pub path: String,
    /// Its resources by id.
    #[serde(default)]
    pub resources: ResourceValues,
}
