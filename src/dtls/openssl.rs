//! The engine that stands behind the seam today: OpenSSL 3, vendored, through the crate `openssl`.
//!
//! The only file with `unsafe` in it: the crate lacks `DTLSv1_listen` and the controls of DTLS timers. It is also the
//! one exemption from the rule that this room reads no clock: OpenSSL times its retransmissions itself.
//!
//! It must not know who is at the other end, how a key is found, or what the application data mean.
//!
//! Two traps of OpenSSL 3.6 are walked around here, because anybody on the way could end an association with a forged
//! datagram: with encrypt-then-MAC a bad MAC is fatal, so it is not offered; and an AEAD record too short for its
//! nonce and tag is fatal, so [`Connection::feed`] drops those.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::io::{self, Read, Write};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::time::Duration;

use foreign_types_shared::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{
    ErrorCode, Ssl, SslCipherRef, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslRef,
    SslSessionCacheMode, SslStream, SslVersion,
};
use openssl_sys as ffi;

use super::record::{ContentType, Record, Records, VERSION_1_2};
use super::{CipherSuite, Configuration};
use crate::secret::Secret;

/// OpenSSL refused the configuration.
#[derive(Debug, thiserror::Error)]
#[error("OpenSSL refuses the configuration of the DTLS engine")]
pub struct EngineError(#[from] ErrorStack);

/// SSL_OP_NO_ENCRYPT_THEN_MAC of ssl.h, which the crate does not name.
const NO_ENCRYPT_THEN_MAC: u64 = 1 << 19;

/// DTLS_CTRL_GET_TIMEOUT of ssl.h, which the crate does not name.
const GET_TIMEOUT: c_int = 73;

/// RFC 6347, section 4.2.4.1: no more than 60 s.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Longest plaintext of one record (RFC 5246, section 6.2.1).
const PLAINTEXT_MAX: usize = 1 << 14;

unsafe extern "C" {
    // openssl/ssl.h: int DTLSv1_listen(SSL *s, BIO_ADDR *client);
    fn DTLSv1_listen(ssl: *mut ffi::SSL, client: *mut ffi::BIO_ADDR) -> c_int;
    // openssl/ssl.h: typedef unsigned int (*DTLS_timer_cb)(SSL *s, unsigned int timer_us);
    fn DTLS_set_timer_cb(ssl: *mut ffi::SSL, callback: Option<unsafe extern "C" fn(*mut ffi::SSL, c_uint) -> c_uint>);
    // openssl/ssl.h: const SSL_CIPHER *SSL_get_pending_cipher(const SSL *s);
    fn SSL_get_pending_cipher(ssl: *const ffi::SSL) -> *const ffi::SSL_CIPHER;
    // openssl/ssl.h: int SSL_free_buffers(SSL *ssl);
    fn SSL_free_buffers(ssl: *mut ffi::SSL) -> c_int;
    // openssl/bio.h
    fn BIO_ADDR_new() -> *mut ffi::BIO_ADDR;
    fn BIO_ADDR_free(address: *mut ffi::BIO_ADDR);
}

/// What all connections of one listener share.
pub(super) struct Engine {
    context: SslContext,
    peer_address: PeerAddress,
    mtu: u16,
    initial_timeout: Duration,
    scratch: Scratch,
}

/// Buffers that every connection uses in turn, so that none has to keep its own.
struct Scratch {
    datagram: Vec<u8>,
    plaintext: Vec<u8>,
}

/// How far a handshake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It waits for the client.
    Waiting,
    /// The client proved that it holds the key.
    Proven,
    /// It cannot succeed any more.
    Failed,
}

/// How an association stands after a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reception {
    /// It lives.
    Open,
    /// The client ended it.
    CloseNotify,
    /// A fatal alert, or an authenticated client that broke the protocol.
    Broken,
}

impl Engine {
    pub(super) fn new(configuration: &Configuration) -> Result<Engine, EngineError> {
        let mut builder = SslContext::builder(SslMethod::dtls_server())?;
        builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
        builder.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
        builder.set_cipher_list(&cipher_list(&configuration.suites))?;
        builder.set_options(
            SslOptions::NO_QUERY_MTU
                | SslOptions::NO_RENEGOTIATION
                | SslOptions::NO_COMPRESSION
                | SslOptions::NO_TICKET
                | SslOptions::CIPHER_SERVER_PREFERENCE
                | SslOptions::from_bits_retain(NO_ENCRYPT_THEN_MAC as _),
        );
        builder.set_mode(SslMode::RELEASE_BUFFERS);
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        // Our own cookie was verified before OpenSSL sees anything: whatever it asks for is right.
        builder.set_cookie_generate_cb(|_, _| Ok(0));
        builder.set_cookie_verify_cb(|_, _| true);
        set_key_callback(&mut builder);
        Ok(Engine {
            context: builder.build(),
            peer_address: PeerAddress::new()?,
            mtu: configuration.mtu,
            initial_timeout: configuration.initial_timeout,
            scratch: Scratch { datagram: Vec::new(), plaintext: vec![0; PLAINTEXT_MAX] },
        })
    }

