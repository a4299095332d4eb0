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
        self.remote.fmt(formatter)
    }
}
