//! A socket that clients reach, and the DTLS server that stands in front of CoAP where the listener has one.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use super::dtls_settings::DtlsSettings;
use super::handle::{DtlsStatus, ListenerStatus};
use super::log::Place;
use super::lookup::Fingerprint;
use super::streams::StreamFront;
use crate::bootstrap::{CoapEndpoint, ListenerPolicy};
use crate::coap::Timing;
use crate::dtls::{self, AssociationId};
use crate::net::tcp::{TcpEvent, TcpListener};
use crate::net::{BindError, UdpListener};
use crate::peer::{CertificateTrust, Peer};
use crate::provision::Transport;
use crate::provision::material::CertificateName;
use crate::route::Route;

/// How clients prove themselves on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    NoSec,
    /// By DTLS 1.2 with a pre-shared key, a certificate or a raw public key.
    Dtls,
}

/// One listener as the operator wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenerConfiguration {
    /// Where to bind.
    pub bind: SocketAddr,
    /// What carries CoAP. TCP goes with [`Security::NoSec`] alone.
    pub transport: Transport,
    /// How clients prove themselves.
    pub security: Security,
    /// Whether keys may travel unprotected; means something for NoSec only.
    pub insecure_secrets: bool,
    /// CoAP retransmission.
    pub timing: Timing,
    /// What becomes of clients that are on no record; means something for NoSec and verified certificates only.
    pub unknown: UnknownClients,
    /// What certificates and raw public keys take; means something for DTLS only.
    pub certificates: Certificates,
    /// How DTLS is spoken; means something for DTLS only.
    pub dtls: DtlsSettings,
}

/// What a listener needs in order to serve clients without a pre-shared key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Certificates {
    /// What the server proves itself with; none: pre-shared keys only.
    pub identity: Option<dtls::Identity>,
    /// Certificates in DER that clients' chains may lead to.
    pub trust_anchors: Vec<Vec<u8>>,
    /// Whether clients may use raw public keys.
    pub raw_public_keys: bool,
    /// Which name of a verified certificate is the endpoint name, or one that is mapped to it.
    pub name: CertificateName,
    /// The server's own certificate, for people to read.
    pub shown: Option<ShownCertificate>,
}

/// The server's own certificate, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCertificate {
    /// CN of its subject, or where it has none its fingerprint.
    pub subject: String,
    /// Beginning of its validity.
    pub not_before: SystemTime,
    /// End of its validity.
    pub not_after: SystemTime,
}

/// What becomes of clients that are on no record and prove nothing, or only that an authority knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UnknownClients {
    /// They are refused with 4.00.
    #[default]
    Refuse,
    /// They meet silence, and the operator may approve them.
    Pending,
    /// They are recorded as devices and served.
    Accept {
        /// The profile of such a device; none leaves it to the rules and the default.
        profile: Option<String>,
    },
}

impl ListenerConfiguration {
    /// What the bootstrap server needs to know of it.
    pub(super) fn policy(&self) -> ListenerPolicy {
        // Over DTLS nothing is unprotected.
        let insecure_secrets = self.insecure_secrets || self.security == Security::Dtls;
        ListenerPolicy { timing: self.timing, insecure_secrets, certificate_name: self.certificates.name }
    }

    fn dtls(&self) -> dtls::Configuration {
        let Certificates { identity, trust_anchors, raw_public_keys, .. } = self.certificates.clone();
        dtls::Configuration { identity, trust_anchors, raw_public_keys, ..self.dtls.configuration() }
    }

    /// Whether the DTLS engine takes its certificates and keys.
    ///
    /// # Errors
    /// What it refuses.
    pub fn check_certificates(&self) -> Result<(), dtls::EngineError> {
        match self.security {
            Security::NoSec => Ok(()),
            Security::Dtls => dtls::Server::new(self.dtls(), [0; 32]).map(drop),
        }
    }
}

/// A listener as operators tell it from others; its `Display` form is `192.0.2.1:5684 (native)`, or without DTLS
/// `192.0.2.1:5683 (nosec)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerName {
    /// Where it is bound.
    pub address: SocketAddr,
    /// What carries CoAP.
    pub transport: Transport,
    /// The DTLS engine that serves it; none without DTLS.
    pub engine: Option<dtls::EngineKind>,
}

impl ListenerName {
    /// `dtls` or `nosec`.
    pub fn security(self) -> &'static str {
        if self.engine.is_some() { "dtls" } else { "nosec" }
    }

    /// `udp` or `tcp`.
    pub fn transport(self) -> &'static str {
        match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = if self.transport == Transport::Tcp { ", TCP" } else { "" };
        match self.engine {
            Some(engine) => write!(formatter, "{} ({engine}{transport})", self.address),
            None => write!(formatter, "{} ({}{transport})", self.address, self.security()),
        }
    }
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// The socket.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The DTLS engine.
    #[error("the DTLS engine cannot be set up: {0}")]
    Dtls(#[from] dtls::EngineError),
}

