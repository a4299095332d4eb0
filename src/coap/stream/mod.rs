//! CoAP over reliable transports: a stream of bytes in, messages as over datagrams out.
//!
//! RFC 8323; spec sheet `transport.md`, section 3. Sans-IO like the rest of the room.
//!
//! Reading order: [`frame`] (where messages begin and end), [`signal`] (what is said about the connection itself),
//! [`connection`] (who may say what when, and how it looks to those who know datagrams alone).

pub mod connection;
pub mod frame;
pub mod signal;

pub use connection::{CloseReason, Connection, Output, Refusal};
pub use frame::{FrameDecoder, FrameError};
