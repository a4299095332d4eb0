//! What the DTLS engine of our own takes: memory for each handshake and association, CPU for each forged record; and that
//! it leaves no secret behind in memory that it frees.
//!
//! The figures are printed (`--nocapture`); the bounds that they are held to are those of the documentation.

mod allocator;
mod cost;
#[path = "../support/desk.rs"]
mod desk;
mod memory;
#[path = "../support/on_record.rs"]
mod on_record;
#[path = "../support/puppet/mod.rs"]
mod puppet;
mod secrets;
