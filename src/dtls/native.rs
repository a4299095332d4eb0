//! The engine of our own: a DTLS 1.2 server with what LwM2M needs and nothing else (RFC 6347, RFC 5246; spec sheet
//! `transport.md`, section 4).
//!
//! | File | What it is for |
//! |---|---|
//! | `prf` | the pseudo-random function, master secret, key block, Finished (RFC 5246, sections 5, 6.3, 7.4.9, 8.1; RFC 7627) |
//! | `protection` | records of epoch 1: CCM_8, CCM, GCM, connection ids (RFC 6655, RFC 7251, RFC 5288, RFC 9146) |
//! | `replay` | the window of record numbers (RFC 6347, section 4.1.2.6) |
//! | `identity`, `trust` | what the server proves itself with, and which clients it believes |
#![forbid(unsafe_code)]
#![allow(dead_code)]

mod identity;
mod prf;
mod protection;
mod replay;
mod trust;
