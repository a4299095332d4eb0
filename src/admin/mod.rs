//! The admin socket: HTTP/JSON on a Unix socket, under `/v1`.
//!
//! [`api`] holds the types that travel, [`server`] answers, [`client`] asks. `curl --unix-socket` is as good a client
//! as ours. Errors are problem details (RFC 9457), changes are JSON merge patches (RFC 7396), and a secret goes in but
//! never comes out.

pub mod api;
pub mod client;
pub mod server;
