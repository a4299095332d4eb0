//! Both DTLS engines before the same clients, good ones and bad ones: both accept or both refuse.
//!
//! A puppet with one seed speaks to a server with either engine, and the same thing is done to the same place of what
//! it says. It cannot be recorded and played back, because every answer depends on what the server drew; so it is done
//! to living handshakes, before protection where it is meant to be genuine, and behind it where it is not. Nothing
//! waits: OpenSSL reads a clock of its own, so only the client repeats its flights.
//!
//! Whatever differs stands in the tables of [`differences`] with the reason why that is right. A difference without an
//! entry fails, and so does an entry without a difference.

mod case;
mod client;
mod comparison;
mod differences;
mod established;
mod flights;
mod fragments;
mod hellos;
mod proofs;
mod world;

#[path = "../support/puppet/mod.rs"]
mod puppet;
