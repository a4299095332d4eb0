//! `bootstrapctl profile`: the flags and columns of profiles.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::definitions::Fields;
use super::failure::Failure;
use super::human::or_nothing;
use super::key_input::read_fields;
use super::server::Listing;
use crate::admin::api::{Entry, List};
use crate::admin::client::{Client, ClientError};
use crate::provision::ProfileDefinition;

/// What an operator says about a profile.
#[derive(Args, Debug, Default, Serialize)]
pub struct ProfileFields {
    /// Names of server accounts in the order in which they are written, such as eu,backup.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = server_name)]
    #[serde(skip_serializing_if = "Option::is_none")]
    servers: Option<Vec<String>>,
    /// Whether devices that name no profile get this one.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<bool>,
    /// Which devices that name no profile get this one: all that is said must hold, such as
    /// endpoint=urn:*,tag=eu,property.site=north. Given several times, any one suffices; the rules that were there before
    /// are replaced. A comma within a value is written `\\,`.
    #[arg(long, value_name = "CONDITION,...", value_parser = rule)]
    #[serde(rename = "rules", skip_serializing_if = "Vec::is_empty")]
    rule: Vec<Value>,
    /// Where this profile stands when the rules of several fit: lower ones first; 1000 where left out.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_order: Option<u32>,
    /// Content format of the writes; `auto`, the default, follows the client.
    ///
    /// The field is called `format`, but `--format` says how answers are printed.
    #[arg(long = "content-format", id = "content_format", value_name = "FORMAT", value_parser = ["auto", "tlv", "senml-cbor", "senml-json", "lwm2m-cbor", "plain-text", "cbor"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    /// Whether to ask the client first what it has: `auto` (asked, and done without where the client refuses), `always`
    /// or `never`.
    #[arg(long, value_parser = ["auto", "always", "never"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    discover: Option<String>,
    /// What becomes of what the client has: `replace` (everything is written, the default) or `incremental` (the client is
    /// asked, and only the difference is written).
    #[arg(long, value_parser = ["replace", "incremental"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    /// How much one write carries: `instance` (works everywhere, the default), `object` (fewer messages; some clients
    /// refuse it) or `resource`.
    #[arg(long, value_parser = ["instance", "object", "resource"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    /// How a Bootstrap-Pack-Request of LwM2M 1.2 is answered: `allow` (with the pack, the default), `redirect` (4.05: the
    /// client is to use Bootstrap-Request) or `never` (5.01).
    #[arg(long, value_parser = ["allow", "redirect", "never"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    pack: Option<String>,
    /// What is deleted first: objects, object instances or `/`; /0,/1 where left out, and nothing in incremental mode.
    /// `none` deletes nothing and keeps what the client has beside. The client's bootstrap account always survives.
    #[arg(long, value_name = "PATH,...", value_delimiter = ',')]
    #[serde(skip)]
    delete: Option<Vec<String>>,
    /// Whether Access Control is written for two or more accounts where the client's version needs it (`auto`, the
    /// default) or not (`never`).
    #[arg(long, value_parser = ["auto", "never"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    access_control: Option<String>,
    /// TOML or JSON file with `writes`: object instances that are written after the accounts, each a `path` such as /5/0
    /// and `resources` by id. Given several times, they are written one after another; those that were there before are
    /// replaced.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    write: Vec<PathBuf>,
    /// The Security Object instance in which the clients keep their bootstrap account, where that is known.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap_account_instance: Option<u32>,
    /// Shortest wait in seconds for an answer before a request is sent again; more for slow networks.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_timeout: Option<f64>,
    /// How often a request is sent again; as often as fits where only the wait is given, at most 4 times.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_retransmit: Option<u32>,
}

/// Which names there are, the daemon knows; that one is empty shows here.
fn server_name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        Err("an empty name: a profile needs one server account at least, such as eu,backup")
    } else {
        Ok(text.to_owned())
    }
}

/// `endpoint=PATTERN,tag=TAG,property.NAME=VALUE` as the API has it.
fn rule(text: &str) -> Result<Value, String> {
    let mut rule = Map::new();
    let mut properties = Map::new();
    for condition in split_at_commas(text) {
        let shape = || format!("`{condition}`: write endpoint=PATTERN, tag=TAG or property.NAME=VALUE");
        let (name, value) = condition.split_once('=').ok_or_else(shape)?;
        let value = Value::String(value.to_owned());
        let before = match name.strip_prefix("property.") {
            Some("") => return Err(shape()),
            Some(property) => properties.insert(property.to_owned(), value),
            None if ["endpoint", "tag"].contains(&name) => rule.insert(name.to_owned(), value),
            None => return Err(shape()),
        };
        if before.is_some() {
            return Err(format!("`{name}` is there twice, and both cannot hold: give a second --rule"));
        }
    }
    if !properties.is_empty() {
        rule.insert("property".to_owned(), Value::Object(properties));
    }
    Ok(Value::Object(rule))
}