    /// Begins a handshake with the datagram that brought a valid cookie.
    pub(super) fn accept(&mut self, datagram: &[u8]) -> Option<(Connection, Progress)> {
        clear_errors();
        let mut ssl = Ssl::new(&self.context).ok()?;
        ssl.set_mtu(u32::from(self.mtu)).ok()?;
        prepare_handshake(&mut ssl, self.initial_timeout)?;
        let stream = SslStream::new(ssl, Wire::default()).ok()?;
        let mut connection = Connection { stream, shortest_record: 0 };
        connection.load(&mut self.scratch, datagram);
        // SAFETY: both pointers are valid and exclusively ours during the call, and the address, which OpenSSL
        // writes to, is of its own making.
        let listened = unsafe { DTLSv1_listen(connection.stream.ssl().as_ptr(), self.peer_address.0.as_ptr()) };
        connection.unload(&mut self.scratch);
        if listened != 1 {
            return None;
        }
        let progress = connection.step();
        connection.shortest_record = pending_cipher(connection.stream.ssl()).map_or(0, shortest_record);
        Some((connection, progress))
    }

    /// Feeds records of a handshake.
    pub(super) fn handshake(&mut self, connection: &mut Connection, records: &[u8]) -> Progress {
        clear_errors();
        connection.feed(&mut self.scratch, records);
        let progress = connection.step();
        connection.unload(&mut self.scratch);
        progress
    }

    /// Feeds records of an established association; `data` is called for each record of application data.
    pub(super) fn receive(
        &mut self,
        connection: &mut Connection,
        records: &[u8],
        mut data: impl FnMut(&[u8]),
    ) -> Reception {
        clear_errors();
        connection.feed(&mut self.scratch, records);
        let reception = loop {
            match connection.stream.ssl_read(&mut self.scratch.plaintext) {
                Ok(length) => data(&self.scratch.plaintext[..length]),
                Err(error) => match error.code() {
                    ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => break Reception::Open,
                    ErrorCode::ZERO_RETURN => break Reception::CloseNotify,
                    _ => break Reception::Broken,
                },
            }
        };
        connection.unload(&mut self.scratch);
        connection.release_buffers();
        reception
    }
}

/// One handshake, and then one association.
pub(super) struct Connection {
    stream: SslStream<Wire>,
    /// Shortest content of a record of epoch 1 that the suite can have produced.
    shortest_record: usize,
}

impl Connection {
    /// Gives the key. `None`, and a key that OpenSSL cannot take, become a random key: the handshake goes on and fails
    /// at Finished, so that nobody learns which identities exist (RFC 4279, section 2).
    pub(super) fn set_key(&mut self, key: Option<&Secret>) {
        let key = key.filter(|key| !key.is_empty() && key.len() <= PSK_MAX).cloned();
        self.set_handshake_key(key);
    }

    /// Wipes the key: it has done its work.
    pub(super) fn forget_key(&mut self) {
        self.set_handshake_key(None);
    }

    fn set_handshake_key(&mut self, key: Option<Secret>) {
        let Some(index) = handshake_index() else { return };
        // SAFETY: the stream owns this `SSL`, `self` is borrowed exclusively, and the reference ends here.
        let ssl = unsafe { SslRef::from_ptr_mut(self.stream.ssl().as_ptr()) };
        if let Some(data) = ssl.ex_data_mut(*index) {
            data.key = key;
        }
    }

