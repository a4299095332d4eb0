//! Server accounts, profiles and devices as operators say them, and what one client is to receive.
//!
//! An operator's words are *definitions* ([`definition`]): plain serde types, the same in TOML, JSON and the database.
//! [`check`] names everything that is wrong with them; a [`Catalog`] holds those that may be used, and [`resolve()`] makes
//! of a device and the catalog the [`Provision`] of one client. This room knows LwM2M data and nothing of CoAP, SQL or
//! sockets.

pub mod account_key;
pub mod catalog;
pub mod check;
pub mod definition;
pub mod device_identity;
pub mod expression;
mod fitting;
pub mod identity_text;
pub mod issued;
pub mod key_text;
pub mod knowledge;
pub mod material;
mod material_credentials;
pub mod pattern;
pub mod problem;
#[allow(clippy::module_inception)]
pub mod provision;
pub mod resolve;
pub mod rules;
pub mod timing;
pub mod uri;

pub use account_key::AccountKey;
pub use catalog::Catalog;
pub use check::{
    Finding, Subject, check_catalog, check_certificate_dates, check_device, check_device_in, check_model, check_name,
    check_profile, check_profile_between, check_profile_in, check_server, nearest,
};
pub use definition::secrets::{HoldsSecrets, SecretFields, SecretText};
pub use definition::{
    AccountType, CertificateUsage, DeviceDefinition, DeviceState, MatchingType, ModelDefinition, ProfileDefinition,
    Rotation, Rule, SecurityMode, ServerDefinition, SmsSecurity, Transport, WriteDefinition,
};
pub use device_identity::{DeviceIdentity, IdentityKind};
pub use issued::{BootstrapCredentials, IssuedCredentials, IssuedReference, IssuedValues, NewCredentials};
pub use key_text::KeyText;
pub use knowledge::{ClientKnowledge, Inheritance, LearnedKnowledge, Model, Models};
pub use material_credentials::CredentialsError;
pub use problem::{Problem, Severity};
pub use provision::{
    AccessControl, AccountCredentials, AccountRole, Discover, Level, Mode, Pack, ProfileChoice, Provision,
    ProvisionedAccount, ServerSettings, TimingOverride, Writing,
};
pub use resolve::{AccountError, Client, Resolution, ResolveError, issue, resolve};
