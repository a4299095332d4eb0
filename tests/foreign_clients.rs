//! Whole devices on foreign stacks are bootstrapped by the real daemon, and what they then hold is compared byte for
//! byte.
//!
//! The devices stand in `tests/foreign` and are installed by `tests/foreign/install`, which `tests/run` calls. What is
//! expected here is written by hand from spec sheets `formats.md` and `objects.md`, not made by the server's code.

mod foreign;
mod harness;

use std::path::PathBuf;

use foreign::{Credentials, ForeignDevice, Report};
use harness::Daemon;
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

// ---- Over plain UDP -------------------------------------------------------------------------------------------------

#[test]
fn a_1_0_client_on_aiocoap_is_given_tlv_byte_for_byte() {
    let report = Fleet::start().open(&[]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
    assert_eq!(report.payload("/1/0"), (TLV, SERVER_OF_FLEET_EU.concat().as_str()));
    assert_eq!(report.payload("/0/2"), (TLV, SECURITY_OF_SPARE.concat().as_str()));
    assert_eq!(report.payload("/1/1"), (TLV, SERVER_OF_SPARE.concat().as_str()));
    assert_eq!(report.requests().first(), Some(&"GET / -> 2.05"));
    assert_eq!(report.requests().last(), Some(&"POST /bs -> 2.04"));
}

#[test]
fn a_client_that_prefers_senml_cbor_is_given_it_and_no_queue_mode_in_the_binding() {
    let report = Fleet::start().open(&["--lwm2m", "1.1", "--pct", "112"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_CBOR, &report);
}

#[test]
fn a_client_that_prefers_senml_json_is_given_it() {
    let report = Fleet::start().open(&["--lwm2m", "1.2", "--pct", "110"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_JSON, &report);
}

#[test]
fn another_format_is_tried_where_the_first_is_refused() {
    let report = Fleet::start().open(&["--lwm2m", "1.1", "--refuse-format", "11542", "--refuse-format", "110"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_CBOR, &report);
    let refused = report.requests().iter().filter(|request| request.ends_with("-> 4.15")).count();
    assert!(refused >= 1, "nothing was refused: {report:?}");
}

#[test]
fn a_client_that_keeps_its_bootstrap_account_in_the_second_instance_keeps_it() {
    let report = Fleet::start().open(&["--bootstrap-instance", "1"]);
    holds_both_accounts(&report, ["/0/0", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.instance("/0/1")["1"], true);
}

#[test]
fn accounts_start_at_instance_2_where_discover_is_refused() {
    let report = Fleet::start().open(&["--no-discover"]);
    // Nobody knows where the bootstrap account lies in Object 0; Object 1 holds nothing of it.
    let server = |ssid: u64| {
        let held = |path: &&&str| path.starts_with("/1/") && report.instance(path)["0"] == ssid;
        *report.paths().iter().find(held).unwrap_or_else(|| panic!("no server {ssid}: {report:?}"))
    };
    holds_both_accounts(&report, ["/0/2", server(101), "/0/3", server(300)], "UQ");
}

#[test]
fn a_discover_answer_in_blocks_is_fetched_whole() {
    // The bootstrap account stands in the last block: whoever stops before writes over it.
    let report = Fleet::start().open(&["--big-discover"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
}

#[test]
fn a_known_account_keeps_its_instances_and_an_unknown_one_goes() {
    let report = Fleet::start().open(&["--account", "300:3:4", "--account", "999:1:0"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/3", "/1/4"], "UQ");
}

#[test]
fn answers_that_come_separately_are_waited_for() {
    let report = Fleet::start().open(&["--slow", "0.4"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
    // Two accounts of two instances each; what else is written, such as Access Control, is written once too.
    let requests = report.requests();
    let writes: Vec<_> = requests.iter().filter(|request| request.starts_with("PUT")).collect();
    let of_accounts =
        writes.iter().filter(|write| write.starts_with("PUT /0/") || write.starts_with("PUT /1/")).count();
    let distinct: std::collections::BTreeSet<_> = writes.iter().collect();
    assert_eq!((of_accounts, distinct.len()), (4, writes.len()), "a write was repeated: {report:?}");
}

// ---- Over DTLS with a pre-shared key --------------------------------------------------------------------------------

#[test]
fn a_client_on_tinydtls_is_bootstrapped() {
    let report = Fleet::start().proven(ForeignDevice::Aiocoap, &[]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
}

#[test]
fn a_client_on_tinydtls_is_given_the_format_it_prefers() {
    let fleet = Fleet::start();
    let options = ["--lwm2m", "1.2", "--pct", "112", "--big-discover", "--slow", "0.4"];
    let report = fleet.proven(ForeignDevice::Aiocoap, &options);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_CBOR, &report);
}

#[test]
fn a_client_on_libcoap_is_bootstrapped() {
    let report = Fleet::start().proven(ForeignDevice::Libcoap, &["--bootstrap-instance", "1"]);
    holds_both_accounts(&report, ["/0/0", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.payload("/0/0"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
}

#[test]
fn a_client_without_extended_master_secret_is_bootstrapped_with_every_cipher_suite() {
    let fleet = Fleet::start();
    let suites = [
        ("TLS_PSK_WITH_AES_128_CCM_8", "c0a8"),
        ("TLS_PSK_WITH_AES_128_CCM", "c0a4"),
        ("TLS_PSK_WITH_AES_128_GCM_SHA256", "00a8"),
        ("TLS_PSK_WITH_AES_128_CBC_SHA256", "00ae"),
    ];
    for (suite, number) in suites {
        let report = fleet.proven(ForeignDevice::Node, &["--cipher", suite]);
        assert_eq!(report.client_hello(), &json!({"cipher_suites": [number], "extensions": []}), "{suite}");
        holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
        assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()), "{suite}");
    }
}

#[test]
fn a_client_on_node_is_given_the_format_it_prefers() {
    let report = Fleet::start().proven(ForeignDevice::Node, &["--lwm2m", "1.1", "--pct", "110"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_JSON, &report);
}

// ---- Refused --------------------------------------------------------------------------------------------------------

#[test]
fn an_endpoint_that_nobody_knows_is_refused() {
    let fleet = Fleet::start();
    let report = ForeignDevice::Aiocoap.bootstrap(fleet.daemon.nosec, "urn:dev:os:nobody", None, &[]);
    got_nothing(&report, Some("/bs was answered 4.00"));
}

#[test]
fn a_device_with_credentials_is_not_served_without_them() {
    let fleet = Fleet::start();
    let report = ForeignDevice::Aiocoap.bootstrap(fleet.daemon.nosec, PROVEN, None, &["--limit", "5"]);
    got_nothing(&report, Some("/bs was answered 4.00"));
}

#[test]
fn the_endpoint_of_another_device_is_refused_whatever_the_stack() {
    let fleet = Fleet::start();
    for device in [ForeignDevice::Aiocoap, ForeignDevice::Libcoap, ForeignDevice::Node] {
        let report = device.bootstrap(fleet.daemon.dtls, OPEN, Some(fleet.credentials()), &[]);
        got_nothing(&report, Some("/bs was answered 4.00"));
    }
}

#[test]
fn a_wrong_key_gets_no_association_whatever_the_stack() {
    let fleet = Fleet::start();
    let key_file = fleet.daemon.file("wrong.hex", "hex:ffffffffffffffffffffffffffffffff");
    for device in [ForeignDevice::Aiocoap, ForeignDevice::Libcoap, ForeignDevice::Node] {
        let credentials = Credentials { identity: IDENTITY, key_file: &key_file };
        let report = device.bootstrap(fleet.daemon.dtls, PROVEN, Some(credentials), &["--limit", "3"]);
        got_nothing(&report, None);
        // And the failure of one handshake stands in nobody's way.
        fleet.proven(device, &[]);
    }
}

// ---- What the tests share -------------------------------------------------------------------------------------------

/// A daemon that knows one device for each listener.
struct Fleet {
    daemon: Daemon,
    key_file: PathBuf,
}

impl Fleet {
    fn start() -> Self {
        let daemon = Daemon::start(DEFINITIONS);
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

    /// Bootstraps the device with credentials over DTLS.
    fn proven(&self, device: ForeignDevice, options: &[&str]) -> Report {
        self.finished(device.bootstrap(self.daemon.dtls, PROVEN, Some(self.credentials()), options))
    }

    fn finished(&self, report: Report) -> Report {
        assert_eq!(report.failure(), None, "{report:#?}\n{}", self.daemon.log());
        report
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
