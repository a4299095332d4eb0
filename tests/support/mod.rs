//! What the tables of the bootstrap session are made of: a world with invented time, the steps that a row consists of,
//! and the devices and accounts that the rows speak of. No socket, no sleeping, no randomness but a fixed seed.

pub mod fixtures;
pub mod script;
pub mod wire;
pub mod world;
