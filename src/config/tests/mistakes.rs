//! Every mistake is named, each at its line and column, with its remedy.

use super::{SOUND, parse, said};

/// One file with more mistakes than a newcomer makes in a week.
const MISTAKES: &str = r#"state_dir = 5
sealing_keyfile = "x"

[[listen]]
bind = "localhost:5684"
security = "dtsl"
ack_timeout = -1
unknown = "pending"

[[listen]]
bind = "[::]:5684"
insecure_secrets = true
transport = "tcp"

[[listen]]
bind = "[::]:5684"
max_retransmit = 11
transport = "tcp"
[listener]

[admin]
socket = true

[[server]]
name = "fleet eu"
ssid = 70000
uri = "coap://eu.lwm2m.example.com"
lifetime = "1d"
binding = "QU"
psk = "0011223344"

[[server]]
name = "fleet-us"
ssid = -1
lifetme = 86400
security = "rpk"

[[server]]
name = "fleet-us"
ssid = 7
uri = "us.example.com"
security = "nosec"
psk = "hex:00"

[[server]]
name = "new-bootstrap"
type = "bootstrap"
uri = "bs.example.com"
psk = "text:0123456789abcdef"

[[profile]]
name = "default"
servers = ["fleet-us", "fleet-uss", "new-bootstrap"]
delete = ["/0", "/3"]
default = true

[[profile]]
servers = ["fleet-us", 5]
name = "second"
default = true

[[device]]
endpoint = "meter-1"
psk_file = "no/such/file.hex"
profile = "secnd"

[[device]]
endpoint = "meter-2"
psk_identity = "meter-3"
psk = "${string.secureRandom(32)}"

[[device]]
endpoint = "meter-3"
psk_file = "hex:00112233"
psk = "text:0123456789abcdef"

[[device]]
endpoint = "meter-4"
psk_identity = "meter-3"
psk = "text:0123456789ABCDEF"

[[device]]
endpoint = "meter-3"

[[device]]
"#;

