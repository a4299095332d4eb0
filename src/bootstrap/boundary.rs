//! What crosses the boundary of the bootstrap server: who sends, what holds for a listener, and what it wants done.

use std::time::Duration;

use zeroize::Zeroizing;

use super::authorisation::LookupKey;
use super::outcome::SessionReport;
use crate::coap::Timing;
use crate::peer::Peer;
use crate::provision::ClientKnowledge;
use crate::provision::material::CertificateName;
use crate::route::Route;

/// Numbers the sessions of one server from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// The other end of CoAP messages (RFC 7252 section 1.2): over DTLS the association, not the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoapEndpoint {
    /// A client without DTLS.
    Address {
        /// Index of the listener.
        listener: usize,
        /// Its address, and ours.
        route: Route,
    },
    /// A client's DTLS association, or its TCP connection.
    Association {
        /// Index of the listener.
        listener: usize,
        /// Number of the association or connection, unique for the listener.
        number: u64,
    },
}

impl CoapEndpoint {
    /// Index of the listener through which the client is reached.
    pub fn listener(&self) -> usize {
        match self {
            CoapEndpoint::Address { listener, .. } | CoapEndpoint::Association { listener, .. } => *listener,
        }
    }
}

/// A datagram's origin: who sent it, which way, and what it proved.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The CoAP endpoint.
    pub endpoint: CoapEndpoint,
    /// The way it came, for the report.
    pub route: Route,
    /// What the transport has proven.
    pub peer: &'a Peer,
    /// Bytes of the largest message that the other end says it takes (RFC 8323 section 5.3.1); none where it says
    /// nothing, as over UDP.
    pub largest_message: Option<usize>,
}

/// What holds for all clients of one listener.
#[derive(Clone, Debug)]
pub struct ListenerPolicy {
    /// Retransmission parameters.
    pub timing: Timing,
    /// Whether keys may travel unprotected.
    pub insecure_secrets: bool,
    /// Which name of a verified certificate is the endpoint name, or one that is mapped to it.
    pub certificate_name: CertificateName,
}

/// Bounds of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at one time; further clients wait unanswered until it is their turn.
    pub sessions: usize,
    /// Clients that may wait; further ones are not remembered, and come again.
    pub queue: usize,
    /// Percent of the sessions that clients of one network may have, so that those of another find room at once; a
    /// network is a /24 of IPv4 or a /48 of IPv6.
    pub network_share: u8,
    /// Remembered requests, for de-duplication.
    pub remembered_requests: usize,
    /// Sessions of one client within [`Limits::loop_window`] after which it is slowed down.
    pub loop_sessions: u32,
    /// In which time they count; a client that stays away for as long is forgiven.
    pub loop_window: Duration,
    /// The longest silence that such a client meets.
    pub loop_longest_silence: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            sessions: 10_000,
            queue: 20_000,
            network_share: 75,
            remembered_requests: 100_000,
            loop_sessions: 10,
            loop_window: Duration::from_secs(600),
            loop_longest_silence: Duration::from_secs(300),
        }
    }
}

impl Limits {
    /// Sessions that clients of one network may have at one time; at least 1.
    pub fn sessions_per_network(&self) -> usize {
        let kept_free = self.sessions.saturating_mul(100_usize.saturating_sub(self.network_share.into())) / 100;
        self.sessions.saturating_sub(kept_free).max(1)
    }
}

/// What the server wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send this to the client.
    Datagram {
        /// To whom.
        to: CoapEndpoint,
        /// A CoAP message.
        bytes: Zeroizing<Vec<u8>>,
    },
    /// Look a client up and call [`Server::handle_lookup`](super::Server::handle_lookup).
    Resolve {
        /// For which session.
        session: SessionId,
        /// With whom it is.
        endpoint: CoapEndpoint,
        /// Under which key.
        key: LookupKey,
    },
    /// Issue the credentials that this client is to receive, keep them, look it up again and call
    /// [`Server::handle_lookup`](super::Server::handle_lookup).
    Issue {
        /// For which session.
        session: SessionId,
        /// With whom it is.
        endpoint: CoapEndpoint,
        /// Under which key.
        key: LookupKey,
    },
    /// A session is over.
    Ended {
        /// With whom it was.
        endpoint: CoapEndpoint,
        /// The record of the device that it served, if one was found and identified.
        device: Option<String>,
        /// Numbers of the issued credentials that the client is now known to have taken. Those of a bootstrap account
        /// are not among them: it proves them in its next handshake.
        confirmed: Vec<i64>,
        /// What is known of the client from now on, where this session has changed that. Only what an authenticated
        /// client showed is learned.
        learned: Option<ClientKnowledge>,
        /// Everything about it.
        report: Box<SessionReport>,
    },
}

/// Events that leave no session behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Datagrams that are not CoAP messages.
    pub malformed: u64,
    /// Retransmissions of clients that were recognised.
    pub duplicates: u64,
    /// Messages that belong to nothing under way.
    pub unmatched: u64,
    /// Bootstrap-Requests that met silence, because of a drain, another client's session or an answer of the store.
    pub ignored_requests: u64,
    /// Bootstrap-Pack-Requests of known clients that were answered with the word to use a Bootstrap-Request.
    pub redirected_packs: u64,
    /// Bootstrap-Requests that had to wait for their turn.
    pub queued: u64,
    /// Those of them, and those for which the queue had no place, whose turn did not come while the client waited.
    pub dropped_from_queue: u64,
    /// Bootstrap-Requests that met silence because their client bootstraps in a loop.
    pub slowed_down: u64,
}
