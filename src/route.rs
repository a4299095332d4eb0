//! `Route`: which way a datagram came and its answer must go.
//!
//! A leaf. An answer leaves from the address that was asked, or a client behind a strict firewall never sees it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The two ends of a datagram's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// The other end.
    pub remote: SocketAddr,
    /// Our address, where the kernel told it (sockets bound to a wildcard address).
    pub local: Option<IpAddr>,
}

impl Route {
    /// A route of which only the other end is known.
    pub fn to(remote: SocketAddr) -> Route {
        Route { remote, local: None }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An IPv4 client of a socket that serves both families reads as IPv4.
        SocketAddr::new(self.remote.ip().to_canonical(), self.remote.port()).fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn an_ipv4_client_reads_as_ipv4_however_the_socket_shows_it() {
        for (remote, text) in [
            ("192.0.2.1:5", "192.0.2.1:5"),
            ("[::ffff:192.0.2.1]:5", "192.0.2.1:5"),
            ("[2001:db8::1]:5", "[2001:db8::1]:5"),
        ] {
            assert_eq!(Route::to(remote.parse().unwrap()).to_string(), text);
        }
    }
}
