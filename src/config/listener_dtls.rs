//! `engine`, `connection_ids`, `require_extended_master_secret` and `dtls_timeout` of `[[listen]]`: who speaks DTLS with
//! clients, and how.
//!
//! RFC 6347, section 4.2.4.1 and RFC 7925, section 11 (timers), RFC 7627 (extended master secret), RFC 9146 (connection
//! ids). Knows which engines this build has and what each cannot do, and nothing of DTLS itself.

use std::time::Duration;

use serde::Deserialize;

use super::listener::ListenerSecurity;
use crate::provision::Problem;

/// First wait before a flight of the handshake is sent again, in seconds (RFC 6347, section 4.2.4.1).
const TIMEOUT_SECONDS: f64 = 1.0;

/// Bounds of that wait, in seconds; the upper one is where doubling ends (the same section).
const TIMEOUT_BOUNDS: std::ops::RangeInclusive<f64> = 0.1..=60.0;

/// Which implementation of DTLS serves a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtlsEngine {
    /// OpenSSL; a file that names it is refused by a build without it.
    OpenSsl,
    /// The engine of our own.
    Native,
}

impl Default for DtlsEngine {
    /// OpenSSL in builds that have it.
    fn default() -> DtlsEngine {
        if cfg!(feature = "openssl") { DtlsEngine::OpenSsl } else { DtlsEngine::Native }
    }
}

/// How a listener speaks DTLS; means nothing without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerDtls {
    /// Who does it.
    pub engine: DtlsEngine,
    /// Whether clients are given connection ids where they ask for one; never with OpenSSL, which has none.
    pub connection_ids: bool,
    /// Whether clients that do not offer the extended master secret are refused; never with OpenSSL, which cannot.
    pub require_extended_master_secret: bool,
    /// First wait before a flight of a handshake is sent again; doubled each time.
    pub timeout: Duration,
}

impl Default for ListenerDtls {
    fn default() -> ListenerDtls {
        let engine = DtlsEngine::default();
        ListenerDtls {
            engine,
            connection_ids: engine == DtlsEngine::Native,
            require_extended_master_secret: false,
            timeout: Duration::from_secs_f64(TIMEOUT_SECONDS),
        }
    }
}

/// The keys of `[[listen]]` that this is about, as far as the file has them.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) security: ListenerSecurity,
    pub(super) engine: Option<DtlsEngine>,
    pub(super) connection_ids: Option<bool>,
    pub(super) require_extended_master_secret: Option<bool>,
    pub(super) dtls_timeout: Option<f64>,
}

impl Fields {
    /// What holds, and what is wrong with it.
    pub(super) fn check(self, problems: &mut Vec<Problem>) -> ListenerDtls {
        if self.security == ListenerSecurity::NoSec {
            self.refuse_without_dtls(problems);
            return ListenerDtls::default();
        }
        let engine = self.engine.unwrap_or_default();
        if engine == DtlsEngine::OpenSsl && !cfg!(feature = "openssl") {
            let message = "this build of bootstrapd has no OpenSSL: write `engine = \"native\"` or leave `engine` out, or \
                           build with the cargo feature `openssl`";
            problems.push(Problem::error("engine", message));
        }
        let is_native = engine == DtlsEngine::Native;
        if self.connection_ids == Some(true) && !is_native {
            let message = "OpenSSL has no connection ids, and clients that ask for one are served without: for connection \
                           ids write `engine = \"native\"`";
            problems.push(Problem::warning("connection_ids", message));
        }
        let require_extended_master_secret = self.require_extended_master_secret.unwrap_or_default();
        if require_extended_master_secret && !is_native {
            let message = "OpenSSL uses the extended master secret where clients offer it, and cannot demand it: write \
                           `engine = \"native\"`, or remove `require_extended_master_secret`";
            problems.push(Problem::error("require_extended_master_secret", message).following_from(&["engine"]));
        }
        ListenerDtls {
            engine,
            connection_ids: is_native && self.connection_ids.unwrap_or(true),
            require_extended_master_secret,
            timeout: self.checked_timeout(problems),
        }
    }

    fn refuse_without_dtls(self, problems: &mut Vec<Problem>) {
        let given = [
            ("engine", self.engine.is_some()),
            ("connection_ids", self.connection_ids.is_some()),
            ("require_extended_master_secret", self.require_extended_master_secret.is_some()),
            ("dtls_timeout", self.dtls_timeout.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            let message = format!("`{field}` belongs to listeners with `security = \"dtls\"`: remove it");
            problems.push(Problem::error(field, message).following_from(&["security"]));
        }
    }

    fn checked_timeout(self, problems: &mut Vec<Problem>) -> Duration {
        const FIELD: &str = "dtls_timeout";
        let seconds = self.dtls_timeout.unwrap_or(TIMEOUT_SECONDS);
        if !TIMEOUT_BOUNDS.contains(&seconds) {
            let message = "`dtls_timeout` must be from 0.1 to 60 seconds; 1 where left out, and 9 for slow networks (RFC \
                           7925 section 11)";
            problems.push(Problem::error(FIELD, message));
            return Duration::ZERO; // never used: the file is refused
        }
        if seconds < TIMEOUT_SECONDS {
            let message = "less than 1 second repeats flights that are only slow (RFC 6347 section 4.2.4.1)";
            problems.push(Problem::warning(FIELD, message));
        }
        Duration::from_secs_f64(seconds)
    }
}
