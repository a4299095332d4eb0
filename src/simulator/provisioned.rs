//! `Provisioned`: what a client was given, and how to show it with or without its secrets.
//!
//! LwM2M Core 1.2 section 6.1.2 (a server account is a Security and a Server instance with one Short Server ID); spec
//! sheet `objects.md`, sections 2 and 5. Knows no message and no transport.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::Serialize;

use super::like::Like;
use super::model::{SECURITY_SHORT_SERVER_ID, SERVER_SHORT_SERVER_ID, boolean, number, single, text};
use crate::counted::counted;
use crate::lwm2m::objects::{OSCORE, SECURITY, SERVER};
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, ResourceId};
use crate::lwm2m::{ContentFormat, Object, ObjectInstance, Path, ResourceValue, Value, Version};
use crate::secret::Secret;

/// What a client holds after a bootstrap that it found consistent.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioned {
    /// Endpoint client name that was asked for.
    pub endpoint: String,
    /// The client that it behaved like, if it was to be one.
    pub like: Option<Like>,
    /// Whether it came as a Bootstrap-Pack; else by operations of the server.
    pub by_pack: bool,
    /// The version that the client spoke.
    pub lwm2m_version: Version,
    /// Format of the pack or of the last Bootstrap-Write.
    pub content_format: Option<ContentFormat>,
    /// Everything but the bootstrap account and the Device Object.
    pub objects: Vec<Object>,
    /// What it took to get there.
    pub traffic: Traffic,
    /// From the first datagram to the answer to Finish, without any handshake before it.
    pub duration: Duration,
}

/// What a bootstrap cost on the wire, in CoAP messages without the bytes of UDP and DTLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Requests that were answered, in both directions, repetitions not counted.
    pub exchanges: u32,
    /// How often the Bootstrap-Request was sent again.
    pub retransmissions: u32,
    /// Requests of the server that came more than once.
    pub duplicates: u32,
    /// Bytes that the client sent.
    pub bytes_sent: u64,
    /// Bytes that the client received.
    pub bytes_received: u64,
}

/// One server account, put together from its two halves.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// The Security Object instance.
    pub security_instance: ObjectInstanceId,
    /// The Server Object instance.
    pub server_instance: ObjectInstanceId,
    /// Short Server ID.
    pub short_server_id: u16,
    /// Server URI.
    pub server_uri: String,
    /// Security mode 0 to 4 (`/0/x/2`).
    pub security_mode: u8,
    /// PSK identity, public key or certificate (`/0/x/3`).
    pub identity: Vec<u8>,
    /// Pre-shared or private key (`/0/x/5`).
    pub key: Secret,
    /// Registration lifetime in seconds.
    pub lifetime: i64,
    /// Binding, such as `U`.
    pub binding: String,
    /// Whether notifications are stored while the client is offline.
    pub store_notifications: bool,
}

impl Provisioned {
    /// The server accounts, in the order of their Security instances.
    pub fn accounts(&self) -> Vec<Account> {
        let instances = |id: ObjectId| {
            self.objects.iter().filter(move |object| object.id == id).flat_map(|object| &object.instances)
        };
        instances(SECURITY)
            .filter_map(|security| {
                let ssid = number(&security.resources, SECURITY_SHORT_SERVER_ID)?;
                let server =
                    instances(SERVER).find(|server| number(&server.resources, SERVER_SHORT_SERVER_ID) == Some(ssid))?;
                account(u16::try_from(ssid).ok()?, security, server)
            })
            .collect()
    }

    /// What to print or to serialise; keys appear only where `reveal` says so.
    pub fn view(&self, reveal: bool) -> ProvisionedView {
        let mut resources = BTreeMap::new();
        for object in &self.objects {
            for instance in &object.instances {
                add_resources(&mut resources, object.id, instance, reveal);
            }
        }
        ProvisionedView {
            endpoint: self.endpoint.clone(),
            like: self.like.map(Like::name),
            by_pack: self.by_pack,
            lwm2m_version: self.lwm2m_version,
            content_format: self.content_format.map(ContentFormat::number),
            duration_ms: (self.duration.as_secs_f64() * 1e6).round() / 1e3,
            traffic: self.traffic,
            accounts: self.accounts().iter().map(|account| account.view(reveal)).collect(),
            resources: resources.into_iter().map(|(path, shown)| (path.to_string(), shown)).collect(),
        }
    }
}

