//! What is known of clients, device by device and model by model.

use serde::{Deserialize, Serialize};

use super::timestamp::Timestamp;
use crate::provision::{ClientKnowledge, Rule};

/// What is known of the client of one device, and from where. Its next session starts from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Knowledge {
    /// Name of the device's model, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Name of the known client that the model is said to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// When the device itself last showed something new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<Timestamp>,
    /// Everything that is known.
    pub together: ClientKnowledge,
    /// The same in sentences, one for each thing.
    pub facts: Vec<KnownFact>,
}

/// One thing that is known of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFact {
    /// A sentence.
    pub fact: String,
    /// How it is known.
    pub from: KnownFrom,
}

/// How something is known of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KnownFrom {
    /// The device has shown it.
    Device,
    /// Other devices of its model have shown it.
    Model,
    /// It is known of the client that the model is said to be.
    Client,
    /// It was known from elsewhere when the device was last served, and nothing has spoken against it.
    Earlier,
}

/// A model of the config file, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Which devices are of it.
    pub rules: Vec<Rule>,
    /// Name of the known client that it is said to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What is to be said of that client; sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Devices that were looked at for what was learned: those that showed something last, at most 16.
    pub devices: u64,
    /// When what was learned last changed; none where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<Timestamp>,
    /// Everything that is known of a device of it that has shown nothing itself.
    pub together: ClientKnowledge,
    /// The same in sentences, one for each thing.
    pub facts: Vec<KnownFact>,
}
