//! A simulated LwM2M client: for `bootstrapctl simulate`, the demo, tests and benches.
//!
//! It plays the whole device: it asks, answers Discover, Read, Delete, Write and Finish, and says what it was given or
//! why it failed. Spec sheets `bootstrap.md`, `objects.md` sections 9 and 10, and `clients.md`.
//!
//! The core reads no clock and owns no socket: `client` drives `operations` on `model`, and `consistency` decides
//! what Finish is answered. Around it stand the shell, which runs one client over UDP or DTLS, and the load generator,
//! which runs many; both need the feature `service`.

mod behaviour;
mod client;
mod configuration;
mod consistency;
mod discover;
mod failure;
mod indefinite_cbor;
mod like;
mod model;
mod operations;
mod provisioned;
mod reception;

#[cfg(feature = "service")]
pub mod load;
#[cfg(feature = "service")]
pub mod shell;

pub use behaviour::{
    Behaviour, Blocks, Deletes, DiscoverForm, Finish, FinishAnswer, FinishCheck, Head, Messages, Numbering,
    ObjectLinks, Oversized, Reads, RefusedResources, TooLong, UriAttribute, WithoutFormat, Writes,
};
pub use client::{Client, Output};
pub use configuration::{ClientConfiguration, EXCHANGE_LIFETIME, PackRequest, StaleAccount};
pub use failure::Failure;
pub use like::{Like, UnknownClient};
pub use provisioned::{Account, AccountView, Provisioned, ProvisionedView, Traffic};
