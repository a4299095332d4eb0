//! Server accounts, profiles and devices as operators say them, and what one client is to receive.
//!
//! An operator's words are *definitions* ([`definition`]): plain serde types, the same in TOML, JSON and the database.
//! Checked, they become accounts, profiles and devices; [`Provision`] is all of it resolved for one client. This room
//! knows LwM2M data and nothing of CoAP, SQL or sockets.

pub mod definition;
pub mod key_text;
pub mod resolve;

pub use definition::{AccountType, DeviceDefinition, ProfileDefinition, SecurityMode, ServerDefinition, Transport};
pub use key_text::KeyText;
pub use resolve::{AccountCredentials, Discover, Provision, ProvisionedAccount, Writing};
