//! Whatever is wrong with the line that holds a key, the key is not shown.

use super::{SOUND, diagnostics, parse};

/// Planted as hexadecimal and as text; no diagnostic may hold either, nor a piece of it.
const PLANTED: &str = "c0ffee5ec2e7c0ffee5ec2e7c0ffee5e";

/// Whether six letters in a row of the planted key stand in `text`.
fn shows_planted(text: &str) -> bool {
    let text = text.to_lowercase();
    (0..PLANTED.len() - 5).any(|at| text.contains(&PLANTED[at..at + 6]))
}

/// Asserts that a text is refused or warned of, and that nothing that is said shows the key.
#[track_caller]
fn assert_hidden(text: &str) {
    let diagnostics = diagnostics(text);
    assert!(!diagnostics.is_empty(), "nothing is wrong with {text}");
    assert!(!shows_planted(&diagnostics.to_string()), "{diagnostics}");
    assert!(!shows_planted(&format!("{diagnostics:?}")), "{diagnostics:?}");
}

/// Lines that hold the key and are wrong in one way each; `KEY` stands for it.
const LINES: &[&str] = &[
    "psk = \"KEY\"",
    "psk = \"hexKEY\"",
    "psk = \"hex:KEY0\"",
    "psk = \"base64:KEY=\"",
    "psk = \"text:KEYKEYKEY\"",
    "psk = [\"hex:KEY\"]",
    "psk = { key = \"hex:KEY\" }",
    "psk = \"hex:KEY\" # hex:KEY\npsk = \"hex:KEY\"",
    "psk = \"hex:KEY\" oops",
    "psk = \"hex:KEY\"oops",
    "psk = \"hex:KEY\", profile = \"x\"",
    "psk = \"hex:KEY\" profile = 5",
    "psk = \"hex:KEY\"KEY\"",
    "psk = \"hex:KEY",
    "psk = hex:KEY",
    "psk = KEY",
    "psk: \"hex:KEY\"",
    "psk \"hex:KEY\"",
    "psk\t=\t'hex:KEY",
    "psk = \"hex:\\qKEY\"",
    "psk = \"text:KEY\u{1}\"",
    "psk = \"\"\"\nhex:KEY\nKEY\"\"\"",
    "psk = \"\"\"\nhex:KEY\nKEY",
    "psk = \"\"\"\ntext:KEY\nKEY = 5\nKEY\"KEY",
    "psk = '''hex:KEY",
    "psk = 0xKEY",
    "psk = 1979-05-27KEY",
    "psk.hex = \"KEY\"",
    "psk.KEY = true",
    "\"psk\" = \"KEY\"",
    "'psk' = \"hex:KEY\" x",
    "PSK = \"hex:KEY\"",
    "pks = \"hex:KEY\"",
    "key = \"KEY\"",
    "psk_flie = \"KEY\"",
    "psk_file = \"KEY\"",
    "psk_file = \"hex:KEY\"",
    "psk_file = [\"KEY\"]",
    "psk_identity = \"a\", psk = \"KEY\"",
    "profile = { psk = \"KEY\" }",
    "profile = \"a\" psk=\"KEY\"",
    "psk = \"${KEY}\"",
    "[device.psk]\nhex = \"KEY\"",
    "[[device]] psk = \"hex:KEY\"",
    "[[device]]\nendpoint = 5\npsk = \"KEY\" # why",
    "# psk = \"hex:KEY\" \u{1}",
];

#[test]
fn no_wrong_line_of_a_device_shows_its_key() {
    for line in LINES {
        let line = line.replace("KEY", PLANTED);
        let head = SOUND.split("psk = \"hex:").next().unwrap();
        assert_hidden(&format!("{head}{line}\n"));
        assert_hidden(&format!("{head}{line}\nlifetime = 5\n[[profile]]\nname = 5\n"));
    }
}

