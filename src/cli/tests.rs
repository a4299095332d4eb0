//! The command line as its users see it: what it reads, what it asks of a real service, which exit code it gives.

use std::path::PathBuf;

use clap::{CommandFactory, Parser};
use serde_json::{Value, json};

use super::definitions::Fields;
use super::report::Format;
use super::{Arguments, Context, Noun, words_of};
use crate::admin::client::Client;
use crate::admin::server::tests::world::World;

/// Runs a command line in a thread of its own, as a process would; what stdout gets, or the exit code.
async fn run(world: &World, words: &[&str]) -> Result<String, u8> {
    let socket = world.socket.clone();
    let words: Vec<String> = ["bootstrapctl"].iter().chain(words).map(|word| (*word).to_owned()).collect();
    let work = move || {
        let arguments = Arguments::try_parse_from(words).map_err(|error| u8::try_from(error.exit_code()).unwrap())?;
        let format = arguments.format;
        let report = arguments.noun.run(&Context { client: Client::new(&socket) });
        report.map(|report| report.render(format)).map_err(|failure| failure.code())
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Runs what must succeed and returns its JSON.
async fn json_of(world: &World, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().chain(&["--format", "json"]).copied().collect();
    let output = run(world, &words).await.unwrap_or_else(|code| panic!("{words:?} ended with {code}"));
    if output.is_empty() { Value::Null } else { serde_json::from_str(&output).unwrap() }
}

fn key_file(world: &World, content: &str) -> String {
    let path = world.socket.with_file_name("key");
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_command_tree_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    for words in [
        &["server"][..],
        &["server", "add"],
        &["server", "add", "eu", "--colour", "red"],
        &["server", "add", "eu", "--ssid", "many"],
        &["server", "add", "eu", "--security", "none"],
        &["server", "set", "eu", "--unset", "name"],
        &["server", "add", "eu", "--psk", "text:x", "--psk-file", "f"],
        &["session", "show", "one"],
        &["session", "show", "-1"],
        &["server", "add", "eu", "--lifetime", "-4"],
        &["server", "add", "eu", "--ssid", "-1"],
        &["profile", "add", "p", "--servers", ""],
        &["profile", "add", "p", "--servers", "eu,"],
        &["device", "list", "--limit", "99999999999"],
        &["device", "list", "--limit", "0"],
        &["session", "list", "--limit", "-1"],
        &["simulate", "--server", "coap://h", "m", "--count", "0"],
        &["simulate", "--server", "coap://h", "m", "--count", "2", "--concurrency", "0"],
        &["simulate", "--server", "coap://h", "m", "--count", "2", "--rate", "-1"],
        &["simulate", "--server", "coap://h", "m", "--count", "2", "--rate", "0"],
        &["status", "--format", "xml"],
        &["simulate", "meter"],
        &["simulate", "--server", "http://h", "meter"],
        &["simulate", "--server", "coap://h", "meter", "--lwm2m", "1.3"],
        &["simulate", "--server", "coap://h", "meter", "--rate", "5"],
        &["simulate", "--server", "coaps://h", "meter", "--psk-identity", "m"],
    ] {
        let error = Arguments::try_parse_from(["bootstrapctl"].iter().chain(words)).expect_err(&format!("{words:?}"));
        assert_eq!(error.exit_code(), 2, "{words:?}");
    }
}

#[test]
fn verbs_have_their_aliases_and_the_socket_its_default() {
    for words in [
        &["server", "ls"][..],
        &["profile", "rm", "p", "--yes"],
        &["device", "ls", "--search", "imei", "--limit", "5"],
        &["session", "ls", "--running"],
        &["simulate", "--server", "coaps://h", "m-{n}", "--psk-file", "k", "--count", "9", "--rate", "2.5"],
    ] {
        assert!(Arguments::try_parse_from(["bootstrapctl"].iter().chain(words)).is_ok(), "{words:?}");
    }
    let arguments = Arguments::try_parse_from(["bootstrapctl", "status", "--socket", "/tmp/x"]).unwrap();
    assert_eq!(arguments.socket, PathBuf::from("/tmp/x"));
    assert!(matches!(arguments.noun, Noun::Status(_)));
    assert_eq!(arguments.format, Format::Table);
}

/// The words that clap has for this command line, help or error.
fn said(words: &[&str]) -> String {
    let error = Arguments::try_parse_from(["bootstrapctl"].iter().chain(words)).expect_err(&format!("{words:?}"));
    anstream::adapter::strip_str(&words_of(&error)).to_string()
}

#[test]
fn the_help_shows_the_number_sign_as_it_is_typed() {
    for flag in ["--help", "-h"] {
        let help = said(&["simulate", flag]);
        assert!(help.contains("'load-{n}' \\\n      --psk-file load.key --count 10000 --concurrency 32\n"), "{help}");
        assert!(help.contains("`{n}` in it") && !help.contains('⟨'), "{help}");
    }
}

#[test]
fn the_help_says_what_is_not_served_yet() {
    let server = said(&["server", "add", "--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(server.contains("The daemon itself listens on UDP only in this version"), "{server}");
    assert!(server.contains("A client in queue mode (Q) is asleep"), "{server}");
    let headings = ["Account:", "Security:", "Certificates and keys:", "Registration:", "SMS:", "Bootstrap account:"];
    let places: Vec<_> = headings.iter().map(|heading| server.find(heading)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {server}");
    let simulate = said(&["simulate", "--help"]);
    assert!(["110", "112", "11542", "11544"].iter().all(|number| simulate.contains(number)), "{simulate}");
}

#[test]
fn the_help_of_status_says_what_its_figures_count() {
    let help = said(&["status", "--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        "evicted handshakes and associations that made room for new ones",
        "dropped datagrams that were garbage",
        "withheld messages not sent to the new address of a client with a connection id",
    ] {
        assert!(help.contains(sentence), "{sentence:?} is missing in {help}");
    }
}

#[test]
fn numbers_out_of_bounds_are_explained_as_numbers() {
    for (words, reason) in [
        (&["server", "add", "eu", "--lifetime", "-4"][..], "-4 is not in 0..=4294967295"),
        (&["simulate", "--server", "coap://h", "m", "--count", "2", "--rate", "-1"], "must be a number above 0"),
        (&["simulate", "--server", "coap://h", "m", "--count", "0"], "at least 1"),
        (&["device", "list", "--limit", "99999999999"], "from 1 to 10000"),
        (&["profile", "add", "p", "--servers", ""], "at least"),
    ] {
        let said = said(words);
        assert!(said.contains("invalid value") && said.contains(reason), "{said}");
    }
}

/// Every field of the definitions, so that one that is added there and forgotten here is noticed.
#[test]
fn every_field_has_a_flag_and_every_optional_one_can_be_removed() {
    assert_flags::<super::server::ServerFields>("server");
    assert_flags::<super::profile::ProfileFields>("profile");
    assert_flags::<super::device::DeviceFields>("device");
}

fn assert_flags<F: Fields>(noun: &str) {
    let command = Arguments::command();
    let add = command.find_subcommand(noun).unwrap().find_subcommand("add").unwrap();
    let flags: Vec<&str> = add.get_arguments().filter_map(|flag| flag.get_long()).collect();
    let fields: Vec<String> =
        flags.iter().map(|flag| F::field_of(flag.strip_suffix("-file").unwrap_or(flag))).collect();
    let removable: Vec<String> = F::REMOVABLE.iter().map(|flag| F::field_of(flag)).collect();
    // What serde has to say of a field that is none names all that there are.
    let said = serde_json::from_value::<F::Definition>(json!({ "no such field": 1 })).err().unwrap().to_string();
    let known: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
    assert!(known.len() > 5, "{said}");
    for field in known.into_iter().filter(|field| !["name", "endpoint"].contains(field)) {
        assert!(fields.iter().any(|known| known == field), "{noun} add: {field}");
        assert!(removable.iter().any(|known| known == field), "{noun} set --unset: {field}");
    }
    for flag in F::FROM_FILES {
        assert!(flags.contains(&format!("{flag}-file").as_str()), "{flag}");
    }
}

#[tokio::test]
async fn definitions_go_in_change_and_go_out() {
    let world = World::new().await;
    let key = key_file(&world, "text:correct-horse-battery\n");
    let added = json_of(
        &world,
        &["server", "add", "eu", "--ssid", "101", "--uri", "eu.example.com", "--psk-file", &key, "--lifetime", "300"],
    )
    .await;
    assert_eq!((&added["ssid"], &added["secrets"], added.get("psk")), (&json!(101), &json!(["psk"]), None));
    json_of(&world, &["profile", "add", "default", "--servers", "eu", "--default"]).await;
    json_of(&world, &["device", "add", "urn:imei:1", "--psk-file", &key]).await;

    let set = json_of(&world, &["server", "set", "eu", "--unset", "lifetime", "--store-notifications", "false"]).await;
    assert_eq!(
        (set.get("lifetime"), &set["store_notifications"], &set["uri"]),
        (None, &json!(false), &json!("eu.example.com"))
    );
    let table = run(&world, &["device", "list"]).await.unwrap();
    assert!(table.contains("urn:imei:1") && table.contains("psk "), "{table}");
    let shown = run(&world, &["server", "show", "eu"]).await.unwrap();
    assert!(shown.contains("eu.example.com") && shown.contains("secrets") && !shown.contains("horse"), "{shown}");
    let csv = run(&world, &["profile", "ls", "--format", "csv"]).await.unwrap();
    assert!(csv.lines().nth(1).unwrap().ends_with(",default,eu,yes,-,-,database"), "{csv}");

    json_of(&world, &["device", "rm", "urn:imei:1", "--yes"]).await;
    json_of(&world, &["profile", "delete", "default", "--yes"]).await;
    json_of(&world, &["server", "delete", "eu", "-y"]).await;
    assert_eq!(json_of(&world, &["server", "list"]).await["items"], json!([]));
    let audit = run(&world, &["audit"]).await.unwrap();
    assert_eq!(audit.lines().count(), 1 + 7, "{audit}");
}

#[tokio::test]
async fn each_kind_of_failure_has_its_exit_code() {
    let world = World::new().await;
    let key = key_file(&world, "text:correct-horse-battery\n");
    let broken = key_file(&world, "no prefix");
    std::fs::write(&key, "text:correct-horse-battery").unwrap();
    let add = ["server", "add", "eu", "--ssid", "1", "--uri", "h.example.com", "--psk-file", &key];
    run(&world, &add).await.unwrap();
    std::fs::write(&broken, "no prefix").unwrap();
    // Whoever has no DTLS client is not asked for a key.
    let without_key = if cfg!(feature = "openssl") { 2 } else { 1 };
    for (words, code) in [
        (&["server", "add", "us", "--ssid", "0", "--uri", "h"][..], 1),
        (&["device", "add", "m", "--psk-file", &broken], 1),
        (&["device", "add", "m", "--psk-file", "/nonexistent/key"], 1),
        (&["simulate", "--server", "coap://127.0.0.1:1", "m"], 1),
        (&["server", "add", "us", "--psk", "text:literal"], 2),
        (&["server", "add", "us", "--psk", "${string.secureRandom(0)}"], 2),
        (&["device", "add", "us", "--psk", "${string.secureRandom(32)}"], 2),
        (&["server", "add", "us", "--security-resource", "8=hex:00"], 2),
        (&["server", "add", "us", "--rotate", "weekly"], 2),
        (&["profile", "add", "us", "--rule", "site=north"], 2),
        (&["device", "set", "us", "--property", "a=b", "--unset-property", "a"], 2),
        (&["server", "add", "us", "--from", "/nonexistent/file"], 1),
        (&["server", "set", "eu"], 2),
        (&["simulate", "--server", "coaps://127.0.0.1:1", "m"], without_key),
        (&["simulate", "--server", "coaps://127.0.0.1:1", "m", "--count", "2"], without_key),
        (&["simulate", "--server", "coap://127.0.0.1:1", "m", "--psk-file", &key], 2),
        (&["server", "set", "eu", "--lifetime", "60", "--unset", "lifetime"], 2),
        (&["server", "show", "none"], 3),
        (&["server", "delete", "none", "--yes"], 3),
        (&["session", "show", "1"], 3),
        (&["server", "add", "eu", "--ssid", "1", "--uri", "h.example.com", "--security", "nosec"], 4),
    ] {
        assert_eq!(run(&world, words).await, Err(code), "{words:?}");
    }
    let client = Client::new(&world.socket.with_file_name("none.sock"));
    let nobody = tokio::task::spawn_blocking(move || {
        let arguments = Arguments::try_parse_from(["bootstrapctl", "status"]).unwrap();
        arguments.noun.run(&Context { client }).unwrap_err().code()
    });
    assert_eq!(nobody.await.unwrap(), 5);
}

#[tokio::test]
async fn status_is_a_record_and_its_json_is_the_apis() {
    let world = World::new().await;
    let text = run(&world, &["status"]).await.unwrap();
    assert!(text.starts_with("state ") && text.contains("serving") && text.contains("9.9.9"), "{text}");
    world.degraded.write().unwrap().push("`eu` is defined twice".to_owned());
    let text = run(&world, &["status"]).await.unwrap();
    assert!(text.contains("serving, degraded") && text.contains("`eu` is defined twice"), "{text}");
    assert_eq!(json_of(&world, &["status"]).await["version"], json!("9.9.9"));
}
