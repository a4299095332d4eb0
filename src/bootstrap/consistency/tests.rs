//! Each rule that is judged here: a provision that breaks it, and what is said of it.

use super::judge;
use crate::bootstrap::plan::{Operation, plan};
use crate::lwm2m::{DiscoverAnswer, ObjectInstance, Path, Resource, ResourceValue, Value, Version};
use crate::provision::rules::Rule;
use crate::provision::{
    AccessControl, AccountCredentials, AccountRole, Discover, ProfileChoice, Provision, ProvisionedAccount,
    ServerSettings, Severity, TimingOverride, Writing,
};
use crate::secret::Secret;

fn account(ssid: u16) -> ProvisionedAccount {
    let settings = ServerSettings {
        short_server_id: ssid,
        lifetime: 300,
        binding: "U".to_owned(),
        store_notifications: true,
        resources: Vec::new(),
    };
    ProvisionedAccount {
        name: format!("server-{ssid}"),
        uri: "coaps://eu.example.com:5684".to_owned(),
        credentials: AccountCredentials::Psk {
            identity: b"dev1".to_vec(),
            key: Secret::from(&b"0123456789abcdef"[..]),
        },
        security_resources: Vec::new(),
        role: AccountRole::Management(settings),
        issued: None,
    }
}

fn provision() -> Provision {
    Provision {
        endpoint: "dev1".to_owned(),
        profile: "p".to_owned(),
        choice: ProfileChoice::Device,
        accounts: vec![account(101)],
        writes: Vec::new(),
        writing: Writing {
            format: None,
            discover: Discover::Auto,
            delete: vec![Path::Object(0), Path::Object(1)],
            access_control: AccessControl::Auto,
            bootstrap_account_instance: None,
            timing: TimingOverride::default(),
            ..Writing::default()
        },
    }
}

fn settings(provision: &mut Provision) -> &mut ServerSettings {
    match &mut provision.accounts[0].role {
        AccountRole::Management(settings) => settings,
        AccountRole::Bootstrap => unreachable!("the first account is a management account"),
    }
}

fn single(id: u16, value: Value) -> Resource {
    Resource::single(id, value)
}

fn number(id: u16, number: i64) -> Resource {
    single(id, Value::Integer(number))
}

fn text(id: u16, text: &str) -> Resource {
    single(id, Value::String(text.to_owned()))
}

fn link(id: u16, object: u16, instance: u16) -> Resource {
    single(id, Value::ObjectLink(object, instance))
}

/// Writes an instance besides the accounts.
fn write(provision: &mut Provision, path: &str, resources: Vec<Resource>) {
    let Ok(Path::ObjectInstance(object, id)) = path.parse() else { panic!("{path} is no instance") };
    provision.writes.push((object, ObjectInstance { id, resources }));
}

fn rule_for(object: i64, instance: i64, entry: (u16, i64), owner: i64) -> Vec<Resource> {
    let entries = ResourceValue::Multiple(vec![(entry.0, Value::Integer(entry.1))]);
    vec![number(0, object), number(1, instance), Resource { id: 2, value: entries }, number(3, owner)]
}

/// A Security Object instance of its own.
fn security(flag: bool, uri: &str, mode: i64) -> Vec<Resource> {
    vec![text(0, uri), single(1, Value::Boolean(flag)), number(2, mode), number(10, 7)]
}

fn server_7() -> Vec<Resource> {
    vec![number(0, 7), number(1, 300), single(6, Value::Boolean(true)), text(7, "U")]
}

fn certificate(provision: &mut Provision, bytes: usize, resources: Vec<Resource>) {
    let private_key = Secret::from(&b"key"[..]);
    provision.accounts[0].credentials =
        AccountCredentials::Certificate { client: vec![1], server: vec![2; bytes], private_key };
    provision.accounts[0].security_resources = resources;
}

const SHOWN: &str = "</>;lwm2m=1.1,</0/0>,</1>,</2>,</3/0>,</21>";
const SHOWN_1_0: &str = "lwm2m=\"1.0\",</0/0>,</1>,</2>,</3/0>";

type Change = fn(&mut Provision);

