//! Whole devices on foreign stacks are bootstrapped by the real daemon, and what they then hold is compared byte for
//! byte.
//!
//! The devices stand in `tests/foreign` and are installed by `tests/foreign/install`, which `tests/run` calls. What is
//! expected here is written by hand from spec sheets `formats.md` and `objects.md`, not made by the server's code.

#[path = "../foreign/mod.rs"]
mod foreign;
#[path = "../harness/mod.rs"]
mod harness;

/// Makes two tests of each function: `openssl::NAME` on a daemon whose DTLS is OpenSSL's, `native::NAME` on one whose
/// DTLS is our own.
macro_rules! on_each_engine {
    ($($test:ident),+ $(,)?) => {
        mod openssl {
            $(#[test]
            fn $test() {
                super::$test(crate::Engine::OpenSsl);
            })+
        }
        mod native {
            $(#[test]
            fn $test() {
                super::$test(crate::Engine::Native);
            })+
        }
    };
}

mod bad_link;
mod blocks;
mod certificates;
mod connection_ids;
mod plain;
mod pre_shared_key;
mod refused;
mod tcp;

use std::path::PathBuf;
use std::sync::Arc;

use foreign::pki::Holder;
use foreign::{Credentials, ForeignDevice, Report};
use harness::{Daemon, Site};
use serde_json::{Value, json};

/// Two accounts whose numbers need one, two and four bytes, one of them with a key; a device for each listener.
const DEFINITIONS: &str = r#"
[[server]]
name = "fleet-eu"
ssid = 101
uri = "coaps://eu.lwm2m.example.com:5694"
lifetime = 86400
binding = "U"
store_notifications = true
default_minimum_period = 300
default_maximum_period = 6000
disable_timeout = 86400
security = "psk"
psk_identity = "b313cc22-f969-42ec-ad42"
psk = "hex:1ca2028d7197c778e9aef5ef69082bea"

[[server]]
name = "spare"
ssid = 300
uri = "coap://[2001:db8::1]:5783"
lifetime = 40000
binding = "UQ"
store_notifications = false
security = "nosec"

[[profile]]
name = "both"
servers = ["fleet-eu", "spare"]
default = true

[[device]]
endpoint = "urn:dev:os:open-1"

[[device]]
endpoint = "urn:dev:os:proven-1"
psk_identity = "identity of proven-1"
psk = "hex:000102030405060708090a0b0c0d0e0f"
"#;

/// An account with certificates of several KB, which no client takes in one datagram; a device for each listener. The
/// files are those of [`Heavy`].
const HEAVY_DEFINITIONS: &str = r#"
[[server]]
name = "heavy"
ssid = 102
uri = "coaps://eu.lwm2m.example.com:5694"
security = "certificate"
client_certificate_file = "heavy.pem"
private_key_file = "heavy.key"
server_certificate_file = "management.pem"

[[profile]]
name = "heavy"
servers = ["heavy"]
default = true

[[device]]
endpoint = "urn:dev:os:open-1"

[[device]]
endpoint = "urn:dev:os:proven-1"
psk_identity = "identity of proven-1"
psk = "hex:000102030405060708090a0b0c0d0e0f"
"#;

/// One listener of each kind; what is sent over the open ones is for the tests alone.
const LISTENERS: &str = r#"
[[listen]]
bind = "127.0.0.1:0"
security = "nosec"
insecure_secrets = true

[[listen]]
bind = "127.0.0.1:0"
security = "dtls"

[[listen]]
bind = "127.0.0.1:0"
transport = "tcp"
security = "nosec"
insecure_secrets = true
"#;

const OPEN: &str = "urn:dev:os:open-1";
const PROVEN: &str = "urn:dev:os:proven-1";
const IDENTITY: &str = "identity of proven-1";
const KEY: &str = "hex:000102030405060708090a0b0c0d0e0f";

const TLV: u64 = 11542;
const SENML_JSON: u64 = 110;
const SENML_CBOR: u64 = 112;

