//! What stands in place of the DTLS client where it is not built in (cargo feature `openssl`): nobody can make one of
//! these, and whoever tries is told what to do.

use std::time::{Duration, Instant};

use super::psk::{CipherSuite, Psk};
use crate::secret::Secret;
use crate::simulator::Failure;

/// What all associations of one run would have in common.
pub enum DtlsContext {}

impl DtlsContext {
    /// There is none.
    ///
    /// # Errors
    ///
    /// [`Failure::NoDtlsClient`], always.
    pub fn new(_suites: &[CipherSuite]) -> Result<DtlsContext, Failure> {
        Err(Failure::NoDtlsClient)
    }

    /// There is none.
    ///
    /// # Errors
    ///
    /// [`Failure::NoDtlsClient`], always.
    pub fn for_certificate(certificate: &ClientCertificate) -> Result<DtlsContext, Failure> {
        match *certificate {}
    }
}

/// What a client without a pre-shared key would prove itself with.
#[derive(Clone, Debug)]
pub enum ClientCertificate {}

impl ClientCertificate {
    /// There is none.
    ///
    /// # Errors
    ///
    /// [`Failure::NoDtlsClient`], always.
    pub fn read(_chain: &[u8], _key: &Secret, _trust: Option<&[u8]>) -> Result<ClientCertificate, Failure> {
        Err(Failure::NoDtlsClient)
    }
}

/// One association.
pub enum Association {}

/// None of this is ever called.
#[expect(missing_docs, reason = "the client that there is says what these do")]
impl Association {
    pub fn new(context: &DtlsContext, _psk: Psk, _now: Instant, _limit: Duration) -> Result<Association, Failure> {
        match *context {}
    }

    pub fn with_certificate(
        context: &DtlsContext,
        _certificate: &ClientCertificate,
        _host: &str,
        _now: Instant,
        _limit: Duration,
    ) -> Result<Association, Failure> {
        match *context {}
    }

    pub fn is_established(&self) -> bool {
        match *self {}
    }

    pub fn push(&mut self, _datagram: &[u8]) {
        match *self {}
    }

    pub fn poll_datagram(&mut self) -> Option<Vec<u8>> {
        match *self {}
    }

    pub fn poll_timeout(&self, _now: Instant) -> Option<Instant> {
        match *self {}
    }

    pub fn advance(&mut self, _now: Instant) -> Result<(), Failure> {
        match *self {}
    }

    pub fn write(&mut self, _message: &[u8]) -> Result<(), Failure> {
        match *self {}
    }

    pub fn read(&mut self, _buffer: &mut [u8]) -> Result<Option<usize>, Failure> {
        match *self {}
    }

    pub fn close(&mut self) {
        match *self {}
    }
}
