//! Checks of one server account: every field, every mistake at once.
//!
//! Spec sheet `objects.md`: sections 2 and 5 (ranges), 3 (credentials per mode), 4 (certificates), 6 (URI), 7 (binding),
//! 10 (rules). What a profile makes of several accounts is not known here.
//!
//! | Module | What it checks |
//! |---|---|
//! | `uri` | the URI, with expressions or without |
//! | `management`, `bootstrap` | what an account of either type needs, and must not say |
//! | `binding`, `sms` | how the client and the server reach each other |
//! | `security` | which fields a security mode needs and which it does not use |
//! | `keys`, `certificates` | the credentials themselves |
//! | `resources` | resources by id |

mod binding;
mod bootstrap;
mod certificates;
mod keys;
mod management;
mod resources;
mod security;
mod sms;
mod uri;

pub use certificates::check_certificate_dates;
pub(super) use resources::{ObjectLink, object_links};

use super::check_name;
use crate::provision::definition::{AccountType, SecurityMode, ServerDefinition};
use crate::provision::expression::Template;
use crate::provision::problem::Problem;

/// Checks one server account and returns everything that is wrong with it, dates of certificates aside.
pub fn check_server(server: &ServerDefinition) -> Vec<Problem> {
    let mut problems = check_name("name", &server.name);
    uri::check(server, &mut problems);
    match server.account_type {
        AccountType::Management => management::check(server, &mut problems),
        AccountType::Bootstrap => bootstrap::check(server, &mut problems),
    }
    security::check(server, &mut problems);
    keys::check(server, &mut problems);
    certificates::check(server, &mut problems);
    sms::check(server, &mut problems);
    resources::check(server, &mut problems);
    problems.extend(check_rotation(server));
    problems
}

/// A rotation is of use only where something is drawn.
fn check_rotation(server: &ServerDefinition) -> Option<Problem> {
    server.rotate?;
    let is_psk = server.security == SecurityMode::Psk;
    let draws = |text: &Option<String>| {
        text.as_deref().is_some_and(|text| Template::parse(text).map_or(true, |template| template.has_random()))
    };
    let psk_draws = server.psk.as_ref().is_some_and(|key| key.template().has_random());
    let anything_is_drawn = draws(&server.uri) || (is_psk && (psk_draws || draws(&server.psk_identity)));
    (!anything_is_drawn).then(|| {
        Problem::warning(
            "rotate",
            "nothing of this account is drawn at random, so there is nothing to rotate: write \
             `psk = \"${string.secureRandom(32)}\"`, or remove `rotate`",
        )
        .following_from(&["psk", "psk_identity", "uri", "security"])
    })
}

#[cfg(test)]
mod tests;
