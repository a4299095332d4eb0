//! What shows only when all definitions lie side by side.

use super::{Finding, Subject, check_catalog};
use crate::provision::{DeviceDefinition, KeyText, ProfileDefinition, ServerDefinition};

fn server(name: &str) -> ServerDefinition {
    ServerDefinition { name: name.into(), ssid: Some(1), ..ServerDefinition::default() }
}

fn profile(name: &str, default: bool) -> ProfileDefinition {
    ProfileDefinition { name: name.into(), servers: vec!["a".into()], default, ..ProfileDefinition::default() }
}

fn device(endpoint: &str, identity: Option<&str>, key: &str) -> DeviceDefinition {
    DeviceDefinition {
        endpoint: endpoint.into(),
        psk_identity: identity.map(str::to_owned),
        psk: KeyText::parse(key).ok(),
        ..DeviceDefinition::default()
    }
}

fn brief(findings: &[Finding]) -> Vec<(Subject, Option<Subject>, &str)> {
    findings.iter().map(|finding| (finding.subject, finding.first, finding.problem.field)).collect()
}

#[test]
fn definitions_that_fit_together_have_no_findings() {
    let devices = [device("d1", None, "text:1"), device("d2", Some("i2"), "text:2"), device("i2", None, "")];
    assert_eq!(check_catalog(&[server("a"), server("b")], &[profile("p", true), profile("q", false)], &devices), []);
}

#[test]
fn the_later_of_two_with_one_name_is_found_with_the_earlier() {
    let findings = check_catalog(
        &[server("a"), server("b"), server("a")],
        &[profile("p", true), profile("p", false)],
        &[device("d", None, "text:1"), device("d", None, "text:1")],
    );
    assert_eq!(
        brief(&findings),
        [
            (Subject::Server(2), Some(Subject::Server(0)), "name"),
            (Subject::Profile(1), Some(Subject::Profile(0)), "name"),
            (Subject::Device(1), Some(Subject::Device(0)), "endpoint"),
        ]
    );
}

#[test]
fn only_one_profile_is_the_default() {
    let profiles = [profile("p", true), profile("q", true), profile("r", true)];
    let findings = check_catalog(&[server("a")], &profiles, &[]);
    assert_eq!(
        brief(&findings),
        [
            (Subject::Profile(1), Some(Subject::Profile(0)), "default"),
            (Subject::Profile(2), Some(Subject::Profile(0)), "default"),
        ]
    );
}

#[test]
fn an_effective_psk_identity_names_one_device() {
    let devices = [device("d1", None, "text:1"), device("d2", Some("d1"), "text:2"), device("d3", Some("d1"), "")];
    let findings = check_catalog(&[server("a")], &[profile("p", true)], &devices);
    assert_eq!(brief(&findings), [(Subject::Device(1), Some(Subject::Device(0)), "psk_identity")]);
}

#[test]
fn a_key_that_two_devices_share_is_warned_of_without_showing_it() {
    let devices = [device("d1", None, "text:hunter2"), device("d2", None, "hex:68756e74657232")];
    let findings = check_catalog(&[server("a")], &[profile("p", true)], &devices);
    assert_eq!(brief(&findings), [(Subject::Device(1), Some(Subject::Device(0)), "psk")]);
    assert!(!findings[0].problem.is_error());
    assert!(!findings[0].problem.message.contains("hunter2"));
}

#[test]
fn a_missing_default_profile_is_named_once() {
    let devices = [device("d", None, ""), device("e", None, ""), device("f", None, "")];
    let findings = check_catalog(&[server("a")], &[profile("p", false)], &devices);
    assert_eq!(brief(&findings), [(Subject::Device(0), None, "profile")]);
}

#[test]
fn references_that_lead_nowhere_are_found() {
    let dangling = DeviceDefinition { profile: Some("pp".into()), ..device("d", None, "") };
    let findings = check_catalog(&[server("aa")], &[profile("p", false)], &[dangling, device("e", None, "")]);
    assert_eq!(
        brief(&findings),
        [
            (Subject::Profile(0), None, "servers"),
            (Subject::Device(0), None, "profile"),
            (Subject::Device(1), None, "profile"),
        ]
    );
}

#[test]
fn identities_are_compared_as_bytes() {
    let devices = [
        device("m1", None, "text:1"),
        device("d2", Some("hex:6d31"), "text:2"),
        device("d3", Some("base64:bTE="), "text:3"),
    ];
    let findings = check_catalog(&[server("a")], &[profile("p", true)], &devices);
    let fields: Vec<_> = findings.iter().map(|finding| (finding.subject, finding.problem.field)).collect();
    assert_eq!(fields, [(Subject::Device(1), "psk_identity"), (Subject::Device(2), "psk_identity")]);
}

#[test]
fn each_device_without_a_property_is_found() {
    let asking = ServerDefinition { uri: Some("${device.property.site}".into()), ..server("a") };
    let devices = [device("d1", None, "text:1"), device("d2", None, "text:2")];
    let findings = check_catalog(&[asking], &[profile("p", true)], &devices);
    assert_eq!(brief(&findings), [(Subject::Device(0), None, "properties"), (Subject::Device(1), None, "properties")]);
}
