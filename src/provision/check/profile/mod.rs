//! Checks of one profile, alone and against the accounts that it names.
//!
//! LwM2M Core 1.2 section 6.1; spec sheets `bootstrap.md`, sections 8 and 9, and `objects.md`, section 10 (E1, E3, E5,
//! E12, E13, E14, E17, E18).

mod access_control;
mod accounts;
pub(super) mod rules;
mod writes;
mod writing;

pub use accounts::{check_profile_between, check_profile_in};
pub use writing::writing;

use super::{check_name, refuse_expression};
use crate::provision::definition::ProfileDefinition;
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

/// Checks one profile and returns everything that is wrong with it, references aside.
pub fn check_profile(profile: &ProfileDefinition) -> Vec<Problem> {
    let mut problems = check_name("name", &profile.name);
    if profile.servers.is_empty() {
        let message = "a client needs at least one server account: name them, such as `servers = [\"fleet-eu\"]`";
        problems.push(Problem::error("servers", message).of_rule(Rule::E1));
    }
    for (element, server) in profile.servers.iter().enumerate() {
        if let Some(problem) = refuse_expression("servers", server) {
            problems.push(problem.of_element(element));
        } else if profile.servers[..element].contains(server) {
            let problem = Problem::error("servers", format!("server `{server}` is named twice: remove one"));
            problems.push(problem.of_element(element));
        }
    }
    problems.extend(writing(profile).err().unwrap_or_default());
    rules::check(profile, &mut problems);
    writes::check(profile, &mut problems);
    problems
}

#[cfg(test)]
mod tests;
