//! Keys are planted everywhere, and nothing that the daemon writes or says holds one of them in any form.

use std::fs;
use std::path::Path;

use data_encoding::{BASE32, BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

use crate::harness::{Daemon, Site, wait_until};

/// What is planted: by the file and by the admin socket, for server accounts and for devices.
const PLANTED: [(&str, &str); 10] = [
    ("file-server", "text:canary-1-of-the-file-server"),
    ("file-device", "hex:63616e6172792d32000fff0180c3a9c3286b6579"),
    ("admin-server", "base64:Y2FuYXJ5LTMAAP/+gIGCg4SFhoeIiQ=="),
    ("admin-device", "text:canary-4-of-the-admin-device"),
    ("replaced", "text:canary-5-which-was-replaced"),
    ("sms-keys", "hex:63616e6172792d3600fff1736d736b65"),
    ("security-resource", "hex:63616e6172792d3700fff27365637265"),
    ("oscore", "hex:63616e6172792d3800fff36f73636f72"),
    ("private-key", "hex:f8fad364f0ecc43aac17af0ea98459b9ac196d00d1d8fc53e770fd9a1e533b81"),
    ("private-key-pem", "text:MHcCAQEEIPj602Tw7MQ6rBevDqmEWbmsGW0A0dj8U+dw/ZoeUzuBoAoGCCqGSM49"),
];

/// What lies in `private-key` and `private-key-pem`, made for this test.
const PRIVATE_KEY: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIPj602Tw7MQ6rBevDqmEWbmsGW0A0dj8U+dw/ZoeUzuBoAoGCCqGSM49
AwEHoUQDQgAEecLbrnmU7RzeqmUNWe5vJuTmNvS3+BOOLrjitrz/+4S+R8qTJCMU
ST8cgb/1y5g3soX3X4YtAmzjLYR1OTsiMA==
-----END EC PRIVATE KEY-----
";

/// Its public key.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEecLbrnmU7RzeqmUNWe5vJuTmNvS3
+BOOLrjitrz/+4S+R8qTJCMUST8cgb/1y5g3soX3X4YtAmzjLYR1OTsiMA==
-----END PUBLIC KEY-----
";

fn planted(name: &str) -> &'static str {
    PLANTED.iter().find(|(planted, _)| *planted == name).map(|(_, key)| *key).unwrap()
}

fn bytes_of(key: &str) -> Vec<u8> {
    let (form, text) = key.split_once(':').unwrap();
    match form {
        "hex" => HEXLOWER.decode(text.as_bytes()).unwrap(),
        "base64" => BASE64.decode(text.as_bytes()).unwrap(),
        _ => text.as_bytes().to_vec(),
    }
}

/// Every form in which a key might show, `Debug` of bytes included.
fn forms(key: &str) -> Vec<Vec<u8>> {
    let bytes = bytes_of(key);
    let debug = format!("{bytes:?}");
    let encodings = [HEXLOWER, HEXUPPER, BASE64, BASE64_NOPAD, BASE64URL_NOPAD, BASE32];
    let texts = encodings.iter().map(|encoding| encoding.encode(&bytes));
    let spaced = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let inner = debug.trim_matches(['[', ']']).to_owned();
    texts.chain([spaced, inner]).map(String::into_bytes).chain([bytes.clone()]).collect()
}

#[track_caller]
fn assert_clean(what: &str, haystack: &[u8]) {
    for (name, key) in PLANTED {
        assert_free_of(name, key, what, haystack);
    }
}

#[track_caller]
fn assert_free_of(name: &str, key: &str, what: &str, haystack: &[u8]) {
    for form in forms(key) {
        let found = haystack.windows(form.len()).any(|window| window == form);
        assert!(!found, "{what} holds the key of `{name}` as {:?}", String::from_utf8_lossy(&form));
    }
}

fn config() -> String {
    format!(
        r#"
[[server]]
name = "file-server"
ssid = 101
uri = "file.example.com"
psk = {:?}
binding = "US"
sms = true
sms_number = "491700000001"
sms_security = "secured-packet"
sms_binding_key_parameters = "hex:010203040506"
sms_binding_secret_keys = {:?}
security_resources = {{ 31000 = {:?} }}

[[server]]
name = "raw"
ssid = 103
uri = "raw.example.com"
security = "rpk"
server_public_key = {PUBLIC_KEY:?}
private_key = {PRIVATE_KEY:?}

[[server]]
name = "issuing"
ssid = 104
uri = "issuing.example.com"
psk = "${{string.secureRandom(32)}}"

[[profile]]
name = "file"
servers = ["file-server", "raw", "issuing"]
default = true
writes = [{{ path = "/21/0", resources = {{ 0 = {:?}, 1 = "hex:01", 2 = "hex:02" }} }}]

[[device]]
endpoint = "file-device"
psk = {:?}
"#,
        planted("file-server"),
        planted("sms-keys"),
        planted("security-resource"),
        planted("oscore"),
        planted("file-device")
    )
}