#[test]
fn every_mistake_of_one_file_is_named_with_line_and_column() {
    let said = said(MISTAKES);
    let expected = [
        "1:13: error: `state_dir` must be text in quotes, not a number",
        "2:1: error: unknown key `sealing_keyfile`: did you mean `sealing_key_file`?",
        r#"5:8: error: not an IP address with a port: write such as `"[::]:5684"` or `"192.0.2.1:5684"`"#,
        "6:12: error: `security` must be `nosec` or `dtls`",
        "7:15: error: `ack_timeout` must be from 0.1 to 60 seconds; 2 where left out",
        r#"12:20: error: `insecure_secrets` belongs to listeners with `security = "nosec"`: remove it"#,
        "13:13: error: TLS is not supported in this version: with `transport = \"tcp\"` write `security = \"nosec\"`, \
         or use `transport = \"udp\"` with DTLS",
        "16:8: error: the listener on line 11 has this address already: remove one",
        "17:18: error: `max_retransmit` must be at most 10: each one doubles the wait; 4 where left out",
        "18:13: error: TLS is not supported in this version: with `transport = \"tcp\"` write `security = \"nosec\"`, \
         or use `transport = \"udp\"` with DTLS",
        "19:2: error: unknown key `listener`: did you mean `listen`?",
        "22:10: error: `socket` must be text in quotes, not `true` or `false`",
        "25:8: error: a name must not contain ' ': use letters of A-Z, digits, `.`, `_` and `-`",
        "26:8: error: 70000 is no Short Server ID: 1 to 65534 are, 0 and 65535 are reserved",
        "27:7: error: the scheme is `coap`, and `transport` and `security` make it `coaps`: change the scheme, or set \
         `security = \"nosec\"` and `transport = \"udp\"`",
        "28:12: error: `lifetime` must be a whole number from 0 to 4294967295, not text",
        "29:11: error: no such binding: use U, UQ, S, SQ, US or UQS (LwM2M 1.0), or any of U, T, S, N, M and H once \
         each (later)",
        "30:7: error: a key must say how it is written: `hex:...`, `base64:...` or `text:...`",
        r#"32:1: error: `uri` is missing: write the host, such as `uri = "eu.lwm2m.example.com"`"#,
        "32:1: error: `security` is rpk, and `server_public_key` is missing: give the server's public key, PEM or \
         `base64:...`",
        "32:1: error: `security` is rpk, and `private_key` is missing: give the client's private key, PEM or `base64:...`",
        "34:8: error: `ssid` must be a whole number from 0 to 4294967295",
        "35:1: error: unknown key `lifetme`: did you mean `lifetime`?",
        "39:8: error: server `fleet-us` is defined twice: remove or rename one (the first is on line 33)",
        "42:12: warning: clients will talk to this server without any protection",
        r#"43:7: error: `security` is nosec, which uses no `psk`: remove it, or set `security = "psk"`"#,
        "49:7: warning: this server itself knows nothing of a key that is written out here: if the account leads back to \
         it, draw one with `psk = \"${string.secureRandom(32)}\"`",
        "53:24: error: no server `fleet-uss`: did you mean `fleet-us`?",
        "54:17: error: `/3` belongs to the client and is never deleted, and some clients refuse the attempt: remove it",
        "58:24: error: each element of `servers` must be text in quotes, not a number",
        "60:11: error: profile `default` is the default already: there can be only one (the first is on line 55)",
        "64:12: error: cannot read the key file: No such file or directory (os error 2)",
        "65:11: error: no profile `secnd`: did you mean `second`?",
        "70:7: error: `${` starts an expression, which only `psk_identity`, `psk` and `uri` of server accounts may hold: \
         write the value out",
        "74:12: error: there is `psk` already: give it here or in a file, not both",
        "79:16: error: the PSK identity `meter-3` is that of device `meter-3` already: an identity names one device \
         (the first is on line 72)",
        "82:1: warning: the device has no key, and no listener is `nosec`: it cannot be served until it gets a `psk`",
        "83:12: error: device `meter-3` is defined twice: remove one (the first is on line 73)",
        "85:1: error: `endpoint` is missing or empty: give the endpoint client name",
        "85:1: warning: the device has no key, and no listener is `nosec`: it cannot be served until it gets a `psk`",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_diagnostic_quotes_the_line_with_carets_under_the_spot() {
    let diagnostics = parse("[[listen]]\nbind = \"[::]:5684\"\n  lifetme = 1\nsecurity = \"nosec\"\n").unwrap_err();
    assert_eq!(
        diagnostics.to_string(),
        "test.toml:3:3: error: unknown key `lifetme`: known here are `ack_random_factor`, `ack_timeout`, `bind`, \
         `certificate`, `connection_ids`, `dtls_timeout`, `endpoint_name`, `engine`, `insecure_secrets`, `key`, \
         `max_retransmit`, `profile`, `raw_public_keys`, `require_extended_master_secret`, \
         `security`, `transport`, `trust_anchors`, `unknown`\n\
         3 |   lifetme = *\n  |   ^^^^^^^\n\n\
         test.toml:4:12: warning: this listener is not protected: who is on the way can read and change what clients \
         are given\n\
         4 | security = \"nosec\"\n  |            ^^^^^^^\n\n\
         test.toml: 1 error, 1 warning"
    );
}

#[test]
fn broken_syntax_hides_no_other_mistake() {
    let said = said(
        r#"[[listen]]
bind = "[::]:5684"
security = dtls

[[server]
name = "lost"

[[server]]
name = "fleet-eu"
ssid = 70000
ssid = 7
uri "eu.example.com"
psk = "hex:000102030405060708090a0b0c0d0e0f"

[[profile]]
name = "default"
servers = ["fleet-eu", "lost"]
default = true
delete = ["/0" "/1"]

[[device]]
endpoint = "meter-1"
psk = "hex:00"11"
profil = "default"

[[device]]
endpoint = """meter-2
"#,
    );
    assert_eq!(
        said,
        [
            "3:12: error: text must stand in quotes",
            "5:10: error: this is not TOML: unclosed array table, expected `]`",
            "10:8: error: 70000 is no Short Server ID: 1 to 65534 are, 0 and 65535 are reserved",
            "11:1: error: this key or table is there already: remove one",
            "12:5: error: this is not TOML: key with no value, expected `=`",
            "19:16: error: this is not TOML: missing comma between array elements, expected `,`",
            "23:15: error: this is not TOML: unexpected key or value, expected newline, `#`",
            "24:1: error: unknown key `profil`: did you mean `profile`?",
            "27:12: error: the text that begins here is never closed: add `\"\"\"`",
        ]
    );
}

#[test]
fn what_follows_from_a_mistake_is_not_named_as_another() {
    for (from, to, only) in [
        ("name = \"fleet-eu\"", "nmae = \"fleet-eu\"", "unknown key `nmae`"),
        ("psk = \"text:0123456789abcdef\"", "security = \"nosek\"", "`security` must be"),
        ("psk = \"text:0123456789abcdef\"", "psk = 5", "`psk` must be text"),
        ("uri = \"", "security = \"nosek\"\nuri = \"coap://", "`security` must be"),
        ("uri = \"", "transport = \"tpc\"\nbinding = \"T\"\nuri = \"coaps+tcp://", "`transport` must be"),
        ("ssid = 101", "ssid = 101\ntype = \"bs\"\nclient_hold_off_time = 5", "`type` must be"),
        ("ssid = 101", "ssid = true", "`ssid` must be"),
        ("ssid = 101", "ssid 101", "key with no value"),
        ("psk = \"hex:", "pks = \"hex:", "unknown key `pks`"),
        ("name = \"default\"", "name = 5", "`name` must be"),
    ] {
        assert!(SOUND.contains(from));
        let said = said(&SOUND.replace(from, to));
        assert_eq!(said.len(), 1, "{to}: {said:#?}");
        assert!(said[0].contains(only), "{to}: {said:#?}");
    }
}

#[test]
fn a_mistake_hides_no_other_one_of_its_table() {
    for (text, expected) in [
        (
            "[[listen]]\nbind = \"[::]:1\"\nsecurity = \"dlts\"\nsecurty = \"dtls\"\nmax_retransmit = 11\n",
            &[
                "3:12: error: `security` must be `nosec` or `dtls`",
                "4:1: error: unknown key `securty`: did you mean `security`?",
                "5:18: error: `max_retransmit` must be at most 10: each one doubles the wait; 4 where left out",
            ][..],
        ),
        (
            "state_dir = 5\nstat_dir = \"x\"\n[[listen]]\nbind = \"[::]:1\"\n",
            &[
                "1:13: error: `state_dir` must be text in quotes, not a number",
                "2:1: error: unknown key `stat_dir`: did you mean `state_dir`?",
            ],
        ),
        (
            "[[listen]]\nbind = \"[::]:1\"\n[[server]]\nname = \"a\"\nsecurity = \"PSK\"\nlifetime = 86400.5\n\
             uri = \"h:99999\"\nbinding = \"X\"\npsk = \"text:0123456789abcdef\"\npsk_identity = \"\"\npskk = 1\n",
            &[
                "3:1: error: `ssid` is missing: give the Short Server ID, 1 to 65534, unique among the accounts of a \
                 client",
                "5:12: error: `security` must be one of `nosec`, `psk`, `rpk`, `certificate`, `est`",
                "6:12: error: `lifetime` must be a whole number from 0 to 4294967295, not a fraction",
                "7:7: error: `uri` cannot be read (invalid port number): write a host with an optional port, or a full \
                 URI",
                "8:11: error: no such binding: use U, UQ, S, SQ, US or UQS (LwM2M 1.0), or any of U, T, S, N, M and H \
                 once each (later)",
                "10:16: error: `psk_identity` is empty: write the identity, or leave it out to use the endpoint \
                 name",
                "11:1: error: unknown key `pskk`: did you mean `psk`?",
            ],
        ),
    ] {
        assert_eq!(said(text), expected);
    }
}

#[test]
fn a_name_with_a_line_break_breaks_no_line() {
    let device = "[[device]]\nendpoint = \"a\\nb\"\nprofile = \"p\\nq\"\n";
    let text = format!("[[listen]]\nbind = \"[::]:1\"\nsecurity = \"nosec\"\n{device}{device}");
    let said = said(&text);
    assert!(said.iter().any(|line| line.contains("device `a\\nb` is defined twice")), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("no profile `p\\nq`")), "{said:#?}");
    assert!(said.iter().all(|line| !line.contains('\n')), "{said:#?}");
}

#[test]
fn tables_of_the_wrong_kind_are_told_how_to_be_written() {
    for (text, message) in [
        (
            "[listen]\nbind = \"[::]:1\"",
            "1:2: error: there may be several of these: write `[[listen]]`, with two brackets",
        ),
        ("listen = [5]", "1:11: error: there may be several of these: write `[[listen]]`, with two brackets"),
        ("listen = 5", "1:1: error: there may be several of these: write `[[listen]]`, with two brackets"),
        ("[[admin]]\n", "1:3: error: there is only one of these, and it is a table: write `[admin]`"),
    ] {
        assert!(said(text).contains(&message.to_owned()), "{text}: {:#?}", said(text));
    }
}

#[test]
fn a_file_without_listeners_is_refused() {
    assert!(said("")[0].contains("there is nothing to listen on"));
}

#[test]
fn expressions_are_refused_where_none_belong() {
    for line in [
        "state_dir = \"${a}\"",
        "sealing_key_file = \"${a}\"",
        "[admin]\nsocket = \"${a}\"",
        "[[server]]\nname = \"${a}\"",
        "fleet = [\"${a}\"]",
        "[admin]\nread_only_socket = \"${a}\"",
        "[[listen]]\nunknown = \"accept\"\nprofile = \"${a}\"",
        "[[server]]\nbinding = \"${a}\"",
        "[[server]]\nprivate_key_file = \"${a}\"",
        "[[server]]\npsk_file = \"${a}\"",
        "[[profile]]\nservers = [\"${a}\"]",
        "[[device]]\nendpoint = \"${a}\"",
        "[[device]]\nprofile = \"${a}\"",
        "[[device]]\npsk = \"${a}\"",
    ] {
        let said = said(line);
        assert!(said.iter().any(|line| line.contains("`${` starts an expression")), "{line}: {said:#?}");
    }
}

/// What is said of the line `[[server]]`, a profile or a device with these lines, as `line:column message`, errors only.
fn said_of(kind: &str, lines: &str) -> Vec<String> {
    let head = match kind {
        "server" => "[[listen]]\nbind = \"[::]:1\"\n[[server]]\nname = \"s\"\nssid = 1\nuri = \"h\"\n",
        "profile" => "[[listen]]\nbind = \"[::]:1\"\n[[profile]]\nname = \"p\"\nservers = [\"s\"]\n",
        _ => "[[listen]]\nbind = \"[::]:1\"\n[[device]]\nendpoint = \"e\"\nprofile = \"p\"\n",
    };
    let lines_of_head = head.lines().count();
    let relative = |line: &str| {
        let (number, rest) = line.split_once(':')?;
        let number = number.parse::<usize>().ok()?.checked_sub(lines_of_head)?;
        rest.contains(" error: ").then(|| format!("{number}:{}", rest.replacen(": error:", "", 1)))
    };
    said(&format!("{head}{lines}\n")).iter().filter_map(|line| relative(line)).collect()
}

#[test]
fn nested_values_are_named_at_their_place() {
    for (kind, lines, expected) in [
        ("server", "rotate = 0", "1:10 `rotate` must be"),
        ("server", "rotate = \"weekly\"", "1:10 `rotate` must be"),
        ("server", "rotate = true", "1:10 `rotate` must be"),
        ("server", "security_resources = 5", "1:22 `security_resources` must be a table of resource ids"),
        ("server", "[server.security_resources]\n16 = [1]\nx = 1", "3:1 `security_resources`: `x` is no id"),
        ("server", "[server.server_resources]\n10 = [[1]]", "2:6 `server_resources`: a list within a list"),
        ("server", "[server.server_resources]\n10 = 1979-05-27", "2:6 `server_resources`"),
        ("server", "certificate_usage = \"mine\"", "1:21 `certificate_usage` must be one of"),
        (
            "profile",
            "[[profile.rules]]\nendpoint = \"*\"\n[[profile.rules]]\ntga = \"x\"",
            "4:1 `rules`: unknown key `tga`",
        ),
        ("profile", "[[profile.rules]]\ntag = 5", "2:7 `rules` must be text in quotes, not a number"),
        ("profile", "[profile.rules]\ntag = \"x\"", "1:1 `rules` must be a list"),
        ("profile", "[[profile.writes]]\nresources = { 1 = 1 }", "1:1 `writes`: `path` is missing"),
        (
            "profile",
            "[[profile.writes]]\npath = \"/5/0\"\n[profile.writes.resources]\n1 = { 2 = [] }",
            "4:5 `writes`: a list",
        ),
        ("device", "tags = [\"a\", 5]", "1:14 each element of `tags` must be text in quotes"),
        ("device", "state = \"off\"", "1:9 `state` must be"),
        ("device", "[device.properties]\nsite = 5", "2:8 `properties` must be text in quotes, not a number"),
    ] {
        let said = said_of(kind, lines);
        assert!(said.iter().any(|line| line.starts_with(expected)), "{lines}\n{expected}\n{said:#?}");
    }
}

#[test]
fn unknown_clients_are_let_in_where_that_is_safe_and_said_how() {
    let listen = |lines: &str| said(&format!("[[listen]]\nbind = \"[::]:1\"\n{lines}\n{PROFILE_P}"));
    for (lines, expected) in [
        (
            "unknown = \"pending\"",
            "3:11: error: `pending` works on listeners with `security = \"nosec\"` or `trust_anchors` only: over DTLS",
        ),
        ("unknown = \"accept\"\nprofile = \"p\"", "3:11: error: `accept` works on listeners"),
        ("security = \"nosec\"\nunknown = \"accept\"", "1:1: error: `profile` is missing: name the profile"),
        ("security = \"nosec\"\nunknown = \"accept\"\nprofile = \"p\"", "4:11: warning: every client that can reach"),
        ("security = \"nosec\"\nunknown = \"accept\"\nprofile = \"x\"", "5:11: error: no profile `x`"),
        (
            "security = \"nosec\"\nunknown = \"pending\"\nprofile = \"p\"",
            "5:11: error: `profile` belongs to listeners with",
        ),
        ("profile = \"p\"", "3:11: error: `profile` belongs to listeners with `unknown = \"accept\"`: remove it"),
        ("unknown = \"maybe\"", "3:11: error: `unknown` must be `refuse`, `pending` or `accept`"),
    ] {
        let said = listen(lines);
        assert!(said.iter().any(|line| line.starts_with(expected)), "{expected} in {said:#?}");
    }
    let errors = |lines: &str| listen(lines).iter().filter(|line| line.contains(": error: ")).count();
    assert_eq!(errors("security = \"nosec\"\nunknown = \"pending\""), 0);
    assert_eq!(errors("security = \"nosec\"\nunknown = \"accept\"\nprofile = \"p\""), 0);
    assert_eq!(errors("security = \"nosek\"\nunknown = \"pending\""), 1, "it may have been meant to be nosec");
}

const PROFILE_P: &str = "[[server]]\nname = \"s\"\nssid = 1\nuri = \"h\"\npsk = \"text:0123456789abcdef\"\n[[profile]]\nname = \"p\"\nservers = [\"s\"]\n";

#[test]
fn what_a_listener_says_of_dtls_fits_its_security_and_its_engine() {
    let only_with_dtls = |field: &str| format!("`{field}` belongs to listeners with `security = \"dtls\"`: remove it");
    let bounds = "error: `dtls_timeout` must be from 0.1 to 60 seconds; 1 where left out, and 9 for slow networks";
    let mut cases = vec![
        ("engine = \"gnutls\"", "3:10: error: `engine` must be `openssl` or `native`".to_owned()),
        ("connection_ids = 8", "3:18: error: `connection_ids` must be `true` or `false`".to_owned()),
        ("dtls_timeout = 0.05", format!("3:16: {bounds}")),
        ("dtls_timeout = 61", format!("3:16: {bounds}")),
        ("dtls_timeout = nan", format!("3:16: {bounds}")),
        ("dtls_timeout = 0.5", "3:16: warning: less than 1 second repeats flights that are only slow".to_owned()),
        ("security = \"nosec\"\nengine = \"native\"", format!("4:10: error: {}", only_with_dtls("engine"))),
        ("security = \"nosec\"\nconnection_ids = false", format!("4:18: error: {}", only_with_dtls("connection_ids"))),
        (
            "security = \"nosec\"\ntransport = \"tcp\"\nrequire_extended_master_secret = false",
            format!("5:34: error: {}", only_with_dtls("require_extended_master_secret")),
        ),
        ("security = \"nosec\"\ndtls_timeout = 99", format!("4:16: error: {}", only_with_dtls("dtls_timeout"))),
    ];
    if cfg!(feature = "openssl") {
        let cannot = "OpenSSL uses the extended master secret where clients offer it, and cannot demand it: write \
                      `engine = \"native\"`";
        cases.push(("require_extended_master_secret = true", format!("3:34: error: {cannot}")));
    } else {
        let absent = "this build of bootstrapd has no OpenSSL: write `engine = \"native\"` or leave `engine` out";
        cases.push(("engine = \"openssl\"", format!("3:10: error: {absent}")));
    }
    for (lines, expected) in cases {
        let said = said(&format!("[[listen]]\nbind = \"[::]:1\"\n{lines}\n"));
        assert!(said.iter().any(|line| line.starts_with(&expected)), "{expected} in {said:#?}");
    }
}

#[test]
fn udp_and_tcp_may_have_the_same_port() {
    let listen = |transport: &str, security: &str| {
        format!("[[listen]]\nbind = \"[::]:5683\"\ntransport = \"{transport}\"\nsecurity = \"{security}\"\n")
    };
    let errors = |listeners: [String; 2]| -> Vec<String> {
        said(&listeners.concat()).into_iter().filter(|line| line.contains(": error: ")).collect()
    };
    assert_eq!(errors([listen("udp", "nosec"), listen("tcp", "nosec")]), Vec::<String>::new());
    let twice = ["6:8: error: the listener on line 2 has this address already: remove one"];
    assert_eq!(errors([listen("tcp", "nosec"), listen("tcp", "nosec")]), twice);
    let tls = errors([listen("udp", "nosec"), listen("tcp", "dtls")]);
    assert!(matches!(&tls[..], [only] if only.starts_with("7:13: error: TLS is not supported")), "{tls:?}");
}

#[test]
fn the_two_sockets_are_two() {
    let said = said(&format!("[admin]\nsocket = \"/run/a\"\nread_only_socket = \"/run/a\"\n{SOUND}"));
    assert_eq!(said, ["3:20: error: `read_only_socket` is `socket` itself: give it another path, or leave it out"]);
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "([\\[\\]a-e=\"'{},.#\\n\\\\ 0-9ä\\x00]|psk|name|device|listen|\\[\\[server\\]\\]\\n){0,60}") {
        let _ = parse(&text);
    }
}
