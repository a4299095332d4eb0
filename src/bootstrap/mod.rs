//! The bootstrap interface: from a Bootstrap-Request to an outcome. Sans-IO.
//!
//! LwM2M Core 1.2 section 6.1 and Transport 1.2 section 6.4.2; spec sheet `bootstrap.md`. Here, and in the simulator,
//! CoAP and LwM2M meet. This room knows no socket, no database, no clock and no DTLS: who the peer is comes in as a
//! [`crate::peer::Peer`].
//!
//! Reading order: [`boundary`] (inputs and outputs), [`server`] (all sessions), `session` (the states of one), [`plan`] (which
//! operations, which instance ids), [`account`] (what is in a write), [`consistency`] (whether the client could live with
//! the result), [`authorisation`] (who may have it), `admission` (who waits) and `looping` (who comes too often), [`request`], `routing`, `conversation`, [`format`](mod@format), and
//! [`outcome`] for what is told of it. [`explain()`] tells it without a device, in the words of [`explanation`].

pub mod account;
mod adaptation;
mod admission;
pub mod authorisation;
pub mod boundary;
pub mod consistency;
mod conversation;
mod difference;
mod dispatch;
pub mod explain;
pub mod explanation;
pub mod format;
mod known_clients;
mod looping;
pub mod outcome;
mod pack;
mod pending;
pub mod plan;
pub mod request;
mod routing;
pub mod server;
mod session;

pub use authorisation::{Credentials, KnownDevice, Lookup, LookupKey, Withheld};
pub use boundary::{CoapEndpoint, Limits, ListenerPolicy, Origin, Output, SessionId, Statistics};
pub use explain::explain;
pub use explanation::Explanation;
pub use looping::LoopingClient;
pub use outcome::{Outcome, SessionReport, Step};
pub use server::Server;
