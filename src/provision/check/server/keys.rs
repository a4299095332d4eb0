//! PSK identity and key of an account: written out or made by expressions.
//!
//! LwM2M Transport 1.2, section 5.2.9.1; spec sheet `objects.md`, sections 3 and 10 (E8, and the warnings).

use crate::provision::account_key::AccountKey;
use crate::provision::check::credentials::{
    MAX_PSK_BYTES, MAX_PSK_IDENTITY_BYTES, RECOMMENDED_PSK_BYTES, check_identity_text, check_psk,
};
use crate::provision::definition::{AccountType, SecurityMode, ServerDefinition};
use crate::provision::expression::Template;
use crate::provision::key_text::prefix_of;
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

pub(super) fn check(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    if server.security != SecurityMode::Psk {
        return;
    }
    if let Some(identity) = &server.psk_identity {
        problems.extend(check_identity(identity, server));
    }
    if let Some(key) = &server.psk {
        match key.literal() {
            Some(literal) => {
                problems.extend(check_psk(&literal));
                if server.account_type == AccountType::Management {
                    let message = "every client that gets this account has the same key, so that one of them can pass \
                                   for all: use `psk = \"${string.secureRandom(32)}\"`, which draws one for each";
                    problems.push(Problem::warning("psk", message));
                }
            }
            None => check_key_template(key, problems),
        }
    }
}

fn check_identity(text: &str, server: &ServerDefinition) -> Vec<Problem> {
    const FIELD: &str = "psk_identity";
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => return vec![Problem::error(FIELD, error.to_string())],
    };
    if let Some(literal) = template.literal() {
        let mut problems = check_identity_text(literal);
        if problems.is_empty() && server.psk.as_ref().is_some_and(|key| !key.template().is_literal()) {
            let message = "every client that gets this account has the same identity, and each has a key of its own: \
                           use `psk_identity = \"${device.endpointName}\"`, or leave it out";
            problems.push(Problem::warning(FIELD, message));
        }
        return problems;
    }
    let shortest = Shortest::of(text, &template);
    let mut problems = Vec::new();
    if shortest.bytes > MAX_PSK_IDENTITY_BYTES {
        let message = format!(
            "`psk_identity` makes {} bytes at least, and clients need not take more than {MAX_PSK_IDENTITY_BYTES}: \
             shorten it",
            shortest.bytes
        );
        problems.push(Problem::error(FIELD, message).of_rule(Rule::E8));
    }
    problems.extend(shortest.check_encoding(FIELD));
    problems
}

fn check_key_template(key: &AccountKey, problems: &mut Vec<Problem>) {
    const FIELD: &str = "psk";
    let template = key.template();
    let shortest = Shortest::of(key.expose_text(), template);
    if shortest.bytes > MAX_PSK_BYTES {
        let message = format!(
            "the key has {} bytes at least, and clients need not take more than {MAX_PSK_BYTES}: draw fewer characters",
            shortest.bytes
        );
        problems.push(Problem::error(FIELD, message).of_rule(Rule::E8));
    }
    problems.extend(shortest.check_encoding(FIELD));
    let drawn = template.random_characters();
    if drawn > 0 && drawn < RECOMMENDED_PSK_BYTES {
        let message = format!("the key has only {drawn} random characters: draw {RECOMMENDED_PSK_BYTES} or more");
        problems.push(Problem::warning(FIELD, message).of_rule(Rule::E8));
    } else if drawn == 0 && template.properties().next().is_some() {
        let message = "the key is a property of the device, and properties are stored in clear and shown to everybody \
                       who may list devices: use `psk = \"${string.secureRandom(32)}\"`";
        problems.push(Problem::warning(FIELD, message));
    } else if drawn == 0 {
        let message = "the key is made of names and numbers that others know, and can be guessed: use \
                       `psk = \"${string.secureRandom(32)}\"`";
        problems.push(Problem::warning(FIELD, message));
    }
}

/// What the shortest value of a template is, once its `hex:`, `base64:` or `text:` is read.
struct Shortest {
    prefix: &'static str,
    bytes: usize,
    drawn: usize,
}

impl Shortest {
    fn of(text: &str, template: &Template) -> Shortest {
        let prefix = prefix_of(text).unwrap_or_default();
        let characters = template.minimum_length().saturating_sub(prefix.len());
        let bytes = match prefix {
            "hex:" => characters / 2,
            "base64:" => characters * 3 / 4,
            _ => characters,
        };
        Shortest { prefix, bytes, drawn: template.random_characters() }
    }

    /// Letters and digits are hardly ever hexadecimal, and base64 only in groups of four.
    fn check_encoding(&self, field: &'static str) -> Option<Problem> {
        let is_readable = match self.prefix {
            "hex:" => self.drawn == 0,
            "base64:" => self.drawn.is_multiple_of(4),
            _ => true,
        };
        (!is_readable).then(|| {
            let message = format!(
                "a random expression makes letters and digits, which `{}` cannot always read: leave the prefix out",
                self.prefix
            );
            Problem::error(field, message).of_rule(Rule::E8)
        })
    }
}
