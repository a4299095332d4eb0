//! What the check of a profile finds, alone and against the accounts that it names.

use std::time::Duration;

use serde_json::json;

use super::{check_profile, check_profile_in, writing};
use crate::lwm2m::{ContentFormat, Path};
use crate::provision::{
    AccessControl, AccountType, Catalog, Discover, Level, Mode, Pack, ProfileDefinition, ServerDefinition,
    TimingOverride, Writing,
};

fn profile(servers: &[&str]) -> ProfileDefinition {
    ProfileDefinition {
        name: "default".into(),
        servers: servers.iter().map(|name| (*name).to_owned()).collect(),
        ..ProfileDefinition::default()
    }
}

fn server(name: &str, ssid: u32) -> ServerDefinition {
    ServerDefinition { name: name.into(), ssid: Some(ssid), ..ServerDefinition::default() }
}

/// Field, element and message of each problem.
fn found(profile: &ProfileDefinition) -> Vec<(&'static str, Option<usize>, String)> {
    check_profile(profile).into_iter().map(|p| (p.field, p.element, p.message)).collect()
}

#[test]
fn left_out_everything_has_its_default() {
    assert_eq!(found(&profile(&["a"])), vec![]);
    assert_eq!(
        writing(&profile(&["a"])),
        Ok(Writing {
            format: None,
            discover: Discover::Auto,
            delete: vec![Path::Object(0), Path::Object(1)],
            access_control: AccessControl::Auto,
            bootstrap_account_instance: None,
            timing: TimingOverride::default(),
            ..Writing::default()
        })
    );
}

#[test]
fn written_out_everything_is_taken() {
    let full = ProfileDefinition {
        format: Some("senml-cbor".into()),
        discover: Some("never".into()),
        delete: Some(vec!["/0".into(), "/1".into(), "/21".into()]),
        bootstrap_account_instance: Some(65534),
        access_control: Some("never".into()),
        ack_timeout: Some(7.5),
        max_retransmit: Some(2),
        ..profile(&["a"])
    };
    assert_eq!(
        writing(&full),
        Ok(Writing {
            format: Some(ContentFormat::SenmlCbor),
            discover: Discover::Never,
            delete: vec![Path::Object(0), Path::Object(1), Path::Object(21)],
            bootstrap_account_instance: Some(65534),
            access_control: AccessControl::Never,
            timing: TimingOverride { ack_timeout: Some(Duration::from_millis(7500)), max_retransmit: Some(2) },
            ..Writing::default()
        })
    );
    let nothing_deleted = ProfileDefinition { delete: Some(vec![]), ..profile(&["a"]) };
    assert_eq!(writing(&nothing_deleted).map(|writing| writing.delete), Ok(vec![]));
}

#[test]
fn every_format_that_can_be_written_can_be_named() {
    for (name, format) in [
        ("auto", None),
        ("tlv", Some(ContentFormat::Tlv)),
        ("senml-cbor", Some(ContentFormat::SenmlCbor)),
        ("senml-json", Some(ContentFormat::SenmlJson)),
        ("lwm2m-cbor", Some(ContentFormat::Lwm2mCbor)),
    ] {
        let profile = ProfileDefinition { format: Some(name.into()), ..profile(&["a"]) };
        assert_eq!(writing(&profile).map(|writing| writing.format), Ok(format), "{name}");
    }
    for (name, format) in [("plain-text", ContentFormat::PlainText), ("cbor", ContentFormat::Cbor)] {
        let level = Some("resource".into());
        let single = ProfileDefinition { format: Some(name.into()), level, ..profile(&["a"]) };
        assert_eq!(writing(&single).map(|writing| writing.format), Ok(Some(format)));
        let problems = writing(&ProfileDefinition { level: None, ..single }).unwrap_err();
        assert_eq!((problems.len(), problems[0].field), (1, "format"));
        assert!(problems[0].message.contains("set `level = \"resource\"`"));
    }
}

#[test]
fn a_profile_names_servers_and_each_once() {
    assert!(found(&profile(&[]))[0].2.contains("at least one server account"));
    let twice = found(&profile(&["a", "b", "a"]));
    assert_eq!((twice.len(), twice[0].1), (1, Some(2)));
    assert!(found(&profile(&["${x}"]))[0].2.contains("starts an expression"));
}

