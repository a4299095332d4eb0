//! Every field of server accounts, profiles and devices: by flags as by the file, and what is said of a mistake.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Name};
use serde_json::{Value, json};

use crate::harness::{Answer, Daemon};
use crate::{OPEN, without_devices};

/// Certificates and keys as PEM.
struct Material {
    certificate: String,
    certificate_key: String,
    server_public_key: String,
    client_public_key: String,
    client_key: String,
}

impl Material {
    fn new() -> Material {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let new_key = || PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let text = |pem: Vec<u8>| String::from_utf8(pem).unwrap().trim().to_owned();
        let (certified, server, client) = (new_key(), new_key(), new_key());
        Material {
            certificate: text(certificate_of(&certified).to_pem().unwrap()),
            certificate_key: text(certified.private_key_to_pem_pkcs8().unwrap()),
            server_public_key: text(server.public_key_to_pem().unwrap()),
            client_public_key: text(client.public_key_to_pem().unwrap()),
            client_key: text(client.private_key_to_pem_pkcs8().unwrap()),
        }
    }
}

/// A certificate of its own, valid for a year from now.
fn certificate_of(key: &PKey<Private>) -> X509 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = |seconds: u64| Asn1Time::from_unix(seconds.try_into().unwrap()).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "certified.example.com").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&at(now - 86_400)).unwrap();
    builder.set_not_after(&at(now + 365 * 86_400)).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

/// Everything as the file says it.
fn in_the_file(material: &Material) -> String {
    let Material { certificate, certificate_key, server_public_key, client_public_key, client_key } = material;
    format!(
        r#"
[[server]]
name = "full"
type = "management"
transport = "udp"
ssid = 101
uri = "${{device.property.site}}.example.com:5700"
security = "psk"
psk_identity = "${{device.endpointName}}-${{server.ssid}}"
psk = "${{string.secureRandom(32)}}"
rotate = "30"
lifetime = 3600
binding = "US"
preferred_transport = "U"
store_notifications = false
default_minimum_period = 5
default_maximum_period = 600
disable_timeout = 7200
registration_priority_order = 2
initial_registration_delay_timer = 3
registration_failure_block = true
bootstrap_on_registration_failure = false
communication_retry_count = 4
communication_retry_timer = 30
communication_sequence_delay_timer = 900
communication_sequence_retry_count = 2
trigger = true
mute_send = false
sms = true
sms_number = "491700000001"
sms_security = "secured-packet"
sms_binding_key_parameters = "hex:010203040506"
sms_binding_secret_keys = "hex:000102030405060708090a0b0c0d0e0f"
security_resources = {{ 16 = [49320, 49326], 17 = "21:0" }}
server_resources = {{ 10 = "11:0" }}

[[server]]
name = "certified"
transport = "tcp"
ssid = 102
uri = "certified.example.com"
security = "certificate"
server_certificate = {certificate:?}
client_certificate = {certificate:?}
private_key = {certificate_key:?}
certificate_usage = "trust-anchor-assertion"
matching_type = "exact"
sni = "certified.example.com"

[[server]]
name = "raw"
ssid = 103
uri = "raw.example.com"
security = "rpk"
server_public_key = {server_public_key:?}
client_public_key = {client_public_key:?}
private_key = {client_key:?}

[[server]]
name = "boot"
type = "bootstrap"
uri = "boot.example.com"
psk_identity = "${{device.endpointName}}-${{string.random(8)}}"
psk = "${{string.secureRandom(24)}}"
rotate = "every-bootstrap"
client_hold_off_time = 10
bootstrap_server_account_timeout = 0

[[profile]]
name = "all"
servers = ["raw", "full", "certified", "boot"]
default = true
rules = [
    {{ endpoint = "urn:*", tag = "eu", property = {{ site = "north", "a.b" = "c=d" }} }},
    {{ tag = "pilot" }},
]
rule_order = 5
format = "senml-cbor"
discover = "always"
mode = "incremental"
level = "object"
pack = "redirect"
delete = ["/0", "/1", "/21"]
access_control = "never"
bootstrap_account_instance = 7
ack_timeout = 5.5
max_retransmit = 2
writes = [
    {{ path = "/21/0", resources = {{ 0 = "hex:00112233445566778899aabbccddeeff", 1 = "hex:01", 2 = "hex:02" }} }},
    {{ path = "/11/0", resources = {{ 0 = "operator" }} }},
]

[[device]]
endpoint = "urn:meter:1"
psk_identity = "meter-1"
psk = "hex:6d657465722d312d6d657465722d3121"
certificate = """{certificate}"""
public_key = """{client_public_key}"""
profile = "all"
properties = {{ site = "north", "a.b" = "c=d" }}
tags = ["eu", "pilot"]
state = "blocked"

[[device]]
endpoint = "urn:meter:2"
certificate_name = "SN-2"
"#
    )
}