/// A bound listener.
pub(super) struct Listener {
    pub(super) socket: ListenerSocket,
    pub(super) dtls: Option<DtlsFront>,
    certificates: Certificates,
}

/// What clients reach.
pub(super) enum ListenerSocket {
    /// UDP: one socket for all clients.
    Datagrams(UdpListener),
    /// TCP: a connection for each.
    Streams(Box<StreamFront>),
}

impl ListenerSocket {
    /// Where it is bound.
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            ListenerSocket::Datagrams(socket) => socket.address(),
            ListenerSocket::Streams(streams) => streams.address(),
        }
    }

    /// The UDP socket, if it is one.
    pub(super) fn datagrams(&self) -> Option<&UdpListener> {
        match self {
            ListenerSocket::Datagrams(socket) => Some(socket),
            ListenerSocket::Streams(_) => None,
        }
    }

    /// The TCP connections, if it has any.
    pub(super) fn streams(&self) -> Option<&StreamFront> {
        match self {
            ListenerSocket::Datagrams(_) => None,
            ListenerSocket::Streams(streams) => Some(streams),
        }
    }

    /// The same, to be changed.
    pub(super) fn streams_mut(&mut self) -> Option<&mut StreamFront> {
        match self {
            ListenerSocket::Datagrams(_) => None,
            ListenerSocket::Streams(streams) => Some(streams),
        }
    }
}

/// The associations of one listener, and who proved to be at the other end of each.
pub(super) struct DtlsFront {
    pub(super) server: dtls::Server,
    /// What is in force for handshakes that begin now.
    settings: DtlsSettings,
    /// What the log calls it.
    pub(super) place: Place,
    associations: HashMap<u64, Association>,
    /// What the clients of handshakes under way claim.
    claims: HashMap<u64, Claim>,
}

/// What a client claims in a handshake that it has not finished.
pub(super) struct Claim {
    pub(super) route: Route,
    pub(super) by: Claimed,
    /// When it did.
    pub(super) at: Instant,
    /// Whether it is on record of a device.
    pub(super) is_on_record: bool,
    /// The pre-shared key that the client is to prove; none where nobody has this identity.
    pub(super) key: Option<Fingerprint>,
}

/// By what a client wants to prove itself.
pub(super) enum Claimed {
    PskIdentity(Vec<u8>),
    /// Its leaf certificate, in DER.
    Certificate(Vec<u8>),
    /// A SubjectPublicKeyInfo, in DER.
    RawPublicKey(Vec<u8>),
}

impl From<dtls::Offered> for Claimed {
    fn from(offered: dtls::Offered) -> Claimed {
        match offered {
            dtls::Offered::Certificate(chain) => Claimed::Certificate(chain.into_iter().next().unwrap_or_default()),
            dtls::Offered::RawPublicKey(key) => Claimed::RawPublicKey(key),
        }
    }
}

/// An association whose client has proven itself.
pub(super) struct Association {
    pub(super) id: AssociationId,
    pub(super) route: Route,
    pub(super) peer: Peer,
    /// The key that the client proved to hold.
    pub(super) proof: Option<Fingerprint>,
}

impl Listener {
    /// Binds the socket and sets the engine up; what happens on TCP is told to `events` under `index`. Must be called
    /// within a tokio runtime.
    pub(super) fn open(
        configuration: &ListenerConfiguration,
        index: usize,
        events: &mpsc::Sender<(usize, TcpEvent)>,
        seed: [u8; 32],
    ) -> Result<Listener, ListenerError> {
        let server = match configuration.security {
            Security::NoSec => None,
            Security::Dtls => Some(dtls::Server::new(configuration.dtls(), seed)?),
        };
        let socket = match configuration.transport {
            Transport::Udp => ListenerSocket::Datagrams(UdpListener::bind(configuration.bind)?),
            Transport::Tcp => {
                let listener = TcpListener::bind(configuration.bind, index, events.clone())?;
                ListenerSocket::Streams(Box::new(StreamFront::new(listener, configuration.timing, seed)))
            }
        };
        let dtls = server.map(|server| DtlsFront {
            server,
            place: Place::of(socket.address(), &configuration.dtls()),
            settings: configuration.dtls.clone(),
            associations: HashMap::new(),
            claims: HashMap::new(),
        });
        Ok(Listener { socket, dtls, certificates: configuration.certificates.clone() })
    }

    /// The way to the client of an association or connection; none where it is gone.
    pub(super) fn route(&self, number: u64) -> Option<Route> {
        match (&self.socket, &self.dtls) {
            (ListenerSocket::Streams(streams), _) => streams.route(number),
            (_, Some(front)) => front.route(number),
            _ => None,
        }
    }

