//! DTLS 1.2 with pre-shared keys, certificates and raw public keys: datagrams in, datagrams and application data out.
//!
//! | File | What it is for |
//! |---|---|
//! | [`record`], [`client_hello`] | strict parsers of what the network may send before anything is proven |
//! | [`cookie`] | the stateless cookie exchange in front of every engine (RFC 6347, section 4.2.1) |
//! | [`gate`] | what of a client's second flight reaches an engine, and when |
//! | [`certificate`] | what clients without a pre-shared key offer, and what may be wrong with it |
//! | `key_types` | certificates or raw public keys: what suits both sides |
//! | `alert` | what alerts are called |
//! | `missing` | what a client lacks that was turned away |
//! | `suites` | the cipher suites, as the registry and the engine know them |
//! | `server`, `table` | the associations of one listener: what arrives, and what is kept within bounds |
//! | `association` | the engines' seam: one handshake, then one association |
//! | `openssl` | the first engine (cargo feature `openssl`) |
//! | `native` | the engine of our own (cargo feature `dtls`) |
//!
//! Nothing outside this room may know which engine runs, and nothing in it knows CoAP, LwM2M or sockets. It is
//! sans-IO: time and randomness come in as arguments. `openssl` is the one exemption, because OpenSSL reads the clock
//! for its retransmissions and draws its own randomness: a jump of the clock may cost a handshake, never an
//! association.
//!
//! Without the cargo feature `dtls` only the parsers, the cookie and the gate are built, which is what the fuzz
//! targets need.

mod alert;
pub mod certificate;
pub mod client_hello;
pub mod cookie;
pub mod gate;
pub mod record;

#[cfg(feature = "dtls")]
mod association;
mod client_flight;
#[cfg(feature = "dtls")]
mod error;
#[cfg(feature = "dtls")]
mod key_types;
mod missing;
#[cfg(feature = "dtls")]
mod native;
#[cfg(feature = "openssl")]
mod openssl;
#[cfg(feature = "dtls")]
mod server;
mod suites;
#[cfg(feature = "dtls")]
mod table;
// The same tests for either engine; `tests::ENGINE` tells them which it is.
#[cfg(all(test, feature = "openssl"))]
#[allow(clippy::duplicate_mod)]
#[path = "tests/mod.rs"]
mod native_tests;
#[cfg(all(test, feature = "openssl"))]
#[allow(clippy::duplicate_mod)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use self::alert::AlertDescription;
pub use self::certificate::{CertificateFault, Identity, Offered, Verdict};
#[cfg(feature = "dtls")]
pub use self::error::EngineError;
pub use self::missing::{Missing, OtherSuites};
#[cfg(feature = "dtls")]
pub use self::server::Server;
pub use self::suites::CipherSuite;
use crate::peer::Peer;
use crate::route::Route;

/// Names one handshake and the association that comes of it. Never reused while the [`Server`] lives, so an id
/// that is kept too long names nothing rather than somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssociationId(u64);

impl AssociationId {
    /// Its number, for whoever must tell associations apart without knowing DTLS.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AssociationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What the server wants done, in order.
///
/// An association that was named in an [`Output::NeedPsk`], [`Output::NeedClientKey`] or [`Output::Established`] is
/// named in exactly one [`Output::Closed`] later, unless the caller itself ended it by [`Server::close`]. A handshake that
/// ended before anything had to be looked up is closed likewise, but for one whose client merely fell silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send one datagram.
    Datagram {
        /// Where to, and from which of our addresses.
        route: Route,
        /// The datagram, whole.
        bytes: Vec<u8>,
    },
    /// The client claims this PSK identity: look its key up and answer by [`Server::handle_psk`]. Nothing is proven.
    NeedPsk {
        /// The handshake that waits.
        association: AssociationId,
        /// Where the client is.
        route: Route,
        /// Raw bytes, at most [`gate::IDENTITY_MAX`] of them.
        identity: Vec<u8>,
    },
    /// The client offers a certificate or a raw public key: look it up and answer by [`Server::handle_client_key`].
    /// Nothing is proven.
    NeedClientKey {
        /// The handshake that waits.
        association: AssociationId,
        /// Where the client is.
        route: Route,
        /// What it offers.
        offered: Offered,
    },
    /// The client proved that it holds the key.
    Established {
        /// The association.
        association: AssociationId,
        /// Where it lives.
        route: Route,
        /// Who proved to be there.
        peer: Peer,
    },
    /// One record of application data: for CoAP one message.
    ApplicationData {
        /// Where it came from.
        association: AssociationId,
        /// The plaintext.
        bytes: Vec<u8>,
    },
    /// The client of an association with connection ids speaks from another address now, and is answered there.
    Moved {
        /// The association.
        association: AssociationId,
        /// Where it lives now.
        route: Route,
    },
    /// The handshake or association is over and forgotten.
    Closed {
        /// Which one.
        association: AssociationId,
        /// Where the client was.
        route: Route,
        /// Why.
        reason: CloseReason,
    },
}

