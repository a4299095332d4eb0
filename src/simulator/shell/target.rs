//! `Target`: which server to bootstrap against, as a URI.
//!
//! RFC 7252 section 6 (`coap` and `coaps`, default ports 5683 and 5684), RFC 8323 section 8.1 (`coap+tcp`, port 5683); spec sheet `objects.md`, section 6.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use url::{Host, Url};

use crate::simulator::Failure;

/// The address of a Bootstrap-Server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether DTLS is spoken (`coaps`).
    pub secure: bool,
    /// Whether TCP carries CoAP (`coap+tcp`), not UDP.
    pub tcp: bool,
    /// Host name or IP literal; IPv6 without brackets.
    pub host: String,
    /// UDP or TCP port.
    pub port: u16,
}

/// A text that names no server, as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No URI at all.
    #[error("not a URI: it must look like coaps://HOST:PORT, coap://HOST:PORT or coap+tcp://HOST:PORT")]
    NotUri,
    /// Another scheme.
    #[error("the scheme must be coap, coaps or coap+tcp")]
    UnknownScheme,
    /// Something that a Bootstrap-Server's address cannot have here.
    #[error("only scheme, host and port are understood; leave user, path, query and fragment out")]
    Surplus,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let uri = Url::parse(text).map_err(|_| TargetError::NotUri)?;
        let (secure, tcp, default_port) = match uri.scheme() {
            "coap" => (false, false, 5683),
            "coaps" => (true, false, 5684),
            "coap+tcp" => (false, true, 5683),
            _ => return Err(TargetError::UnknownScheme),
        };
        let host = match uri.host().ok_or(TargetError::NotUri)? {
            Host::Ipv6(address) => address.to_string(),
            host => host.to_string(),
        };
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && uri.fragment().is_none();
        if !bare || !uri.username().is_empty() || uri.password().is_some() {
            return Err(TargetError::Surplus);
        }
        if host.is_empty() {
            return Err(TargetError::NotUri);
        }
        Ok(Target { secure, tcp, host, port: uri.port().unwrap_or(default_port) })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.secure, self.tcp) {
            (true, _) => "coaps",
            (false, false) => "coap",
            (false, true) => "coap+tcp",
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(formatter, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

impl Target {
    /// Asks the system's resolver; never gives an empty list.
    ///
    /// # Errors
    ///
    /// [`Failure::UnknownHost`].
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        let unknown = |reason| Failure::UnknownHost { host: self.host.clone(), reason };
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<SocketAddr> = found.map_err(|error| unknown(error.to_string()))?.collect();
        if addresses.is_empty() { Err(unknown("the name has no address".to_owned())) } else { Ok(addresses) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, TargetError};

    #[test]
    fn targets_read_back_with_their_default_ports() {
        for (text, full) in [
            ("coap://localhost", "coap://localhost:5683"),
            ("coaps://bs.example.com", "coaps://bs.example.com:5684"),
            ("coaps://[::1]:7000", "coaps://[::1]:7000"),
            ("coap://192.0.2.1:1/", "coap://192.0.2.1:1"),
            ("coap+tcp://localhost", "coap+tcp://localhost:5683"),
            ("coap+tcp://[::1]:7000", "coap+tcp://[::1]:7000"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), full);
            assert_eq!(full.parse(), Ok(target));
        }
        assert_eq!("coaps://[::1]:7000".parse::<Target>().unwrap().host, "::1");
    }

    #[test]
    fn what_is_no_target_is_refused_with_its_reason() {
        for (text, error) in [
            ("localhost:5683", TargetError::UnknownScheme),
            ("http://localhost", TargetError::UnknownScheme),
            ("coaps+tcp://localhost", TargetError::UnknownScheme),
            ("bs.example.com", TargetError::NotUri),
            ("coap://", TargetError::NotUri),
            ("coap:5683", TargetError::NotUri),
            ("coap://localhost/bs", TargetError::Surplus),
            ("coap://localhost?x", TargetError::Surplus),
            ("coap://me@localhost", TargetError::Surplus),
        ] {
            assert_eq!(text.parse::<Target>(), Err(error), "{text}");
        }
    }
}
