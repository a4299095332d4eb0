//! `Failure`: why a simulated client got nothing, as a sentence for the operator and as a cause to count.
//!
//! One list for the sans-IO core and the shell. It knows no socket and no OpenSSL type.

use std::time::Duration;

/// Why a bootstrap did not come to a good end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The endpoint client name has no place in a CoAP option (RFC 7252 section 5.10: at most 255 bytes).
    #[error("an endpoint client name of {0} bytes does not fit into a Bootstrap-Request, which takes 252")]
    EndpointTooLong(usize),
    /// The server answered the Bootstrap-Request with an error.
    #[error("the server refused the Bootstrap-Request with {code}{}", spoken(.diagnostic))]
    Refused {
        /// CoAP code such as `4.00`.
        code: String,
        /// The diagnostic payload, if there was one.
        diagnostic: Option<String>,
    },
    /// Nothing ever came back.
    #[error("no answer to the Bootstrap-Request, which was sent {transmissions} times within {} s", .waited.as_secs())]
    Unanswered {
        /// How often the request was sent.
        transmissions: u32,
        /// From the first transmission to giving up.
        waited: Duration,
    },
    /// The server answered the Bootstrap-Request with Reset.
    #[error("the server answered the Bootstrap-Request with Reset: it does not take requests from this address")]
    Reset,
    /// The server accepted the request and fell silent before Finish.
    #[error("the server fell silent after {last}; no Bootstrap-Finish came within {} s", .waited.as_secs())]
    TimedOut {
        /// The last operation that was answered, or that none came.
        last: String,
        /// From the first datagram to giving up.
        waited: Duration,
    },
    /// The client refused an operation and the server did not go on.
    #[error("the client refused {operation} with {code} ({reason}), and the server did not go on")]
    Abandoned {
        /// The operation, such as `Bootstrap-Write /0/1`.
        operation: String,
        /// The client's own answer, such as `4.15`.
        code: String,
        /// What the client found wrong.
        reason: String,
    },
    /// The client refused Finish, because what it was given does not fit together.
    #[error("the client refused Bootstrap-Finish with 4.06, because what it was given is inconsistent: {reason}")]
    Inconsistent {
        /// What is missing or contradictory.
        reason: String,
    },
    /// Finish was answered with 2.04, and what the client holds is of no use to it.
    #[error("the client answered Bootstrap-Finish with 2.04 and cannot work with what it was given: {reason}")]
    Unusable {
        /// What is missing.
        reason: String,
    },
    /// An operation came before the 2.04, and the client takes that for the end.
    #[error("{operation} came before the answer to the Bootstrap-Request, which ends the bootstrap of this client")]
    Overtaken {
        /// The operation, such as `Bootstrap-Write /0/1`.
        operation: String,
    },
    /// The name of the host means nothing here.
    #[error("cannot find the address of {host}: {reason}")]
    UnknownHost {
        /// The host as it was given.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// No socket, or no way to the server.
    #[error("cannot reach {target}: {reason}")]
    Unreachable {
        /// Address and port of the server.
        target: String,
        /// What the operating system said.
        reason: String,
    },
    /// The server's host says that nobody listens there (ICMP port unreachable).
    #[error("nobody listens at {target}")]
    NobodyListens {
        /// Address and port of the server.
        target: String,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {reason}")]
    NoRandomness {
        /// What it said.
        reason: String,
    },
    /// A secure target without credentials, or credentials that DTLS cannot carry.
    #[error("{0}")]
    UnusableCredentials(&'static str),
    /// A secure target for a build without the cargo feature `openssl`.
    #[error(
        "this build has no DTLS client, which takes OpenSSL: build with the cargo feature `openssl`, or give coap:// or \
         coap+tcp://"
    )]
    NoDtlsClient,
    /// No handshake message ever came back.
    #[error("no answer to the DTLS handshake within {} s", .waited.as_secs())]
    HandshakeUnanswered {
        /// From the first ClientHello to giving up.
        waited: Duration,
    },
    /// The server took part in the handshake until the key was used, and then fell silent.
    #[error(
        "the DTLS handshake stopped when the key was used: the PSK identity is unknown to the server, or the key is wrong"
    )]
    KeyRejected,
    /// The server ended the handshake with an alert, or the handshake broke.
    #[error("the DTLS handshake failed: {reason}")]
    HandshakeRefused {
        /// The alert or what OpenSSL said.
        reason: String,
    },
    /// The server closed the association before Finish.
    #[error("the server closed the DTLS association before Bootstrap-Finish")]
    AssociationClosed,
    /// The TCP connection ended before Finish.
    #[error("the connection ended before Bootstrap-Finish: {reason}")]
    ConnectionClosed {
        /// Who ended it, and why.
        reason: String,
    },
}

impl Failure {
    /// A short name to count failures by; a closed list.
    pub fn cause(&self) -> &'static str {
        match self {
            Failure::EndpointTooLong(_) => "endpoint_too_long",
            Failure::Refused { .. } => "refused",
            Failure::Unanswered { .. } => "unanswered",
            Failure::Reset => "reset",
            Failure::TimedOut { .. } => "timed_out",
            Failure::Abandoned { .. } => "abandoned",
            Failure::Inconsistent { .. } => "inconsistent",
            Failure::Unusable { .. } => "unusable",
            Failure::Overtaken { .. } => "overtaken",
            Failure::UnknownHost { .. } => "unknown_host",
            Failure::Unreachable { .. } => "unreachable",
            Failure::NobodyListens { .. } => "nobody_listens",
            Failure::NoRandomness { .. } => "no_randomness",
            Failure::UnusableCredentials(_) => "unusable_credentials",
            Failure::NoDtlsClient => "no_dtls_client",
            Failure::HandshakeUnanswered { .. } => "handshake_unanswered",
            Failure::KeyRejected => "key_rejected",
            Failure::HandshakeRefused { .. } => "handshake_refused",
            Failure::AssociationClosed => "association_closed",
            Failure::ConnectionClosed { .. } => "connection_closed",
        }
    }
}

/// The diagnostic payload as the tail of a sentence. It comes from the network, so control characters stay out.
fn spoken(diagnostic: &Option<String>) -> String {
    match diagnostic {
        Some(text) => format!(": \"{}\"", text.escape_debug()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn a_diagnostic_payload_cannot_draw_on_the_terminal() {
        let failure = Failure::Refused { code: "4.00".into(), diagnostic: Some("no\u{1b}[31m".into()) };
        assert_eq!(failure.to_string(), r#"the server refused the Bootstrap-Request with 4.00: "no\u{1b}[31m""#);
    }
}
