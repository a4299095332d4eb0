//! What the fuzz targets of the native DTLS engine do with their bytes: they drive a server and clients of the tests
//! that hold its keys, and say at each step what may come of it.
//!
//! | File | Who is at work | What holds |
//! |---|---|---|
//! | `records` | somebody without keys sends datagrams | nothing comes of them, and who was connected stays so |
//! | `handshake` | a client does the steps of a handshake as it likes | only the proper one is believed |
//! | `established` | the network drops, repeats and changes records | what was said arrives, once, and nothing else does |
//! | `connection_id` | clients and others send from changing addresses | only the newest genuine record moves anybody |
//!
//! All is drawn from seeds but the signatures of the server's, and time is invented, so that a run repeats.

mod connection_id;
mod established;
mod handshake;
mod records;
mod world;

#[path = "../../tests/support/puppet/mod.rs"]
mod puppet;

pub use connection_id::connection_id;
pub use established::established;
pub use handshake::handshake;
pub use records::records;

/// The bodies by the names of their fuzz targets.
pub const TARGETS: [(&str, fn(&[u8])); 4] = [
    ("dtls_native_records", records),
    ("dtls_native_handshake", handshake),
    ("dtls_native_established", established),
    ("dtls_native_connection_id", connection_id),
];
