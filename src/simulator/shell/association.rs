//! `Association`: the client's side of one DTLS association, by OpenSSL, over queues of datagrams.
//!
//! DTLS 1.2 with a pre-shared key or a certificate (RFC 6347, RFC 4279; spec sheet `transport.md`, section 4). OpenSSL reads the clock
//! for its retransmission timer by itself and sends a lost flight again from within a read that finds nothing, so all
//! that is needed is to come by every [`PACE`] until the handshake is through.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream};

use super::certificate::{self, ClientCertificate};
use super::psk::{CipherSuite, Psk};
use crate::simulator::Failure;

/// How often an unfinished handshake is looked at. OpenSSL's timer starts with 1 s.
const PACE: Duration = Duration::from_millis(200);

/// Bytes of a record and its header that fit everywhere (spec sheet `transport.md`, section 1: 1280 is the IP MTU).
const MTU: u32 = 1200;

/// How long the server may say nothing to the key before it is taken for wrong: three flights of OpenSSL's timer.
const PATIENCE_AFTER_KEY: Duration = Duration::from_secs(7);

/// DTLS alerts that speak of the key (RFC 5246 section 7.2, RFC 4279 section 2): bad_record_mac, decrypt_error and
/// unknown_psk_identity. OpenSSL reports an alert as a reason of 1000 and its number.
const KEY_ALERTS: [i32; 3] = [1020, 1051, 1115];

/// What all associations of one run have in common; made once.
pub struct DtlsContext {
    context: SslContext,
    key: Index<Ssl, ClientKey>,
}

struct ClientKey {
    psk: Psk,
    used: Arc<AtomicBool>,
}

impl DtlsContext {
    /// A context that offers `suites` in this order.
    ///
    /// # Errors
    ///
    /// [`Failure::HandshakeRefused`] with what OpenSSL says if it has none of them.
    pub fn new(suites: &[CipherSuite]) -> Result<DtlsContext, Failure> {
        DtlsContext::offering(suites).map_err(out_of_order)
    }

    fn offering(suites: &[CipherSuite]) -> Result<DtlsContext, ErrorStack> {
        let key = Ssl::new_ex_index::<ClientKey>()?;
        let mut builder = SslContext::builder(SslMethod::dtls_client())?;
        builder.set_options(SslOptions::NO_QUERY_MTU);
        // Security level 0, because OpenSSL counts the short tag of CCM_8 as too weak for any other.
        let names: Vec<&str> = suites.iter().map(|suite| suite.openssl_name()).collect();
        builder.set_cipher_list(&format!("{}:@SECLEVEL=0", names.join(":")))?;
        builder.set_psk_client_callback(move |ssl, _hint, identity, key_bytes| {
            Ok(ssl.ex_data(key).map_or(0, |client| client.hand_over(identity, key_bytes)))
        });
        Ok(DtlsContext { context: builder.build(), key })
    }

    /// A context for associations by [`Association::with_certificate`]; all of them trust whom `certificate` trusts.
    ///
    /// # Errors
    ///
    /// [`Failure::HandshakeRefused`] with what OpenSSL says if it cannot use the certificate.
    pub fn for_certificate(certificate: &ClientCertificate) -> Result<DtlsContext, Failure> {
        DtlsContext::proving(certificate).map_err(out_of_order)
    }

    fn proving(certificate: &ClientCertificate) -> Result<DtlsContext, ErrorStack> {
        let key = Ssl::new_ex_index::<ClientKey>()?;
        let mut builder = SslContext::builder(SslMethod::dtls_client())?;
        builder.set_options(SslOptions::NO_QUERY_MTU);
        builder.set_cipher_list(&format!("{}:@SECLEVEL=0", certificate::SUITES))?;
        certificate.load_trust(&mut builder)?;
        Ok(DtlsContext { context: builder.build(), key })
    }
}

impl ClientKey {
    /// Copies identity (with its final NUL) and key; 0 tells OpenSSL that there is none.
    fn hand_over(&self, identity: &mut [u8], key: &mut [u8]) -> usize {
        let (name, bytes) = (self.psk.identity.as_bytes(), self.psk.key.expose());
        if name.len() >= identity.len() || bytes.len() > key.len() {
            return 0;
        }
        identity[..name.len()].copy_from_slice(name);
        identity[name.len()] = 0;
        key[..bytes.len()].copy_from_slice(bytes);
        self.used.store(true, Ordering::Relaxed);
        bytes.len()
    }
}

/// One association, from ClientHello on.
pub struct Association {
    stream: SslStream<Datagrams>,
    established: bool,
    started: Instant,
    key_used: Arc<AtomicBool>,
    /// When the key was first seen to have been used.
    awaiting_proof: Option<Instant>,
    limit: Duration,
}

/// The two queues that OpenSSL takes for a connection.
#[derive(Default)]
pub(super) struct Datagrams {
    pub(super) incoming: VecDeque<Vec<u8>>,
    pub(super) outgoing: VecDeque<Vec<u8>>,
}

