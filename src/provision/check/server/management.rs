//! What an account with a Server Object instance needs. Spec sheet `objects.md`, sections 5 and 10 (E2, E3, E11).

use super::binding;
use crate::provision::definition::ServerDefinition;
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

/// Registrations that last shorter than this many seconds cost more than they tell.
const RECOMMENDED_LIFETIME: u32 = 60;

pub(super) fn check(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    check_short_server_id(server, problems);
    for (field, given) in [
        ("client_hold_off_time", server.client_hold_off_time),
        ("bootstrap_server_account_timeout", server.bootstrap_server_account_timeout),
    ] {
        if given.is_some() {
            let message = format!("`{field}` belongs to accounts with `type = \"bootstrap\"`: remove it");
            problems.push(Problem::error(field, message).following_from(&["type"]));
        }
    }
    check_lifetime(server, problems);
    check_periods(server, problems);
    check_retries(server, problems);
    binding::check(server, problems);
}

fn check_short_server_id(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    match server.ssid {
        None => problems.push(
            Problem::error(
                "ssid",
                "`ssid` is missing: give the Short Server ID, 1 to 65534, unique among the accounts of a client",
            )
            .following_from(&["type"])
            .of_rule(Rule::E2),
        ),
        Some(1..=65534) => {}
        Some(ssid) => problems.push(
            Problem::error("ssid", format!("{ssid} is no Short Server ID: 1 to 65534 are, 0 and 65535 are reserved"))
                .of_rule(Rule::E3),
        ),
    }
}

fn check_lifetime(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    match server.lifetime {
        Some(0) => problems.push(
            Problem::error(
                "lifetime",
                "a lifetime of 0 means nothing before LwM2M 1.2: use at least 1 second, better a day (86400)",
            )
            .of_rule(Rule::E11),
        ),
        Some(lifetime) if lifetime < RECOMMENDED_LIFETIME => problems.push(Problem::warning(
            "lifetime",
            format!(
                "with a lifetime of {lifetime} s the client does little but renew its registration: use 60 or more"
            ),
        )),
        _ => {}
    }
}

fn check_periods(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    match (server.default_minimum_period, server.default_maximum_period) {
        (_, Some(0)) => problems.push(
            Problem::error(
                "default_maximum_period",
                "a maximum period of 0 leaves no time between notifications: use at least 1 second, or leave it out",
            )
            .of_rule(Rule::E11),
        ),
        (Some(minimum), Some(maximum)) if minimum > maximum => problems.push(
            Problem::error(
                "default_minimum_period",
                format!(
                    "the minimum period ({minimum} s) is longer than the maximum period ({maximum} s): make it at \
                     most that"
                ),
            )
            .of_rule(Rule::E11),
        ),
        _ => {}
    }
}

fn check_retries(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    for (field, count) in [
        ("communication_retry_count", server.communication_retry_count),
        ("communication_sequence_retry_count", server.communication_sequence_retry_count),
    ] {
        if count == Some(0) {
            let message = format!("`{field}` counts the first attempt too, so that 0 is none at all: use 1 or more");
            problems.push(Problem::error(field, message).of_rule(Rule::E11));
        }
    }
    if server.communication_retry_timer == Some(0) && server.communication_retry_count.is_some_and(|count| count > 1) {
        let message = "with 0 seconds between them all attempts are made at once: use 60, which clients assume";
        problems.push(Problem::warning("communication_retry_timer", message));
    }
}
