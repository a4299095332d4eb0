//! The URI of a server account. Spec sheet `objects.md`, sections 6 and 10 (E2, E9, E10).

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::provision::definition::{AccountType, ServerDefinition};
use crate::provision::expression::{Template, Values};
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;
use crate::provision::uri::{UriError, complete_uri};

const FIELD: &str = "uri";

/// What a property may be in a URI: digits of a port, letters of a host, an address in brackets.
const SAMPLES: [&str; 3] = ["1", "a", "::1"];

pub(super) fn check(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    let Some(text) = &server.uri else {
        let message = "`uri` is missing: write the host, such as `uri = \"eu.lwm2m.example.com\"`";
        problems.push(Problem::error(FIELD, message).of_rule(Rule::E2));
        return;
    };
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => return problems.push(Problem::error(FIELD, error.to_string())),
    };
    problems.extend(match template.literal() {
        Some(literal) => complete_uri(literal, server.transport, server.security).err().map(of_error),
        None => check_template(server, text, &template),
    });
}

fn of_error(error: UriError) -> Problem {
    let problem = Problem::error(FIELD, error.to_string());
    match error {
        UriError::Scheme { .. } => problem.following_from(&["security", "transport"]).of_rule(Rule::E9),
        _ => problem.of_rule(Rule::E10),
    }
}

/// A template is wrong where it makes no URI whatever its properties are.
fn check_template(server: &ServerDefinition, text: &str, template: &Template) -> Option<Problem> {
    if server.account_type == AccountType::Bootstrap && template.uses_server_ssid() {
        return Some(no_ssid(FIELD));
    }
    if text.split_once("://").is_some_and(|(scheme, _)| scheme.contains("${")) {
        return None; // which scheme it is shows only with the device
    }
    let errors = SAMPLES.map(|sample| {
        let uri = sample_value(template, sample)?;
        complete_uri(&uri, server.transport, server.security).err()
    });
    match errors {
        [Some(error), Some(_), Some(_)] => {
            let problem = of_error(error);
            let message = format!("with values in the place of its expressions: {}", problem.message);
            Some(Problem { message, ..problem })
        }
        _ => None,
    }
}

/// What the template makes of an invented device. The seed is fixed: nothing here is kept.
fn sample_value(template: &Template, sample: &str) -> Option<String> {
    let properties: BTreeMap<String, String> =
        template.properties().map(|name| (name.to_owned(), sample.to_owned())).collect();
    let values = Values { endpoint_name: "a", device_id: Some(1), properties: &properties, ssid: Some(1) };
    template.evaluate(&values, &mut StdRng::seed_from_u64(0)).ok().map(|uri| uri.to_string())
}

/// Why a bootstrap account cannot say `${server.ssid}`.
pub(super) fn no_ssid(field: &'static str) -> Problem {
    Problem::error(
        field,
        "an account with `type = \"bootstrap\"` has no ssid, which `${server.ssid}` asks for: remove the expression",
    )
    .following_from(&["type"])
}