/// Splits at commas; `\,` is one that stays. Other escapes belong to the pattern.
fn split_at_commas(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let part = parts.len() - 1;
        match letter {
            ',' => parts.push(String::new()),
            '\\' if letters.peek() == Some(&',') => parts[part].extend(letters.next()),
            '\\' => parts[part].extend([letter].into_iter().chain(letters.next())),
            letter => parts[part].push(letter),
        }
    }
    parts
}

/// The writes that files describe, in their order.
fn writes(paths: &[PathBuf]) -> Result<Value, Failure> {
    let mut writes = Vec::new();
    for path in paths {
        let mut fields = read_fields(path)?;
        match fields.remove("writes") {
            Some(Value::Array(described)) if fields.is_empty() => writes.extend(described),
            _ => {
                let message = format!(
                    "{}: it must hold `writes` and nothing else: in TOML one table `[[writes]]` for each object instance, \
                     in JSON {{\"writes\": [...]}}",
                    path.display()
                );
                return Err(Failure::Usage(message));
            }
        }
    }
    Ok(Value::Array(writes))
}

impl Fields for ProfileFields {
    type Definition = ProfileDefinition;
    type Listing = Listing;
    const REMOVABLE: &'static [&'static str] = &[
        "servers",
        "default",
        "rule",
        "rule-order",
        "content-format",
        "discover",
        "mode",
        "level",
        "pack",
        "delete",
        "access-control",
        "write",
        "bootstrap-account-instance",
        "ack-timeout",
        "max-retransmit",
    ];
    const CASCADES: bool = true;
    const COLUMNS: &'static [&'static str] = &["id", "name", "servers", "default", "format", "discover", "origin"];

    fn field_of(flag: &str) -> String {
        match flag {
            "content-format" => "format".to_owned(),
            "rule" | "write" => format!("{flag}s"),
            flag => flag.replace('-', "_"),
        }
    }

    fn further(&self) -> Result<Vec<(&'static str, Value)>, Failure> {
        let mut further = Vec::new();
        if let Some(delete) = &self.delete {
            let none = ["none".to_owned()];
            let paths = if *delete == none { &[][..] } else { delete };
            further.push(("delete", Value::from(paths.to_vec())));
        }
        if !self.write.is_empty() {
            further.push(("writes", writes(&self.write)?));
        }
        Ok(further)
    }

    fn row(entry: &Entry<ProfileDefinition>) -> Vec<String> {
        let profile = entry.definition();
        vec![
            entry.record.id.to_string(),
            profile.name.clone(),
            profile.servers.join(" "),
            if profile.default { "yes" } else { "no" }.to_owned(),
            or_nothing(profile.format.as_ref()),
            or_nothing(profile.discover.as_ref()),
            entry.record.origin.name().to_owned(),
        ]
    }

    async fn list(client: &Client, listing: Listing) -> Result<List<Entry<ProfileDefinition>>, ClientError> {
        client.list(listing.search).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{rule, split_at_commas};

    #[test]
    fn a_rule_says_what_must_hold_together() {
        assert_eq!(
            rule("endpoint=urn:*,tag=eu,property.site=north,property.x.y=a=b"),
            Ok(json!({ "endpoint": "urn:*", "tag": "eu", "property": { "site": "north", "x.y": "a=b" } }))
        );
        assert_eq!(rule("property.site="), Ok(json!({ "property": { "site": "" } })));
        assert_eq!(rule(r"endpoint=a\,b\*c\\,tag=t"), Ok(json!({ "endpoint": r"a,b\*c\\", "tag": "t" })));
        assert_eq!(split_at_commas(r"\,\"), [r",\"]);
    }

    #[test]
    fn what_is_no_rule_is_told_what_is() {
        for (text, part) in [
            ("", "endpoint=PATTERN"),
            ("urn:*", "endpoint=PATTERN"),
            ("site=north", "property.NAME=VALUE"),
            ("property.=x", "property.NAME=VALUE"),
            ("tag=a,tag=b", "a second --rule"),
            ("tag=a,", "endpoint=PATTERN"),
        ] {
            let error = rule(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