/// The Resource TLVs of each instance, LwM2M Core 1.2 section 7.5.5, one string for each resource.
const SECURITY_OF_FLEET_EU: [&str; 7] = [
    "c80021636f6170733a2f2f65752e6c776d326d2e6578616d706c652e636f6d3a35363934", // 0: URI of 33 bytes
    "c10100",                                                                   // 1: no Bootstrap-Server
    "c10200",                                                                   // 2: PSK
    "c8031762333133636332322d663936392d343265632d61643432",                     // 3: identity of 23 bytes
    "c004",                                                                     // 4: no server key
    "c805101ca2028d7197c778e9aef5ef69082bea",                                   // 5: key of 16 bytes
    "c10a65",                                                                   // 10: SSID 101
];
const SERVER_OF_FLEET_EU: [&str; 7] = [
    "c10065",       // 0: SSID 101
    "c40100015180", // 1: lifetime 86400 in four bytes
    "c202012c",     // 2: minimum period 300
    "c2031770",     // 3: maximum period 6000
    "c40500015180", // 5: disable timeout 86400
    "c10601",       // 6: notifications are stored
    "c10755",       // 7: U
];
const SECURITY_OF_SPARE: [&str; 7] = [
    "c80019636f61703a2f2f5b323030313a6462383a3a315d3a35373833", // 0: URI of 25 bytes
    "c10100",                                                   // 1: no Bootstrap-Server
    "c10203",                                                   // 2: NoSec
    "c003",                                                     // 3: no identity
    "c004",                                                     // 4: no server key
    "c005",                                                     // 5: no key
    "c20a012c",                                                 // 10: SSID 300 in two bytes
];
const SERVER_OF_SPARE: [&str; 4] = [
    "c200012c",     // 0: SSID 300
    "c40100009c40", // 1: lifetime 40000 in four bytes: in two it would be negative
    "c10600",       // 6: notifications are not stored
    "c2075551",     // 7: UQ
];

/// Who does the DTLS of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    OpenSsl,
    Native,
}

impl Engine {
    /// The listeners, with this engine where they speak DTLS.
    fn on(self, listeners: &str) -> String {
        let name = match self {
            Engine::OpenSsl => "openssl",
            Engine::Native => "native",
        };
        listeners.replace("security = \"dtls\"", &format!("security = \"dtls\"\nengine = \"{name}\""))
    }
}

/// A daemon that knows one device for each listener.
struct Fleet {
    daemon: Daemon,
    key_file: PathBuf,
}

impl Fleet {
    /// One for devices without credentials, whom no engine concerns.
    fn without_dtls() -> Self {
        Fleet::on(&Site::with_listeners(LISTENERS, DEFINITIONS))
    }

    fn start(engine: Engine) -> Self {
        Fleet::on(&Site::with_listeners(&engine.on(LISTENERS), DEFINITIONS))
    }

    fn on(site: &Arc<Site>) -> Self {
        let daemon = site.start();
        let key_file = daemon.file("proven-1.hex", KEY);
        Self { daemon, key_file }
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials { identity: IDENTITY, key_file: &self.key_file }
    }

    /// Bootstraps the device without credentials, on aiocoap over UDP.
    fn open(&self, options: &[&str]) -> Report {
        self.finished(ForeignDevice::Aiocoap.bootstrap(self.daemon.nosec, OPEN, None, options))
    }

    /// Bootstraps the device without credentials, over TCP.
    fn open_over_tcp(&self, device: ForeignDevice, options: &[&str]) -> Report {
        self.finished(device.bootstrap(self.daemon.tcp, OPEN, None, options))
    }

    /// Bootstraps the device with credentials over DTLS.
    fn proven(&self, device: ForeignDevice, options: &[&str]) -> Report {
        self.finished(self.attempt(device, options))
    }

    /// The same, whatever becomes of it.
    fn attempt(&self, device: ForeignDevice, options: &[&str]) -> Report {
        device.bootstrap(self.daemon.dtls, PROVEN, Some(self.credentials()), options)
    }

    fn finished(&self, report: Report) -> Report {
        assert_eq!(report.failure(), None, "{report:#?}\n{}", self.daemon.log());
        report
    }
}

