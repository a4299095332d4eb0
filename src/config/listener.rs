//! `[[listen]]`: where clients reach us, and how.
//!
//! CoAP timing: RFC 7252 section 4.8. NoSec: a listener is unprotected only where the file says so in so many words.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::listener_certificates::{self, ListenerCertificates};
use super::listener_dtls::{self, DtlsEngine, ListenerDtls};
use crate::provision::material::CertificateName;
use crate::provision::{Problem, Transport, timing};

/// One socket for clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// Address and port; port 0 lets the system choose.
    pub bind: SocketAddr,
    /// What protects what travels.
    pub security: ListenerSecurity,
    /// What carries CoAP; TCP without protection only in this version.
    pub transport: Transport,
    /// What becomes of clients that no device stands for.
    pub unknown: UnknownClients,
    /// Whether keys may be written to clients without protection; NoSec listeners only.
    pub insecure_secrets: bool,
    /// Shortest wait for an answer before a request is sent again (ACK_TIMEOUT).
    pub ack_timeout: Duration,
    /// The first wait is up to this many times longer, by chance (ACK_RANDOM_FACTOR); at least 1.
    pub ack_random_factor: f64,
    /// How often a request is sent again (MAX_RETRANSMIT), as often as fits into the time that clients wait.
    pub max_retransmit: u32,
    /// What certificates and raw public keys take; DTLS listeners only.
    pub certificates: ListenerCertificates,
    /// How DTLS is spoken; DTLS listeners only.
    pub dtls: ListenerDtls,
}

/// What protects a listener's datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListenerSecurity {
    /// Nothing.
    NoSec,
    /// DTLS.
    #[default]
    Dtls,
}

/// What becomes of clients that no device stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UnknownClients {
    /// They are refused.
    #[default]
    Refuse,
    /// They are held in the inbox until an operator approves them, and meet silence meanwhile.
    Pending,
    /// They are given a profile.
    Accept {
        /// Its name.
        profile: String,
    },
}

/// What the file says of a listener.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListenDefinition {
    bind: Option<String>,
    pub(super) security: ListenerSecurity,
    transport: Transport,
    unknown: Option<String>,
    profile: Option<String>,
    insecure_secrets: bool,
    ack_timeout: Option<f64>,
    ack_random_factor: Option<f64>,
    max_retransmit: Option<u32>,
    certificate: Option<String>,
    key: Option<String>,
    trust_anchors: Option<Vec<String>>,
    raw_public_keys: bool,
    endpoint_name: Option<CertificateName>,
    engine: Option<DtlsEngine>,
    connection_ids: Option<bool>,
    require_extended_master_secret: Option<bool>,
    dtls_timeout: Option<f64>,
}

impl ListenDefinition {
    /// The listener, if its address is one, and everything that is wrong with it; the files that it names are relative to
    /// `base_dir`, and `now` is in seconds since 1970.
    pub(super) fn check(&self, base_dir: &Path, now: Option<u64>) -> (Option<Listener>, Vec<Problem>) {
        let mut problems = Vec::new();
        let bind = self.address().map_err(|problem| problems.push(problem)).ok();
        if self.transport == Transport::Tcp && self.security == ListenerSecurity::Dtls {
            let message = "TLS is not supported in this version: with `transport = \"tcp\"` write \
                           `security = \"nosec\"`, or use `transport = \"udp\"` with DTLS";
            problems.push(Problem::error("transport", message).following_from(&["security"]));
        }
        problems.extend(self.check_unknown());
        self.check_security(&mut problems);
        let ack_timeout = self.checked_ack_timeout(&mut problems);
        let ack_random_factor = self.ack_random_factor.unwrap_or(timing::RANDOM_FACTOR);
        if !(1.0..=10.0).contains(&ack_random_factor) {
            problems.push(Problem::error(
                "ack_random_factor",
                "`ack_random_factor` must be from 1.0 to 10.0 (RFC 7252 section 4.8.1 forbids less); 1.5 where left out",
            ));
        }
        let max_retransmit = self.checked_max_retransmit(&mut problems);
        let dtls = self.dtls_fields().check(&mut problems);
        let certificates = listener_certificates::load(&self.certificate_fields(), base_dir, now, &mut problems);
        let listener = bind.map(|bind| Listener {
            bind,
            security: self.security,
            transport: self.transport,
            unknown: self.unknown_clients(),
            insecure_secrets: self.insecure_secrets,
            ack_timeout,
            ack_random_factor,
            max_retransmit,
            certificates,
            dtls,
        });
        (listener, problems)
    }

    fn dtls_fields(&self) -> listener_dtls::Fields {
        listener_dtls::Fields {
            security: self.security,
            engine: self.engine,
            connection_ids: self.connection_ids,
            require_extended_master_secret: self.require_extended_master_secret,
            dtls_timeout: self.dtls_timeout,
        }
    }

