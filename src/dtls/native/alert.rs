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
    BadCertificate,
    UnsupportedCertificate,
    CertificateExpired,
    IllegalParameter,
    UnknownCa,
    DecodeError,
    DecryptError,
    NoRenegotiation,
}

impl Alert {
    /// The alert for a client whose certificate or key is refused (RFC 5246, section 7.2.2). A raw public key that nobody
    /// has, and no certificate at all, meet handshake_failure: with it a client that is merely not on record yet comes
    /// again (spec sheet `objects.md`, section 9).
    pub(super) fn of(fault: CertificateFault) -> Alert {
        match fault {
            CertificateFault::Expired | CertificateFault::IssuerExpired => Alert::CertificateExpired,
            CertificateFault::SelfSigned
            | CertificateFault::UnknownIssuer
            | CertificateFault::IssuerNotAuthority
            | CertificateFault::PathTooLong
            | CertificateFault::ChainTooLong => Alert::UnknownCa,
            CertificateFault::NotForClients
            | CertificateFault::WrongKeyUsage
            | CertificateFault::UnsupportedKey
            | CertificateFault::NotEvaluated => Alert::UnsupportedCertificate,
            CertificateFault::NoCertificate | CertificateFault::UnknownRawPublicKey => Alert::HandshakeFailure,
            CertificateFault::Malformed
            | CertificateFault::BadSignature
            | CertificateFault::NotYetValid
            | CertificateFault::IssuerNotYetValid
            | CertificateFault::WeakKey
            | CertificateFault::NameNotPermitted
            | CertificateFault::Unacceptable => Alert::BadCertificate,
        }
    }

    /// Level and description.
    pub(super) fn bytes(self) -> [u8; 2] {
        match self {
            Alert::CloseNotify => [WARNING, CLOSE_NOTIFY],
            Alert::HandshakeFailure => [FATAL, 40],
            Alert::BadCertificate => [FATAL, 42],
            Alert::UnsupportedCertificate => [FATAL, 43],
            Alert::CertificateExpired => [FATAL, 45],
            Alert::IllegalParameter => [FATAL, 47],
            Alert::UnknownCa => [FATAL, 48],
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