/// The same by flags, in the order in which one thing needs the other.
fn by_flags(daemon: &Daemon, material: &Material) {
    let file = |name: &str, text: &str| daemon.file(name, text).to_str().unwrap().to_owned();
    let certificate = file("certificate.pem", &material.certificate);
    let certificate_key = file("certificate.key", &material.certificate_key);
    let server_public_key = file("server.pub", &material.server_public_key);
    let client_public_key = file("client.pub", &material.client_public_key);
    let client_key = file("client.key", &material.client_key);
    let sms_keys = file("sms", "hex:000102030405060708090a0b0c0d0e0f\n");
    let add = |words: &str, files: &[&str]| {
        let words: Vec<&str> = words.split_whitespace().chain(files.iter().copied()).collect();
        daemon.ctl(&words).succeeded();
    };
    add(
        "server add full --type management --transport udp --ssid 101 --uri ${device.property.site}.example.com:5700 \
         --security psk --psk-identity ${device.endpointName}-${server.ssid} --psk ${string.secureRandom(32)} \
         --rotate 30 --lifetime 3600 --binding US --preferred-transport U --store-notifications false \
         --default-minimum-period 5 --default-maximum-period 600 --disable-timeout 7200 \
         --registration-priority-order 2 --initial-registration-delay-timer 3 --registration-failure-block true \
         --bootstrap-on-registration-failure false --communication-retry-count 4 --communication-retry-timer 30 \
         --communication-sequence-delay-timer 900 --communication-sequence-retry-count 2 --trigger true \
         --mute-send false --sms true --sms-number 491700000001 --sms-security secured-packet \
         --sms-binding-key-parameters hex:010203040506 --security-resource 16=49320,49326 \
         --security-resource 17=21:0 --server-resource 10=11:0",
        &["--sms-binding-secret-keys-file", &sms_keys],
    );
    add(
        "server add certified --transport tcp --ssid 102 --uri certified.example.com --security certificate \
         --certificate-usage trust-anchor-assertion --matching-type exact --sni certified.example.com",
        &[
            "--server-certificate-file",
            &certificate,
            "--client-certificate-file",
            &certificate,
            "--private-key-file",
            &certificate_key,
        ],
    );
    add(
        "server add raw --ssid 103 --uri raw.example.com --security rpk",
        &[
            "--server-public-key-file",
            &server_public_key,
            "--client-public-key-file",
            &client_public_key,
            "--private-key-file",
            &client_key,
        ],
    );
    add(
        "server add boot --type bootstrap --uri boot.example.com --psk ${string.secureRandom(24)} \
         --psk-identity ${device.endpointName}-${string.random(8)} --rotate every-bootstrap \
         --client-hold-off-time 10 --bootstrap-server-account-timeout 0",
        &[],
    );
    add_profile_and_device(&add, &file, [&certificate, &client_public_key]);
}

