//! What an explanation says, and what it never says.

use super::{Question, explain as explain_to};
use crate::bootstrap::explanation::Explanation;
use crate::lwm2m::{ContentFormat, DiscoverAnswer, ObjectInstance, Path, Resource, ResourceValue, Value, Version};
use crate::provision::{
    AccessControl, AccountCredentials, AccountRole, Discover, ProfileChoice, Provision, ProvisionedAccount,
    ServerSettings, TimingOverride, Writing,
};
use crate::secret::Secret;

const PLANTED: &str = "planted-key-0123";

fn explain(
    provision: &Provision,
    version: Option<Version>,
    preferred: Option<ContentFormat>,
    discovered: Option<&DiscoverAnswer>,
) -> Explanation {
    explain_to(provision, &Question { version, preferred, discovered: discovered.cloned(), ..Question::default() })
}

fn account(ssid: u16, credentials: AccountCredentials) -> ProvisionedAccount {
    let settings = ServerSettings {
        short_server_id: ssid,
        lifetime: 300,
        binding: "UQ".to_owned(),
        store_notifications: true,
        resources: Vec::new(),
    };
    ProvisionedAccount {
        name: format!("server-{ssid}"),
        uri: "coaps://eu.example.com:5684".to_owned(),
        credentials,
        security_resources: Vec::new(),
        role: AccountRole::Management(settings),
        issued: None,
    }
}

fn psk() -> AccountCredentials {
    AccountCredentials::Psk { identity: b"dev1@eu".to_vec(), key: Secret::from(PLANTED.as_bytes()) }
}

