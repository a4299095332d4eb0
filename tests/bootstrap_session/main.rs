//! Bootstrap sessions as tables on the sans-IO core with invented time: these inputs, these outputs.
//!
//! Each test is one scenario; each line of its table is what a client, the store or the clock does, or what the server
//! is to do then. Nothing is done that no line expects. See `support/world.rs` for what holds in every table.

#[path = "../support/mod.rs"]
mod support;

mod beginnings;
mod blocks;
mod discover;
mod displacement;
mod failures;
mod formats;
mod identity;
mod knowledge;
mod levels;
mod message_layer;
mod moves;
mod packs;
mod plans;
mod retransmission;
mod separate;
mod survey;
mod whole;