    fn certificate_fields(&self) -> listener_certificates::Fields<'_> {
        listener_certificates::Fields {
            security: self.security,
            certificate: self.certificate.as_deref(),
            key: self.key.as_deref(),
            trust_anchors: self.trust_anchors.as_deref(),
            raw_public_keys: self.raw_public_keys,
            endpoint_name: self.endpoint_name,
            engine: self.engine.unwrap_or_default(),
        }
    }

    fn address(&self) -> Result<SocketAddr, Problem> {
        let Some(text) = &self.bind else {
            return Err(Problem::error("bind", "`bind` is missing: give address and port, such as `\"[::]:5684\"`"));
        };
        text.parse().map_err(|_| {
            Problem::error(
                "bind",
                "not an IP address with a port: write such as `\"[::]:5684\"` or `\"192.0.2.1:5684\"`",
            )
        })
    }

    /// The profile that is named for clients which are accepted.
    pub(super) fn profile_of_accepted(&self) -> Option<&str> {
        self.profile.as_deref().filter(|_| self.unknown.as_deref() == Some("accept"))
    }

    fn unknown_clients(&self) -> UnknownClients {
        match (self.unknown.as_deref(), &self.profile) {
            (Some("pending"), _) => UnknownClients::Pending,
            (Some("accept"), Some(profile)) => UnknownClients::Accept { profile: profile.clone() },
            _ => UnknownClients::Refuse,
        }
    }

    fn check_unknown(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let unknown = self.unknown.as_deref().unwrap_or("refuse");
        match unknown {
            "refuse" => {}
            "pending" | "accept" if self.security == ListenerSecurity::Dtls && self.trust_anchors.is_none() => {
                problems.push(
                    Problem::error(
                        "unknown",
                        format!(
                            "`{unknown}` works on listeners with `security = \"nosec\"` or `trust_anchors` only: over \
                             DTLS a client that no device stands for has nothing else to prove itself with, and gets no \
                             further"
                        ),
                    )
                    .following_from(&["security", "trust_anchors"]),
                );
            }
            "pending" => {}
            "accept" => {
                let who = match self.security {
                    ListenerSecurity::NoSec => {
                        "that can reach this listener is given the profile, whatever it calls itself"
                    }
                    ListenerSecurity::Dtls => "with a certificate of these trust anchors is given the profile",
                };
                problems.push(Problem::warning("unknown", format!("every client {who}")));
                if self.profile.is_none() {
                    let message = "`profile` is missing: name the profile that unknown clients are given";
                    problems.push(Problem::error("profile", message));
                }
            }
            _ => problems.push(Problem::error("unknown", "`unknown` must be `refuse`, `pending` or `accept`")),
        }
        let message = match self.profile.as_deref() {
            Some(_) if unknown != "accept" => "`profile` belongs to listeners with `unknown = \"accept\"`: remove it",
            Some(name) if name.contains("${") => "`${` starts an expression, and names hold none: write it out",
            _ => return problems,
        };
        problems.push(Problem::error("profile", message).following_from(&["unknown"]));
        problems
    }

    fn check_security(&self, problems: &mut Vec<Problem>) {
        match (self.security, self.insecure_secrets) {
            (ListenerSecurity::Dtls, false) => {}
            (ListenerSecurity::Dtls, true) => problems.push(
                Problem::error(
                    "insecure_secrets",
                    "`insecure_secrets` belongs to listeners with `security = \"nosec\"`: remove it",
                )
                .following_from(&["security"]),
            ),
            (ListenerSecurity::NoSec, insecure_secrets) => {
                problems.push(Problem::warning(
                    "security",
                    "this listener is not protected: who is on the way can read and change what clients are given",
                ));
                if insecure_secrets {
                    problems.push(Problem::warning(
                        "insecure_secrets",
                        "keys will be written to clients without protection: use this in a laboratory only",
                    ));
                }
            }
        }
    }

    /// As often as is said, if that fits; else as often as fits, up to the default.
    fn checked_max_retransmit(&self, problems: &mut Vec<Problem>) -> u32 {
        if self.max_retransmit.is_some_and(|count| count > 10) {
            problems.push(Problem::error(
                "max_retransmit",
                "`max_retransmit` must be at most 10: each one doubles the wait; 4 where left out",
            ));
            return timing::MAX_RETRANSMIT; // never used: the file is refused
        }
        let ack_timeout = self.ack_timeout.unwrap_or(timing::ACK_TIMEOUT_SECONDS);
        let random_factor = self.ack_random_factor.unwrap_or(timing::RANDOM_FACTOR);
        let most = timing::most_retransmissions(ack_timeout, random_factor).unwrap_or(0);
        let max_retransmit = self.max_retransmit.unwrap_or(timing::MAX_RETRANSMIT.min(most));
        // Each by itself has been complained of where it is out of bounds.
        let is_sound = (0.1..=60.0).contains(&ack_timeout) && (1.0..=10.0).contains(&random_factor);
        if is_sound && let Some(message) = timing::misfit(ack_timeout, random_factor, max_retransmit) {
            let field = if self.max_retransmit.is_some() { "max_retransmit" } else { "ack_timeout" };
            problems.push(Problem::error(field, message).following_from(&["ack_timeout", "ack_random_factor"]));
        }
        max_retransmit
    }

    fn checked_ack_timeout(&self, problems: &mut Vec<Problem>) -> Duration {
        let seconds = self.ack_timeout.unwrap_or(timing::ACK_TIMEOUT_SECONDS);
        if !(0.1..=60.0).contains(&seconds) {
            problems
                .push(Problem::error("ack_timeout", "`ack_timeout` must be from 0.1 to 60 seconds; 2 where left out"));
            return Duration::ZERO; // never used: the file is refused
        }
        if seconds < 1.0 {
            problems.push(Problem::warning(
                "ack_timeout",
                "less than 1 second repeats requests that are only slow (RFC 7252 section 4.8.1)",
            ));
        }
        Duration::from_secs_f64(seconds)
    }
}
