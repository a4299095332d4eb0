//! The engine that stands behind the seam today: OpenSSL 3, vendored, through the crate `openssl`.
//!
//! The only file with `unsafe` in it: the crate lacks `DTLSv1_listen`, the controls of DTLS timers, raw public keys and
//! a verification of clients' certificates by ourselves. It is also the one exemption from the rule that this room
//! reads no clock: OpenSSL times its retransmissions itself.
//!
//! It must not know who is at the other end, how a key is found, or what the application data mean.
//!
//! Two traps of OpenSSL 3.6 are walked around here, because anybody on the way could end an association with a forged
//! datagram: with encrypt-then-MAC a bad MAC is fatal, so it is not offered; and an AEAD record too short for its
//! nonce and tag is fatal, so [`Connection::feed`] drops those.
#![allow(unsafe_code)]

mod breakdown;
mod chain;
mod credentials;
pub(super) mod handshake;
mod wire;

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::time::Duration;

use foreign_types_shared::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::pkey::{PKeyRef, Public};
use openssl::ssl::{
    ErrorCode, Ssl, SslCipherRef, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslRef,
    SslSessionCacheMode, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::X509Ref;
use openssl_sys as ffi;

use self::breakdown::{Breakdown, breakdown_of};
#[cfg(test)]
pub(super) use self::chain::verdict_on;
use self::chain::{Believed, Trust};
use self::wire::{Wire, is_plausible};
use super::association::{Reception, Standing};
use super::certificate::{CertificateFault, Identity, KeyType, Offered, Verdict};
use super::client_hello::ClientHello;
use super::error::EngineError;
use super::gate::Flight;
use super::key_types::KeyPolicy;
use super::record::Records;
use super::{AlertDescription, CipherSuite, Configuration, suites};
use crate::secret::Secret;

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
    // openssl/ssl.h: void SSL_CTX_set_cert_verify_callback(SSL_CTX *ctx, int (*cb)(X509_STORE_CTX *, void *), void *arg);
    fn SSL_CTX_set_cert_verify_callback(
        context: *mut ffi::SSL_CTX,
        callback: Option<unsafe extern "C" fn(*mut ffi::X509_STORE_CTX, *mut c_void) -> c_int>,
        argument: *mut c_void,
    );
    // openssl/ssl.h: int SSL_CTX_set1_client_cert_type(SSL_CTX *ctx, const unsigned char *val, size_t len);
    fn SSL_CTX_set1_client_cert_type(context: *mut ffi::SSL_CTX, types: *const u8, length: usize) -> c_int;
    // openssl/ssl.h: int SSL_CTX_set1_server_cert_type(SSL_CTX *ctx, const unsigned char *val, size_t len);
    fn SSL_CTX_set1_server_cert_type(context: *mut ffi::SSL_CTX, types: *const u8, length: usize) -> c_int;
    // openssl/ssl.h: int SSL_set1_server_cert_type(SSL *s, const unsigned char *val, size_t len);
    fn SSL_set1_server_cert_type(ssl: *mut ffi::SSL, types: *const u8, length: usize) -> c_int;
    // openssl/ssl.h: int SSL_get_negotiated_client_cert_type(const SSL *s);
    fn SSL_get_negotiated_client_cert_type(ssl: *const ffi::SSL) -> c_int;
    // openssl/ssl.h: uint8_t SSL_SESSION_get_max_fragment_length(const SSL_SESSION *sess);
    fn SSL_SESSION_get_max_fragment_length(session: *const ffi::SSL_SESSION) -> u8;
    // openssl/x509_vfy.h: X509 *X509_STORE_CTX_get0_cert(const X509_STORE_CTX *ctx);
    fn X509_STORE_CTX_get0_cert(context: *const ffi::X509_STORE_CTX) -> *mut ffi::X509;
    // openssl/x509_vfy.h: EVP_PKEY *X509_STORE_CTX_get0_rpk(const X509_STORE_CTX *ctx);
    fn X509_STORE_CTX_get0_rpk(context: *const ffi::X509_STORE_CTX) -> *mut ffi::EVP_PKEY;
    // openssl/bio.h
    fn BIO_ADDR_new() -> *mut ffi::BIO_ADDR;
    fn BIO_ADDR_free(address: *mut ffi::BIO_ADDR);
}

/// What all connections of one listener share.
pub(super) struct Engine {
    context: SslContext,
    trust: Trust,
    peer_address: PeerAddress,
    mtu: u16,
    initial_timeout: Duration,
    scratch: Scratch,
    /// What is served, and by which types of keys.
    suites: Vec<CipherSuite>,
    keys: KeyPolicy,
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
    Failed(Breakdown),
}

