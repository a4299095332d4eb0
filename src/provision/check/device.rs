//! Checks of one device.

use super::credentials::{MAX_PSK_IDENTITY_BYTES, check_psk, check_psk_identity};
use super::name::nearest;
use super::refuse_expression;
use crate::provision::catalog::Catalog;
use crate::provision::definition::DeviceDefinition;
use crate::provision::problem::Problem;

/// Longest endpoint name in bytes: with `ep=` in front it fills a Uri-Query option (RFC 7252 section 5.10).
const MAX_ENDPOINT_BYTES: usize = 252;

/// Checks one device and returns everything that is wrong with it, references aside.
pub fn check_device(device: &DeviceDefinition) -> Vec<Problem> {
    let mut problems = check_endpoint(&device.endpoint);
    match (&device.psk_identity, &device.psk) {
        (Some(identity), psk) => {
            problems.extend(check_psk_identity(identity));
            if psk.is_none() {
                problems.push(Problem::error(
                    "psk",
                    "`psk_identity` is given and the key is missing: give `psk`, or remove `psk_identity` for a device \
                     that is served over NoSec",
                ));
            }
        }
        (None, Some(_)) if (MAX_PSK_IDENTITY_BYTES + 1..=MAX_ENDPOINT_BYTES).contains(&device.endpoint.len()) => {
            problems.push(Problem::error(
                "psk_identity",
                format!(
                    "the endpoint name has {} bytes, too many for a PSK identity ({MAX_PSK_IDENTITY_BYTES}): give \
                     `psk_identity`",
                    device.endpoint.len()
                ),
            ));
        }
        (None, _) => {}
    }
    problems.extend(device.psk.as_ref().and_then(|psk| check_psk(psk.key())));
    if let Some(profile) = &device.profile {
        problems.extend(refuse_expression("profile", profile));
    }
    problems
}

/// Checks what a device says of the profiles in `catalog`.
pub fn check_device_in(device: &DeviceDefinition, catalog: &Catalog) -> Vec<Problem> {
    match &device.profile {
        Some(profile) if catalog.profile(profile).is_none() => {
            let hint = match nearest(profile, catalog.profile_names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "define it, or leave `profile` out for the default profile".to_owned(),
            };
            vec![Problem::error("profile", format!("no profile `{profile}`: {hint}"))]
        }
        None if catalog.default_profile().is_none() => vec![Problem::error(
            "profile",
            "`profile` is missing and no profile is the default: name one, or set `default = true` in one",
        )],
        _ => Vec::new(),
    }
}

/// An endpoint name may hold anything that is text: it is compared, never parsed.
fn check_endpoint(endpoint: &str) -> Vec<Problem> {
    const FIELD: &str = "endpoint";
    if endpoint.is_empty() {
        return vec![Problem::error(FIELD, "`endpoint` is missing or empty: give the endpoint client name")];
    }
    let mut problems: Vec<Problem> = refuse_expression(FIELD, endpoint).into_iter().collect();
    if endpoint.len() > MAX_ENDPOINT_BYTES {
        problems.push(Problem::error(
            FIELD,
            format!(
                "the endpoint name has {} bytes, and a Bootstrap-Request has room for {MAX_ENDPOINT_BYTES}",
                endpoint.len()
            ),
        ));
    }
    if let Some(control) = endpoint.chars().find(|letter| letter.is_control()) {
        problems.push(Problem::error(
            FIELD,
            format!("the endpoint name contains the control character {control:?}: remove it"),
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{check_device, check_device_in};
    use crate::provision::catalog::Catalog;
    use crate::provision::{DeviceDefinition, KeyText, ProfileDefinition};

    fn device(endpoint: &str) -> DeviceDefinition {
        DeviceDefinition {
            endpoint: endpoint.to_owned(),
            psk: KeyText::parse("text:0123456789abcdef").ok(),
            ..DeviceDefinition::default()
        }
    }

    fn problems(device: &DeviceDefinition) -> Vec<(&'static str, String)> {
        check_device(device).into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    #[test]
    fn any_text_is_an_endpoint_name() {
        for endpoint in ["urn:imei:490154203237518", "a/b %2f", "7", "Zähler 1", &"e".repeat(128)] {
            assert_eq!(problems(&device(endpoint)), vec![], "{endpoint}");
        }
        let long = DeviceDefinition { psk_identity: Some("short".into()), ..device(&"e".repeat(252)) };
        assert_eq!(problems(&long), vec![]);
    }

    #[test]
    fn endpoint_names_that_no_request_could_carry_are_refused() {
        for (endpoint, field, part) in [
            ("", "endpoint", "missing or empty"),
            ("a\u{7}", "endpoint", "'\\u{7}'"),
            (&"e".repeat(253), "endpoint", "253 bytes"),
            (&"e".repeat(129), "psk_identity", "give `psk_identity`"),
            ("${x}", "endpoint", "expressions are not supported"),
        ] {
            let found = problems(&device(endpoint));
            assert_eq!(found.len(), 1, "{endpoint:?}: {found:?}");
            assert_eq!(found[0].0, field);
            assert!(found[0].1.contains(part), "{endpoint:?}: {found:?}");
        }
    }

    #[test]
    fn an_identity_without_a_key_is_refused_and_a_short_key_is_warned_of() {
        let no_key = DeviceDefinition { psk_identity: Some("id".into()), psk: None, ..device("d") };
        assert_eq!(problems(&no_key)[0].0, "psk");
        let short = DeviceDefinition { psk: KeyText::parse("text:0123456789abcde").ok(), ..device("d") };
        let found = check_device(&short);
        assert_eq!((found.len(), found[0].is_error()), (1, false));
        assert!(!found[0].message.contains("0123"));
    }

    #[test]
    fn every_mistake_is_named() {
        let device = DeviceDefinition {
            endpoint: "a\nb".into(),
            psk_identity: Some(format!("{}\0", "i".repeat(128))),
            psk: KeyText::parse(&format!("text:{}", "k".repeat(65))).ok(),
            profile: Some("${p}".into()),
        };
        let fields: Vec<_> = check_device(&device).iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["endpoint", "psk_identity", "psk_identity", "psk", "profile"]);
    }

    #[test]
    fn the_profile_must_be_there_or_one_be_the_default() {
        let profile = |default| ProfileDefinition { name: "meters".into(), default, ..ProfileDefinition::default() };
        let with_default = Catalog::new([], [profile(true)]);
        let without = Catalog::new([], [profile(false)]);
        let naming = |name: &str| DeviceDefinition { profile: Some(name.into()), ..device("d") };
        assert_eq!(check_device_in(&device("d"), &with_default), vec![]);
        assert!(check_device_in(&device("d"), &without)[0].message.contains("`default = true`"));
        assert_eq!(check_device_in(&naming("meters"), &without), vec![]);
        assert!(check_device_in(&naming("meter"), &without)[0].message.contains("did you mean `meters`?"));
    }
}