/// Rule, what the client shows, what breaks it, and what is said.
const BROKEN: &[(Rule, &str, Change, &str)] = &[
    (Rule::E19, "</0/0>,</1>,</3/0>", |it| write(it, "/5/0", vec![text(1, "a")]), "the client does not have object 5"),
    (Rule::E1, SHOWN, |it| it.accounts.clear(), "without any server account: name one in `servers`"),
    (Rule::E2, SHOWN, |it| write(it, "/0/9", vec![single(1, Value::Boolean(false))]), "/0/9/0 holds no server URI"),
    (Rule::E2, SHOWN, |it| write(it, "/0/9", vec![text(0, "coap://a")]), "/0/9/1 does not say whether"),
    (
        Rule::E2,
        SHOWN,
        |it| write(it, "/0/9", security(false, "coap://a", 5)),
        "/0/9/2 says 5, which is no security mode",
    ),
    (Rule::E2, SHOWN, |it| write(it, "/0/9", vec![text(0, "coap://a")]), "/0/9/10 holds no Short Server ID"),
    (Rule::E3, SHOWN, |it| settings(it).short_server_id = 65535, "Short Server ID 65535, and only 1 to 65534"),
    (Rule::E3, SHOWN, |it| it.accounts.push(account(101)), "/0/1 and /0/2 would both have Short Server ID 101"),
    (
        Rule::E4,
        SHOWN,
        |it| write(it, "/0/9", security(false, "coap://a", 3)),
        "/0/9 has Short Server ID 7, and no instance of object 1",
    ),
    (Rule::E4, SHOWN, |it| write(it, "/1/9", server_7()), "/1/9 has Short Server ID 7, and no instance of object 0"),
    (
        Rule::E4,
        "</0/0>,</0/3>;ssid=7,</1/0>;ssid=7",
        |it| it.writing.delete = vec![Path::Object(0)],
        "/1/0 has Short Server ID 7",
    ),
    (
        Rule::E5,
        SHOWN,
        |it| write(it, "/0/9", security(true, "coap://a", 3)),
        "/0/9 would be a second bootstrap account",
    ),
    (
        Rule::E6,
        SHOWN,
        |it| write(it, "/0/0", security(false, "coap://a", 3)),
        "/0/0 would overwrite the client's bootstrap account",
    ),
    (
        Rule::E9,
        SHOWN,
        |it| it.accounts[0].uri = "coap://a".to_owned(),
        "server account `server-101`: /0/1: the scheme `coap` does not fit security mode 0",
    ),
    (
        Rule::E9,
        SHOWN,
        |it| it.accounts[0].credentials = AccountCredentials::NoSec,
        "the scheme `coaps` does not fit security mode 3",
    ),
    (Rule::E10, SHOWN, |it| it.accounts[0].uri = format!("coaps://{}", "a".repeat(248)), "/0/1/0 has 256 bytes"),
    (Rule::E10, SHOWN, |it| it.accounts[0].uri = "coaps://:5684".to_owned(), "/0/1/0 names no host"),
    (Rule::E10, SHOWN, |it| it.accounts[0].uri = "ftp://host".to_owned(), "a scheme that LwM2M does not know"),
    (Rule::E11, SHOWN, |it| settings(it).lifetime = 0, "/1/0/1 is a lifetime of 0"),
    (
        Rule::E11,
        SHOWN,
        |it| settings(it).binding = "UU".to_owned(),
        "/1/0/7 says `UU`, which is no binding of LwM2M 1.1",
    ),
    (Rule::E11, SHOWN, |it| settings(it).resources = vec![number(2, -1)], "/1/0/2 is a negative minimum period"),
    (Rule::E11, SHOWN, |it| settings(it).resources = vec![number(3, 0)], "/1/0/3 is no maximum period"),
    (
        Rule::E11,
        SHOWN,
        |it| settings(it).resources = vec![number(2, 9), number(3, 8)],
        "longer than the maximum period",
    ),
    (Rule::E11, SHOWN, |it| settings(it).resources = vec![number(5, -1)], "/1/0/5 is a negative disable timeout"),
    (Rule::E11, SHOWN, |it| settings(it).resources = vec![number(17, 0)], "/1/0/17 is a retry count below 1"),
    (Rule::E11, SHOWN, |it| settings(it).resources = vec![text(22, "UT")], "/1/0/22 is no preferred transport"),
    (Rule::E11, SHOWN, |it| write(it, "/1/9", vec![number(5, 60)]), "/1/9/0 holds no Short Server ID"),
    (
        Rule::E12,
        SHOWN,
        |it| it.accounts[0].security_resources = vec![link(17, 21, 3)],
        "/0/1/17 points at /21/3, which is not written",
    ),
    (
        Rule::E12,
        SHOWN,
        |it| it.accounts[0].security_resources = vec![link(17, 3, 0)],
        "only instances of object 21 belong there",
    ),
    (Rule::E12, SHOWN, |it| settings(it).resources = vec![link(10, 11, 0)], "/1/0/10 points at /11/0"),
    (
        Rule::E13,
        SHOWN,
        |it| {
            it.accounts.push(account(102));
            it.accounts.iter_mut().for_each(|account| account.security_resources = vec![link(17, 21, 0)]);
            write(it, "/21/0", vec![single(0, Value::opaque(b"secret"))]);
        },
        "both point at /21/0: give each account its own",
    ),
    (Rule::E15, SHOWN, |it| certificate(it, 32, vec![number(13, 4)]), "/0/1/13 is no matching type"),
    (Rule::E15, SHOWN, |it| certificate(it, 32, vec![number(15, 9)]), "/0/1/15 is no certificate usage"),
    (Rule::E15, SHOWN, |it| certificate(it, 32, vec![number(13, 3)]), "matching type 3 makes a digest of 64"),
    (
        Rule::E16,
        SHOWN,
        |it| {
            it.accounts.push(account(102));
            it.writing.access_control = AccessControl::Never;
        },
        "2 servers and no Access Control: set `access_control = \"auto\"`",
    ),
    (
        Rule::E17,
        SHOWN,
        |it| write(it, "/2/0", vec![number(0, 3)]),
        "/2/0 lacks its object (0), its instance (1) or its owner",
    ),
    (Rule::E17, SHOWN, |it| write(it, "/2/0", rule_for(0, 1, (0, 1), 101)), "/2/0/0 names object 0"),
    (
        Rule::E17,
        SHOWN,
        |it| write(it, "/2/0", rule_for(5, 1, (0, 1), 101)),
        "/2/0 speaks of /5/1, which would not exist",
    ),
    (Rule::E17, SHOWN, |it| write(it, "/2/0", rule_for(3, 0, (7, 1), 101)), "/2/0/2/7 names no server of this client"),
    (Rule::E17, SHOWN, |it| write(it, "/2/0", rule_for(3, 0, (0, 1), 7)), "/2/0/3 names owner 7"),
    (Rule::E17, SHOWN, |it| write(it, "/2/0", rule_for(5, 65535, (101, 16), 101)), "/2/0/3 must be 65535"),
    (Rule::E17, SHOWN, |it| write(it, "/2/0", rule_for(5, 65535, (101, 17), 65535)), "more than the right to create"),
    (Rule::E17, SHOWN, |it| write(it, "/2/0", rule_for(3, 0, (0, 31), 65535)), "which an instance does not have"),
    (Rule::E17, SHOWN, |it| write(it, "/2/0", rule_for(3, 0, (0, 32), 101)), "/2/0/2/0 is no set of rights"),
    (Rule::E18, SHOWN, |it| write(it, "/3/0", vec![text(0, "Acme")]), "/3/0/0 is the client's own"),
    (Rule::E18, SHOWN, |it| write(it, "/3/1", vec![text(15, "Europe/Berlin")]), "/3/1/15 is the client's own"),
    (Rule::E18, SHOWN, |it| write(it, "/3/0", vec![number(4, 1)]), "/3/0/4 can be executed and not written"),
    (Rule::E18, SHOWN, |it| settings(it).resources = vec![number(8, 1)], "/1/0/8 can be executed and not written"),
    (Rule::E18, SHOWN, |it| settings(it).resources = vec![number(11, 1)], "/1/0/11 is maintained by the client"),
    (Rule::E18, SHOWN, |it| settings(it).resources = vec![number(12, 1)], "/1/0/12 is maintained by the client"),
    (
        Rule::E18,
        SHOWN,
        |it| it.writing.delete = vec![Path::Object(0), Path::Object(1), Path::Object(3)],
        "/3 would be deleted",
    ),
    (
        Rule::E19,
        SHOWN_1_0,
        |it| write(it, "/21/0", vec![single(0, Value::opaque(b"s"))]),
        "object 21 does not exist in LwM2M 1.0",
    ),
    (Rule::E12, SHOWN, |it| it.accounts[0].security_resources = vec![link(27, 24, 0)], "instances of object 23 belong"),
    (Rule::E12, SHOWN, |it| settings(it).resources = vec![link(24, 10, 0)], "only instances of object 11 belong there"),
    (Rule::E11, SHOWN, |it| settings(it).resources = vec![number(20, 0)], "/1/0/20 is a retry count below 1"),
    (Rule::E11, SHOWN, |it| write(it, "/1/9", vec![number(1, -1)]), "/1/9/1 is a negative lifetime"),
    (
        Rule::E9,
        SHOWN,
        |it| {
            it.accounts[0].uri = "coaps+tcp://a".to_owned();
            it.accounts[0].credentials = AccountCredentials::NoSec;
        },
        "the scheme `coaps+tcp` does not fit security mode 3",
    ),
    (
        Rule::E15,
        SHOWN,
        |it| {
            let private_key = Secret::from(&b"key"[..]);
            it.accounts[0].credentials =
                AccountCredentials::RawPublicKey { client: vec![1], server: vec![2; 91], private_key };
            it.accounts[0].security_resources = vec![number(13, 1)];
        },
        "/0/1/4 has 91 bytes, and matching type 1",
    ),
    (Rule::E17, SHOWN, |it| write(it, "/2/0", rule_for(65535, 0, (0, 1), 101)), "/2/0/0 is no object"),
    (
        Rule::E5,
        "</0/0>,</0/1>,</1>,</3/0>",
        |it| {
            write(it, "/0/0", security(true, "coap://a", 3));
            write(it, "/0/1", security(true, "coap://b", 3));
        },
        "/0/1 would be a second bootstrap account",
    ),
    (Rule::E19, SHOWN_1_0, |it| write(it, "/23/0", vec![number(0, 1)]), "object 23 does not exist in LwM2M 1.0"),
];