fn provision(accounts: Vec<ProvisionedAccount>) -> Provision {
    Provision {
        endpoint: "dev1".to_owned(),
        profile: "meters".to_owned(),
        choice: ProfileChoice::Rule(1),
        accounts,
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

fn fresh() -> DiscoverAnswer {
    DiscoverAnswer::parse(b"</>;lwm2m=1.1,</0/0>,</1>,</3/0>").unwrap()
}

fn paths(explanation: &Explanation) -> Vec<&str> {
    explanation.operations.iter().map(|operation| operation.path.as_str()).collect()
}

#[test]
fn the_operations_stand_in_order_with_every_resource_in_words() {
    let explanation = explain(&provision(vec![account(101, psk())]), Some(Version::V1_1), None, Some(&fresh()));
    assert_eq!(paths(&explanation), ["/0/1", "/1/0"]);
    let words: Vec<(&str, Option<&str>, &str)> = explanation.operations[0]
        .resources
        .iter()
        .map(|resource| (resource.path.as_str(), resource.name.as_deref(), resource.value.as_str()))
        .collect();
    assert_eq!(
        words,
        [
            ("/0/1/0", Some("LwM2M Server URI"), "coaps://eu.example.com:5684"),
            ("/0/1/1", Some("Bootstrap-Server"), "false"),
            ("/0/1/2", Some("Security Mode"), "0"),
            ("/0/1/3", Some("Public Key or Identity"), "dev1@eu"),
            ("/0/1/4", Some("Server Public Key"), "opaque, 0 bytes"),
            ("/0/1/5", Some("Secret Key"), "opaque, 16 bytes"),
            ("/0/1/10", Some("Short Server ID"), "101"),
        ]
    );
    assert_eq!(explanation.profile_choice, "rule 2 of the profile fits");
    assert_eq!(explanation.obstacle, None);
    assert_eq!(explanation.findings, []);
}

#[test]
fn sizes_are_those_of_the_formats_and_missing_where_a_format_cannot_say_it() {
    let mut provision = provision(vec![account(101, psk())]);
    let nothing = ObjectInstance { id: 0, resources: Vec::new() };
    let empty = Resource { id: 1, value: ResourceValue::Multiple(Vec::new()) };
    provision.writes = vec![(5, nothing), (33000, ObjectInstance { id: 0, resources: vec![empty] })];
    let explanation = explain(&provision, Some(Version::V1_1), None, None);
    let sizes = |path: &str| explanation.operations.iter().find(|it| it.path == path).and_then(|it| it.sizes).unwrap();
    // Ids and lengths of the TLV of `/1/2`: 2 + 1, 2 + 2, 2 + 1 and 2 + 1 bytes (spec sheet `formats.md`, section 4).
    assert_eq!(sizes("/1/2").tlv, Some(13));
    assert!(sizes("/1/2").senml_json > sizes("/1/2").senml_cbor && sizes("/1/2").lwm2m_cbor.is_some());
    // That the target itself is empty SenML says with an array of no records; that a resource of it is, it cannot say
    // (spec sheet `formats.md`, section 5).
    assert_eq!((sizes("/5/0").tlv, sizes("/5/0").senml_cbor, sizes("/5/0").senml_json), (Some(0), Some(1), Some(2)));
    assert_eq!((sizes("/33000/0").tlv, sizes("/33000/0").senml_cbor), (Some(2), None));
    let deleted = &explanation.operations[0];
    assert_eq!((deleted.operation.as_str(), deleted.path.as_str(), deleted.sizes), ("Bootstrap-Delete", "/0", None));
}

#[test]
fn the_format_is_the_profiles_or_the_clients_or_tlv() {
    let mut provision = provision(vec![account(101, psk())]);
    let choice = |provision: &Provision, preferred| {
        let explanation = explain(provision, None, preferred, None);
        (explanation.content_format, explanation.content_format_reason)
    };
    assert_eq!(choice(&provision, None).0, "TLV");
    let asked = choice(&provision, Some(ContentFormat::SenmlCbor));
    assert_eq!(asked, ("SenML CBOR".to_owned(), "the client asks for it".to_owned()));
    provision.writing.format = Some(ContentFormat::SenmlJson);
    let fixed = choice(&provision, Some(ContentFormat::SenmlCbor));
    assert_eq!(fixed, ("SenML JSON".to_owned(), "the profile says so".to_owned()));
}

#[test]
fn what_cannot_be_planned_is_an_obstacle_and_a_finding() {
    let est = AccountCredentials::Est { server: vec![1] };
    let explanation = explain(&provision(vec![account(101, est)]), Some(Version::V1_0), None, Some(&fresh()));
    assert_eq!(paths(&explanation), [""; 0]);
    assert!(explanation.obstacle.unwrap().contains("security mode 4 (EST)"));
    assert_eq!(explanation.findings[0].rule.name(), "E19");
}

#[test]
fn an_obstacle_names_the_rule_behind_it_where_there_is_one() {
    let own = || ProvisionedAccount { role: AccountRole::Bootstrap, ..account(1, psk()) };
    type Change = fn(&mut Provision, ProvisionedAccount);
    let table: [(Change, &str, &[&str]); 4] = [
        (|it, own| it.accounts.push(own), "that is not known", &["E5"]),
        (
            |it, own| {
                it.accounts.push(own);
                it.writing.bootstrap_account_instance = Some(7);
            },
            "keeps its bootstrap account at /0/7",
            &["E6"],
        ),
        (|it, _| set_binding(it, "T"), "the binding `T` does not exist in LwM2M 1.0", &["E19"]),
        (
            |it, _| it.writes = vec![(5, ObjectInstance { id: 0, resources: Vec::new() }); 2],
            "/5/0 would be written twice",
            &[],
        ),
    ];
    let unsure = DiscoverAnswer::parse(b"</0/0>,</0/1>,</1>,</3/0>").unwrap();
    for (change, words, rules) in table {
        let mut provision = provision(vec![account(101, psk())]);
        change(&mut provision, own());
        let explanation = explain(&provision, Some(Version::V1_0), None, Some(&unsure));
        assert!(explanation.obstacle.as_ref().is_some_and(|found| found.contains(words)), "{explanation:#?}");
        assert_eq!(explanation.findings.iter().map(|it| it.rule.name()).collect::<Vec<_>>(), rules);
    }
}

#[test]
fn no_key_stands_in_it_in_any_form() {
    let planted = || Secret::from(PLANTED.as_bytes());
    let raw = AccountCredentials::RawPublicKey { client: vec![1], server: vec![2], private_key: planted() };
    let certificate = AccountCredentials::Certificate { client: vec![1], server: vec![2], private_key: planted() };
    let mut provision = provision(vec![account(101, psk()), account(102, raw), account(103, certificate)]);
    provision.accounts[0].security_resources = vec![Resource::single(8, Value::Opaque(planted()))];
    let role = AccountRole::Bootstrap;
    provision.accounts.push(ProvisionedAccount { role, ..account(104, psk()) });
    let opaque = |id| Resource::single(id, Value::Opaque(planted()));
    let text = |id| Resource::single(id, Value::String(PLANTED.to_owned()));
    let several = ResourceValue::Multiple(vec![(0, Value::Opaque(planted()))]);
    provision.writes = [(21, vec![opaque(0)]), (23, vec![text(2)]), (11, vec![text(5)]), (24, vec![opaque(8)])]
        .into_iter()
        .chain([(33000, vec![Resource { id: 1, value: several }])])
        .map(|(object, resources)| (object, ObjectInstance { id: 0, resources }))
        .collect();
    for version in [None, Some(Version::V1_0), Some(Version::V1_1), Some(Version::V1_2)] {
        let explanation = explain(&provision, version, None, Some(&fresh()));
        let json = serde_json::to_string(&explanation).unwrap() + &format!("{explanation:?}");
        let hexadecimal = data_encoding::HEXLOWER.encode(PLANTED.as_bytes());
        let base64 = data_encoding::BASE64_NOPAD.encode(PLANTED.as_bytes());
        for form in [PLANTED, &hexadecimal, &base64[..20]] {
            assert!(!json.contains(form), "{form} stands in {json}");
        }
        assert_eq!(explanation.operations.len(), 5 + 2 * 3 + 1, "everything was explained");
        assert_eq!(
            serde_json::from_str::<Explanation>(&serde_json::to_string(&explanation).unwrap()).unwrap(),
            explanation
        );
    }
}

#[test]
fn each_dislike_of_a_known_client_is_warned_of_where_it_applies_and_nowhere_else() {
    type Change = fn(&mut Provision);
    let unsigned = |id, number| Resource::single(id, Value::Unsigned(number));
    let table: [(Change, Option<Version>, &str, &str); 11] = [
        (
            |it| it.accounts[0].security_resources = vec![Resource::single(14, Value::String("a".into()))],
            None,
            "Wakaama",
            "SNI (14)",
        ),
        (
            |it| {
                let suites = ResourceValue::Multiple(vec![(0, Value::Unsigned(1))]);
                it.accounts[0].security_resources = vec![Resource { id: 16, value: suites }];
            },
            None,
            "Wakaama",
            "ciphersuites (16)",
        ),
        (|it| set(it, vec![Resource::single(23, Value::Boolean(false))]), None, "Wakaama", "13 to 23"),
        (|it| certificate(it, 2100), None, "Wakaama", "silently drops"),
        (|it| it.writing.format = Some(ContentFormat::Lwm2mCbor), None, "Wakaama", "LwM2M CBOR"),
        (|it| it.writing.format = Some(ContentFormat::SenmlCbor), None, "Wakaama", "SenML"),
        (|it| certificate(it, 4100), None, "Anjay", "4.13"),
        (
            |it| {
                let private_key = Secret::from(&b"key"[..]);
                it.accounts[0].credentials =
                    AccountCredentials::RawPublicKey { client: vec![1], server: vec![2], private_key };
            },
            None,
            "Anjay",
            "raw public keys",
        ),
        (|it| it.accounts.push(account(102, psk())), None, "any client without Access Control", "object 2"),
        (
            |it| it.accounts[0].credentials = AccountCredentials::Est { server: vec![1] },
            None,
            "any client of LwM2M 1.0",
            "EST",
        ),
        (
            |it| {
                certificate(it, 1100);
                it.writing.format = Some(ContentFormat::SenmlJson);
            },
            Some(Version::V1_1),
            "Zephyr",
            "5.00",
        ),
    ];
    let plain = explain(&provision(vec![account(101, psk())]), None, None, None);
    assert_eq!(plain.warnings, []);
    for (change, version, client, words) in table {
        let mut provision = provision(vec![account(101, psk())]);
        change(&mut provision);
        let warnings = explain(&provision, version, None, None).warnings;
        let found = warnings.iter().any(|warning| warning.client == client && warning.message.contains(words));
        assert!(found, "{client} and {words:?}: {warnings:#?}");
    }
    let mut digest = provision(vec![account(101, psk())]);
    certificate(&mut digest, 48);
    digest.accounts[0].security_resources = vec![unsigned(13, 2)];
    let warnings = explain(&digest, None, None, None).warnings;
    assert!(warnings.iter().any(|warning| warning.message.contains("SHA-384")), "{warnings:#?}");
}

#[test]
fn clients_are_not_said_to_dislike_what_they_take() {
    let explained = |change: fn(&mut Provision), version| {
        let mut provision = provision(vec![account(101, psk())]);
        change(&mut provision);
        explain(&provision, version, None, None).warnings
    };
    type Row = (fn(&mut Provision), Option<Version>, &'static [&'static str]);
    let table: [Row; 6] = [
        (|it| certificate(it, 1900), None, &[]),
        (|it| certificate(it, 2100), None, &["Wakaama"]),
        (|it| certificate(it, 4100), None, &["Wakaama", "Anjay"]),
        (|it| it.writing.format = Some(ContentFormat::SenmlJson), Some(Version::V1_1), &[]),
        (|it| it.accounts[0].credentials = AccountCredentials::Est { server: vec![1] }, Some(Version::V1_1), &[]),
        (|it| it.accounts[0].security_resources = vec![Resource::single(13, Value::Unsigned(0))], None, &["Wakaama"]),
    ];
    for (change, version, clients) in table {
        let warnings = explained(change, version);
        assert_eq!(warnings.iter().map(|it| it.client.as_str()).collect::<Vec<_>>(), clients, "{warnings:#?}");
    }
}

#[test]
fn an_identity_is_shown_where_it_is_public_and_nothing_else() {
    let private_key = Secret::from(&b"key"[..]);
    let raw = AccountCredentials::RawPublicKey { client: b"abc".to_vec(), server: vec![2], private_key };
    let explanation = explain(&provision(vec![account(101, raw)]), Some(Version::V1_1), None, Some(&fresh()));
    let shown = |id: &str| explanation.operations[0].resources.iter().find(|it| it.path == id).unwrap().value.as_str();
    assert_eq!((shown("/0/1/3"), shown("/0/1/5")), ("opaque, 3 bytes", "opaque, 3 bytes"));
}

fn set(provision: &mut Provision, resources: Vec<Resource>) {
    if let AccountRole::Management(settings) = &mut provision.accounts[0].role {
        settings.resources = resources;
    }
}

fn set_binding(provision: &mut Provision, binding: &str) {
    if let AccountRole::Management(settings) = &mut provision.accounts[0].role {
        settings.binding = binding.to_owned();
    }
}

fn certificate(provision: &mut Provision, bytes: usize) {
    let private_key = Secret::from(&b"key"[..]);
    provision.accounts[0].credentials =
        AccountCredentials::Certificate { client: vec![1], server: vec![2; bytes], private_key };
}

#[test]
fn a_question_is_read_and_what_is_not_said_follows_from_what_is() {
    let read = |lwm2m, pct, discover| Question::read(lwm2m, pct, discover);
    let version = |question: Result<Question, _>| question.unwrap().version;
    assert_eq!(read(None, None, None), Ok(Question::default()));
    assert_eq!(version(read(Some("1.2"), Some(112), None)), Some(Version::V1_2), "the operator's word counts");
    assert_eq!(version(read(None, Some(112), None)), Some(Version::V1_1));
    assert_eq!(version(read(None, Some(11544), None)), Some(Version::V1_2));
    assert_eq!(version(read(None, None, Some("</>;lwm2m=1.0,</0/0>"))), Some(Version::V1_0));
    assert_eq!(version(read(None, Some(112), Some("</>;lwm2m=1.2,</1>"))), Some(Version::V1_2));
    for (lwm2m, pct, discover, part) in [
        (Some("2.0"), None, None, "1.0, 1.1 or 1.2"),
        (Some(""), None, None, "1.0, 1.1 or 1.2"),
        (None, Some(11543), None, "11542"),
        (None, Some(70_000), None, "11542"),
        (None, None, Some("</0"), "discover"),
        (None, None, Some("garbage"), "discover"),
        (None, None, Some("</>;lwm2m=1.1"), "names no object"),
    ] {
        let error = read(lwm2m, pct, discover).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn what_depends_on_the_client_is_explained_for_one_fresh_from_the_factory() {
    let mut provision = provision(vec![account(101, psk()), account(0, psk())]);
    provision.accounts[1].role = AccountRole::Bootstrap;
    let assumed = explain(&provision, Some(Version::V1_1), None, None);
    assert_eq!((assumed.obstacle, assumed.discovered), (None, false));
    assert_eq!(assumed.operations.last().map(|operation| operation.path.as_str()), Some("/0/0"));
    assert!(assumed.notes.iter().any(|note| note.contains("fresh from the factory")), "{:?}", assumed.notes);
    provision.writing.discover = Discover::Never;
    assert!(explain(&provision, Some(Version::V1_1), None, None).obstacle.is_some(), "nobody will ever ask");
}
