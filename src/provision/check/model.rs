//! Checks of one model: its name, its rules, and whether the client that it says is known.

use super::profile::rules::check_rules;
use super::{check_name, nearest};
use crate::provision::definition::ModelDefinition;
use crate::provision::knowledge::{KNOWN_CLIENTS, builtin};
use crate::provision::problem::Problem;

/// Checks one model and returns everything that is wrong with it.
pub fn check_model(model: &ModelDefinition) -> Vec<Problem> {
    let mut problems = check_name("name", &model.name);
    if model.rules.is_empty() {
        let message =
            "no device is of this model: say which are, such as `rules = [{ endpoint = \"urn:dev:ops:32473-*\" }]`";
        problems.push(Problem::error("rules", message));
    }
    check_rules(&model.rules, "write `endpoint = \"*\"` for a model of all devices", &mut problems);
    if let Some(client) = model.client.as_deref().filter(|client| builtin(client).is_none()) {
        let names: Vec<&str> = KNOWN_CLIENTS.iter().map(|known| known.name).collect();
        let hint = nearest(client, names.iter().copied()).map(|near| format!("did you mean `{near}`? "));
        let known = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let message = format!(
            "no client `{}` is known: {}those that are known are {known}; leave `client` out for any other",
            client.escape_debug(),
            hint.unwrap_or_default()
        );
        problems.push(Problem::error("client", message));
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::check_model;

    #[test]
    fn a_model_names_its_devices_and_a_client_that_is_known() {
        let rules = json!([{ "tag": "pump" }]);
        for (model, field, part) in [
            (json!({ "name": "a b", "rules": rules }), "name", "' '"),
            (json!({ "name": "m" }), "rules", "no device is of this model"),
            (json!({ "name": "m", "rules": [{}] }), "rules", "write `endpoint = \"*\"`"),
            (json!({ "name": "m", "rules": [{ "endpoint": "a\\b" }] }), "rules", "column 2"),
            (json!({ "name": "m", "rules": rules, "client": "wakama" }), "client", "did you mean `wakaama`?"),
            (json!({ "name": "m", "rules": rules, "client": "x" }), "client", "`anjay-lite`, "),
            (json!({ "name": "m", "rules": rules, "client": "" }), "client", "leave `client` out"),
        ] {
            let problems = check_model(&serde_json::from_value(model.clone()).unwrap());
            assert_eq!(problems.len(), 1, "{model}: {problems:?}");
            assert!(problems[0].is_error() && problems[0].field == field, "{model}: {problems:?}");
            assert!(problems[0].message.contains(part), "{model}: {}", problems[0].message);
        }
        let sound =
            json!({ "name": "m", "client": "anjay", "rules": [{ "endpoint": "m-*", "tag": "eu" }, { "tag": "x" }] });
        assert_eq!(check_model(&serde_json::from_value(sound).unwrap()), []);
    }
}
