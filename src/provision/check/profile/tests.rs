//! What the check of a profile finds, alone and against the accounts that it names.

use super::{check_profile, check_profile_in, writing};
use crate::lwm2m::ContentFormat;
use crate::provision::{AccountType, Catalog, Discover, ProfileDefinition, ServerDefinition, Writing};

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
        Ok(Writing { format: None, discover: Discover::Auto, delete: vec![0, 1], bootstrap_account_instance: None })
    );
}

#[test]
fn written_out_everything_is_taken() {
    let full = ProfileDefinition {
        format: Some("senml-cbor".into()),
        discover: Some("never".into()),
        delete: Some(vec!["/0".into(), "/1".into(), "/21".into()]),
        bootstrap_account_instance: Some(65534),
        ..profile(&["a"])
    };
    assert_eq!(
        writing(&full),
        Ok(Writing {
            format: Some(ContentFormat::SenmlCbor),
            discover: Discover::Never,
            delete: vec![0, 1, 21],
            bootstrap_account_instance: Some(65534)
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
}

#[test]
fn a_profile_names_servers_and_each_once() {
    assert!(found(&profile(&[]))[0].2.contains("at least one server account"));
    let twice = found(&profile(&["a", "b", "a"]));
    assert_eq!((twice.len(), twice[0].1), (1, Some(2)));
    assert!(found(&profile(&["${x}"]))[0].2.contains("expressions are not supported"));
}

#[test]
fn only_whole_objects_other_than_the_device_are_deleted() {
    for (path, part) in [
        ("/3", "belongs to the client"),
        ("/3/0", "write `/3`"),
        ("/", "name the objects"),
        ("/0/1", "write `/0`"),
        ("0", "not an object"),
        ("/65535", "not an object"),
        ("/x", "not an object"),
    ] {
        let problems = found(&ProfileDefinition { delete: Some(vec!["/1".into(), path.into()]), ..profile(&["a"]) });
        assert_eq!((problems.len(), problems[0].0, problems[0].1), (1, "delete", Some(1)), "{path}");
        assert!(problems[0].2.contains(part), "{path}: {problems:?}");
    }
    let twice = ProfileDefinition { delete: Some(vec!["/1".into(), "/1".into()]), ..profile(&["a"]) };
    assert!(found(&twice)[0].2.contains("named twice"));
}

#[test]
fn every_mistake_is_named() {
    let problems = found(&ProfileDefinition {
        name: "7".into(),
        format: Some("xml".into()),
        discover: Some("sometimes".into()),
        delete: Some(vec!["/3".into(), "1".into()]),
        bootstrap_account_instance: Some(65535),
        ..profile(&[])
    });
    let fields: Vec<_> = problems.iter().map(|(field, ..)| *field).collect();
    assert_eq!(fields, ["name", "servers", "format", "discover", "delete", "delete", "bootstrap_account_instance"]);
}

#[test]
fn the_servers_of_a_profile_exist_are_management_accounts_and_differ_in_ssid() {
    let bootstrap = ServerDefinition { account_type: AccountType::Bootstrap, ssid: None, ..server("new-bs", 0) };
    let catalog = Catalog::new([server("fleet-eu", 1), server("fleet-us", 1), bootstrap], []);
    assert_eq!(check_profile_in(&profile(&["fleet-eu"]), &catalog), vec![]);
    let problems = check_profile_in(&profile(&["fleet-eu", "fleet-e", "new-bs", "fleet-us", "other"]), &catalog);
    let found: Vec<_> = problems.iter().map(|p| (p.element, p.message.as_str())).collect();
    assert_eq!(
        found,
        [
            (Some(1), "no server `fleet-e`: did you mean `fleet-eu`?"),
            (
                Some(2),
                "server `new-bs` cannot be in a profile: its type is bootstrap, and replacing a client's bootstrap \
                 account is not safe in this version"
            ),
            (Some(3), "servers `fleet-eu` and `fleet-us` both have ssid 1: a client can hold only one"),
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
