//! `Entry`: a definition as an answer shows it, without its key.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::knowledge::Knowledge;
use super::problem::FieldProblem;
use super::timestamp::Timestamp;
use crate::bootstrap::outcome::Outcome;
use crate::provision::{DeviceDefinition, HoldsSecrets, ProfileDefinition, ServerDefinition};

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who may change a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The TOML file; read-only here.
    File,
    /// The admin socket.
    Database,
}

impl Origin {
    /// The name that the API and the tables use.
    pub fn name(self) -> &'static str {
        match self {
            Origin::File => "file",
            Origin::Database => "database",
        }
    }
}

/// A definition that `/v1` knows as a resource.
pub trait Resource: HoldsSecrets + Serialize + DeserializeOwned + Send + 'static {
    /// The collection in a path, such as `servers`.
    const COLLECTION: &'static str;
    /// What one of them is called, such as `server`.
    const NOUN: &'static str;
    /// The field that names it, such as `name`.
    const KEY: &'static str;

    /// What names it.
    fn key(&self) -> &str;
}

impl Resource for ServerDefinition {
    const COLLECTION: &'static str = "servers";
    const NOUN: &'static str = "server";
    const KEY: &'static str = "name";

    fn key(&self) -> &str {
        &self.name
    }
}

impl Resource for DeviceDefinition {
    const COLLECTION: &'static str = "devices";
    const NOUN: &'static str = "device";
    const KEY: &'static str = "endpoint";

    fn key(&self) -> &str {
        &self.endpoint
    }
}

impl Resource for ProfileDefinition {
    const COLLECTION: &'static str = "profiles";
    const NOUN: &'static str = "profile";
    const KEY: &'static str = "name";

    fn key(&self) -> &str {
        &self.name
    }
}

/// The path of the resource that `key` names, such as `/v1/devices/urn%3Aimei%3A490154203237518`.
pub fn path_of<D: Resource>(key: &str) -> String {
    format!("/v1/{}/{}", D::COLLECTION, utf8_percent_encode(key, SEGMENT))
}

/// `text` as a segment of a path, whatever it holds.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A query such as `?limit=10&endpoint=a%20b` of those pairs that have a value; empty if none has.
pub fn query_of(pairs: &[(&str, Option<String>)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        if let Some(value) = value {
            let separator = if query.is_empty() { '?' } else { '&' };
            query.extend([separator.to_string(), format!("{name}={}", utf8_percent_encode(value, SEGMENT))]);
        }
    }
    query
}

/// What the daemon knows about a definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Number of the record; it is never used again.
    pub id: i64,
    /// Who may change it.
    pub origin: Origin,
    /// Whether an entry of the file stands in its place; it is then found by its number only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadowed: bool,
    /// The fields that are, or hold, secrets: they are set, and not shown.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// When it was first defined.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
    /// How the last session of a device ended; none where it has had none, or for what is no device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_session: Option<LastSession>,
    /// Which bootstrap credentials a device proves itself by; none where it has none, or for what is no device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_credentials: Option<BootstrapCredentials>,
    /// SHA-256 of the certificate of a device, as `sha256:...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_fingerprint: Option<String>,
    /// CN of the subject of that certificate, where it is known and has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_subject: Option<String>,
    /// SHA-256 of the SubjectPublicKeyInfo of a device's raw public key, as `sha256:...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_fingerprint: Option<String>,
    /// What is known of the client of a device; only where one is shown by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<Knowledge>,
}

/// Which bootstrap credentials a device proves itself by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BootstrapCredentials {
    /// Those of its definition.
    Defined,
    /// Those that were issued to it: it has proven them, and those of its definition are good no more.
    Issued,
}

/// How the last session of a device ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastSession {
    /// How.
    pub outcome: Outcome,
    /// Why, as a sentence.
    pub reason: String,
    /// When.
    pub ended: Timestamp,
    /// Number of sessions so far, this one included.
    pub sessions: u64,
}

/// A definition with what the daemon knows about it. [`Entry::of`] is the one way to make one from a definition that
/// may hold a key, and it takes the key away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry<D> {
    /// What the daemon knows.
    #[serde(flatten)]
    pub record: Record,
    /// What works and should be looked at; only in the answer to a change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldProblem>,
    #[serde(flatten)]
    definition: D,
}

impl<D: Resource> Entry<D> {
    /// Shows `definition` without its secrets.
    pub fn of(record: Record, mut definition: D) -> Entry<D> {
        drop(definition.take_secrets());
        Entry { record, warnings: Vec::new(), definition }
    }

    /// The definition; its key is never there.
    pub fn definition(&self) -> &D {
        &self.definition
    }
}

/// Answers, or a page of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct List<T> {
    /// The answers in order.
    pub items: Vec<T>,
    /// Number of answers on all pages together, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Where the next page begins (`?after=`); none on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> List<T> {
    /// Answers that are all there is.
    pub fn complete(items: Vec<T>) -> List<T> {
        List { items, total: None, next: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Entry, Origin, Record, path_of, query_of};
    use crate::admin::api::Timestamp;
    use crate::provision::{DeviceDefinition, KeyText, ServerDefinition};

    fn record() -> Record {
        Record {
            id: 7,
            origin: Origin::File,
            shadowed: false,
            secrets: vec!["psk".to_owned()],
            created: Timestamp::from_milliseconds(0),
            changed: Timestamp::from_milliseconds(1000),
            last_session: None,
            bootstrap_credentials: None,
            certificate_fingerprint: None,
            certificate_subject: None,
            public_key_fingerprint: None,
            knowledge: None,
        }
    }

    #[test]
    fn a_key_is_said_to_be_there_and_not_shown() {
        let definition = DeviceDefinition {
            endpoint: "meter".to_owned(),
            psk: Some(KeyText::parse("text:hunter2").unwrap()),
            ..DeviceDefinition::default()
        };
        let json = serde_json::to_value(Entry::of(record(), definition)).unwrap();
        assert_eq!(
            json,
            json!({
                "id": 7, "origin": "file", "secrets": ["psk"], "endpoint": "meter",
                "created": "1970-01-01T00:00:00Z", "changed": "1970-01-01T00:00:01Z",
            })
        );
    }

    #[test]
    fn an_entry_reads_back_and_a_field_of_a_newer_daemon_does_no_harm() {
        let definition =
            ServerDefinition { name: "eu".to_owned(), ssid: Some(101), lifetime: Some(60), ..Default::default() };
        let entry = Entry::of(record(), definition);
        let mut json = serde_json::to_value(&entry).unwrap();
        json["invented_later"] = json!([1]);
        assert_eq!(serde_json::from_value::<Entry<ServerDefinition>>(json).unwrap(), entry);
    }

    #[test]
    fn whatever_an_endpoint_holds_stays_within_its_segment() {
        assert_eq!(path_of::<DeviceDefinition>("a/b ?#%ü"), "/v1/devices/a%2Fb%20%3F%23%25%C3%BC");
        assert_eq!(path_of::<ServerDefinition>("eu-1.x_y~z"), "/v1/servers/eu-1.x_y~z");
        assert_eq!(query_of(&[("a", None)]), "");
        assert_eq!(query_of(&[("a", None), ("b", Some("1&2".into())), ("c", Some("".into()))]), "?b=1%262&c=");
    }
}
