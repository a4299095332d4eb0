//! Written Server Object instances: E11 (spec sheet `objects.md`, sections 5 and 7).

use super::Finding;
use super::resulting::{Resulting, integer, text};
use crate::lwm2m::objects::SERVER;
use crate::lwm2m::{ObjectInstance, Value, Version};
use crate::provision::rules::Rule;

/// The bindings of LwM2M 1.0.
const BINDINGS_OF_1_0: [&str; 6] = ["U", "UQ", "S", "SQ", "US", "UQS"];

pub(super) fn judge(resulting: &Resulting<'_>, version: Option<Version>, is_exact: bool, findings: &mut Vec<Finding>) {
    for instance in resulting.written(SERVER) {
        let place = resulting.place(SERVER, instance);
        let mut error = |resource: u16, words: &str| {
            findings.push(Finding::error(Rule::E11, format!("{place}/{resource} {words}")));
        };
        judge_mandatory(instance, version, &mut error);
        judge_periods(instance, &mut error);
        judge_binding(instance, version, is_exact, &mut error);
    }
}

fn judge_mandatory(instance: &ObjectInstance, version: Option<Version>, error: &mut impl FnMut(u16, &str)) {
    if integer(instance, 0).is_none() {
        error(0, "holds no Short Server ID: write it, for a write replaces the whole instance");
    }
    match integer(instance, 1) {
        None => error(1, "holds no lifetime: write it in seconds"),
        Some(lifetime) if lifetime < 0 => error(1, "is a negative lifetime: write 1 or more seconds"),
        Some(0) if version.is_none_or(|version| version < Version::V1_2) => {
            error(1, "is a lifetime of 0, which means nothing before LwM2M 1.2: write 1 or more seconds");
        }
        Some(_) => {}
    }
    if !matches!(instance.single(6), Some(Value::Boolean(_))) {
        error(6, "does not say whether notifications are stored: write `true` or `false`");
    }
}

fn judge_periods(instance: &ObjectInstance, error: &mut impl FnMut(u16, &str)) {
    let (minimum, maximum) = (integer(instance, 2), integer(instance, 3));
    if minimum.is_some_and(|seconds| seconds < 0) {
        error(2, "is a negative minimum period: write 0 or more seconds");
    }
    if maximum.is_some_and(|seconds| seconds <= 0) {
        error(3, "is no maximum period: write 1 or more seconds");
    }
    if let (Some(minimum), Some(maximum)) = (minimum, maximum)
        && minimum > maximum
    {
        error(2, "is a minimum period longer than the maximum period: swap them");
    }
    if integer(instance, 5).is_some_and(|seconds| seconds < 0) {
        error(5, "is a negative disable timeout: write 0 or more seconds");
    }
    for resource in [17, 20] {
        if integer(instance, resource).is_some_and(|count| count < 1) {
            error(resource, "is a retry count below 1: write 1 or more");
        }
    }
}

fn judge_binding(
    instance: &ObjectInstance,
    version: Option<Version>,
    is_exact: bool,
    error: &mut impl FnMut(u16, &str),
) {
    match text(instance, 7) {
        None => error(7, "holds no binding: write it, such as `U`"),
        Some(binding) if !is_binding(binding, version, is_exact) => match version {
            Some(version) => error(7, &format!("says `{binding}`, which is no binding of LwM2M {version}: use `U`")),
            None => error(7, &format!("says `{binding}`, which is no binding: use `U`")),
        },
        Some(_) => {}
    }
    let is_letter = |text: &str| text.len() == 1 && "UTSNMH".contains(text);
    if text(instance, 22).is_some_and(|preferred| !is_letter(preferred)) {
        error(22, "is no preferred transport: write one letter of U, T, S, N, M and H");
    }
}

/// Whether the binding exists in the client's version, or in any from that version on where only the least is known.
fn is_binding(binding: &str, version: Option<Version>, is_exact: bool) -> bool {
    let of_1_0 = BINDINGS_OF_1_0.contains(&binding);
    match version {
        Some(version) if version < Version::V1_1 => of_1_0,
        Some(version) if is_exact && version < Version::V1_2 => is_combination(binding, "UTSN"),
        Some(_) => is_combination(binding, "UTSNMH"),
        // The operator's word goes out as it is, `Q` included.
        None => of_1_0 || (binding != "Q" && is_combination(binding, "UTSNMHQ")),
    }
}

/// Whether it is some of these letters, each once.
fn is_combination(binding: &str, letters: &str) -> bool {
    let distinct = binding.char_indices().all(|(at, letter)| !binding[..at].contains(letter));
    !binding.is_empty() && binding.chars().all(|letter| letters.contains(letter)) && distinct
}
