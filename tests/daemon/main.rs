//! The real `bootstrapd` and `bootstrapctl`, seen from outside: what operators, systemd and devices see of them.
//!
//! Each test has a scratch directory and ports of its own. Nothing waits for a fixed time: tests look again and again
//! until what they wait for can be seen.

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../support/puppet/mod.rs"]
mod puppet;

mod api;
mod at_rest;
mod bootstraps;
mod canaries;
mod certificates;
mod check;
mod definitions;
mod demo;
mod dtls;
mod durability;
mod explain;
mod fields;
mod fleet;
mod import;
mod issuing;
mod knowledge;
mod life;
mod load;
mod nosec;
mod refusals;
mod reload;
mod tcp;
mod turned_away;
mod unit;

/// A server account without keys, the default profile, and a device without credentials: enough for plain CoAP.
const OPEN: &str = r#"
[[server]]
name = "open-server"
ssid = 101
uri = "open.example.com"
security = "nosec"

[[profile]]
name = "default"
servers = ["open-server"]
default = true

[[device]]
endpoint = "urn:dev:open-1"
"#;

/// A server account with a key, the default profile, and a device with a key.
const PROVEN: &str = r#"
[[server]]
name = "fleet-eu"
ssid = 101
uri = "eu.example.com"
psk = "text:the-key-of-the-fleet-in-europe"
lifetime = 3600

[[profile]]
name = "default"
servers = ["fleet-eu"]
default = true

[[device]]
endpoint = "meter-1"
psk = "text:the-key-of-meter-1"
"#;

/// The definitions but for the devices.
fn without_devices(definitions: &str) -> &str {
    definitions.split("[[device]]").next().unwrap_or_default()
}

/// The key of `meter-1`, as a key file holds it.
const METER_KEY: &str = "text:the-key-of-meter-1\n";
