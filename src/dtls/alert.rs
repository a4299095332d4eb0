//! What alerts are called (RFC 5246, section 7.2), and the one that turns a client away before an engine begins.
//!
//! Knows nothing of what becomes of a handshake.

use std::fmt;

#[cfg(feature = "dtls")]
use super::client_hello::ClientHello;
#[cfg(feature = "dtls")]
use super::record::{ContentType, clear_record};

/// What an alert says, by its number: AlertDescription of RFC 5246, section 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AlertDescription(pub u8);

impl AlertDescription {
    /// The sender ends in good order.
    pub const CLOSE_NOTIFY: AlertDescription = AlertDescription(0);

    /// Its name in the registry of alerts; none where it has none.
    fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            21 => "decryption_failed",
            22 => "record_overflow",
            30 => "decompression_failure",
            40 => "handshake_failure",
            41 => "no_certificate",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            60 => "export_restriction",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            111 => "certificate_unobtainable",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            114 => "bad_certificate_hash_value",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => return None,
        })
    }
}

impl fmt::Display for AlertDescription {
    /// Name and number.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(formatter, "{name} ({})", self.0),
            None => write!(formatter, "number {}", self.0),
        }
    }
}

/// protocol_version (RFC 5246, section 7.2.2).
#[cfg(feature = "dtls")]
pub(super) const PROTOCOL_VERSION: u8 = 70;

/// The datagram that answers a ClientHello with a fatal alert, in the clear and with the number of its record; `version`
/// is that of our record.
#[cfg(feature = "dtls")]
pub(super) fn refusal(hello: &ClientHello<'_>, version: [u8; 2], description: u8) -> Vec<u8> {
    /// AlertLevel fatal.
    const FATAL: u8 = 2;
    clear_record(ContentType::Alert, version, hello.record_sequence_number, &[FATAL, description])
}

#[cfg(test)]
mod tests {
    use super::AlertDescription;

    #[test]
    fn an_alert_is_shown_by_name_and_number() {
        let shown = [0, 48, 51, 115, 7].map(|number| AlertDescription(number).to_string());
        assert_eq!(
            shown,
            ["close_notify (0)", "unknown_ca (48)", "decrypt_error (51)", "unknown_psk_identity (115)", "number 7"]
        );
    }
}
