//! The server URI: scheme and port filled in, and checked against transport and security mode.
//!
//! Spec sheet `objects.md`, section 6, and section 10 (E9, E10).

use std::net::Ipv6Addr;

use url::{Host, Url};

use super::definition::{SecurityMode, Transport};

/// Longest URI in bytes (resource `/0/x/0`).
const MAX_URI_BYTES: usize = 255;

/// Why a text is no server URI for this transport and security mode, with the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Nothing there.
    #[error("`uri` is empty: write the host, such as `eu.lwm2m.example.com`")]
    Empty,
    /// A character that no URI may hold.
    #[error("`uri` contains {0:?}: remove it, or percent-encode it in a path")]
    Character(char),
    /// An IPv6 address without brackets, of which the port cannot be told.
    #[error("an IPv6 address stands in brackets: `[{0}]`")]
    BareIpv6(Ipv6Addr),
    /// Not a URI.
    #[error("`uri` cannot be read ({0}): write a host with an optional port, or a full URI")]
    Unreadable(url::ParseError),
    /// A scheme that belongs to another transport or security mode.
    #[error("the scheme is `{found}`, and `transport` and `security` make it `{expected}`: {remedy}")]
    Scheme {
        /// What was written.
        found: String,
        /// What transport and security mode ask for.
        expected: &'static str,
        /// What to change.
        remedy: &'static str,
    },
    /// No host.
    #[error("`uri` names no host")]
    NoHost,
    /// A host that no client can resolve.
    #[error("`{0}` is no host name: use letters, digits, `-`, `_` and dots")]
    Host(String),
    /// An address that means any address.
    #[error("`{0}` means any address, and a client needs the one that it can reach")]
    UnspecifiedHost(String),
    /// Port 0.
    #[error("port 0 cannot be reached: leave the port out for the default, or write the real one")]
    PortZero,
    /// User name, query or fragment.
    #[error("`uri` must not have a {0}")]
    Superfluous(&'static str),
    /// Too long once scheme and port are filled in.
    #[error("`{0}...` has {1} bytes with scheme and port, and the resource holds {MAX_URI_BYTES}")]
    TooLong(String, usize),
}

/// The full URI that is written into clients, such as `coaps://eu.lwm2m.example.com:5684`.
///
/// `text` is a host, a host with a port, or a full URI. The port is always written out: clients then need not agree
/// with us about the default.
///
/// # Errors
/// [`UriError`], which names the mistake and the remedy.
pub fn complete_uri(text: &str, transport: Transport, security: SecurityMode) -> Result<String, UriError> {
    if text.is_empty() {
        return Err(UriError::Empty);
    }
    if let Some(letter) = text.chars().find(|letter| !letter.is_ascii_graphic() || "\"<>\\^`{|}".contains(*letter)) {
        return Err(UriError::Character(letter));
    }
    if let Ok(address) = text.parse() {
        return Err(UriError::BareIpv6(address));
    }
    let (expected, default_port) = scheme_and_port(transport, security);
    let full = if text.contains("://") { text.to_owned() } else { format!("{expected}://{text}") };
    let url = Url::parse(&full).map_err(|error| match error {
        url::ParseError::EmptyHost => UriError::NoHost,
        error => UriError::Unreadable(error),
    })?;
    if url.scheme() != expected {
        let remedy = remedy_for_scheme(url.scheme());
        return Err(UriError::Scheme { found: url.scheme().to_owned(), expected, remedy });
    }
    refuse_superfluous_parts(&url)?;
    let host = checked_host(&url)?;
    let port = match url.port() {
        Some(0) => return Err(UriError::PortZero),
        Some(port) => port,
        None => default_port,
    };
    let path = if url.path() == "/" { "" } else { url.path() };
    let completed = format!("{expected}://{host}:{port}{path}");
    if completed.len() > MAX_URI_BYTES {
        return Err(UriError::TooLong(completed.chars().take(40).collect(), completed.len()));
    }
    Ok(completed)
}

/// Scheme and default port of a transport and a security mode.
fn scheme_and_port(transport: Transport, security: SecurityMode) -> (&'static str, u16) {
    match (transport, security) {
        (Transport::Udp, SecurityMode::NoSec) => ("coap", 5683),
        (Transport::Udp, _) => ("coaps", 5684),
        (Transport::Tcp, SecurityMode::NoSec) => ("coap+tcp", 5683),
        (Transport::Tcp, _) => ("coaps+tcp", 5684),
    }
}

/// What would make a scheme right.
fn remedy_for_scheme(scheme: &str) -> &'static str {
    match scheme {
        "coap" => "change the scheme, or set `security = \"nosec\"` and `transport = \"udp\"`",
        "coaps" => "change the scheme, or set `security = \"psk\"` and `transport = \"udp\"`",
        "coap+tcp" => "change the scheme, or set `security = \"nosec\"` and `transport = \"tcp\"`",
        "coaps+tcp" => "change the scheme, or set `security = \"psk\"` and `transport = \"tcp\"`",
        _ => "other schemes are not supported in this version",
    }
}

