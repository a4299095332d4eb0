//! Alerts (RFC 5246, section 7.2), as far as this engine sends or minds them.

use crate::dtls::certificate::CertificateFault;

/// The level of an alert that ends what it is about.
pub(super) const FATAL: u8 = 2;

/// The level of close_notify and no_renegotiation.
const WARNING: u8 = 1;

/// What an alert says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alert {
    CloseNotify,
    HandshakeFailure,
    /// The client's certificate or raw public key is refused.
    Refused(CertificateFault),
    UnsupportedCertificate,
    IllegalParameter,
    DecodeError,
    DecryptError,
    NoRenegotiation,
}

impl Alert {
    /// Level and description.
    pub(super) fn bytes(self) -> [u8; 2] {
        match self {
            Alert::CloseNotify => [WARNING, CLOSE_NOTIFY],
            Alert::HandshakeFailure => [FATAL, 40],
            Alert::Refused(fault) => [FATAL, fault.alert()],
            Alert::UnsupportedCertificate => [FATAL, 43],
            Alert::IllegalParameter => [FATAL, 47],
            Alert::DecodeError => [FATAL, 50],
            Alert::DecryptError => [FATAL, 51],
            Alert::NoRenegotiation => [WARNING, 100],
        }
    }
}

/// The description of close_notify.
const CLOSE_NOTIFY: u8 = 0;

/// Whether an alert of the client's, in the clear once decrypted, ends what it is about; and whether in good order.
pub(super) fn end_of(content: &[u8]) -> Option<End> {
    match *content {
        [_, CLOSE_NOTIFY] => Some(End::InGoodOrder),
        [FATAL, _] => Some(End::Fatal),
        _ => None,
    }
}

/// How an alert ends an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By close_notify.
    InGoodOrder,
    /// By any fatal one.
    Fatal,
}