    /// Sends one record of application data. `false`: too long for one record, or the association is over.
    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        clear_errors();
        !bytes.is_empty() && bytes.len() <= PLAINTEXT_MAX && self.stream.ssl_write(bytes).is_ok()
    }

    /// Sends close_notify.
    pub(super) fn close(&mut self) {
        clear_errors();
        let _sent_or_already_broken = self.stream.shutdown();
    }

    /// Sends again what is due by OpenSSL's clock.
    pub(super) fn handle_timeout(&mut self) -> Progress {
        clear_errors();
        // Without input the handshake function looks at its timer and then waits again.
        self.step()
    }

    /// How long until [`Connection::handle_timeout`] is due, by OpenSSL's clock.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let mut left = TimeVal { seconds: 0, microseconds: 0, _spare: [0; 2] };
        // SAFETY: control 73 writes one `struct timeval`, for which `left` has room.
        let running =
            unsafe { ffi::SSL_ctrl(self.stream.ssl().as_ptr(), GET_TIMEOUT, 0, (&raw mut left).cast::<c_void>()) };
        if running != 1 {
            return None;
        }
        let seconds = u64::try_from(left.seconds).unwrap_or(0);
        let microseconds = u64::try_from(left.microseconds).unwrap_or(0);
        // The clock may have jumped.
        Some((Duration::from_secs(seconds) + Duration::from_micros(microseconds)).min(TIMEOUT_MAX))
    }

    /// The datagrams to send, in order.
    pub(super) fn drain(&mut self) -> std::vec::Drain<'_, Vec<u8>> {
        self.stream.get_mut().written.drain(..)
    }

    /// OpenSSL releases buffers of DTLS only when told to: 16 KiB per association that waits for its client.
    fn release_buffers(&mut self) {
        // SAFETY: the pointer is valid; buffers that are in use stay.
        let _released_or_in_use = unsafe { SSL_free_buffers(self.stream.ssl().as_ptr()) };
    }

    fn step(&mut self) -> Progress {
        match self.stream.accept() {
            Ok(()) => Progress::Proven,
            Err(error) => match error.code() {
                ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => Progress::Waiting,
                _ => Progress::Failed,
            },
        }
    }

    /// Makes `records` the next datagram that OpenSSL reads, without what cannot be genuine.
    ///
    /// The datagram is always put together from records as [`Records`] reads them: where OpenSSL and that parser saw
    /// different boundaries, a stranger could hide a record that OpenSSL takes for the end of the association.
    fn feed(&mut self, scratch: &mut Scratch, records: &[u8]) {
        let shortest = self.shortest_record;
        let wire = self.stream.get_mut();
        wire.datagram = std::mem::take(&mut scratch.datagram);
        wire.datagram.clear();
        for record in Records::of(records).filter(|record| is_plausible(record, shortest)) {
            wire.datagram.extend_from_slice(record.bytes);
        }
    }

    fn load(&mut self, scratch: &mut Scratch, datagram: &[u8]) {
        let wire = self.stream.get_mut();
        wire.datagram = std::mem::take(&mut scratch.datagram);
        wire.datagram.clear();
        wire.datagram.extend_from_slice(datagram);
    }

    fn unload(&mut self, scratch: &mut Scratch) {
        scratch.datagram = std::mem::take(&mut self.stream.get_mut().datagram);
    }
}

/// Whether a record may be genuine. OpenSSL drops one of another version but reads on within its body, chokes on one
/// beyond the length that RFC 6347 section 4.1 allows, and lets one below the cipher's overhead end an association.
fn is_plausible(record: &Record<'_>, shortest: usize) -> bool {
    let is_early_alert = record.epoch == 0 && record.content_type == ContentType::Alert;
    (record.version == VERSION_1_2 || is_early_alert && record.fragment.len() == ALERT_LENGTH)
        && record.fragment.len() <= LONGEST_FRAGMENT
        && (record.epoch == 0 || record.fragment.len() >= shortest)
}

/// Length of an alert in the clear (RFC 5246 section 7.2).
const ALERT_LENGTH: usize = 2;

/// 2^14 bytes of plaintext and what a cipher may add (RFC 5246 section 6.2.3, without compression).
const LONGEST_FRAGMENT: usize = (1 << 14) + 1024;

/// What OpenSSL reads from and writes to: one read is one datagram, one write is one datagram.
#[derive(Default)]
struct Wire {
    /// The datagram to read; empty when there is none.
    datagram: Vec<u8>,
    written: Vec<Vec<u8>>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.datagram.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // As a socket does: what does not fit is lost.
        let length = self.datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.datagram[..length]);
        self.datagram.clear();
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Longest key that OpenSSL takes, in bytes: PSK_MAX_PSK_LEN of ssl.h. LwM2M asks for 64 (Transport 1.2, 5.2.8.1).
const PSK_MAX: usize = 512;

/// Length of the random key that stands in for a missing one, in bytes.
const RANDOM_KEY_LENGTH: usize = 16;

/// What the callbacks need of one handshake; hangs at its `SSL`.
struct HandshakeData {
    key: Option<Secret>,
    initial_timeout: Duration,
}

/// OpenSSL numbers the things that hang at an `SSL` once per process; it is a name, not state.
fn handshake_index() -> Option<&'static Index<Ssl, HandshakeData>> {
    static INDEX: OnceLock<Option<Index<Ssl, HandshakeData>>> = OnceLock::new();
    INDEX.get_or_init(|| Ssl::new_ex_index().ok()).as_ref()
}

