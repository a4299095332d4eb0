//! What must not be said of an account that has no Server Object instance, and what keeps a client from being lost.
//!
//! Spec sheets `bootstrap.md`, section 10, and `objects.md`, section 10 (E20).

use super::uri;
use crate::provision::definition::{SecurityMode, ServerDefinition};
use crate::provision::expression::Template;
use crate::provision::issued::IssueError;
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

pub(super) fn check(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    for field in management_fields(server) {
        let message = format!("an account with `type = \"bootstrap\"` has no `{field}`: remove it");
        problems.push(Problem::error(field, message).following_from(&["type"]));
    }
    if let Some(seconds @ 1..) = server.bootstrap_server_account_timeout {
        let message = format!(
            "after {seconds} s the client forgets this account and cannot be bootstrapped again: use 0, which keeps it, \
             unless another account takes its place in time"
        );
        problems.push(Problem::warning("bootstrap_server_account_timeout", message));
    }
    if server.security == SecurityMode::Psk {
        check_new_credentials(server, problems);
    }
}

/// The fields that are written into a Server Object instance and are given.
fn management_fields(server: &ServerDefinition) -> impl Iterator<Item = &'static str> {
    let fields = [
        ("ssid", server.ssid.is_some()),
        ("lifetime", server.lifetime.is_some()),
        ("binding", server.binding.is_some()),
        ("preferred_transport", server.preferred_transport.is_some()),
        ("store_notifications", server.store_notifications.is_some()),
        ("default_minimum_period", server.default_minimum_period.is_some()),
        ("default_maximum_period", server.default_maximum_period.is_some()),
        ("disable_timeout", server.disable_timeout.is_some()),
        ("registration_priority_order", server.registration_priority_order.is_some()),
        ("initial_registration_delay_timer", server.initial_registration_delay_timer.is_some()),
        ("registration_failure_block", server.registration_failure_block.is_some()),
        ("bootstrap_on_registration_failure", server.bootstrap_on_registration_failure.is_some()),
        ("communication_retry_count", server.communication_retry_count.is_some()),
        ("communication_retry_timer", server.communication_retry_timer.is_some()),
        ("communication_sequence_delay_timer", server.communication_sequence_delay_timer.is_some()),
        ("communication_sequence_retry_count", server.communication_sequence_retry_count.is_some()),
        ("trigger", server.trigger.is_some()),
        ("mute_send", server.mute_send.is_some()),
        ("server_resources", !server.server_resources.is_empty()),
    ];
    fields.into_iter().filter(|(_, is_given)| *is_given).map(|(field, _)| field)
}

/// New bootstrap credentials stand beside the old ones until they are proven, so they need an identity of their own.
fn check_new_credentials(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    let identity = server.psk_identity.as_deref().map(Template::parse);
    if let Some(Ok(template)) = &identity
        && template.uses_server_ssid()
    {
        problems.push(uri::no_ssid("psk_identity"));
    }
    let Some(key) = &server.psk else { return };
    if key.template().uses_server_ssid() {
        problems.push(uri::no_ssid("psk"));
    }
    if !key.template().has_random() {
        let message = "this server itself knows nothing of a key that is written out here: if the account leads back \
                       to it, draw one with `psk = \"${string.secureRandom(32)}\"`";
        problems.push(Problem::warning("psk", message).of_rule(Rule::E20));
    } else if !matches!(&identity, Some(Ok(template)) if template.has_random()) && !matches!(identity, Some(Err(_))) {
        let problem = Problem::error("psk_identity", IssueError::IdentityNotNew.to_string());
        problems.push(problem.following_from(&["psk", "type"]).of_rule(Rule::E20));
    }
}