fn account(short_server_id: u16, security: &ObjectInstance, server: &ObjectInstance) -> Option<Account> {
    let (first, second) = (&security.resources, &server.resources);
    let opaque = |id| match single(first, id) {
        Some(Value::Opaque(bytes)) => bytes.clone(),
        _ => Secret::default(),
    };
    Some(Account {
        security_instance: security.id,
        server_instance: server.id,
        short_server_id,
        server_uri: text(first, 0)?.to_owned(),
        security_mode: u8::try_from(number(first, 2)?).ok()?,
        identity: opaque(3).expose().to_vec(),
        key: opaque(5),
        lifetime: number(second, 1)?,
        binding: text(second, 7)?.to_owned(),
        store_notifications: boolean(second, 6)?,
    })
}

impl Account {
    fn view(&self, reveal: bool) -> AccountView {
        AccountView {
            short_server_id: self.short_server_id,
            server_uri: self.server_uri.clone(),
            security: security_mode_name(self.security_mode),
            identity: (!self.identity.is_empty()).then(|| show_bytes(&self.identity)),
            key: (!self.key.is_empty()).then(|| show_secret(&self.key, reveal)),
            lifetime: self.lifetime,
            binding: self.binding.clone(),
            store_notifications: self.store_notifications,
            security_instance: self.security_instance,
            server_instance: self.server_instance,
        }
    }
}

/// [`Provisioned`] as text: serialise it, or print it with `Display`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProvisionedView {
    /// Endpoint client name.
    pub endpoint: String,
    /// The client that it behaved like; left out where it was none in particular.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<&'static str>,
    /// Whether it came as a Bootstrap-Pack.
    pub by_pack: bool,
    /// The version that the client spoke.
    pub lwm2m_version: Version,
    /// Content-Format number of the writes.
    pub content_format: Option<u16>,
    /// From the first datagram to the answer to Finish, in milliseconds.
    pub duration_ms: f64,
    /// What it cost on the wire.
    pub traffic: Traffic,
    /// The server accounts.
    pub accounts: Vec<AccountView>,
    /// Every resource by its path, in the order of the paths; resource ids as numbers would sort.
    #[serde(serialize_with = "as_map")]
    pub resources: Vec<(String, String)>,
}

/// One server account as text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccountView {
    /// Short Server ID.
    pub short_server_id: u16,
    /// Server URI.
    pub server_uri: String,
    /// `psk`, `rpk`, `certificate`, `nosec` or `est`.
    pub security: &'static str,
    /// Identity or public key, as text or `hex:...`.
    pub identity: Option<String>,
    /// The key as `hex:...`, or how long it is.
    pub key: Option<String>,
    /// Registration lifetime in seconds.
    pub lifetime: i64,
    /// Binding.
    pub binding: String,
    /// Whether notifications are stored while the client is offline.
    pub store_notifications: bool,
    /// The Security Object instance.
    pub security_instance: ObjectInstanceId,
    /// The Server Object instance.
    pub server_instance: ObjectInstanceId,
}

impl fmt::Display for ProvisionedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{}{} was given {}{} in {:.1} ms and {}",
            self.endpoint.escape_debug(),
            self.like
                .map(|like| format!(", a client like {like} of LwM2M {},", self.lwm2m_version))
                .unwrap_or_default(),
            counted(self.accounts.len() as u64, "server account"),
            if self.by_pack { " in a pack" } else { "" },
            self.duration_ms,
            counted(self.traffic.exchanges.into(), "exchange")
        )?;
        self.accounts.iter().try_for_each(|account| writeln!(formatter, "\n{account}"))
    }
}

impl fmt::Display for AccountView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "  server           {}", self.server_uri.escape_debug())?;
        writeln!(formatter, "  short server id  {}", self.short_server_id)?;
        writeln!(formatter, "  security         {}", self.security)?;
        if let Some(identity) = &self.identity {
            writeln!(formatter, "  identity         {}", identity.escape_debug())?;
        }
        if let Some(key) = &self.key {
            writeln!(formatter, "  key              {key}")?;
        }
        writeln!(formatter, "  lifetime         {} s", self.lifetime)?;
        writeln!(formatter, "  binding          {}", self.binding.escape_debug())?;
        write!(formatter, "  instances        /0/{} and /1/{}", self.security_instance, self.server_instance)
    }
}