#[test]
fn what_is_the_clients_own_is_not_deleted_nor_less_than_an_instance() {
    for (path, part) in [
        ("/3", "belongs to the client"),
        ("/3/0", "belongs to the client"),
        ("/0/1", "write `/0`"),
        ("/5/0/1", "write `/5/0`"),
        ("0", "neither an object nor"),
        ("/65535", "neither an object nor"),
        ("/5/65535", "neither an object nor"),
        ("/x", "neither an object nor"),
    ] {
        let problems = found(&ProfileDefinition { delete: Some(vec!["/1".into(), path.into()]), ..profile(&["a"]) });
        assert_eq!((problems.len(), problems[0].0, problems[0].1), (1, "delete", Some(1)), "{path}");
        assert!(problems[0].2.contains(part), "{path}: {problems:?}");
    }
    let twice = ProfileDefinition { delete: Some(vec!["/1".into(), "/1".into()]), ..profile(&["a"]) };
    assert!(found(&twice)[0].2.contains("named twice"));
    let delete = Some(vec!["/".into(), "/5/0".into()]);
    let whole = writing(&ProfileDefinition { delete, ..profile(&["a"]) }).map(|writing| writing.delete);
    assert_eq!(whole, Ok(vec![Path::Root, Path::ObjectInstance(5, 0)]));
}

#[test]
fn an_incremental_profile_deletes_only_what_it_names_and_each_way_to_write_has_a_name() {
    let named = |mode: &str, level: &str, pack: &str| {
        let (mode, level, pack) = (Some(mode.into()), Some(level.into()), Some(pack.into()));
        writing(&ProfileDefinition { mode, level, pack, ..profile(&["a"]) })
    };
    let writing = named("incremental", "resource", "redirect").unwrap();
    assert_eq!((writing.mode, writing.level, writing.pack), (Mode::Incremental, Level::Resource, Pack::Redirect));
    assert_eq!(writing.delete, []);
    let writing = named("replace", "object", "never").unwrap();
    assert_eq!((writing.mode, writing.level, writing.pack), (Mode::Replace, Level::Object, Pack::Never));
    let (mode, discover) = (Some("incremental".into()), Some("never".into()));
    let blind = super::writing(&ProfileDefinition { mode, discover, ..profile(&["a"]) }).unwrap_err();
    assert_eq!((blind.len(), blind[0].field), (1, "mode"));
    let problems = named("merge", "objects", "yes").unwrap_err();
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["mode", "level", "pack"]);
    assert_eq!(problems[0].message, "`mode` is one of `replace`, `incremental`");
}

#[test]
fn every_mistake_is_named() {
    let problems = found(&ProfileDefinition {
        name: "7".into(),
        format: Some("xml".into()),
        discover: Some("sometimes".into()),
        delete: Some(vec!["/3".into(), "1".into()]),
        bootstrap_account_instance: Some(65535),
        access_control: Some("always".into()),
        ack_timeout: Some(f64::NAN),
        max_retransmit: Some(11),
        rule_order: Some(1),
        ..profile(&[])
    });
    let fields: Vec<_> = problems.iter().map(|(field, ..)| *field).collect();
    assert_eq!(
        fields,
        [
            "name",
            "servers",
            "format",
            "discover",
            "delete",
            "delete",
            "bootstrap_account_instance",
            "access_control",
            "ack_timeout",
            "max_retransmit",
            "rule_order"
        ]
    );
}

#[test]
fn the_servers_of_a_profile_exist_and_can_be_in_one_client() {
    let bootstrap = ServerDefinition { account_type: AccountType::Bootstrap, ssid: None, ..server("new-bs", 0) };
    let catalog = Catalog::new([server("fleet-eu", 1), server("fleet-us", 1), bootstrap], []);
    assert_eq!(check_profile_in(&profile(&["fleet-eu"]), &catalog), vec![]);
    let problems = check_profile_in(&profile(&["fleet-eu", "fleet-e", "new-bs", "fleet-us", "other"]), &catalog);
    let found: Vec<_> = problems.iter().map(|p| (p.element, p.message.as_str())).collect();
    assert_eq!(
        found,
        [
            (Some(1), "no server `fleet-e`: did you mean `fleet-eu`?"),
            (Some(3), "servers `fleet-eu` and `fleet-us` both have ssid 1, and a client can hold only one: change one"),
            (Some(4), "no server `other`: define it, or remove it from the profile"),
        ]
    );
}

#[test]
fn a_server_that_is_missing_twice_is_named_once() {
    let catalog = Catalog::new([server("fleet-eu", 1)], []);
    let problems = check_profile_in(&profile(&["fleet-e", "fleet-eu", "fleet-e"]), &catalog);
    let found: Vec<_> = problems.iter().map(|p| p.element).collect();
    assert_eq!(found, [Some(0)]);
}

fn read(json: serde_json::Value) -> ProfileDefinition {
    serde_json::from_value(json).unwrap()
}

#[test]
fn rules_say_something_that_can_be_read() {
    let rules = |rules: serde_json::Value| found(&read(json!({ "name": "p", "servers": ["a"], "rules": rules })));
    assert_eq!(
        rules(json!([{ "endpoint": "urn:imei:*" }, { "tag": "eu:north", "property": { "site": "a b" } }])),
        vec![]
    );
    for (rule, part) in [
        (json!({}), "`default = true`"),
        (json!({ "endpoint": "" }), "`endpoint`: the pattern is empty"),
        (json!({ "endpoint": "a\\b" }), "`endpoint`: column 2: "),
        (json!({ "tag": "a b" }), "`a b` is no tag"),
        (json!({ "tag": "" }), "`` is no tag"),
        (json!({ "property": { "a/b": "c" } }), "`a/b` is no name of a property"),
        (json!({ "property": { "a": "c\u{1}" } }), "control character '\\u{1}'"),
        (json!({ "tag": "eu" }), "there twice"),
    ] {
        let problems = rules(json!([{ "tag": "eu" }, rule.clone()]));
        assert_eq!((problems.len(), problems[0].0, problems[0].1), (1, "rules", Some(1)), "{rule}: {problems:?}");
        assert!(problems[0].2.contains(part), "{rule}: {problems:?}");
    }
}

