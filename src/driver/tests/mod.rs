//! What only the driver's parts together can show: the store, the look-up and the bootstrap server.

mod key_change;