/// Why a handshake or an association ended. The first nine end handshakes, the next five associations, and the last either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The handshake broke on a message that the engine refused, with an alert.
    HandshakeFailed,
    /// The client has given up, and said so by this fatal alert or close_notify. One that came in the clear may be
    /// anybody's: with the native engine it ends nothing, and is the reason where the handshake then got no further.
    ClientAlert(AlertDescription),
    /// The client speaks DTLS 1.0 and nothing newer; it got protocol_version.
    NoCommonVersion,
    /// The client tried and did not prove that it holds the key: a wrong key or, with pre-shared keys, an unknown
    /// identity (both look alike).
    KeyMismatch,
    /// What the client offered was refused, with an alert.
    CertificateRefused(CertificateFault),
    /// The client offers no suite that is served, or no group or signature algorithm for one; it got handshake_failure.
    NoCommonSuite(Missing),
    /// The client and the server prove themselves by different types of keys, as RFC 7250 has it: the one by raw public
    /// keys, the other by certificates. It got unsupported_certificate.
    NoCommonKeyType,
    /// The client does not offer the extended master secret, which [`Configuration::require_extended_master_secret`]
    /// demands; it got handshake_failure.
    NoExtendedMasterSecret,
    /// The client fell silent during the handshake, or began another one.
    HandshakeAbandoned,
    /// The client sent close_notify.
    CloseNotify,
    /// The client sent a fatal alert, or the engine broke down on what an authenticated client sent.
    Broken,
    /// A newer handshake from the same address and port was proven (RFC 6347, section 4.2.8).
    Replaced,
    /// Nothing was heard for [`Configuration::idle_timeout`].
    Idle,
    /// [`Configuration::linger`] is over.
    Lingered,
    /// Evicted to make room.
    Evicted,
}

impl CloseReason {
    /// Whether nothing is known but that the client went on no more. Of one that had claimed nothing that is not told: it
    /// is anybody who can be reached at an address.
    #[cfg(feature = "dtls")]
    fn is_silence(self) -> bool {
        self == CloseReason::HandshakeAbandoned
    }
}

/// Which engine runs handshakes and associations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// OpenSSL: also CBC suites, P-384 and X25519; no connection ids.
    #[cfg(feature = "openssl")]
    #[default]
    OpenSsl,
    /// The engine of our own: less memory and time for each association, connection ids, and the clock of whoever drives
    /// it.
    #[cfg_attr(not(feature = "openssl"), default)]
    Native,
}

impl fmt::Display for EngineKind {
    /// As operators call it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            #[cfg(feature = "openssl")]
            EngineKind::OpenSsl => "openssl",
            EngineKind::Native => "native",
        })
    }
}

/// How a [`Server`] behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Which engine. Default: OpenSSL, where the cargo feature `openssl` is on.
    pub engine: EngineKind,
    /// What is offered, best first; without an `identity` only what takes pre-shared keys, and with the native engine
    /// nothing with CBC. Default: all eight, those with pre-shared keys first, because a client offers them only where it
    /// has a key, while many offer the others whether they have a certificate or not; among either CCM_8 first (LwM2M
    /// Transport 1.2, section 5.2.8).
    pub suites: Vec<CipherSuite>,
    /// What the server proves itself with; none: pre-shared keys only. Default: none.
    pub identity: Option<Identity>,
    /// Certificates in DER that clients' chains may lead to, roots or not. Without any, only pinned certificates are
    /// accepted. Default: none.
    pub trust_anchors: Vec<Vec<u8>>,
    /// Whether clients may use raw public keys in place of certificates (RFC 7250), both ways. Default: no.
    pub raw_public_keys: bool,
    /// Whether clients that do not offer the extended master secret (RFC 7627) are refused. Default: no, because clients
    /// on old versions of tinydtls and node-dtls-client lack it.
    pub require_extended_master_secret: bool,
    /// Whether clients are given connection ids where they ask (RFC 9146), and the number of the shard that each id
    /// begins with. OpenSSL has none, whatever stands here. Default: shard 0.
    pub connection_ids: Option<u8>,
    /// When a flight is sent again for the first time; doubled each time, up to 60 s (RFC 6347, section 4.2.4.1; RFC
    /// 7925, section 11 recommends 9 s for slow networks). Default: 1 s. OpenSSL measures it by a clock of its own.
    pub initial_timeout: Duration,
    /// Largest datagram of a handshake, in bytes of UDP payload. Default: 1232 (1280 less IPv6 and UDP headers).
    pub mtu: u16,
    /// How long an association is kept after [`Server::linger`]. Default: 30 s.
    pub linger: Duration,
    /// How long an association lives without a word from the client. Default: 300 s.
    pub idle_timeout: Duration,
    /// How long a handshake may take after its cookie. Default: 60 s.
    pub handshake_timeout: Duration,
    /// Bound on established associations. Default: 2,048 (about 70 KB each with OpenSSL).
    pub max_associations: usize,
    /// Bound on handshakes under way. Default: 1,024.
    pub max_handshakes: usize,
}

impl Default for Configuration {
    fn default() -> Configuration {
        Configuration {
            engine: EngineKind::default(),
            suites: CipherSuite::ALL.to_vec(),
            identity: None,
            trust_anchors: Vec::new(),
            raw_public_keys: false,
            require_extended_master_secret: false,
            connection_ids: Some(0),
            initial_timeout: Duration::from_secs(1),
            mtu: 1232,
            linger: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(300),
            handshake_timeout: Duration::from_secs(60),
            max_associations: 2_048,
            max_handshakes: 1_024,
        }
    }
}

/// Figures of a [`Server`]: two gauges, then counters since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Established associations, lingering ones included.
    pub associations: usize,
    /// Handshakes under way.
    pub handshakes: usize,
    /// HelloVerifyRequests sent.
    pub cookies_sent: u64,
    /// Handshakes begun, each after a valid cookie.
    pub handshakes_started: u64,
    /// Handshakes proven.
    pub handshakes_completed: u64,
    /// Handshakes that ended otherwise.
    pub handshakes_failed: u64,
    /// Handshakes and associations evicted to make room.
    pub evicted: u64,
    /// Datagrams that were dropped as a whole: garbage, or nobody's.
    pub datagrams_dropped: u64,
    /// Messages that were not sent to the new address of a client that has moved, because too little was heard from there.
    pub withheld: u64,
}