fn add_profile_and_device(
    add: &dyn Fn(&str, &[&str]),
    file: &dyn Fn(&str, &str) -> String,
    [certificate, public_key]: [&str; 2],
) {
    let oscore = r#"{"writes": [{"path": "/21/0", "resources":
        {"0": "hex:00112233445566778899aabbccddeeff", "1": "hex:01", "2": "hex:02"}}]}"#;
    let oscore = file("oscore.json", oscore);
    let apn = file("apn.toml", "[[writes]]\npath = \"/11/0\"\nresources = { 0 = \"operator\" }\n");
    add(
        "profile add all --servers raw,full,certified,boot --default \
         --rule endpoint=urn:*,tag=eu,property.site=north,property.a.b=c=d --rule tag=pilot --rule-order 5 \
         --content-format senml-cbor --discover always --mode incremental --level object --pack redirect --delete /0,/1,/21 --access-control never \
         --bootstrap-account-instance 7 --ack-timeout 5.5 --max-retransmit 2",
        &["--write", &oscore, "--write", &apn],
    );
    let key = file("meter", "hex:6d657465722d312d6d657465722d3121\n");
    add(
        "device add urn:meter:1 --psk-identity meter-1 --profile all --property site=north --property a.b=c=d \
         --tags eu,pilot --state blocked",
        &["--psk-file", &key, "--certificate-file", certificate, "--public-key-file", public_key],
    );
    add("device add urn:meter:2 --certificate-name SN-2", &[]);
}

const ALL: [[&str; 2]; 7] = [
    ["server", "full"],
    ["server", "certified"],
    ["server", "raw"],
    ["server", "boot"],
    ["profile", "all"],
    ["device", "urn:meter:1"],
    ["device", "urn:meter:2"],
];

/// What was said, without what the daemon adds; with `--reveal` the secrets too.
fn shown(daemon: &Daemon, [noun, name]: [&str; 2], more: &[&str]) -> Value {
    let mut shown = daemon.ctl_json(&[&[noun, "show", name], more].concat());
    let fields = shown.as_object_mut().unwrap();
    for added in ["id", "origin", "created", "changed"] {
        assert!(fields.remove(added).is_some(), "{noun} {name} has no `{added}`");
    }
    shown
}

#[test]
fn every_field_is_the_same_by_flags_as_by_the_file() {
    let material = Material::new();
    let of_file = Daemon::start(&in_the_file(&material));
    let of_flags = Daemon::start("");
    by_flags(&of_flags, &material);
    for which in ALL {
        let expected = shown(&of_file, which, &[]);
        assert_eq!(shown(&of_flags, which, &[]), expected, "{which:?}");
        let expected = shown(&of_file, which, &["--reveal"]);
        assert_eq!(shown(&of_flags, which, &["--reveal"]), expected, "{which:?} with its secrets");
    }
    for noun in ["server", "profile", "device"] {
        let fields: BTreeSet<String> =
            ALL.into_iter().filter(|[other, _]| *other == noun).flat_map(|which| fields_of(&of_flags, which)).collect();
        let missing: Vec<_> = fields_that_can_be_unset(&of_flags, noun).difference(&fields).cloned().collect();
        assert_eq!(missing, [""; 0], "this test says nothing of fields of a {noun}");
    }
}