fn refuse_superfluous_parts(url: &Url) -> Result<(), UriError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UriError::Superfluous("user name or password"));
    }
    if url.query().is_some() {
        return Err(UriError::Superfluous("query (`?`)"));
    }
    if url.fragment().is_some() {
        return Err(UriError::Superfluous("fragment (`#`)"));
    }
    Ok(())
}

/// The host as it is written into the URI, with brackets where it is an IPv6 address.
fn checked_host(url: &Url) -> Result<String, UriError> {
    match url.host() {
        None | Some(Host::Domain("")) => Err(UriError::NoHost),
        Some(Host::Ipv6(address)) if address.is_unspecified() => Err(UriError::UnspecifiedHost(address.to_string())),
        Some(Host::Ipv6(address)) => Ok(format!("[{address}]")),
        // CoAP schemes are unknown to the URL standard, so it leaves IPv4 addresses unread, as a "domain".
        Some(Host::Domain("0.0.0.0")) => Err(UriError::UnspecifiedHost("0.0.0.0".to_owned())),
        Some(Host::Domain(name)) if is_host_name(name) => Ok(name.to_owned()),
        Some(host) => Err(UriError::Host(host.to_string())),
    }
}

/// RFC 1123 names and IPv4 addresses, and the underscores that real networks have.
fn is_host_name(name: &str) -> bool {
    name.len() <= 253
        && name.strip_suffix('.').unwrap_or(name).split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

#[cfg(test)]
mod tests {
    use super::{UriError, complete_uri};
    use crate::provision::definition::{SecurityMode, Transport};

    fn udp_psk(text: &str) -> Result<String, UriError> {
        complete_uri(text, Transport::Udp, SecurityMode::Psk)
    }

    #[test]
    fn scheme_and_port_are_filled_in_from_transport_and_security() {
        for (transport, security, uri) in [
            (Transport::Udp, SecurityMode::Psk, "coaps://lwm2m.example.com:5684"),
            (Transport::Udp, SecurityMode::NoSec, "coap://lwm2m.example.com:5683"),
            (Transport::Tcp, SecurityMode::Psk, "coaps+tcp://lwm2m.example.com:5684"),
            (Transport::Tcp, SecurityMode::NoSec, "coap+tcp://lwm2m.example.com:5683"),
        ] {
            assert_eq!(complete_uri("lwm2m.example.com", transport, security).as_deref(), Ok(uri));
            assert_eq!(complete_uri(uri, transport, security).as_deref(), Ok(uri), "a full URI stays as it is");
        }
    }

    #[test]
    fn hosts_ports_addresses_and_paths_are_kept() {
        for (text, uri) in [
            ("host:5693", "coaps://host:5693"),
            ("192.0.2.7", "coaps://192.0.2.7:5684"),
            ("[2001:db8::1]", "coaps://[2001:db8::1]:5684"),
            ("[2001:db8::1]:77", "coaps://[2001:db8::1]:77"),
            ("coaps://host", "coaps://host:5684"),
            ("coaps://host/", "coaps://host:5684"),
            ("coaps://host/tenant/7", "coaps://host:5684/tenant/7"),
            ("COAPS://host", "coaps://host:5684"),
            ("my_broker.local", "coaps://my_broker.local:5684"),
        ] {
            assert_eq!(udp_psk(text).as_deref(), Ok(uri), "{text}");
        }
    }

    #[test]
    fn what_no_client_could_reach_is_refused() {
        for (text, part) in [
            ("", "is empty"),
            ("two words", "' '"),
            ("höst", "'ö'"),
            ("2001:db8::1", "`[2001:db8::1]`"),
            ("host:port", "cannot be read"),
            ("host:99999", "cannot be read"),
            ("host:0", "port 0"),
            ("coaps://", "no host"),
            ("coaps://:5684", "no host"),
            ("0.0.0.0", "any address"),
            ("[::]:5684", "any address"),
            ("a..b", "no host name"),
            ("a%20b", "no host name"),
            ("coaps://user@host", "user name"),
            ("coaps://host?x=1", "query"),
            ("coaps://host#top", "fragment"),
            ("coap://host", "`security = \"nosec\"`"),
            ("coaps+tcp://host", "`transport = \"tcp\"`"),
            ("https://host", "not supported in this version"),
        ] {
            let error = udp_psk(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_length_counts_what_was_filled_in() {
        let label = "a".repeat(59);
        let path = |length: usize| format!("{label}.{label}.{label}/{}", "p".repeat(length));
        let fixed = udp_psk(&path(1)).map(|uri| uri.len() - 1).unwrap();
        assert_eq!(udp_psk(&path(255 - fixed)).map(|uri| uri.len()), Ok(255));
        assert!(matches!(udp_psk(&path(256 - fixed)), Err(UriError::TooLong(_, 256))));
    }
}
