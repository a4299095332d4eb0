//! Binding and preferred transport. Spec sheet `objects.md`, sections 7 and 10 (E11).

use crate::provision::check::refuse_expression;
use crate::provision::definition::{ServerDefinition, Transport};
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

/// The letters of LwM2M 1.1 and later.
const LETTERS: &str = "UTSNMH";

/// The bindings of LwM2M 1.0 in which `Q` is part of the text.
const BINDINGS_WITH_QUEUE_MODE: [&str; 3] = ["UQ", "SQ", "UQS"];

pub(super) fn check(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    if let Some(binding) = &server.binding {
        problems.extend(check_binding(binding, server));
    }
    if let Some(preferred) = &server.preferred_transport {
        problems.extend(check_preferred_transport(preferred, server));
    }
}

/// The binding that is written: what is said, or the letter of the transport.
pub(super) fn effective(server: &ServerDefinition) -> &str {
    server.binding.as_deref().unwrap_or(match server.transport {
        Transport::Udp => "U",
        Transport::Tcp => "T",
    })
}

/// A binding must be legal in LwM2M 1.0 or in later versions.
fn check_binding(binding: &str, server: &ServerDefinition) -> Vec<Problem> {
    if let Some(problem) = refuse_expression("binding", binding) {
        return vec![problem];
    }
    let distinct = binding.char_indices().all(|(at, letter)| !binding[..at].contains(letter));
    let later = !binding.is_empty() && binding.chars().all(|letter| LETTERS.contains(letter)) && distinct;
    if !later && !BINDINGS_WITH_QUEUE_MODE.contains(&binding) {
        let message =
            "no such binding: use U, UQ, S, SQ, US or UQS (LwM2M 1.0), or any of U, T, S, N, M and H once each (later)";
        return vec![Problem::error("binding", message).of_rule(Rule::E11)];
    }
    let expected = match server.transport {
        Transport::Udp => 'U',
        Transport::Tcp => 'T',
    };
    let mut problems = Vec::new();
    if !binding.contains(expected) {
        let message = format!("the server is reached by a transport that `{expected}` stands for: add it");
        problems.push(Problem::warning("binding", message).following_from(&["transport"]));
    }
    if binding.contains('S') && server.sms != Some(true) {
        let message = "`S` stands for SMS, of which the account says nothing: set `sms = true` and `sms_number`, or \
                       remove it";
        problems.push(Problem::warning("binding", message).following_from(&["sms"]));
    }
    problems
}

fn check_preferred_transport(preferred: &str, server: &ServerDefinition) -> Option<Problem> {
    const FIELD: &str = "preferred_transport";
    if preferred.chars().count() != 1 || !LETTERS.contains(preferred) {
        let message = "the preferred transport is one letter: U, T, S, N, M or H";
        return Some(Problem::error(FIELD, message).of_rule(Rule::E11));
    }
    let binding = effective(server);
    (!binding.contains(preferred)).then(|| {
        let message = format!("`{preferred}` is not in the binding `{}`: add it there", binding.escape_debug());
        Problem::warning(FIELD, message).following_from(&["binding", "transport"])
    })
}