/// The problems of writes beside one that is sound, as sentences.
fn writes(write: serde_json::Value) -> Vec<String> {
    let sound = json!({ "path": "/5/0", "resources": { "1": "coap://host" } });
    let problems = found(&read(json!({ "name": "p", "servers": ["a"], "writes": [sound, write] })));
    assert!(problems.iter().all(|(field, element, _)| (*field, *element) == ("writes", Some(1))), "{problems:?}");
    problems.into_iter().map(|(_, _, message)| message).collect()
}

#[test]
fn writes_are_instances_that_a_client_may_be_given() {
    for fine in [
        json!({ "path": "/3/0", "resources": { "13": 1_700_000_000, "14": "+01:00", "15": "Europe/Vienna" } }),
        json!({ "path": "/2/7", "resources": { "0": 3, "1": 0, "2": { "0": 1, "7": 15 }, "3": 7 } }),
        json!({ "path": "/2/0", "resources": { "0": 5, "1": 65535, "2": { "7": 16 }, "3": 65535 } }),
        json!({ "path": "/3303/0", "resources": { "5701": "C", "9": [1, 2] } }),
    ] {
        assert_eq!(writes(fine.clone()), [""; 0], "{fine}");
    }
    for (write, part) in [
        (json!({ "path": "/5", "resources": { "1": "x" } }), "`/5` is no object instance"),
        (json!({ "path": "5/0", "resources": { "1": "x" } }), "such as `/5/0`"),
        (json!({ "path": "/5/65535", "resources": { "1": "x" } }), "0 to 65534"),
        (json!({ "path": "/5/0/1", "resources": { "1": "x" } }), "is no object instance"),
        (json!({ "path": "/5/0", "resources": { "1": "x" } }), "`/5/0` is written twice"),
        (json!({ "path": "/5/1", "resources": {} }), "nothing is written there"),
        (json!({ "path": "/0/5", "resources": { "0": "x" } }), "object 0 is written from server accounts"),
        (json!({ "path": "/1/5", "resources": { "0": 1 } }), "object 1 is written from server accounts"),
        (json!({ "path": "/3/1", "resources": { "13": 1 } }), "`/3/0` alone"),
        (json!({ "path": "/3/0", "resources": { "0": "x" } }), "resource 0: Manufacturer belongs to the client"),
        (json!({ "path": "/3/0", "resources": { "13": "x" } }), "resource 13: the resource wants a time"),
    ] {
        let found = writes(write.clone());
        assert_eq!(found.len(), 1, "{write}: {found:?}");
        assert!(found[0].contains(part), "{write}: {found:?}");
    }
}

#[test]
fn a_master_secret_that_all_share_is_warned_of() {
    let oscore = json!({ "path": "/21/0", "resources": { "0": "text:secret", "1": "hex:01", "2": "hex:02" } });
    let found = writes(oscore);
    assert!(found.len() == 1 && found[0].contains("the same Master Secret"), "{found:?}");
}

#[test]
fn the_right_to_create_on_an_instance_is_a_warning_since_the_test_suite_of_oma_writes_it() {
    let writes = serde_json::from_value(serde_json::json!([
        { "path": "/2/0", "resources": { "0": 3, "1": 0, "2": { "0": 31 }, "3": 65535 } },
    ]));
    let problems = super::check_profile(&ProfileDefinition { writes: writes.unwrap(), ..profile(&["a"]) });
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert!(!problem.is_error() && problem.message.contains("which concerns no instance"), "{problem:?}");
}

#[test]
fn a_timing_that_clients_do_not_wait_for_is_refused() {
    let found = |ack_timeout, max_retransmit| {
        super::check_profile(&ProfileDefinition { ack_timeout, max_retransmit, ..profile(&["a"]) })
    };
    for (ack_timeout, max_retransmit, most) in [(Some(60.0), Some(1), 0), (Some(20.0), Some(2), 1), (None, Some(6), 5)]
    {
        let problems = found(ack_timeout, max_retransmit);
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert_eq!(problem.field, "max_retransmit");
        assert!(problem.message.contains(&format!("at most {most}")), "{problem:?}");
        assert_eq!(found(ack_timeout, Some(most)), []);
    }
    // Alone, the wait is repeated as often as fits.
    assert_eq!(found(Some(60.0), None), []);
}
