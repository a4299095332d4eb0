//! `Server`: the table of associations of one listener (signatures first; the content follows).

use std::time::Instant;

use super::{AssociationId, Configuration, EngineError, Output, Statistics};
use crate::route::Route;
use crate::secret::Secret;

/// One DTLS listener: its handshakes and its associations.
pub struct Server {}

impl Server {
    /// # Errors
    /// The engine refuses the configuration.
    pub fn new(_configuration: Configuration, _seed: [u8; 32]) -> Result<Server, EngineError> {
        Ok(Server {})
    }
    /// A datagram arrived.
    pub fn handle_datagram(&mut self, _now: Instant, _route: Route, _bytes: &[u8]) {}
    /// The answer to [`Output::NeedPsk`]; `None` for an unknown identity.
    pub fn handle_psk(&mut self, _now: Instant, _association: AssociationId, _key: Option<&Secret>) {}
    /// Sends one datagram of application data.
    pub fn send(&mut self, _now: Instant, _association: AssociationId, _bytes: &[u8]) -> bool {
        false
    }
    /// close_notify, and forget.
    pub fn close(&mut self, _now: Instant, _association: AssociationId) {}
    /// The session is over: keep the association for a while.
    pub fn linger(&mut self, _now: Instant, _association: AssociationId) {}
    /// Time has passed.
    pub fn handle_timeout(&mut self, _now: Instant) {}
    /// When to call [`Server::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }
    /// Figures.
    pub fn statistics(&self) -> Statistics {
        Statistics::default()
    }
}
