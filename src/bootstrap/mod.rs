//! The bootstrap interface: from a Bootstrap-Request to an outcome. Sans-IO.
//!
//! LwM2M Core 1.2 section 6.1 and Transport 1.2 section 6.4.2; spec sheet `bootstrap.md`. Here, and in the simulator,
//! CoAP and LwM2M meet. This room knows no socket, no database, no clock and no DTLS: who the peer is comes in as a
//! [`crate::peer::Peer`].
//!
//! Reading order: [`boundary`] (inputs and outputs), [`server`] (all sessions, the message layer), `session` (the states of one), [`plan`] (which
//! operations, which instance ids), [`account`] (what is in a write), [`authorisation`] (who may have it),
//! [`request`], `routing`, `conversation`, and [`outcome`] for what is told of it.

pub mod account;
pub mod authorisation;
pub mod boundary;
mod conversation;
pub mod outcome;
mod pending;
pub mod plan;
pub mod request;
mod routing;
pub mod server;
mod session;

pub use authorisation::{KnownDevice, Lookup, LookupKey, Withheld};
pub use boundary::{CoapEndpoint, Limits, ListenerPolicy, Origin, Output, SessionId};
pub use outcome::{Outcome, SessionReport, Step};
pub use server::Server;