fn set_key_callback(builder: &mut SslContextBuilder) {
    builder.set_psk_server_callback(|ssl, _identity, buffer| {
        let key = handshake_index().and_then(|index| ssl.ex_data(*index)).and_then(|data| data.key.as_ref());
        match key {
            Some(key) if key.len() <= buffer.len() => {
                buffer[..key.len()].copy_from_slice(key.expose());
                Ok(key.len())
            }
            _ => {
                let length = RANDOM_KEY_LENGTH.min(buffer.len());
                openssl::rand::rand_bytes(&mut buffer[..length])?;
                Ok(length)
            }
        }
    });
}

/// Hangs at `ssl` what the callbacks need, and makes its retransmissions begin after `initial_timeout`.
pub(super) fn prepare_handshake(ssl: &mut SslRef, initial_timeout: Duration) -> Option<()> {
    ssl.set_ex_data(*handshake_index()?, HandshakeData { key: None, initial_timeout });
    // SAFETY: the pointer is valid, and the callback has the signature that OpenSSL asks for.
    unsafe { DTLS_set_timer_cb(ssl.as_ptr(), Some(next_timeout)) };
    Some(())
}

/// The time until the next retransmission in microseconds; `previous` is 0 the first time.
unsafe extern "C" fn next_timeout(ssl: *mut ffi::SSL, previous: c_uint) -> c_uint {
    let next = if previous == 0 {
        // SAFETY: OpenSSL calls with the `SSL` whose timer it sets, and nobody changes its data meanwhile.
        let ssl = unsafe { SslRef::from_ptr(ssl) };
        let data = handshake_index().and_then(|index| ssl.ex_data(*index));
        data.map_or(Duration::from_secs(1), |data| data.initial_timeout)
    } else {
        2 * Duration::from_micros(u64::from(previous))
    };
    c_uint::try_from(next.min(TIMEOUT_MAX).as_micros()).unwrap_or(c_uint::MAX)
}

/// `struct timeval` of the C library, which is two longs; the spare ones leave room where `time_t` is wider than that.
#[repr(C)]
struct TimeVal {
    seconds: c_long,
    microseconds: c_long,
    _spare: [c_long; 2],
}

/// A `BIO_ADDR` for `DTLSv1_listen` to write to. Nothing is ever in it: a [`Wire`] knows no addresses.
struct PeerAddress(NonNull<ffi::BIO_ADDR>);

impl PeerAddress {
    fn new() -> Result<PeerAddress, ErrorStack> {
        // SAFETY: takes nothing, returns a new address or null.
        let address = unsafe { BIO_ADDR_new() };
        NonNull::new(address).map(PeerAddress).ok_or_else(ErrorStack::get)
    }
}

impl Drop for PeerAddress {
    fn drop(&mut self) {
        // SAFETY: made by `BIO_ADDR_new`, freed here and nowhere else.
        unsafe { BIO_ADDR_free(self.0.as_ptr()) };
    }
}

// SAFETY: a `BIO_ADDR` is plain memory without ties to a thread, and only an exclusive borrow of `Engine` uses it.
unsafe impl Send for PeerAddress {}

/// OpenSSL judges a call by the errors that lie in the thread's queue: it has to be empty before.
fn clear_errors() {
    drop(ErrorStack::get());
}

fn pending_cipher(ssl: &SslRef) -> Option<&SslCipherRef> {
    // SAFETY: the pointer is valid, and what it returns is null or a description that is static in OpenSSL.
    unsafe {
        let cipher = SSL_get_pending_cipher(ssl.as_ptr());
        (!cipher.is_null()).then(|| SslCipherRef::from_ptr(cipher.cast_mut()))
    }
}

fn shortest_record(cipher: &SslCipherRef) -> usize {
    match cipher.protocol_id() {
        // RFC 6655: explicit nonce 8, tag 8.
        [0xc0, 0xa8] => 16,
        // RFC 6655 and RFC 5288: explicit nonce 8, tag 16.
        [0xc0, 0xa4] | [0x00, 0xa8] => 24,
        // CBC: OpenSSL takes any length without harm.
        _ => 0,
    }
}

/// SECLEVEL 0, because the 64-bit tags of CCM_8 are below every other level.
fn cipher_list(suites: &[CipherSuite]) -> String {
    let mut list = String::new();
    for suite in suites {
        list.push_str(match suite {
            CipherSuite::PskAes128Ccm8 => "PSK-AES128-CCM8:",
            CipherSuite::PskAes128Ccm => "PSK-AES128-CCM:",
            CipherSuite::PskAes128GcmSha256 => "PSK-AES128-GCM-SHA256:",
            CipherSuite::PskAes128CbcSha256 => "PSK-AES128-CBC-SHA256:",
        });
    }
    list + "@SECLEVEL=0"
}