impl Engine {
    pub(super) fn new(configuration: &Configuration) -> Result<Engine, EngineError> {
        let mut builder = SslContext::builder(SslMethod::dtls_server())?;
        builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
        builder.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
        builder.set_cipher_list(&suites::openssl_list(configuration))?;
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
        if let Some(identity) = &configuration.identity {
            set_identity(&mut builder, identity, configuration.raw_public_keys)?;
        }
        Ok(Engine {
            context: builder.build(),
            trust: Trust::new(&configuration.trust_anchors)?,
            peer_address: PeerAddress::new()?,
            mtu: configuration.mtu,
            initial_timeout: configuration.initial_timeout,
            scratch: Scratch { datagram: Vec::new(), plaintext: vec![0; PLAINTEXT_MAX] },
            suites: suites::served(configuration).collect(),
            keys: KeyPolicy {
                has_certificate: configuration.identity.as_ref().is_some_and(|identity| !identity.chain.is_empty()),
                raw_public_keys: configuration.raw_public_keys,
            },
        })
    }

    /// Answers what a client offers, by what is on record about it.
    pub(super) fn judge(&self, offered: Offered, verdict: Verdict) -> Result<Believed, CertificateFault> {
        self.trust.judge(offered, verdict)
    }

    /// Whether there is no type of keys that suits both sides, and nothing but that is amiss.
    pub(super) fn lacks_common_key_type(&self, hello: &ClientHello<'_>) -> bool {
        self.keys.turns_away(&self.suites, hello)
    }

    /// Begins a handshake with the datagram that brought a valid cookie.
    pub(super) fn accept(&mut self, datagram: &[u8], raw_public_key: bool) -> Option<(Connection, Progress)> {
        clear_errors();
        let mut ssl = Ssl::new(&self.context).ok()?;
        ssl.set_mtu(u32::from(self.mtu)).ok()?;
        prepare_handshake(&mut ssl, self.initial_timeout)?;
        let proves_either_way = self.keys.has_certificate && self.keys.raw_public_keys;
        if proves_either_way && !raw_public_key {
            prefer_certificate(&ssl)?;
        }
        let stream = SslStream::new(ssl, Wire::default()).ok()?;
        let mut connection = Connection { stream, suite: None };
        connection.load(&mut self.scratch, datagram);
        // SAFETY: both pointers are valid and exclusively ours during the call, and the address, which OpenSSL
        // writes to, is of its own making.
        let listened = unsafe { DTLSv1_listen(connection.stream.ssl().as_ptr(), self.peer_address.0.as_ptr()) };
        connection.unload(&mut self.scratch);
        if listened != 1 {
            return None;
        }
        let progress = connection.step();
        connection.suite = pending_cipher(connection.stream.ssl()).and_then(suite_of);
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
        let mut is_genuine = false;
        let standing = loop {
            match connection.stream.ssl_read(&mut self.scratch.plaintext) {
                Ok(length) => {
                    is_genuine = true;
                    data(&self.scratch.plaintext[..length]);
                }
                Err(error) => match error.code() {
                    ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => break Standing::Open,
                    ErrorCode::ZERO_RETURN => break Standing::CloseNotify,
                    _ => break Standing::Broken,
                },
            }
        };
        connection.unload(&mut self.scratch);
        connection.release_buffers();
        // Nobody's forgery ends an association or is answered.
        is_genuine |= standing != Standing::Open || !connection.stream.get_ref().written.is_empty();
        Reception { standing, is_genuine, is_newest: false }
    }
}

/// One handshake, and then one association.
pub(super) struct Connection {
    stream: SslStream<Wire>,
    /// What the ServerHello chose.
    suite: Option<CipherSuite>,
}

impl Connection {
    /// What the client's second flight holds.
    pub(super) fn flight(&self) -> Flight {
        match self.suite {
            Some(suite) if !suite.takes_psk() => Flight::Certificate,
            _ => Flight::PreSharedKey,
        }
    }

    /// What the client's Certificate message holds.
    pub(super) fn key_type(&self) -> KeyType {
        // SAFETY: the pointer is valid, and the call only reads.
        match unsafe { SSL_get_negotiated_client_cert_type(self.stream.ssl().as_ptr()) } {
            CERTIFICATE_TYPE_RPK => KeyType::RawPublicKey,
            _ => KeyType::Certificate,
        }
    }

    /// Says which key the client is to prove, or why none will do.
    pub(super) fn set_judgement(&mut self, judgement: Result<Vec<u8>, CertificateFault>) {
        self.with_handshake(|data| data.judgement = judgement);
    }

    /// Gives the key. `None`, and a key that OpenSSL cannot take, become a random key: the handshake goes on and fails
    /// at Finished, so that nobody learns which identities exist (RFC 4279, section 2).
    pub(super) fn set_key(&mut self, key: Option<&Secret>) {
        let key = key.filter(|key| !key.is_empty() && key.len() <= PSK_MAX).cloned();
        self.with_handshake(|data| data.key = key);
    }

