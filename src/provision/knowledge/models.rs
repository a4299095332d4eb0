//! [`Models`]: of which model a device is, and what is known of each.

use super::{ClientKnowledge, builtin};
use crate::provision::definition::{DeviceDefinition, ModelDefinition};
use crate::provision::fitting::Fitting;

/// The models of the config file, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Models {
    models: Vec<(Vec<Fitting>, Model)>,
}

/// A model, and what its devices have shown together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// What the config file says.
    pub definition: ModelDefinition,
    /// What enough of its devices agree on.
    pub learned: ClientKnowledge,
}

impl Model {
    /// What is known of the client that the operator says it is; nothing where none is said.
    pub fn stated(&self) -> ClientKnowledge {
        self.definition.client.as_deref().and_then(builtin).map(|client| client.knowledge()).unwrap_or_default()
    }

    /// What is known of a device of this model that has shown nothing itself: what was learned first, then what is known
    /// of the client.
    pub fn known(&self) -> ClientKnowledge {
        self.learned.clone().or(&self.stated())
    }
}

impl Models {
    /// Models in the order in which they are tried.
    pub fn new(models: impl IntoIterator<Item = Model>) -> Models {
        let with_rules = |model: Model| (model.definition.rules.iter().filter_map(Fitting::read).collect(), model);
        Models { models: models.into_iter().map(with_rules).collect() }
    }

    /// The first model of which one rule fits the device.
    pub fn of(&self, device: &DeviceDefinition) -> Option<&Model> {
        let fits = |rules: &[Fitting]| rules.iter().any(|rule| rule.fits(device));
        self.models.iter().find(|(rules, _)| fits(rules)).map(|(_, model)| model)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Model, Models};
    use crate::provision::ClientKnowledge;

    fn model(json: serde_json::Value, learned: ClientKnowledge) -> Model {
        Model { definition: serde_json::from_value(json).unwrap(), learned }
    }

    #[test]
    fn a_device_is_of_the_first_model_of_which_a_rule_fits() {
        let nothing = ClientKnowledge::default;
        let models = Models::new([
            model(json!({ "name": "none", "rules": [{}, { "endpoint": "a\\b" }] }), nothing()),
            model(
                json!({ "name": "pump", "rules": [{ "endpoint": "p-*", "tag": "v2" }, { "tag": "pump" }] }),
                nothing(),
            ),
            model(json!({ "name": "rest", "rules": [{ "endpoint": "p-*" }] }), nothing()),
        ]);
        for (device, expected) in [
            (json!({ "endpoint": "p-1", "tags": ["v2"] }), Some("pump")),
            (json!({ "endpoint": "x", "tags": ["pump"] }), Some("pump")),
            (json!({ "endpoint": "p-1", "tags": ["v1"] }), Some("rest")),
            (json!({ "endpoint": "x" }), None),
        ] {
            let found = models.of(&serde_json::from_value(device.clone()).unwrap());
            assert_eq!(found.map(|model| model.definition.name.as_str()), expected, "{device}");
        }
    }

    #[test]
    fn what_its_devices_have_shown_comes_before_what_is_said_of_its_client() {
        let json = || json!({ "name": "m", "client": "wakaama" });
        let stated = model(json(), ClientKnowledge::default()).known();
        assert!(stated.renumbers_instances && stated.bootstrap_account_instance == Some(0), "{stated:?}");
        let elsewhere = ClientKnowledge { bootstrap_account_instance: Some(5), ..ClientKnowledge::default() };
        let known = model(json(), elsewhere).known();
        assert!(known.renumbers_instances && known.bootstrap_account_instance == Some(5), "{known:?}");
    }
}