/// Does all that is done with keys; everything that was said meanwhile.
fn use_keys(daemon: &Daemon) -> String {
    let file = |name: &str| daemon.file(&format!("{name}.key"), planted(name)).to_str().unwrap().to_owned();
    let (server, device, replaced) = (file("admin-server"), file("admin-device"), file("replaced"));
    let from_file = file("file-device");
    let address = format!("coaps://{}", daemon.dtls);
    let mut said = String::new();
    for words in [
        &["server", "add", "admin-server", "--ssid", "102", "--uri", "h.example.com", "--psk-file", &server][..],
        &["profile", "add", "admin", "--servers", "admin-server,file-server"],
        &["device", "add", "admin-device", "--profile", "admin", "--psk-file", &replaced],
        &["device", "set", "admin-device", "--psk-file", &device],
        &["simulate", "--server", &address, "admin-device", "--psk-file", &device],
        &["simulate", "--server", &address, "admin-device", "--psk-file", &device, "--format", "json"],
        &["simulate", "--server", &address, "file-device", "--psk-file", &from_file, "--pct", "110"],
        &["simulate", "--server", &address, "file-device", "--psk-file", &from_file, "--format", "csv"],
    ] {
        said += &daemon.ctl(words).succeeded().everything();
    }
    let wrong = ["simulate", "--server", &address, "file-device", "--psk-file", &device];
    said += &daemon.ctl(&wrong).ended_with(1).everything();
    said
}

/// All that can be asked, in every form.
fn ask_everything(daemon: &Daemon) -> String {
    let mut said = String::new();
    for format in ["table", "json", "csv"] {
        for words in [
            &["server", "list"][..],
            &["server", "show", "file-server"],
            &["server", "show", "admin-server"],
            &["server", "show", "raw"],
            &["server", "show", "issuing"],
            &["profile", "list"],
            &["profile", "show", "file"],
            &["profile", "show", "admin"],
            &["device", "list"],
            &["device", "show", "file-device"],
            &["device", "show", "admin-device"],
            &["session", "list"],
            &["session", "show", "1"],
            &["session", "show", "2"],
            &["session", "show", "3"],
            &["explain", "file-device", "--lwm2m", "1.1", "--resources"],
            &["device", "credentials", "file-device"],
            &["device", "export"],
            &["export"],
            &["status"],
            &["audit"],
            &["reload"],
        ] {
            said += &daemon.ctl(&[words, &["--format", format]].concat()).succeeded().everything();
        }
    }
    said
}

/// The key that was drawn for `file-device`; asking for it is a reveal, which is in the audit trail and nowhere else.
fn issued(daemon: &Daemon) -> String {
    let revealed = daemon.ctl_json(&["device", "credentials", "file-device", "--reveal"]);
    let key = revealed["items"][0]["psk"].as_str().unwrap().to_owned();
    assert_eq!(bytes_of(&key).len(), 32, "one key of 32 characters was issued");
    key
}

/// Looks for what was planted, and for the key that was issued.
fn assert_state_clean(state: &Path, issued: &str) -> Vec<String> {
    let mut looked_at = Vec::new();
    for entry in fs::read_dir(state).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        assert_clean(&path.display().to_string(), &content);
        assert_free_of("issuing", issued, &path.display().to_string(), &content);
        looked_at.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    looked_at
}

#[test]
fn no_key_shows_in_log_database_answers_or_process() {
    let site = Site::new(&config());
    let daemon = site.start_with(|command| {
        command.args(["--log", "trace"]);
    });
    let said = use_keys(&daemon) + &ask_everything(&daemon);
    assert_clean("what bootstrapctl said", said.as_bytes());
    let issued = issued(&daemon);
    let said = said + &ask_everything(&daemon);
    assert_free_of("issuing", &issued, "what bootstrapctl said", said.as_bytes());
    let outcome = || daemon.ctl_json(&["device", "show", "admin-device"]).to_string();
    wait_until("an outcome to be written", || outcome().contains("completed"), outcome);

    let process = format!("/proc/{}", daemon.pid());
    for file in ["cmdline", "environ"] {
        assert_clean(file, &fs::read(format!("{process}/{file}")).unwrap());
    }
    let looked_at = assert_state_clean(&site.state_dir(), &issued);
    for file in ["bootstrapd.db", "bootstrapd.db-wal"] {
        assert!(looked_at.iter().any(|name| name == file), "{file} is not among {looked_at:?}");
    }
    let log = daemon.log();
    assert!(log.contains("completed: admin-device"), "a log that says little proves little:\n{log}");
    let site = daemon.stop();
    assert_clean("the log", log.as_bytes());
    assert_free_of("issuing", &issued, "the log", log.as_bytes());
    assert_state_clean(&site.state_dir(), &issued);
    assert_clean("check", site.check().succeeded().everything().as_bytes());
}

/// Proves that the search finds a key in each of its forms.
#[test]
fn the_search_finds_what_it_looks_for() {
    for (_, key) in PLANTED {
        for form in forms(key) {
            let haystack = [b"before ".as_slice(), &form, b" behind"].concat();
            let found = std::panic::catch_unwind(|| assert_clean("a haystack", &haystack));
            assert!(found.is_err(), "{:?} went unnoticed", String::from_utf8_lossy(&form));
        }
    }
}
