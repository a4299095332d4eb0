//! Checks of one server account.
//!
//! Spec sheet `objects.md`: sections 2 and 5 (ranges), 3 (credentials per mode), 6 (URI), 7 (binding), 10 (rules).

use super::credentials::{check_psk, check_psk_identity};
use super::{check_name, refuse_expression};
use crate::provision::definition::{AccountType, SecurityMode, ServerDefinition, Transport};
use crate::provision::problem::Problem;
use crate::provision::uri::{UriError, complete_uri};

/// Registrations that last shorter than this many seconds cost more than they tell.
const RECOMMENDED_LIFETIME: u32 = 60;

/// The bindings of LwM2M 1.0, in which `Q` is part of the text.
const BINDINGS_WITH_QUEUE_MODE: [&str; 3] = ["UQ", "SQ", "UQS"];

/// Checks one server account and returns everything that is wrong with it.
pub fn check_server(server: &ServerDefinition) -> Vec<Problem> {
    let mut problems = check_name("name", &server.name);
    problems.extend(check_uri(server));
    match server.account_type {
        AccountType::Management => check_management(server, &mut problems),
        AccountType::Bootstrap => check_bootstrap(server, &mut problems),
    }
    check_credentials(server, &mut problems);
    problems
}

fn check_uri(server: &ServerDefinition) -> Option<Problem> {
    let Some(uri) = &server.uri else {
        return Some(Problem::error(
            "uri",
            "`uri` is missing: write the host, such as `uri = \"eu.lwm2m.example.com\"`",
        ));
    };
    refuse_expression("uri", uri).or_else(|| {
        let error = complete_uri(uri, server.transport, server.security).err()?;
        let problem = Problem::error("uri", error.to_string());
        match error {
            UriError::Scheme { .. } => Some(problem.following_from(&["security", "transport"])),
            _ => Some(problem),
        }
    })
}

/// What an account with a Server Object instance needs.
fn check_management(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    match server.ssid {
        None => problems.push(
            Problem::error(
                "ssid",
                "`ssid` is missing: give the Short Server ID, 1 to 65534, unique among the accounts of a client",
            )
            .following_from(&["type"]),
        ),
        Some(1..=65534) => {}
        Some(ssid) => problems.push(Problem::error(
            "ssid",
            format!("{ssid} is no Short Server ID: 1 to 65534 are, 0 and 65535 are reserved"),
        )),
    }
    for (field, given) in [
        ("client_hold_off_time", server.client_hold_off_time),
        ("bootstrap_server_account_timeout", server.bootstrap_server_account_timeout),
    ] {
        if given.is_some() {
            let message = format!("`{field}` belongs to accounts with `type = \"bootstrap\"`: remove it");
            problems.push(Problem::error(field, message).following_from(&["type"]));
        }
    }
    check_lifetime_and_periods(server, problems);
    if let Some(binding) = &server.binding {
        problems.extend(check_binding(binding, server.transport));
    }
}

fn check_lifetime_and_periods(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    match server.lifetime {
        Some(0) => problems.push(Problem::error(
            "lifetime",
            "a lifetime of 0 means nothing before LwM2M 1.2: use at least 1 second, better a day (86400)",
        )),
        Some(lifetime) if lifetime < RECOMMENDED_LIFETIME => problems.push(Problem::warning(
            "lifetime",
            format!(
                "with a lifetime of {lifetime} s the client does little but renew its registration: use 60 or more"
            ),
        )),
        _ => {}
    }
    match (server.default_minimum_period, server.default_maximum_period) {
        (_, Some(0)) => problems.push(Problem::error(
            "default_maximum_period",
            "a maximum period of 0 leaves no time between notifications: use at least 1 second, or leave it out",
        )),
        (Some(minimum), Some(maximum)) if minimum > maximum => problems.push(Problem::error(
            "default_minimum_period",
            format!("the minimum period ({minimum} s) is longer than the maximum period ({maximum} s)"),
        )),
        _ => {}
    }
}

/// Checks a binding, which must be legal in LwM2M 1.0 or in later versions.
fn check_binding(binding: &str, transport: Transport) -> Option<Problem> {
    if let Some(problem) = refuse_expression("binding", binding) {
        return Some(problem);
    }
    let distinct = binding.chars().enumerate().all(|(at, letter)| !binding[..at].contains(letter));
    let later = !binding.is_empty() && binding.chars().all(|letter| "UTSNMH".contains(letter)) && distinct;
    if !later && !BINDINGS_WITH_QUEUE_MODE.contains(&binding) {
        return Some(Problem::error(
            "binding",
            "no such binding: use U, UQ, S, SQ, US or UQS (LwM2M 1.0), or any of U, T, S, N, M and H once each (later)",
        ));
    }
    let expected = match transport {
        Transport::Udp => 'U',
        Transport::Tcp => 'T',
    };
    (!binding.contains(expected)).then(|| {
        Problem::warning(
            "binding",
            format!("the server is reached by a transport that `{expected}` stands for: add it"),
        )
        .following_from(&["transport"])
    })
}

/// What must not be said of an account that has no Server Object instance.
fn check_bootstrap(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    for (field, given) in [
        ("ssid", server.ssid.is_some()),
        ("lifetime", server.lifetime.is_some()),
        ("binding", server.binding.is_some()),
        ("store_notifications", server.store_notifications.is_some()),
        ("default_minimum_period", server.default_minimum_period.is_some()),
        ("default_maximum_period", server.default_maximum_period.is_some()),
        ("disable_timeout", server.disable_timeout.is_some()),
    ] {
        if given {
            problems.push(Problem::error(
                field,
                format!("an account with `type = \"bootstrap\"` has no `{field}`: remove it"),
            ));
        }
    }
}

fn check_credentials(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    match server.security {
        SecurityMode::Psk => {
            problems.extend(server.psk_identity.as_deref().map(check_psk_identity).unwrap_or_default());
            match &server.psk {
                Some(psk) => problems.extend(psk.literal().as_ref().and_then(check_psk)),
                None => problems.push(
                    Problem::error(
                        "psk",
                        "the key is missing: give `psk`, or set `security = \"nosec\"` if the server is to go unprotected",
                    )
                    .following_from(&["security"]),
                ),
            }
        }
        SecurityMode::NoSec => {
            for (field, given) in [("psk_identity", server.psk_identity.is_some()), ("psk", server.psk.is_some())] {
                if given {
                    problems.push(Problem::error(
                        field,
                        format!("`security` is nosec, which uses no `{field}`: remove it, or set `security = \"psk\"`"),
                    ));
                }
            }
            problems.push(Problem::warning("security", "clients will talk to this server without any protection"));
        }
        SecurityMode::Rpk | SecurityMode::Certificate | SecurityMode::Est => problems.push(Problem::error(
            "security",
            "raw public keys, certificates and EST are not supported in this version: use psk or nosec",
        )),
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
