//! How a listener speaks DTLS, and the bounds that go with each engine.
//!
//! RFC 7925, section 11 (slow networks). Knows no certificates, which a listener has beside this.

use std::time::Duration;

use crate::dtls::{Configuration, EngineKind};

/// How a listener speaks DTLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DtlsSettings {
    /// Which engine; it stays the same while the listener is open.
    pub engine: EngineKind,
    /// Whether clients are given connection ids where they ask.
    pub connection_ids: bool,
    /// Whether clients that do not offer the extended master secret are refused.
    pub require_extended_master_secret: bool,
    /// First wait before a flight of a handshake is sent again.
    pub initial_timeout: Duration,
}

impl Default for DtlsSettings {
    fn default() -> DtlsSettings {
        let Configuration { engine, connection_ids, require_extended_master_secret, initial_timeout, .. } =
            Configuration::default();
        let connection_ids = connection_ids.is_some();
        DtlsSettings { engine, connection_ids, require_extended_master_secret, initial_timeout }
    }
}

/// One driver serves all listeners as yet, so that connection ids lead to one shard.
const SHARD: u8 = 0;

/// Bounds of the native engine, whose associations take a thirtieth of the memory of OpenSSL's.
const NATIVE_HANDSHAKES: usize = 4_096;
const NATIVE_ASSOCIATIONS: usize = 16_384;

/// Bounds of the time for a handshake: on slow networks as long as it takes to send a flight three times.
const HANDSHAKE_AT_LEAST: Duration = Duration::from_secs(60);
const HANDSHAKE_AT_MOST: Duration = Duration::from_secs(180);

impl DtlsSettings {
    /// The configuration of a DTLS server without certificates.
    pub(super) fn configuration(&self) -> Configuration {
        let DtlsSettings { engine, connection_ids, require_extended_master_secret, initial_timeout } = *self;
        let usual = Configuration::default();
        let (max_handshakes, max_associations) = match engine {
            EngineKind::Native => (NATIVE_HANDSHAKES, NATIVE_ASSOCIATIONS),
            #[cfg(feature = "openssl")]
            EngineKind::OpenSsl => (usual.max_handshakes, usual.max_associations),
        };
        Configuration {
            engine,
            require_extended_master_secret,
            connection_ids: connection_ids.then_some(SHARD),
            initial_timeout,
            handshake_timeout: initial_timeout.saturating_mul(7).clamp(HANDSHAKE_AT_LEAST, HANDSHAKE_AT_MOST),
            max_handshakes,
            max_associations,
            ..usual
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::DtlsSettings;
    use crate::dtls::{Configuration, EngineKind};

    #[test]
    fn each_engine_has_bounds_that_fit_its_memory() {
        let bounds = |engine| {
            let Configuration { max_handshakes, max_associations, .. } =
                DtlsSettings { engine, ..DtlsSettings::default() }.configuration();
            (max_handshakes, max_associations)
        };
        assert_eq!(bounds(EngineKind::Native), (4_096, 16_384));
        #[cfg(feature = "openssl")]
        assert_eq!(bounds(EngineKind::OpenSsl), (1_024, 2_048));
    }

    #[test]
    fn what_the_operator_says_reaches_the_engine() {
        assert_eq!(DtlsSettings::default().configuration().engine, EngineKind::default());
        let configured = DtlsSettings {
            engine: EngineKind::Native,
            connection_ids: false,
            require_extended_master_secret: true,
            initial_timeout: Duration::from_secs(9),
        }
        .configuration();
        assert_eq!((configured.engine, configured.connection_ids), (EngineKind::Native, None));
        assert_eq!(
            (configured.require_extended_master_secret, configured.initial_timeout),
            (true, Duration::from_secs(9))
        );
        let with_ids = DtlsSettings { connection_ids: true, ..DtlsSettings::default() }.configuration();
        assert_eq!(with_ids.connection_ids, Some(0));
    }

    #[test]
    fn a_handshake_on_a_slow_network_may_take_three_transmissions_of_a_flight() {
        for (wait, limit) in [(0.1, 60.0), (1.0, 60.0), (9.0, 63.0), (20.0, 140.0), (60.0, 180.0)] {
            let initial_timeout = Duration::from_secs_f64(wait);
            let configured = DtlsSettings { initial_timeout, ..DtlsSettings::default() }.configuration();
            assert_eq!(configured.handshake_timeout, Duration::from_secs_f64(limit), "{wait}");
        }
    }
}
