//! CoAP over TCP (RFC 8323) without protection: served like UDP, and strict about what comes.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::OPEN;
use crate::harness::{Answer, Daemon, PATIENCE, Site, wait_until};

const LISTENERS: &str = r#"
[[listen]]
bind = "127.0.0.1:0"
transport = "tcp"
security = "nosec"
"#;

/// A server account with a key, and a device that is given it.
const WITH_KEYS: &str = r#"
[[server]]
name = "keyed-server"
ssid = 102
uri = "keyed.example.com"
psk = "text:canary-of-the-server"

[[profile]]
name = "keyed"
servers = ["keyed-server"]

[[device]]
endpoint = "urn:dev:keyed-1"
profile = "keyed"
"#;

/// Our CSM: Max-Message-Size 1152 and Block-Wise-Transfer.
const SERVER_CSM: [u8; 6] = [0x40, 0xE1, 0x22, 0x04, 0x80, 0x20];
const CSM: [u8; 2] = [0x00, 0xE1];
const ABORT: u8 = 0xE5;

fn start(listener: &str, definitions: &str) -> Daemon {
    Site::with_listeners(&format!("{LISTENERS}{listener}"), definitions).start()
}

fn simulate(daemon: &Daemon, endpoint: &str) -> Answer {
    daemon.ctl(&["simulate", "--server", &format!("coap+tcp://{}", daemon.tcp), endpoint])
}

fn outcomes(daemon: &Daemon) -> Vec<String> {
    let sessions = daemon.ctl_json(&["session", "list"]);
    let items = sessions["items"].as_array().expect("a list");
    items.iter().map(|item| item["outcome"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A connection on which the server's CSM has been read.
fn connect(daemon: &Daemon) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.tcp).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit can be set");
    let mut csm = [0; SERVER_CSM.len()];
    stream.read_exact(&mut csm).expect("the server speaks first too");
    assert_eq!(csm, SERVER_CSM);
    stream
}

/// What comes until the server closes the connection.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the server closes it in good order");
    bytes
}

/// A frame of less than 269 bytes behind its token: the code, the token and what follows.
fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>, Vec<u8>) {
    let mut byte = || {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a frame");
        byte[0]
    };
    let first = byte();
    let length = match first >> 4 {
        13 => 13 + usize::from(byte()),
        length @ 0..13 => usize::from(length),
        _ => panic!("a long frame"),
    };
    let code = byte();
    let mut token = vec![0; usize::from(first & 0x0F)];
    let mut content = vec![0; length];
    stream.read_exact(&mut token).expect("a token");
    stream.read_exact(&mut content).expect("the rest of the frame");
    (code, token, content)
}

/// POST /bs?ep=... with a token of 1.
fn bootstrap_request(endpoint: &str) -> Vec<u8> {
    let query = format!("ep={endpoint}");
    let options = [&[0xB2, b'b', b's', 0x4D, query.len() as u8 - 13], query.as_bytes()].concat();
    [&[0xD1, options.len() as u8 - 13, 0x02, 0x01], &options[..]].concat()
}

#[test]
fn a_device_bootstraps_over_tcp() {
    let daemon = start("", &format!("{OPEN}{WITH_KEYS}"));
    simulate(&daemon, "urn:dev:open-1").succeeded().saying(&["open.example.com"]);
    assert_eq!(outcomes(&daemon), ["completed"]);
    let status = daemon.ctl_json(&["status"]);
    let listener = &status["listeners"][0];
    assert_eq!(
        (listener["transport"].as_str(), listener["security"].as_str()),
        (Some("tcp"), Some("nosec")),
        "{status}"
    );
    simulate(&daemon, "urn:dev:nobody").ended_with(1).explaining(&["4.00"]);
    // The rules of unprotected listeners hold here too.
    simulate(&daemon, "urn:dev:keyed-1").ended_with(1).explaining(&["4.00"]);
    assert_eq!(outcomes(&daemon)[0], "refused_insecure");

    let lenient = start("insecure_secrets = true\n", &format!("{OPEN}{WITH_KEYS}"));
    simulate(&lenient, "urn:dev:keyed-1").succeeded().saying(&["keyed.example.com"]);
}

