//! What an operator says about server accounts, profiles and devices.
//!
//! One set of types serves the TOML file, the admin API and the database, so that a field has one name everywhere.
//! Every field but the name is optional here: that something is missing or does not fit is found by the checks, which
//! can name every mistake at once. Texts stay as they were entered; what they mean is found when they are checked and
//! resolved.
//!
//! | Module | What it is for |
//! |---|---|
//! | `server`, `profile`, `device` | the three kinds of definition |
//! | `model` | which devices run the same client; of the config file alone |
//! | [`resource_values`] | values of resources that have no field of their own |
//! | [`secrets`] | the secret values of a definition, taken out and put back |

pub mod resource_values;
pub mod secrets;

mod device;
mod model;
mod profile;
mod rotation;
mod server;

pub use device::{DeviceDefinition, DeviceState};
pub use model::ModelDefinition;
pub use profile::{ProfileDefinition, Rule, WriteDefinition};
pub use rotation::Rotation;
pub use server::{AccountType, CertificateUsage, MatchingType, SecurityMode, ServerDefinition, SmsSecurity, Transport};

/// Whether a field says nothing, and need not be written.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
