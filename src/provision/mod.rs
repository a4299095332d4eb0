//! Server accounts, profiles and devices as operators say them, and what one client is to receive.
//!
//! An operator's words are *definitions* ([`definition`]): plain serde types, the same in TOML, JSON and the database.
//! [`check`] names everything that is wrong with them; a [`Catalog`] holds those that may be used, and [`resolve()`] makes
//! of a device and the catalog the [`Provision`] of one client. This room knows LwM2M data and nothing of CoAP, SQL or
//! sockets.

pub mod catalog;
pub mod check;
pub mod definition;
pub mod key_text;
pub mod material;
pub mod problem;
pub mod resolve;
pub mod uri;

pub use catalog::Catalog;
pub use check::{
    Finding, Subject, check_catalog, check_device, check_device_in, check_name, check_profile, check_profile_in,
    check_server, nearest,
};
pub use definition::{AccountType, DeviceDefinition, ProfileDefinition, SecurityMode, ServerDefinition, Transport};
pub use key_text::KeyText;
pub use problem::{Problem, Severity};
pub use resolve::{
    AccountCredentials, AccountError, Discover, Provision, ProvisionedAccount, ResolveError, Writing, resolve,
};
