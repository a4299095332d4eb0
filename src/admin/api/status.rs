//! What the daemon tells about itself: status, the result of a reload, the audit trail.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::timestamp::Timestamp;
use crate::bootstrap::outcome::Outcome;
use crate::counted::counted;

/// The daemon at one moment; counters begin at its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Path of its TOML file; none where it runs on an embedded one.
    pub config: Option<String>,
    /// When it started.
    pub started: Timestamp,
    /// Seconds since then.
    pub uptime_s: u64,
    /// Why it is not all it should be, one sentence each; empty when all is well.
    pub degraded: Vec<String>,
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// How much is defined.
    pub definitions: Definitions,
    /// Sessions that have not ended.
    pub running_sessions: usize,
    /// DTLS associations, those included on which nothing happens any more.
    pub associations: usize,
    /// DTLS handshakes proven since the start.
    pub handshakes_completed: u64,
    /// DTLS handshakes that failed since the start: an unknown identity, a wrong key, or a client that fell silent.
    pub handshakes_failed: u64,
    /// Clients that wait for their turn, and clients that bootstrap in a loop.
    pub admission: Admission,
    /// Whether new sessions are refused because the daemon is about to end.
    pub draining: bool,
    /// Sessions that ended, by outcome; outcomes that did not happen are left out.
    pub outcomes: Vec<OutcomeCount>,
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Datagrams dropped, by cause.
    pub drops: std::collections::BTreeMap<String, u64>,
}

/// Clients that wait for their turn, and clients that bootstrap in a loop; counters begin at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// Requests that wait now.
    pub waiting: usize,
    /// Requests that had to wait.
    pub queued: u64,
    /// Requests whose turn did not come while their client waited, or that found no place; it comes again.
    pub dropped_from_queue: u64,
    /// Requests that met silence because their client bootstraps in a loop.
    pub slowed_down: u64,
    /// Clients that bootstrap in a loop now.
    pub looping: usize,
    /// The worst of them, at most ten.
    pub worst: Vec<LoopingDevice>,
}

/// A device whose client bootstraps in a loop and is slowed down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopingDevice {
    /// Its endpoint name.
    pub endpoint: String,
    /// The client's address.
    pub remote: String,
    /// Sessions since the loop began.
    pub sessions: u32,
    /// When the first of them ended.
    pub since: Timestamp,
    /// When the last of them ended.
    pub last: Timestamp,
    /// Seconds for which its requests meet silence from now on.
    pub silence_s: u64,
    /// Requests that met silence.
    pub ignored: u64,
}

/// A socket that clients can reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// Address and port.
    pub address: String,
    /// `udp` or `tcp`.
    pub transport: String,
    /// `dtls` or `nosec`.
    pub security: String,
    /// The certificate by which it proves itself, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ServerCertificate>,
    /// Its DTLS, if it has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtls: Option<ListenerDtls>,
}

/// What the DTLS of a listener is doing; counters begin at the start. The settings have the names that they have in the
/// TOML file, and the values in force: what the file said at the last reload, or what is usual where it says nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerDtls {
    /// `openssl` or `native`.
    pub engine: String,
    /// Whether clients that ask are given a connection id (RFC 9146); never with OpenSSL.
    pub connection_ids: bool,
    /// Whether clients that do not offer the extended master secret (RFC 7627) are refused.
    pub require_extended_master_secret: bool,
    /// Whether clients may prove themselves by raw public keys (RFC 7250).
    pub raw_public_keys: bool,
    /// Seconds until a flight of a handshake is sent again for the first time.
    pub dtls_timeout: f64,
    /// Associations, those included on which nothing happens any more.
    pub associations: usize,
    /// Handshakes under way.
    pub handshakes: usize,
    /// Handshakes proven.
    pub handshakes_completed: u64,
    /// Handshakes that ended otherwise.
    pub handshakes_failed: u64,
    /// Handshakes and associations that had to make room for new ones because the listener had as many as it keeps: the
    /// oldest handshakes, and the associations on which nothing has happened for longest. Their clients begin anew. A
    /// number that grows says that more clients come than fit at one time, or that somebody opens handshakes and leaves
    /// them; the native engine keeps eight times as many associations as OpenSSL.
    pub evicted: u64,
    /// Datagrams that were garbage, or nobody's.
    pub datagrams_dropped: u64,
    /// Messages that were not sent to the new address of a client that has moved with its connection id, because too
    /// little was heard from there: at most six datagrams go there for each genuine one that came, so that a forged
    /// address draws no flood upon itself. What was withheld is sent again like what is lost. A number that grows says
    /// that clients fall silent where they have moved to, or that somebody sends their records on from elsewhere.
    pub withheld: u64,
}

/// The certificate of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCertificate {
    /// CN of its subject.
    pub subject: String,
    /// End of its validity.
    pub not_after: Timestamp,
    /// Whole days until then; negative once it is over.
    pub days_left: i64,
}

/// Numbers of definitions in force, of both origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions {
    /// Server accounts.
    pub servers: u64,
    /// Profiles.
    pub profiles: u64,
    /// Devices.
    pub devices: u64,
    /// Entries of the database in whose place the file stands.
    pub shadowed: u64,
}

/// How many sessions ended in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeCount {
    /// The way.
    pub outcome: Outcome,
    /// Sessions since the start.
    pub count: u64,
}

/// What a reload of the TOML file did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadSummary {
    /// Server accounts that the file now defines.
    pub servers: usize,
    /// Profiles that the file now defines.
    pub profiles: usize,
    /// Devices that the file now defines.
    pub devices: usize,
    /// What works but should be looked at, such as a setting that only a restart changes; one sentence each.
    pub warnings: Vec<String>,
}

/// What the log and `bootstrapctl reload` say of it.
impl fmt::Display for ReloadSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [servers, profiles, devices] =
            [(self.servers, "server account"), (self.profiles, "profile"), (self.devices, "device")]
                .map(|(number, noun)| counted(number as u64, noun));
        write!(formatter, "reloaded: the file defines {servers}, {profiles} and {devices}")
    }
}

/// One line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Number of the line; later lines have greater ones.
    pub id: i64,
    /// When.
    pub time: Timestamp,
    /// User id of the peer of the admin socket, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Which way the change came, such as `admin socket`.
    pub actor: String,
    /// `add`, `change`, `delete`, `reveal`, `rotate`, `block`, `unblock` or `forget`.
    pub verb: String,
    /// `server`, `profile` or `device`.
    pub kind: String,
    /// Name or endpoint.
    pub name: String,
    /// Names of the fields concerned; never their values.
    pub fields: Vec<String>,
    /// Why, where the operator said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
