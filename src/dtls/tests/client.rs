//! An OpenSSL client that reads and writes queues instead of a socket.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::X509;

use super::super::openssl::client_side::{offer_raw_public_keys, request_fragments_of_512};
use super::super::openssl::prepare_handshake;
use super::pki::Holder;

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
    /// What it proves itself with where the suite takes no pre-shared key.
    pub(super) holder: Option<Holder>,
    /// Whom it lets certify the server; none: anybody.
    pub(super) trusts: Option<X509>,
    pub(super) offers_raw_public_keys: bool,
    /// max_fragment_length (RFC 6066, section 4).
    pub(super) wants_fragments_of_512: bool,
    pub(super) mtu: u32,
    /// Whether it speaks DTLS 1.0 and nothing newer.
    pub(super) is_outdated: bool,
}

impl Profile {
    /// A client with a certificate and CCM_8.
    pub(super) fn of(holder: &Holder) -> Profile {
        Profile { ciphers: "ECDHE-ECDSA-AES128-CCM8", holder: Some(holder.clone()), ..Profile::default() }
    }
}

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            ciphers: "PSK-AES128-CCM8",
            identity: IDENTITY.to_owned(),
            key: KEY.to_vec(),
            options: 0,
            timeout: Duration::from_secs(60),
            holder: None,
            trusts: None,
            offers_raw_public_keys: false,
            wants_fragments_of_512: false,
            mtu: 1232,
            is_outdated: false,
        }
    }
}

pub(super) struct Client {
    stream: SslStream<Pipe>,
    pub(super) is_established: bool,
    pub(super) has_failed: bool,
    /// The server's fatal alert.
    pub(super) alert: Option<i32>,
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
        let version = if profile.is_outdated { SslVersion::DTLS1 } else { SslVersion::DTLS1_2 };
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        let ciphers = if profile.is_outdated { "PSK-AES128-CBC-SHA" } else { profile.ciphers };
        builder.set_cipher_list(&format!("{ciphers}:@SECLEVEL=0")).unwrap();
        builder.set_options(SslOptions::NO_QUERY_MTU | SslOptions::from_bits_retain(profile.options as _));
        // It sends what it is told to send, and not a root that it finds for it.
        builder.set_mode(SslMode::NO_AUTO_CHAIN);
        prove(&mut builder, &profile);
        let (identity, key) = (profile.identity, profile.key);
        builder.set_psk_client_callback(move |_, _, identity_buffer, key_buffer| {
            identity_buffer[..identity.len()].copy_from_slice(identity.as_bytes());
            identity_buffer[identity.len()] = 0;
            key_buffer[..key.len()].copy_from_slice(&key);
            Ok(key.len())
        });
        let mut ssl = Ssl::new(&builder.build()).unwrap();
        ssl.set_mtu(profile.mtu).unwrap();
        if profile.offers_raw_public_keys {
            offer_raw_public_keys(&mut ssl);
        }
        if profile.wants_fragments_of_512 {
            request_fragments_of_512(&mut ssl);
        }
        prepare_handshake(&mut ssl, profile.timeout).unwrap();
        let stream = SslStream::new(ssl, Pipe::default()).unwrap();
        let (is_established, has_failed, is_closed) = (false, false, false);
        Client { stream, is_established, has_failed, alert: None, is_closed, received: Vec::new() }
    }

    /// Reads what there is, goes on, and returns what it wants sent.
    pub(super) fn step(&mut self) -> Vec<Vec<u8>> {
        drop(ErrorStack::get());
        if !self.is_established && !self.has_failed {
            match self.stream.connect() {
                Ok(()) => self.is_established = true,
                Err(error) => {
                    self.has_failed = error.code() != ErrorCode::WANT_READ;
                    // OpenSSL reports an alert as a reason of 1000 and its number.
                    let first = error.ssl_error().and_then(|stack| stack.errors().first());
                    self.alert = first.map(|first| first.reason_code() - 1000).filter(|alert| *alert >= 0);
                }
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

    /// The certificates that the server sent, leaf first.
    pub(super) fn server_chain(&self) -> Vec<Vec<u8>> {
        let chain = self.stream.ssl().peer_cert_chain();
        chain.map_or(Vec::new(), |chain| chain.iter().map(|certificate| certificate.to_der().unwrap()).collect())
    }

    pub(super) fn cipher(&self) -> String {
        self.stream.ssl().current_cipher().unwrap().standard_name().unwrap().to_owned()
    }
}

fn prove(builder: &mut SslContextBuilder, profile: &Profile) {
    if let Some(holder) = &profile.holder {
        for (index, certificate) in holder.chain.iter().enumerate() {
            match index {
                0 => builder.set_certificate(certificate).unwrap(),
                _ => builder.add_extra_chain_cert(certificate.clone()).unwrap(),
            }
        }
        builder.set_private_key(&holder.key).unwrap();
    }
    match &profile.trusts {
        Some(root) => {
            builder.cert_store_mut().add_cert(root.clone()).unwrap();
            builder.set_verify(SslVerifyMode::PEER);
        }
        None => builder.set_verify(SslVerifyMode::NONE),
    }
}