fn add_resources(shown: &mut BTreeMap<Path, String>, object: ObjectId, instance: &ObjectInstance, reveal: bool) {
    for resource in &instance.resources {
        let secret = is_secret(object, resource.id);
        let show = |value| show_value(value, secret, reveal);
        match &resource.value {
            ResourceValue::Single(value) => {
                shown.insert(Path::Resource(object, instance.id, resource.id), show(value));
            }
            ResourceValue::Multiple(values) => {
                for (id, value) in values {
                    shown.insert(Path::ResourceInstance(object, instance.id, resource.id, *id), show(value));
                }
            }
        }
    }
}

/// The resources that must not be seen: keys of all kinds (spec sheet `bootstrap.md`, section 17, step 8).
fn is_secret(object: ObjectId, resource: ResourceId) -> bool {
    matches!((object, resource), (SECURITY, 5 | 8) | (OSCORE, 0))
}

fn show_value(value: &Value, secret: bool, reveal: bool) -> String {
    match value {
        Value::Opaque(bytes) if secret => show_secret(bytes, reveal),
        Value::String(text) if secret && !reveal => format!("({} bytes)", text.len()),
        Value::Opaque(bytes) => show_bytes(bytes.expose()),
        Value::String(text) | Value::CoreLink(text) => text.clone(),
        Value::Integer(number) | Value::Time(number) => number.to_string(),
        Value::Unsigned(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::ObjectLink(object, instance) => format!("{object}:{instance}"),
    }
}

fn show_secret(secret: &Secret, reveal: bool) -> String {
    if reveal { format!("hex:{}", HEXLOWER.encode(secret.expose())) } else { format!("({} bytes)", secret.len()) }
}

/// Printable ASCII as it is; everything else as `hex:...`.
fn show_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') => text.to_owned(),
        _ => format!("hex:{}", HEXLOWER.encode(bytes)),
    }
}

fn security_mode_name(mode: u8) -> &'static str {
    match mode {
        0 => "psk",
        1 => "rpk",
        2 => "certificate",
        3 => "nosec",
        4 => "est",
        _ => "unknown",
    }
}

fn as_map<S: serde::Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(path, shown)| (path, shown)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Provisioned, Traffic};
    use crate::lwm2m::{ContentFormat, Object, ObjectInstance, Resource, Value, Version};

    fn provisioned() -> Provisioned {
        let security = vec![
            Resource::single(0, Value::String("coaps://eu.example.com".into())),
            Resource::single(1, Value::Boolean(false)),
            Resource::single(2, Value::Integer(0)),
            Resource::single(3, Value::opaque(b"meter-1")),
            Resource::single(5, Value::opaque(b"\x01\x02\xfe")),
            Resource::single(10, Value::Integer(101)),
        ];
        let server = vec![
            Resource::single(0, Value::Integer(101)),
            Resource::single(1, Value::Integer(86_400)),
            Resource::single(6, Value::Boolean(true)),
            Resource::single(7, Value::String("U".into())),
        ];
        Provisioned {
            endpoint: "meter-1".into(),
            like: None,
            by_pack: false,
            lwm2m_version: Version::V1_1,
            content_format: Some(ContentFormat::Tlv),
            objects: vec![
                Object { id: 0, instances: vec![ObjectInstance { id: 1, resources: security }] },
                Object { id: 1, instances: vec![ObjectInstance { id: 0, resources: server }] },
            ],
            traffic: Traffic { exchanges: 7, ..Traffic::default() },
            duration: Duration::from_micros(1500),
        }
    }

    #[test]
    fn the_key_is_shown_only_when_asked_for() {
        let hidden =
            serde_json::to_string(&provisioned().view(false)).unwrap() + &provisioned().view(false).to_string();
        assert!(hidden.contains("(3 bytes)") && !hidden.contains("0102fe"), "{hidden}");
        let shown = serde_json::to_value(provisioned().view(true)).unwrap();
        assert_eq!(shown["accounts"][0]["key"], "hex:0102fe");
        assert_eq!(shown["resources"]["/0/1/5"], "hex:0102fe");
    }

    #[test]
    fn both_halves_of_an_account_stand_together() {
        let accounts = provisioned().accounts();
        assert_eq!(accounts.len(), 1);
        let account = &accounts[0];
        assert_eq!((account.security_instance, account.server_instance, account.short_server_id), (1, 0, 101));
        assert_eq!((account.server_uri.as_str(), account.lifetime), ("coaps://eu.example.com", 86_400));
        assert_eq!(account.key.expose(), b"\x01\x02\xfe");
        let text = provisioned().view(false).to_string();
        assert!(text.starts_with("meter-1 was given 1 server account in 1.5 ms and 7 exchanges\n"), "{text}");
    }
}
