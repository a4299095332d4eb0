//! A profile against the server accounts that it names. Spec sheet `objects.md`, section 10 (E1, E3, E5, E12, E13, E17).

use std::collections::BTreeMap;

use super::access_control;
use super::writes::{instance_of, path_of};
use crate::lwm2m::objects::ACCESS_CONTROL;
use crate::lwm2m::path::{ObjectId, ObjectInstanceId};
use crate::provision::catalog::Catalog;
use crate::provision::check::name::nearest;
use crate::provision::check::server::{ObjectLink, object_links};
use crate::provision::definition::{AccountType, ProfileDefinition, ServerDefinition};
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

/// Checks what a profile says of the server accounts in `catalog`.
pub fn check_profile_in(profile: &ProfileDefinition, catalog: &Catalog) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut accounts: Vec<(usize, &ServerDefinition)> = Vec::new();
    for (element, name) in profile.servers.iter().enumerate() {
        if profile.servers[..element].contains(name) {
            continue; // once is enough
        }
        match catalog.server(name) {
            Some(server) => {
                problems.extend(check_beside(server, &accounts).map(|problem| problem.of_element(element)));
                accounts.push((element, server));
            }
            None => {
                let hint = match nearest(name, catalog.server_names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "define it, or remove it from the profile".to_owned(),
                };
                problems.push(Problem::error("servers", format!("no server `{name}`: {hint}")).of_element(element));
            }
        }
    }
    let all_are_known = accounts.len() == profile.servers.len();
    if all_are_known && !accounts.is_empty() && accounts.iter().all(|(_, server)| is_bootstrap(server)) {
        let message = "all servers are of type bootstrap, and a client needs one to register with: add a management \
                       account";
        problems.push(Problem::error("servers", message).of_rule(Rule::E1));
    }
    check_links(profile, &accounts, &mut problems);
    if all_are_known {
        check_access_control(profile, &accounts, &mut problems);
    }
    problems
}

/// What is wrong with a profile in `after` and was not in `before`: what a change of its accounts would break.
pub fn check_profile_between(profile: &ProfileDefinition, before: &Catalog, after: &Catalog) -> Vec<Problem> {
    let known = check_profile_in(profile, before);
    let found = check_profile_in(profile, after).into_iter();
    let new = found.filter(|problem| problem.is_error() && !known.contains(problem));
    new.map(|problem| Problem {
        message: format!("profile `{}` would be broken: {}", profile.name, problem.message),
        ..problem
    })
    .collect()
}

fn is_bootstrap(server: &ServerDefinition) -> bool {
    server.account_type == AccountType::Bootstrap
}

/// Whether an account and those before it can be in one client.
fn check_beside(server: &ServerDefinition, before: &[(usize, &ServerDefinition)]) -> Option<Problem> {
    let others = before.iter().map(|(_, other)| *other);
    if is_bootstrap(server) {
        let other = others.into_iter().find(|other| is_bootstrap(other))?;
        let message = format!(
            "servers `{}` and `{}` are both of type bootstrap, and a client has only one: remove one",
            other.name, server.name
        );
        return Some(Problem::error("servers", message).of_rule(Rule::E5));
    }
    let ssid = server.ssid?;
    let other = others.into_iter().find(|other| !is_bootstrap(other) && other.ssid == Some(ssid))?;
    let message = format!(
        "servers `{}` and `{}` both have ssid {ssid}, and a client can hold only one: change one",
        other.name, server.name
    );
    Some(Problem::error("servers", message).of_rule(Rule::E3))
}

/// Links lead to what the profile writes, and an OSCORE instance serves one account.
fn check_links(profile: &ProfileDefinition, accounts: &[(usize, &ServerDefinition)], problems: &mut Vec<Problem>) {
    let written: Vec<_> = profile.writes.iter().filter_map(|write| path_of(write).ok()).collect();
    let mut contexts: BTreeMap<(ObjectId, ObjectInstanceId), &str> = BTreeMap::new();
    for (element, server) in accounts {
        for link in object_links(server) {
            let ObjectLink { object, resource, target: (target, instance) } = link;
            if !written.contains(&link.target) {
                problems.push(missing_target(profile, server, link).of_element(*element));
            }
            if (object, resource) != (0, 17) {
                continue;
            }
            if let Some(other) = contexts.insert(link.target, &server.name) {
                let message = format!(
                    "servers `{other}` and `{}` both link to `/{target}/{instance}`, and an OSCORE instance serves one \
                     account: write one for each",
                    server.name
                );
                problems.push(Problem::error("servers", message).of_element(*element).of_rule(Rule::E13));
            }
        }
    }
}

/// A target that is not written may be in the client already, unless the object is emptied first.
fn missing_target(profile: &ProfileDefinition, server: &ServerDefinition, link: ObjectLink) -> Problem {
    let (target, instance) = link.target;
    let emptied = profile.delete.as_deref().unwrap_or_default().contains(&format!("/{target}"));
    let what = format!("server `{}` links to `/{target}/{instance}`, which the profile", server.name);
    let problem = match emptied {
        true => Problem::error("servers", format!("{what} deletes and does not write: add it to `writes`")),
        false => Problem::warning(
            "servers",
            format!("{what} does not write: add it to `writes`, unless the clients have it already"),
        ),
    };
    problem.of_rule(Rule::E12)
}

fn check_access_control(
    profile: &ProfileDefinition,
    accounts: &[(usize, &ServerDefinition)],
    problems: &mut Vec<Problem>,
) {
    let known: Vec<u32> =
        accounts.iter().filter(|(_, server)| !is_bootstrap(server)).filter_map(|(_, server)| server.ssid).collect();
    for (element, write) in profile.writes.iter().enumerate() {
        if let Some((ACCESS_CONTROL, instance)) = instance_of(write) {
            let found = access_control::check_servers(&instance, &known);
            problems.extend(found.into_iter().map(|problem| problem.of_element(element)));
        }
    }
}