/// The names of the fields that are there, secrets among them.
fn fields_of(daemon: &Daemon, which: [&str; 2]) -> Vec<String> {
    let shown = shown(daemon, which, &[]);
    let secrets = shown["secrets"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    shown.as_object().unwrap().keys().cloned().chain(secrets).collect()
}

/// What the help of `set` lists, as the API names it.
fn fields_that_can_be_unset(daemon: &Daemon, noun: &str) -> BTreeSet<String> {
    let help = daemon.ctl(&[noun, "set", "--help"]).succeeded().stdout;
    let (_, behind) = help.split_once("--unset <FIELD>").unwrap();
    let (_, behind) = behind.split_once("[possible values: ").unwrap();
    let (list, _) = behind.split_once(']').unwrap();
    let fields = list.split(',').map(|flag| match flag.trim() {
        "content-format" => "format".to_owned(),
        "property" => "properties".to_owned(),
        flag @ ("rule" | "write" | "security-resource" | "server-resource") => format!("{}s", flag.replace('-', "_")),
        flag => flag.replace('-', "_"),
    });
    let fields: BTreeSet<_> = fields.collect();
    assert!(fields.len() >= 6, "{fields:?}");
    fields
}

/// Adds what has one mistake.
fn add_wrong(daemon: &Daemon, words: &str) -> Answer {
    daemon.ctl(&words.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn a_mistake_is_answered_with_the_flag_and_changes_nothing() {
    let daemon = Daemon::start(without_devices(OPEN));
    let before = daemon.ctl_json(&["server", "list"]);
    let account = "server add x --ssid 7 --uri h.example.com --psk ${string.secureRandom(32)}";
    for (more, code, parts) in [
        ("--binding Z", 1, &["binding", "UQS"][..]),
        ("--sms-number 49", 1, &["sms_number", "`--sms true`"]),
        ("--sms true --binding US --sms-security secured-packet", 1, &["`--sms-binding-secret-keys-file`"]),
        ("--security-resource 5=1", 1, &["security_resources", "resource 5"]),
        ("--communication-retry-count 0", 1, &["communication_retry_count"]),
        ("--client-hold-off-time 5", 1, &["client_hold_off_time"]),
        ("--server-certificate-file /nonexistent/certificate", 1, &["/nonexistent/certificate"]),
        ("--matching-type md5", 2, &["--matching-type", "sha-256"]),
        ("--rotate weekly", 2, &["--rotate", "every-bootstrap"]),
        ("--store-notifications perhaps", 2, &["--store-notifications"]),
        ("--lifetime -4", 2, &["--lifetime"]),
        ("--security-resource 8=hex:00", 2, &["--security-resource", "--from FILE"]),
        ("--server-resource 10", 2, &["--server-resource", "the id of a resource"]),
    ] {
        add_wrong(&daemon, &format!("{account} {more}")).ended_with(code).explaining(parts);
    }
    for (words, code, parts) in [
        ("profile add p --servers open-server --rule site=north", 2, &["--rule", "property.NAME=VALUE"][..]),
        ("profile add p --servers open-server --ack-timeout 0", 1, &["ack_timeout"]),
        ("profile add p --servers open-server --write /nonexistent/write", 1, &["/nonexistent/write"]),
        ("device add m --property site", 2, &["--property", "site=north"]),
        ("device add m --state gone", 2, &["--state", "blocked"]),
        ("device add m --tag a --tags b", 2, &["--tag", "--tags"]),
        ("device add m --tag a --untag a", 2, &["--tag a", "--untag a"]),
    ] {
        add_wrong(&daemon, words).ended_with(code).explaining(parts);
    }
    assert_eq!(daemon.ctl_json(&["server", "list"]), before);
    assert_eq!(daemon.ctl_json(&["device", "list"])["total"], json!(0));
}

#[test]
fn single_tags_come_and_go_and_the_others_stay() {
    let daemon = Daemon::start(without_devices(OPEN));
    let tags = |words: &str| daemon.ctl_json(&words.split_whitespace().collect::<Vec<_>>())["tags"].clone();
    assert_eq!(tags("device add m --tag eu --tag pilot"), json!(["eu", "pilot"]));
    assert_eq!(tags("device set m --tag blue --tag eu"), json!(["blue", "eu", "pilot"]));
    assert_eq!(tags("device set m --untag eu --untag never-there --tag green"), json!(["blue", "green", "pilot"]));
    assert_eq!(tags("device set m --tags red"), json!(["red"]));
    assert_eq!(tags("device set m --untag red"), Value::Null);
    daemon.ctl(&["device", "set", "nobody", "--tag", "eu"]).ended_with(3).explaining(&["nobody"]);
    let fields = daemon.file("fields.toml", "tags = [\"a\", \"b\"]\n");
    let from = ["device", "set", "m", "--untag", "a", "--tag", "c", "--from", fields.to_str().unwrap()];
    assert_eq!(daemon.ctl_json(&from)["tags"], json!(["b", "c"]));
}
