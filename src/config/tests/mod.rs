//! The file from the operator's side: what is read, and what is said of mistakes.

mod fleet;
mod limits;
mod mistakes;
mod printing;
mod reading;
mod secrets;

use std::path::Path;

use super::{Config, Diagnostics, Refusal};

/// A device and everything it needs, on which a test may build.
const SOUND: &str = r#"
[[listen]]
bind = "[::]:5684"

[[server]]
name = "fleet-eu"
ssid = 101
uri = "eu.lwm2m.example.com"
psk = "text:0123456789abcdef"

[[profile]]
name = "default"
servers = ["fleet-eu"]
default = true

[[device]]
endpoint = "meter-1"
psk = "hex:000102030405060708090a0b0c0d0e0f"
"#;

fn parse(text: &str) -> Result<Config, Refusal> {
    Config::parse(text, Path::new("/etc/bootstrapd"), "test.toml")
}

/// All that is said of a text where there is no database.
fn diagnostics(text: &str) -> Diagnostics {
    let (mut diagnostics, unresolved) = match parse(text) {
        Ok(config) => (config.warnings, config.unresolved),
        Err(refusal) => (refusal.diagnostics, refusal.unresolved),
    };
    diagnostics.extend(unresolved.into_iter().map(|unresolved| unresolved.diagnostic));
    diagnostics
}

/// `line:column severity message` of the same, but that the key of [`SOUND`] is shared.
fn said(text: &str) -> Vec<String> {
    beside_shared_keys(&diagnostics(text)).iter().map(|line| line.replacen("test.toml:", "", 1)).collect()
}

/// Headlines of all but the warning of a key that is written out, which tests do that are not about keys.
fn beside_shared_keys(diagnostics: &Diagnostics) -> Vec<String> {
    let headlines = diagnostics.iter().map(super::Diagnostic::headline);
    headlines.filter(|line| !line.contains("every client that gets this account has the same key")).collect()
}