impl Association {
    /// An association that has sent nothing yet. The handshake may take `limit`.
    ///
    /// # Errors
    ///
    /// [`Failure::UnusableCredentials`], or [`Failure::HandshakeRefused`] where OpenSSL cannot go on.
    pub fn new(context: &DtlsContext, psk: Psk, now: Instant, limit: Duration) -> Result<Association, Failure> {
        psk.check()?;
        let key_used = Arc::new(AtomicBool::new(false));
        let mut ssl = Ssl::new(&context.context).map_err(out_of_order)?;
        ssl.set_ex_data(context.key, ClientKey { psk, used: Arc::clone(&key_used) });
        Association::over(ssl, key_used, now, limit)
    }

    /// The same with the certificate of `context`; where that says whom to trust, the server has to be `host`.
    ///
    /// # Errors
    ///
    /// [`Failure::HandshakeRefused`] where OpenSSL cannot go on.
    pub fn with_certificate(
        context: &DtlsContext,
        certificate: &ClientCertificate,
        host: &str,
        now: Instant,
        limit: Duration,
    ) -> Result<Association, Failure> {
        let mut ssl = Ssl::new(&context.context).map_err(out_of_order)?;
        certificate.prove(&mut ssl).map_err(out_of_order)?;
        ClientCertificate::name_server(&mut ssl, host).map_err(out_of_order)?;
        Association::over(ssl, Arc::default(), now, limit)
    }

    fn over(mut ssl: Ssl, key_used: Arc<AtomicBool>, now: Instant, limit: Duration) -> Result<Association, Failure> {
        ssl.set_mtu(MTU).map_err(out_of_order)?;
        let stream = SslStream::new(ssl, Datagrams::default()).map_err(out_of_order)?;
        Ok(Association { stream, established: false, started: now, key_used, awaiting_proof: None, limit })
    }

    /// Whether application data may flow.
    pub fn is_established(&self) -> bool {
        self.established
    }

    /// Takes one datagram of the server; [`Association::advance`] or [`Association::read`] looks at it.
    pub fn push(&mut self, datagram: &[u8]) {
        self.stream.get_mut().incoming.push_back(datagram.to_vec());
    }

    /// The next datagram to send.
    pub fn poll_datagram(&mut self) -> Option<Vec<u8>> {
        self.stream.get_mut().outgoing.pop_front()
    }

    /// When to call [`Association::advance`] although nothing has come.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        (!self.established).then(|| now + PACE)
    }

    /// Goes on with the handshake as far as possible.
    ///
    /// # Errors
    ///
    /// Why there will be no association.
    pub fn advance(&mut self, now: Instant) -> Result<(), Failure> {
        if self.established {
            return Ok(());
        }
        match self.stream.connect() {
            Ok(()) => {
                self.established = true;
                Ok(())
            }
            Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => self.wait(now),
            Err(error) => {
                let distrust = certificate::distrust(self.stream.ssl());
                Err(distrust.unwrap_or_else(|| handshake_failure(&error)))
            }
        }
    }

    /// Decides whether to go on waiting for the server.
    fn wait(&mut self, now: Instant) -> Result<(), Failure> {
        if self.key_used.load(Ordering::Relaxed) && self.awaiting_proof.is_none() {
            self.awaiting_proof = Some(now);
        }
        let waited = now.saturating_duration_since(self.started);
        match self.awaiting_proof {
            // A server that cannot decrypt our Finished drops it without a word, as DTLS demands (RFC 6347 4.1.2.7).
            Some(since) if now.saturating_duration_since(since) >= PATIENCE_AFTER_KEY.min(self.limit) => {
                Err(Failure::KeyRejected)
            }
            None if waited >= self.limit => Err(Failure::HandshakeUnanswered { waited }),
            _ => Ok(()),
        }
    }

    /// Sends one CoAP message as one record.
    ///
    /// # Errors
    ///
    /// [`Failure::AssociationClosed`].
    pub fn write(&mut self, message: &[u8]) -> Result<(), Failure> {
        self.stream.ssl_write(message).map(|_| ()).map_err(|_| Failure::AssociationClosed)
    }

    /// The next CoAP message that has come, if any; `buffer` takes the largest record.
    ///
    /// # Errors
    ///
    /// [`Failure::AssociationClosed`].
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Failure> {
        match self.stream.ssl_read(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => Ok(None),
            Err(_) => Err(Failure::AssociationClosed),
        }
    }

    /// Says close_notify, as far as that is still possible; what it says comes out of [`Association::poll_datagram`].
    pub fn close(&mut self) {
        // The association is given up either way, so there is nothing to do about a failure.
        let _ = self.stream.shutdown();
    }
}

fn out_of_order(error: ErrorStack) -> Failure {
    Failure::HandshakeRefused { reason: format!("OpenSSL cannot begin: {error}") }
}

fn handshake_failure(error: &openssl::ssl::Error) -> Failure {
    let first = error.ssl_error().and_then(|stack| stack.errors().first());
    match first {
        Some(first) if KEY_ALERTS.contains(&first.reason_code()) => Failure::KeyRejected,
        Some(first) => {
            Failure::HandshakeRefused { reason: first.reason().unwrap_or("for no stated reason").to_owned() }
        }
        None => Failure::HandshakeRefused { reason: "the server closed it".to_owned() },
    }
}

impl Read for Datagrams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self.incoming.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        // What does not fit is cut off, as a socket does with a datagram.
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.outgoing.push_back(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