    /// Wipes the keys: they have done their work.
    pub(super) fn forget_key(&mut self) {
        self.with_handshake(|data| (data.key, data.judgement) = (None, UNJUDGED));
    }

    fn with_handshake(&mut self, change: impl FnOnce(&mut HandshakeData)) {
        let Some(index) = handshake_index() else { return };
        // SAFETY: the stream owns this `SSL`, `self` is borrowed exclusively, and the reference ends here.
        let ssl = unsafe { SslRef::from_ptr_mut(self.stream.ssl().as_ptr()) };
        if let Some(data) = ssl.ex_data_mut(*index) {
            change(data);
        }
    }

    /// Sends one record of application data. `false`: too long for one record, or the association is over.
    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        clear_errors();
        // OpenSSL takes an attempt to send more for the end of the association.
        !bytes.is_empty() && bytes.len() <= self.longest_plaintext() && self.stream.ssl_write(bytes).is_ok()
    }

    /// Most bytes of application data in one record (RFC 5246, section 6.2.1; RFC 6066, section 4).
    pub(super) fn longest_plaintext(&self) -> usize {
        let mode = self.stream.ssl().session().map_or(0, |session| {
            // SAFETY: the pointer is valid, and the call only reads.
            unsafe { SSL_SESSION_get_max_fragment_length(session.as_ptr()) }
        });
        if (1..=4).contains(&mode) { 256 << mode } else { PLAINTEXT_MAX }
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
                ErrorCode::ZERO_RETURN => Progress::Failed(Breakdown::ClientAlert(AlertDescription::CLOSE_NOTIFY)),
                _ => Progress::Failed(breakdown_of(&error)),
            },
        }
    }

    /// Makes `records` the next datagram that OpenSSL reads, without what cannot be genuine.
    ///
    /// The datagram is always put together from records as [`Records`] reads them: where OpenSSL and that parser saw
    /// different boundaries, a stranger could hide a record that OpenSSL takes for the end of the association.
    fn feed(&mut self, scratch: &mut Scratch, records: &[u8]) {
        let shortest = self.suite.map_or(0, CipherSuite::shortest_record);
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

/// Longest key that OpenSSL takes, in bytes: PSK_MAX_PSK_LEN of ssl.h. LwM2M asks for 64 (Transport 1.2, 5.2.8.1).
const PSK_MAX: usize = 512;

/// Length of the random key that stands in for a missing one, in bytes.
const RANDOM_KEY_LENGTH: usize = 16;

/// What the callbacks need of one handshake; hangs at its `SSL`.
struct HandshakeData {
    key: Option<Secret>,
    /// The key, as OpenSSL writes it, that the client's certificate or raw public key must hold.
    judgement: Result<Vec<u8>, CertificateFault>,
    initial_timeout: Duration,
}

/// Nothing is believed before somebody says so.
const UNJUDGED: Result<Vec<u8>, CertificateFault> = Err(CertificateFault::Unacceptable);

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

/// TLSEXT_cert_type_x509 and TLSEXT_cert_type_rpk of tls1.h (RFC 7250, section 3).
const CERTIFICATE_TYPE_X509: c_int = 0;
const CERTIFICATE_TYPE_RPK: c_int = 2;

/// Gives the server what it proves itself with, and demands the same of clients that use no pre-shared key.
fn set_identity(
    builder: &mut SslContextBuilder,
    identity: &Identity,
    raw_public_keys: bool,
) -> Result<(), EngineError> {
    credentials::load(builder, identity, raw_public_keys)?;
    if raw_public_keys {
        allow_raw_public_keys(builder, !identity.chain.is_empty())?;
    }
    builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    // SAFETY: the context is valid, and the callback has the signature that OpenSSL asks for and no argument.
    unsafe { SSL_CTX_set_cert_verify_callback(builder.as_ptr(), Some(verify_client), std::ptr::null_mut()) };
    Ok(())
}

/// RFC 7250, both ways; certificates stay possible, for the server only where it `has_certificate`.
fn allow_raw_public_keys(builder: &mut SslContextBuilder, has_certificate: bool) -> Result<(), EngineError> {
    let both = [CERTIFICATE_TYPE_RPK as u8, CERTIFICATE_TYPE_X509 as u8];
    let ours = if has_certificate { &both[..] } else { &both[..1] };
    // SAFETY: the context is valid, and OpenSSL copies the bytes.
    let set = unsafe {
        SSL_CTX_set1_server_cert_type(builder.as_ptr(), ours.as_ptr(), ours.len()) == 1
            && SSL_CTX_set1_client_cert_type(builder.as_ptr(), both.as_ptr(), both.len()) == 1
    };
    if set { Ok(()) } else { Err(ErrorStack::get().into()) }
}

/// A client that proves itself by a certificate expects one: GnuTLS offers to take either, whatever the client has, and
/// the mode of an LwM2M account holds for both ends (LwM2M Core 1.2, annex E.1, resource 2).
fn prefer_certificate(ssl: &SslRef) -> Option<()> {
    let both = [CERTIFICATE_TYPE_X509 as u8, CERTIFICATE_TYPE_RPK as u8];
    // SAFETY: the pointer is valid, and OpenSSL copies the bytes.
    let set = unsafe { SSL_set1_server_cert_type(ssl.as_ptr(), both.as_ptr(), both.len()) };
    (set == 1).then_some(())
}

/// Accepts the one key that was judged to be acceptable: whatever OpenSSL read out of the Certificate message, the
/// client will have to prove that it holds this key.
unsafe extern "C" fn verify_client(context: *mut ffi::X509_STORE_CTX, _argument: *mut c_void) -> c_int {
    // SAFETY: OpenSSL calls with a context that belongs to an `SSL` in its handshake and holds a certificate or a raw
    // public key; nobody changes any of them meanwhile, and every reference ends with this call.
    let (ssl, presented) = unsafe {
        let ssl = ffi::X509_STORE_CTX_get_ex_data(context, ffi::SSL_get_ex_data_X509_STORE_CTX_idx());
        let certificate = X509_STORE_CTX_get0_cert(context);
        let key = X509_STORE_CTX_get0_rpk(context);
        let presented = if !key.is_null() {
            PKeyRef::<Public>::from_ptr(key).public_key_to_der().ok()
        } else if !certificate.is_null() {
            X509Ref::from_ptr(certificate).public_key().and_then(|key| key.public_key_to_der()).ok()
        } else {
            None
        };
        if ssl.is_null() {
            return 0;
        }
        (SslRef::from_ptr(ssl.cast()), presented)
    };
    let data = handshake_index().and_then(|index| ssl.ex_data(*index));
    let error = match data.map(|data| &data.judgement) {
        Some(Ok(key)) if presented.as_ref() == Some(key) => ffi::X509_V_OK,
        Some(Err(fault)) => chain::engine_error_of(*fault),
        _ => ffi::X509_V_ERR_CERT_REJECTED,
    };
    // SAFETY: the context is the one of this call.
    unsafe { ffi::X509_STORE_CTX_set_error(context, error) };
    c_int::from(error == ffi::X509_V_OK)
}

/// Hangs at `ssl` what the callbacks need, and makes its retransmissions begin after `initial_timeout`.
pub(super) fn prepare_handshake(ssl: &mut SslRef, initial_timeout: Duration) -> Option<()> {
    ssl.set_ex_data(*handshake_index()?, HandshakeData { key: None, judgement: UNJUDGED, initial_timeout });
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

fn suite_of(cipher: &SslCipherRef) -> Option<CipherSuite> {
    CipherSuite::ALL.into_iter().find(|suite| suite.number() == cipher.protocol_id())
}

#[cfg(test)]
pub(super) mod client_side {
    //! What the clients of the tests need of OpenSSL and the crate lacks.

    use std::ffi::c_int;

    use foreign_types_shared::ForeignTypeRef;
    use openssl::ssl::SslRef;
    use openssl_sys as ffi;

    use super::SSL_set1_server_cert_type;

    unsafe extern "C" {
        // openssl/ssl.h: int SSL_set1_client_cert_type(SSL *s, const unsigned char *val, size_t len);
        fn SSL_set1_client_cert_type(ssl: *mut ffi::SSL, types: *const u8, length: usize) -> c_int;
        // openssl/ssl.h: int SSL_set_tlsext_max_fragment_length(SSL *ssl, uint8_t mode);
        fn SSL_set_tlsext_max_fragment_length(ssl: *mut ffi::SSL, mode: u8) -> c_int;
    }

    /// Raw public keys and nothing else, both ways (RFC 7250).
    pub(in crate::dtls) fn offer_raw_public_keys(ssl: &mut SslRef) {
        // SAFETY: the pointer is valid, and OpenSSL copies the byte.
        let set = unsafe {
            (
                SSL_set1_client_cert_type(ssl.as_ptr(), [2].as_ptr(), 1),
                SSL_set1_server_cert_type(ssl.as_ptr(), [2].as_ptr(), 1),
            )
        };
        assert_eq!(set, (1, 1));
    }

    /// max_fragment_length of 2^9 (RFC 6066, section 4).
    pub(in crate::dtls) fn request_fragments_of_512(ssl: &mut SslRef) {
        // SAFETY: the pointer is valid.
        assert_eq!(unsafe { SSL_set_tlsext_max_fragment_length(ssl.as_ptr(), 1) }, 1);
    }
}
