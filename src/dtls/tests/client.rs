//! An OpenSSL client that reads and writes queues instead of a socket.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVersion};

use super::super::openssl::prepare_handshake;

pub(super) const IDENTITY: &str = "urn:imei:490154203237518";
pub(super) const KEY: &[u8] = b"0123456789abcdef";

/// SSL_OP_NO_EXTENDED_MASTER_SECRET of ssl.h.
pub(super) const NO_EXTENDED_MASTER_SECRET: u64 = 1;

/// How a client is made.
pub(super) struct Profile {
    pub(super) ciphers: &'static str,
    pub(super) identity: String,
    pub(super) key: Vec<u8>,
    pub(super) options: u64,
    pub(super) timeout: Duration,
}

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            ciphers: "PSK-AES128-CCM8",
            identity: IDENTITY.to_owned(),
            key: KEY.to_vec(),
            options: 0,
            timeout: Duration::from_secs(60),
        }
    }
}

pub(super) struct Client {
    stream: SslStream<Pipe>,
    pub(super) is_established: bool,
    pub(super) has_failed: bool,
    pub(super) is_closed: bool,
    pub(super) received: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Pipe {
    inbox: VecDeque<Vec<u8>>,
    outbox: Vec<Vec<u8>>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self.inbox.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        buffer[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outbox.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Client {
    pub(super) fn new(profile: Profile) -> Client {
        let mut builder = SslContext::builder(SslMethod::dtls_client()).unwrap();
        builder.set_min_proto_version(Some(SslVersion::DTLS1_2)).unwrap();
        builder.set_cipher_list(&format!("{}:@SECLEVEL=0", profile.ciphers)).unwrap();
        builder.set_options(SslOptions::NO_QUERY_MTU | SslOptions::from_bits_retain(profile.options as _));
        let (identity, key) = (profile.identity, profile.key);
        builder.set_psk_client_callback(move |_, _, identity_buffer, key_buffer| {
            identity_buffer[..identity.len()].copy_from_slice(identity.as_bytes());
            identity_buffer[identity.len()] = 0;
            key_buffer[..key.len()].copy_from_slice(&key);
            Ok(key.len())
        });
        let mut ssl = Ssl::new(&builder.build()).unwrap();
        ssl.set_mtu(1232).unwrap();
        prepare_handshake(&mut ssl, profile.timeout).unwrap();
        let stream = SslStream::new(ssl, Pipe::default()).unwrap();
        Client { stream, is_established: false, has_failed: false, is_closed: false, received: Vec::new() }
    }

    /// Reads what there is, goes on, and returns what it wants sent.
    pub(super) fn step(&mut self) -> Vec<Vec<u8>> {
        drop(ErrorStack::get());
        if !self.is_established && !self.has_failed {
            match self.stream.connect() {
                Ok(()) => self.is_established = true,
                Err(error) => self.has_failed = error.code() != ErrorCode::WANT_READ,
            }
        }
        let mut buffer = [0; 2048];
        while self.is_established && !self.is_closed {
            match self.stream.ssl_read(&mut buffer) {
                Ok(length) => self.received.push(buffer[..length].to_vec()),
                Err(error) if error.code() == ErrorCode::WANT_READ => break,
                Err(_) => self.is_closed = true,
            }
        }
        std::mem::take(&mut self.stream.get_mut().outbox)
    }

    pub(super) fn deliver(&mut self, datagram: Vec<u8>) {
        self.stream.get_mut().inbox.push_back(datagram);
    }

    /// The datagram that carries `bytes`.
    pub(super) fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.stream.ssl_write(bytes).unwrap();
        self.stream.get_mut().outbox.pop().unwrap()
    }

    /// The datagram that carries close_notify.
    pub(super) fn seal_close_notify(&mut self) -> Vec<u8> {
        self.stream.shutdown().unwrap();
        self.stream.get_mut().outbox.pop().unwrap()
    }

    pub(super) fn cipher(&self) -> String {
        self.stream.ssl().current_cipher().unwrap().standard_name().unwrap().to_owned()
    }
}
