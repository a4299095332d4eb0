//! Why a handshake failed, read out of what OpenSSL reports.
//!
//! It must not know what becomes of the handshake.

use std::ffi::c_int;

use openssl::error::ErrorStack;

use crate::dtls::AlertDescription;

/// Why a handshake cannot succeed any more, as far as it matters to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dtls) enum Breakdown {
    /// The ClientHello and the configuration have no suite in common, or no group or signature algorithm for one.
    NoCommonSuite,
    /// The signature in CertificateVerify is not by the key that the client offered.
    WrongSignature,
    /// The client has given up, and says why.
    ClientAlert(AlertDescription),
    /// Anything else.
    Other,
}

/// ERR_LIB_SSL of err.h, and of its reasons SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_BAD_SIGNATURE,
/// SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS and SSL_R_NO_SHARED_GROUPS of sslerr.h.
const SSL_LIBRARY: c_int = 20;
const NO_SUITABLE_SIGNATURE_ALGORITHM: c_int = 118;
const BAD_SIGNATURE: c_int = 123;
const NO_SHARED_CIPHER: c_int = 193;
const NO_SHARED_SIGNATURE_ALGORITHMS: c_int = 376;
const NO_SHARED_GROUPS: c_int = 410;

/// SSL_AD_REASON_OFFSET of ssl.h: an alert of the client's is reported as this and its number.
const ALERTS: c_int = 1000;

/// What OpenSSL's error says.
pub(super) fn breakdown_of(error: &openssl::ssl::Error) -> Breakdown {
    let errors = error.ssl_error().map_or(&[][..], ErrorStack::errors);
    // Other parts of OpenSSL say first what they saw, in numbers of their own.
    let reasons = errors.iter().filter(|error| error.library_code() == SSL_LIBRARY).map(|error| error.reason_code());
    let mut known = reasons.filter_map(|reason| match reason {
        NO_SHARED_CIPHER | NO_SHARED_GROUPS | NO_SHARED_SIGNATURE_ALGORITHMS | NO_SUITABLE_SIGNATURE_ALGORITHM => {
            Some(Breakdown::NoCommonSuite)
        }
        BAD_SIGNATURE => Some(Breakdown::WrongSignature),
        _ => u8::try_from(reason - ALERTS).ok().map(AlertDescription).map(Breakdown::ClientAlert),
    });
    known.next_back().unwrap_or(Breakdown::Other)
}