    /// Takes other certificates and keys; the old ones stay where the engine refuses them. Says who is to go: whoever was
    /// believed on the word of a trust anchor, where one of these is trusted no more.
    pub(super) fn reconfigure(&mut self, configuration: &ListenerConfiguration) -> Result<Vec<u64>, dtls::EngineError> {
        let new = &configuration.certificates;
        let mut going = Vec::new();
        if let Some(front) = &mut self.dtls {
            front.server.reconfigure(configuration.dtls())?;
            front.settings = DtlsSettings { engine: front.settings.engine, ..configuration.dtls.clone() };
            front.place = Place::of(front.place.address, &configuration.dtls());
            if !self.certificates.trust_anchors.iter().all(|anchor| new.trust_anchors.contains(anchor)) {
                going = front.anchored();
            }
        }
        self.certificates = new.clone();
        Ok(going)
    }

    pub(super) fn name(&self) -> ListenerName {
        let transport = if self.socket.streams().is_some() { Transport::Tcp } else { Transport::Udp };
        let engine = self.dtls.as_ref().map(|front| front.settings.engine);
        ListenerName { address: self.socket.address(), transport, engine }
    }

    pub(super) fn status(&self) -> ListenerStatus {
        ListenerStatus {
            name: self.name(),
            certificate: self.certificates.shown.clone(),
            dtls: self.dtls.as_ref().map(|front| DtlsStatus {
                settings: front.settings.clone(),
                raw_public_keys: self.certificates.raw_public_keys,
                statistics: front.server.statistics(),
            }),
        }
    }
}

impl DtlsFront {
    /// A client has said who it is.
    pub(super) fn claim(&mut self, id: AssociationId, claim: Claim) {
        self.claims.insert(id.number(), claim);
    }

    pub(super) fn establish(&mut self, id: AssociationId, route: Route, peer: Peer) {
        let proof = self.claims.remove(&id.number()).and_then(|claim| claim.key);
        self.associations.insert(id.number(), Association { id, route, peer, proof });
    }

    /// The client of an association is somewhere else now; says where it was.
    pub(super) fn follow(&mut self, id: AssociationId, route: Route) -> Option<Route> {
        let association = self.associations.get_mut(&id.number())?;
        Some(std::mem::replace(&mut association.route, route))
    }

    /// The key that was proven on an association.
    pub(super) fn proof(&self, number: u64) -> Option<Fingerprint> {
        self.associations.get(&number).and_then(|association| association.proof)
    }

    /// The associations of clients that were believed on the word of a trust anchor.
    fn anchored(&self) -> Vec<u64> {
        let is_anchored = |association: &Association| {
            matches!(association.peer, Peer::Certificate { trust: CertificateTrust::Anchored, .. })
        };
        self.associations.iter().filter(|(_, it)| is_anchored(it)).map(|(number, _)| *number).collect()
    }

    /// Where the client of an association is.
    pub(super) fn route(&self, number: u64) -> Option<Route> {
        self.associations.get(&number).map(|association| association.route)
    }

    pub(super) fn association(&self, id: AssociationId) -> Option<&Association> {
        self.associations.get(&id.number())
    }

    /// An association is gone; says whether there was one.
    pub(super) fn forget(&mut self, id: AssociationId) -> bool {
        self.associations.remove(&id.number()).is_some()
    }

    /// A handshake is over without an association; says what its client had claimed.
    pub(super) fn withdraw(&mut self, id: AssociationId) -> Option<Claim> {
        self.claims.remove(&id.number())
    }

    /// Sends one message to a client; an association that is gone swallows it.
    pub(super) fn send(&mut self, now: Instant, number: u64, bytes: &[u8]) {
        if let Some(association) = self.associations.get(&number) {
            self.server.send(now, association.id, bytes);
        }
    }

    /// No session uses the association any more; clients bootstrap again on it without a handshake (spec sheet
    /// `clients.md`, section 3), so it stays for a while.
    pub(super) fn linger(&mut self, now: Instant, number: u64) {
        if let Some(association) = self.associations.get(&number) {
            self.server.linger(now, association.id);
        }
    }

    /// Ends one association with close_notify.
    pub(super) fn close(&mut self, now: Instant, number: u64) {
        if let Some(association) = self.associations.remove(&number) {
            self.server.close(now, association.id);
        }
    }

    /// Ends every association with close_notify.
    pub(super) fn close_all(&mut self, now: Instant) {
        for (_, association) in self.associations.drain() {
            self.server.close(now, association.id);
        }
    }
}

/// The CoAP endpoint of an association.
pub(super) fn association_endpoint(listener: usize, id: AssociationId) -> CoapEndpoint {
    CoapEndpoint::Association { listener, number: id.number() }
}

/// How long to leave a socket alone that reports an error, lest a broken one takes the whole thread.
pub(super) const AFTER_SOCKET_ERROR: Duration = Duration::from_millis(10);
