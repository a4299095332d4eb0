//! The rules by which a profile, or a model, is given to devices.

use crate::provision::check::device::{check_property, check_tag};
use crate::provision::definition::{ProfileDefinition, Rule};
use crate::provision::pattern::Pattern;
use crate::provision::problem::Problem;

/// Checks the rules of a profile.
pub(super) fn check(profile: &ProfileDefinition, problems: &mut Vec<Problem>) {
    let remedy = "set `default = true` for a profile that fits all";
    check_rules(&profile.rules, remedy, problems);
    if profile.rule_order.is_some() && profile.rules.is_empty() {
        let message =
            "`rule_order` orders the profiles that have rules, and this one has none: add `rules`, or remove it";
        problems.push(Problem::warning("rule_order", message).following_from(&["rules"]));
    }
}

/// Checks rules, each alone. `remedy` says what to do instead of a rule that says nothing.
pub(in crate::provision::check) fn check_rules(rules: &[Rule], remedy: &str, problems: &mut Vec<Problem>) {
    const FIELD: &str = "rules";
    for (element, rule) in rules.iter().enumerate() {
        let mut found = Vec::new();
        if *rule == Rule::default() {
            let message = format!("the rule says nothing, and would fit every device: remove it, and {remedy}");
            found.push(Problem::error(FIELD, message));
        }
        if let Some(Err(error)) = rule.endpoint.as_deref().map(Pattern::parse) {
            found.push(Problem::error(FIELD, format!("`endpoint`: {error}")));
        }
        found.extend(rule.tag.as_deref().and_then(|tag| check_tag(FIELD, tag)));
        found.extend(rule.properties.iter().flat_map(|(name, value)| check_property(FIELD, name, value)));
        if rules[..element].contains(rule) {
            found.push(Problem::warning(FIELD, "the rule is there twice: remove one"));
        }
        problems.extend(found.into_iter().map(|problem| problem.of_element(element)));
    }
}