/// A daemon that gives its devices one account with certificates, and what they are to hold then.
struct Heavy {
    fleet: Fleet,
    device: Holder,
    management: Holder,
}

impl Heavy {
    fn without_dtls() -> Self {
        Heavy::with(LISTENERS)
    }

    fn start(engine: Engine) -> Self {
        Heavy::with(&engine.on(LISTENERS))
    }

    fn with(listeners: &str) -> Self {
        let root = Holder::root("root of the management server");
        let management = root.certify("eu.lwm2m.example.com", &[]);
        let names: Vec<String> = (0..110).map(|number| format!("device-{number:03}.fleet.example.com")).collect();
        let device = root.certify(PROVEN, &names);
        let site = Site::with_listeners(listeners, HEAVY_DEFINITIONS);
        site.file("heavy.pem", &device.pem());
        site.file("heavy.key", &device.key_pem());
        site.file("management.pem", &management.pem());
        Self { fleet: Fleet::on(&site), device, management }
    }

    /// Holds when the device has the account in `/0/1` and `/1/0`, and its payload is more than any message carries.
    fn is_held(&self, report: &Report) {
        let opaque = |hex: String| json!({ "opaque": hex });
        let expected = json!({
            "0": "coaps://eu.lwm2m.example.com:5694", "1": false, "2": 2, "3": opaque(self.device.hex()),
            "4": opaque(self.management.hex()), "5": opaque(self.device.key_hex()), "10": 102
        });
        assert_eq!(report.instance("/0/1"), &expected, "{report:#?}");
        assert_eq!(report.instance("/1/0"), &json!({"0": 102, "1": 86400, "6": true, "7": "U"}), "{report:#?}");
        let bytes = report.payload("/0/1").1.len() / 2;
        assert!(bytes > 4000, "{bytes} bytes prove nothing");
    }
}

/// Holds when the device has both accounts in the given instances (`/0/x` and `/1/y` of fleet-eu, then of spare), its
/// own bootstrap account, and nothing else in Objects 0 and 1.
fn holds_both_accounts(report: &Report, paths: [&str; 4], binding_of_spare: &str) {
    let expected = [
        json!({
            "0": "coaps://eu.lwm2m.example.com:5694", "1": false, "2": 0,
            "3": {"opaque": "62333133636332322d663936392d343265632d61643432"}, "4": {"opaque": ""},
            "5": {"opaque": "1ca2028d7197c778e9aef5ef69082bea"}, "10": 101
        }),
        json!({"0": 101, "1": 86400, "2": 300, "3": 6000, "5": 86400, "6": true, "7": "U"}),
        json!({
            "0": "coap://[2001:db8::1]:5783", "1": false, "2": 3,
            "3": {"opaque": ""}, "4": {"opaque": ""}, "5": {"opaque": ""}, "10": 300
        }),
        json!({"0": 300, "1": 40000, "6": false, "7": binding_of_spare}),
    ];
    for (path, instance) in paths.iter().zip(&expected) {
        assert_eq!(report.instance(path), instance, "{path} in {report:#?}");
    }
    let accounts = |path: &&&str| path.starts_with("/0/") || path.starts_with("/1/");
    let others: Vec<&str> =
        report.paths().iter().filter(accounts).filter(|path| !paths.contains(path)).copied().collect();
    assert!(matches!(others[..], [own] if report.instance(own)["1"] == Value::Bool(true)), "{others:?} in {report:#?}");
}

fn wrote_all_in(format: u64, report: &Report) {
    let formats: Vec<u64> = ["/0/1", "/1/0", "/0/2", "/1/1"].map(|path| report.payload(path).0).to_vec();
    assert_eq!(formats, [format; 4], "{report:#?}");
}

/// Holds when the server sent no operation at all.
fn got_nothing(report: &Report, failure: Option<&str>) {
    assert!(report.failure().is_some(), "{report:#?}");
    assert!(failure.is_none() || report.failure() == failure, "{report:#?}");
    assert_eq!(report.requests(), [""; 0], "{report:#?}");
    assert_eq!(report.paths(), ["/0/0", "/3/0"], "{report:#?}");
}