fn answer(shown: &str) -> DiscoverAnswer {
    DiscoverAnswer::parse(shown.as_bytes()).unwrap()
}

fn operations(provision: &Provision, answer: &DiscoverAnswer) -> Vec<Operation> {
    plan(provision, answer.version, Some(answer)).unwrap().operations
}

#[test]
fn each_broken_rule_is_named_with_place_and_remedy() {
    for (rule, shown, change, words) in BROKEN {
        let (mut provision, answer) = (provision(), answer(shown));
        change(&mut provision);
        let findings = judge(&provision, &operations(&provision, &answer), Some(&answer), answer.version);
        let found = findings.iter().any(|finding| finding.rule == *rule && finding.message.contains(words));
        assert!(found, "{rule} should say {words:?}, and what is said is {findings:#?}");
    }
}

#[test]
fn every_rule_that_is_judged_here_is_broken_once() {
    let elsewhere = [Rule::E7, Rule::E8, Rule::E14, Rule::E20];
    for rule in Rule::ALL {
        assert_eq!(BROKEN.iter().any(|row| row.0 == rule), !elsewhere.contains(&rule), "{rule}");
    }
}

#[test]
fn what_is_consistent_has_no_finding() {
    let table: [(&str, Change); 15] = [
        (SHOWN, |_| {}),
        (SHOWN, |it| it.accounts[0].security_resources = vec![link(17, 65535, 65535)]),
        // What every client has counts as there, whether it is shown or not.
        ("</0/0>,</2>", |_| {}),
        ("</0/0>,</1>,</2>", |it| write(it, "/2/0", rule_for(3, 0, (0, 1), 101))),
        ("</>;lwm2m=1.2,</0/0>,</1>,</2>,</3/0>", |it| it.accounts.push(account(102))),
        ("</>;lwm2m=1.2,</0/0>,</1>,</3/0>", |it| settings(it).lifetime = 0),
        (SHOWN, |it| it.accounts[0].security_resources = vec![number(13, 1)]),
        (SHOWN, |it| {
            write(it, "/0/9", security(false, "tel:+4930123456", 3));
            write(it, "/1/9", server_7());
        }),
        (SHOWN, |it| it.accounts.push(account(102))),
        (SHOWN, |it| it.accounts.push(account(65534))),
        (SHOWN_1_0, |it| settings(it).binding = "UQS".to_owned()),
        (SHOWN, |it| certificate(it, 64, vec![number(13, 3), number(15, 2)])),
        (SHOWN, |it| {
            it.accounts[0].security_resources = vec![link(17, 21, 0)];
            write(it, "/21/0", vec![single(0, Value::opaque(b"secret"))]);
        }),
        (SHOWN, |it| {
            write(it, "/0/9", security(false, "coap://[2001:db8::1]:5683", 3));
            write(it, "/1/9", server_7());
        }),
        ("</0/0>,</0/3>;ssid=7,</1/0>;ssid=7,</2/0>,</3/0>", |it| it.writing.delete = Vec::new()),
    ];
    for (row, (shown, change)) in table.into_iter().enumerate() {
        let (mut provision, answer) = (provision(), answer(shown));
        change(&mut provision);
        let findings = judge(&provision, &operations(&provision, &answer), Some(&answer), answer.version);
        assert_eq!(findings, [], "row {row}");
    }
}

