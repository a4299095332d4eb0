//! Bounds of the DTLS server.