#[test]
fn no_wrong_line_of_a_server_shows_its_key() {
    for line in LINES.iter().filter(|line| !line.contains("psk_identity")) {
        let text = SOUND.replace("psk = \"text:0123456789abcdef\"", &line.replace("KEY", PLANTED));
        assert_hidden(&text);
    }
}

/// The same for the other secrets of a server account.
#[test]
fn no_wrong_line_of_other_secrets_shows_them() {
    for line in [
        "private_key = 5 # KEY",
        "private_key = [\"KEY\"]",
        "private_key \"KEY\"",
        "private_key = \"\"\"\n-----BEGIN EC PRIVATE KEY-----\nKEY\n",
        "privat_key = \"KEY\"",
        "private_key_file = \"KEY\"",
        "private_key_file = \"-----BEGIN KEY\"",
        "sms_binding_secret_keys = \"KEY\"",
        "sms_binding_secret_keys = \"hex:KEY0\"",
        "security_resources = { 8 = \"hex:KEY\", x = 1 }",
        "security_resources = \"hex:KEY\"",
        "lifetime = 1, private_key = \"KEY\"",
        "[server.security_resources]\n8 = \"hex:KEY0\"",
        "[server.security_resources]\n8 = \"hex:KEY\" oops",
        "[server.security_resources]\nx = \"hex:KEY\"",
        "[server.server_resources]\n10 = [[\"hex:KEY\"]]",
        "[[profile]]\nname = \"p\"\n[[profile.writes]]\npath = 5\nresources = { 1 = \"hex:KEY\" }",
        "[[profile]]\nname = \"p\"\nwrites = [{ path = 5, resources = { 1 = \"hex:KEY\" } }]",
    ] {
        assert_hidden(&SOUND.replace("psk = \"text:0123456789abcdef\"", &line.replace("KEY", PLANTED)));
    }
}

#[test]
fn inline_tables_show_no_key() {
    for text in [
        "device = [{ endpoint = 5, psk = \"hex:KEY\" }]",
        "device = [\n  { endpoint = 5, psk = \"hex:KEY\" },\n  { endpoint = \"a\", psk = \"KEY\" }\n]",
        "device = { endpoint = \"a\", psk = \"hex:KEY\" }",
        "device = [{ endpoint = \"a\", psk = \"hex:KEY\"",
        "state_dir = 5 # text:KEY",
        "device = \"hex:KEY\"",
    ] {
        assert_hidden(&text.replace("KEY", PLANTED));
    }
}

#[test]
fn the_caret_stands_under_the_spot_of_a_masked_line() {
    let text = SOUND.replace("psk = \"hex:000102030405060708090a0b0c0d0e0f\"", "psk = \"hex:00\" oops");
    let diagnostics = diagnostics(&text);
    let place = diagnostics.iter().find(|one| one.message.contains("TOML")).unwrap().place.clone().unwrap();
    assert_eq!((place.line, place.column, place.caret), (18, 16, 15));
    assert_eq!(place.quote, "psk = *************");
}

#[test]
fn a_config_shows_no_key_in_its_debug_form() {
    let config = parse(&SOUND.replace("000102030405060708090a0b0c0d0e0f", PLANTED)).unwrap();
    assert_eq!(config.devices[0].psk.as_ref().unwrap().key().len(), 16);
    assert!(!shows_planted(&format!("{config:?}")));
}

#[test]
fn no_slip_of_one_character_shows_a_key_or_breaks_the_reader() {
    let text = SOUND
        .replace("000102030405060708090a0b0c0d0e0f", PLANTED)
        .replace("text:0123456789abcdef", &format!("text:{PLANTED}"));
    for at in 0..text.len() {
        for slip in ["", "\"", "\n", "=", "[", "\"\"\""] {
            for kept in [at, at + 1] {
                let slipped = format!("{}{slip}{}", &text[..at], &text[kept..]);
                if let Err(diagnostics) = parse(&slipped) {
                    assert!(!shows_planted(&diagnostics.to_string()), "{slipped}\n{diagnostics}");
                }
            }
        }
    }
}
