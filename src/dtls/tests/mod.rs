//! The server against OpenSSL clients, in memory: every datagram passes through the hands of the test.

mod bounds;
mod client;
mod handshake;
mod hostile;
mod loss;
mod reboot;
mod world;