#[test]
fn without_discover_nothing_is_an_error_that_may_be_right() {
    let mut provision = provision();
    provision.writing.delete = Vec::new();
    provision.accounts[0].security_resources = vec![link(17, 21, 0)];
    write(&mut provision, "/1/9", server_7());
    let operations = plan(&provision, None, None).unwrap().operations;
    let findings = judge(&provision, &operations, None, None);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{findings:#?}");
    assert!(findings.iter().any(|finding| finding.rule == Rule::E12), "{findings:#?}");
}

#[test]
fn the_bootstrap_account_may_be_overwritten_by_a_new_one() {
    let mut provision = provision();
    let role = AccountRole::Bootstrap;
    provision.accounts.push(ProvisionedAccount { role, ..account(1) });
    let answer = answer(SHOWN);
    let operations = operations(&provision, &answer);
    assert_eq!(operations.last().map(Operation::path), Some(Path::ObjectInstance(0, 0)));
    assert_eq!(judge(&provision, &operations, Some(&answer), Some(Version::V1_1)), []);
}

#[test]
fn a_binding_is_measured_by_what_is_known_of_the_version() {
    let silent = answer("</0/0>,</1>,</2>,</3/0>");
    let told = answer(SHOWN);
    for (binding, version, answer, is_known) in [
        ("M", Some(Version::V1_1), &silent, true),
        ("M", Some(Version::V1_1), &told, false),
        ("S", Some(Version::V1_1), &told, true),
        ("T", None, &silent, true),
        ("Q", None, &silent, false),
        ("UQ", None, &silent, true),
        ("", None, &silent, false),
    ] {
        let mut provision = provision();
        settings(&mut provision).binding = binding.to_owned();
        let operations = plan(&provision, version, Some(answer)).unwrap().operations;
        let findings = judge(&provision, &operations, Some(answer), version);
        assert_eq!(findings.is_empty(), is_known, "`{binding}` to {version:?}: {findings:#?}");
    }
}

#[test]
fn what_nobody_has_seen_may_be_there() {
    let mut provision = provision();
    provision.writing.bootstrap_account_instance = Some(1);
    provision.accounts.clear();
    write(&mut provision, "/0/1", security(false, "coap://a", 3));
    provision.writing.delete = Vec::new();
    let operations = plan(&provision, None, None).unwrap().operations;
    let rules: Vec<Rule> = judge(&provision, &operations, None, None).iter().map(|it| it.rule).collect();
    assert_eq!(rules, [Rule::E6], "the other half of 7 may be there, and where the own account lies is known");
    provision.writes.clear();
    assert_eq!(judge(&provision, &[], None, None), [], "accounts may be there");
    write(&mut provision, "/2/0", rule_for(3, 0, (7, 1), 8));
    let operations = plan(&provision, None, None).unwrap().operations;
    assert_eq!(judge(&provision, &operations, None, None), [], "the servers 7 and 8 may be there");
}

#[test]
fn the_device_object_is_never_deleted_by_name_and_an_object_that_is_lacking_is_named_once() {
    let is_refused = |target| {
        let findings = judge(&provision(), &[Operation::Delete(target)], Some(&answer(SHOWN)), None);
        findings.iter().any(|finding| finding.rule == Rule::E18)
    };
    assert!(is_refused(Path::Object(3)) && is_refused(Path::ObjectInstance(3, 0)));
    assert!(!is_refused(Path::Root), "the client keeps it");
    let mut provision = provision();
    write(&mut provision, "/5/0", vec![text(1, "a")]);
    write(&mut provision, "/5/1", vec![text(1, "a")]);
    let answer = answer(SHOWN);
    assert_eq!(judge(&provision, &operations(&provision, &answer), Some(&answer), None).len(), 1);
}
