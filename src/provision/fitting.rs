//! [`Fitting`]: a rule that is ready to be tried on devices; profiles and models are given to devices by rules.

use super::definition::{DeviceDefinition, Rule};
use super::pattern::Pattern;

/// A rule with its pattern read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitting {
    endpoint: Option<Pattern>,
    rule: Rule,
}

impl Fitting {
    /// None for a rule that says nothing or cannot be read: it fits no device.
    pub(super) fn read(rule: &Rule) -> Option<Fitting> {
        if *rule == Rule::default() {
            return None;
        }
        let endpoint = rule.endpoint.as_deref().map(Pattern::parse).transpose().ok()?;
        Some(Fitting { endpoint, rule: rule.clone() })
    }

    /// Whether everything that the rule says holds of the device.
    pub(super) fn fits(&self, device: &DeviceDefinition) -> bool {
        let Rule { endpoint: _, tag, properties } = &self.rule;
        self.endpoint.as_ref().is_none_or(|pattern| pattern.matches(&device.endpoint))
            && tag.as_ref().is_none_or(|tag| device.tags.contains(tag))
            && properties.iter().all(|(name, value)| device.properties.get(name) == Some(value))
    }
}