#[test]
fn an_unknown_device_may_wait_to_be_approved() {
    let daemon = start("unknown = \"pending\"\n", OPEN);
    let mut stream = connect(&daemon);
    stream.write_all(&CSM).expect("it reads");
    stream.write_all(&bootstrap_request("urn:dev:newcomer")).expect("it reads");
    let held = || daemon.ctl_json(&["device", "pending"]);
    wait_until("the device is held", || held().to_string().contains("urn:dev:newcomer"), || held().to_string());
    let accepting = start("unknown = \"accept\"\nprofile = \"default\"\n", OPEN);
    simulate(&accepting, "urn:dev:newcomer").succeeded().saying(&["open.example.com"]);
}

#[test]
fn a_ping_is_answered() {
    let daemon = start("", OPEN);
    let mut stream = connect(&daemon);
    // In pieces, as a stream may come.
    for piece in [&CSM[..1], &CSM[1..], &[0x01, 0xE2], &[0x42]] {
        stream.write_all(piece).expect("it reads");
    }
    assert_eq!(frame(&mut stream), (0xE3, vec![0x42], vec![]));
}

#[test]
fn what_breaks_a_rule_is_aborted_and_the_others_are_served() {
    let daemon = start("", OPEN);
    let table: [(&[u8], &str); 6] = [
        (b"GET / HTTP/1.1\r\n\r\n", "option length is reserved"),
        (&[0x01, 0xE2, 0x42], "the first message is not CSM"),
        (&[0x00, 0xE1, 0x0F], "token length is reserved"),
        (&[0x00, 0xE1, 0xE0, 0xFF, 0xFF], "message is longer than we read"),
        (&[0x10, 0xE1, 0x10], "unknown critical option 1 in 7.01"),
        (&[0x00, 0xE1, 0x00, 0xE6], "unknown signalling code 7.06"),
    ];
    for (bytes, words) in table {
        let mut stream = connect(&daemon);
        stream.write_all(bytes).expect("it reads");
        let (code, _, content) = frame(&mut stream);
        let said = String::from_utf8_lossy(&content).into_owned();
        assert!(code == ABORT && said.ends_with(words), "{bytes:02x?}: {code:02x} {said}");
        assert_eq!(rest(stream), b"", "nothing follows");
    }
    simulate(&daemon, "urn:dev:open-1").succeeded();
}

#[test]
fn a_peer_that_never_says_what_it_can_is_let_go() {
    let daemon = start("", OPEN);
    let mut silent = connect(&daemon);
    let (code, _, content) = frame(&mut silent);
    assert_eq!((code, &content[1..]), (ABORT, &b"no CSM came"[..]));
    assert_eq!(rest(silent), b"");
}

#[test]
fn a_connection_that_is_lost_ends_its_session() {
    let daemon = start("", OPEN);
    let mut stream = connect(&daemon);
    stream.write_all(&CSM).expect("it reads");
    stream.write_all(&bootstrap_request("urn:dev:open-1")).expect("it reads");
    let (code, token, _) = frame(&mut stream);
    assert_eq!((code, token), (0x44, vec![1]), "2.04 comes first");
    let (code, ..) = frame(&mut stream);
    assert!((0x01..=0x04).contains(&code), "an operation: {code:02x}");
    drop(stream);
    let ended = || outcomes(&daemon) == ["connection_lost"];
    wait_until("the session is over", ended, || format!("{:?}", outcomes(&daemon)));
    simulate(&daemon, "urn:dev:open-1").succeeded();
}

#[test]
fn the_end_of_the_daemon_releases_its_connections() {
    let mut daemon = start("", OPEN);
    let mut stream = connect(&daemon);
    stream.write_all(&CSM).expect("it reads");
    stream.write_all(&[0x01, 0xE2, 0x42]).expect("it reads");
    assert_eq!(frame(&mut stream).0, 0xE3, "it has read our CSM");
    daemon.signal("TERM");
    assert_eq!(frame(&mut stream), (0xE4, vec![], vec![]));
    assert_eq!(rest(stream), b"");
    assert!(daemon.ended().success());
}
