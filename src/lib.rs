//! bootstrapd: an LwM2M Bootstrap-Server.
//!
//! A constrained device leaves the factory knowing one address and one key. It asks this server who it belongs to; the
//! server proves it right, writes Security and Server Object instances into it and says Finish.
//!
//! # The map
//!
//! | Room | What it is for |
//! |---|---|
//! | [`secret`], [`peer`], [`route`], [`counted`] | leaves that all may import |
//! | [`lwm2m`] | paths, values, object tables, content formats |
//! | [`coap`] | messages, options, block-wise transfer, reliability |
//! | [`provision`] | server accounts, profiles and devices as operators say them, and what one client is to receive |
//! | [`bootstrap`] | the session: request, plan, operations, outcome |
//! | [`dtls`] | cookie, associations, two engines: our own, and OpenSSL |
//! | `net` | sockets: bytes in, bytes out |
//! | `store` | SQLite: schema, migrations, sealed secrets |
//! | `driver` | runs the bootstrap server on net, dtls and store |
//! | `admin` | HTTP/JSON on a Unix socket: types, server, client |
//! | `cli` | one struct per subcommand |
//! | `simulator` | a client, for `bootstrapctl simulate`, tests and benches |
//! | `config`, `daemon`, `demo` | the TOML file, the life of the process, the newcomer's first bootstrap |
//!
//! # Reading order
//!
//! [`bootstrap`] first: it is what the project exists for. Then [`provision`] (what goes in), [`lwm2m`] and [`coap`]
//! (how it goes out), `driver` (how it meets the world), and the rest as needed.
//!
//! # Invariants
//!
//! * Who may import whom is a table in `tests/architecture.rs`, and that test holds it.
//! * `coap`, `lwm2m`, `provision`, `bootstrap`, `dtls` and the simulator's core read no clock, own no socket and draw
//!   no global randomness: time and randomness come in as arguments. `dtls::openssl` is the one exemption.
//! * Inputs of a sans-IO part are `handle_*` calls; its outputs come from `poll_output` until it is empty, and
//!   `poll_timeout` says when to call `handle_timeout`.
//! * A secret has the type [`secret::Secret`]; nothing prints one.

pub mod counted;
pub mod peer;
pub mod route;
pub mod secret;

pub mod bootstrap;
pub mod coap;
pub mod dtls;
pub mod lwm2m;
pub mod provision;
pub mod simulator;

#[cfg(feature = "service")]
pub mod admin;
#[cfg(feature = "service")]
pub mod cli;
#[cfg(feature = "service")]
pub mod config;
#[cfg(feature = "service")]
pub mod daemon;
#[cfg(feature = "service")]
pub mod demo;
#[cfg(feature = "service")]
pub mod driver;
#[cfg(feature = "service")]
pub mod net;
#[cfg(feature = "service")]
pub mod store;
