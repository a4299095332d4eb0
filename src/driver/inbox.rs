//! Unknown clients that wait to be approved by the operator: a bounded inbox in memory.
//!
//! Such a client meets silence and comes again, so that nothing is lost with the process.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::SystemTime;

use crate::route::Route;

/// Clients that wait at one time; when there are more, the one that was unseen for longest goes.
const LENGTH: usize = 1_000;

/// A client that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldClient {
    /// The endpoint name that it claims.
    pub endpoint: String,
    /// Whether somebody has come whose certificate says this name, and a trust anchor vouches for that.
    pub is_verified: bool,
    /// Where it asked: our own address.
    pub listener: std::net::SocketAddr,
    /// Where it last came from.
    pub remote: String,
    /// When it first asked.
    pub first_seen: SystemTime,
    /// When it last asked.
    pub last_seen: SystemTime,
    /// How often it asked; what it sent again because no answer came is not counted.
    pub requests: u64,
}

/// The clients that wait.
#[derive(Default)]
pub(super) struct Inbox {
    clients: HashMap<String, HeldClient>,
}

impl Inbox {
    /// A client has asked.
    pub(super) fn note(
        &mut self,
        endpoint: &str,
        is_verified: bool,
        listener: std::net::SocketAddr,
        route: Route,
        at: SystemTime,
    ) {
        let remote = route.to_string();
        if let Some(client) = self.clients.get_mut(endpoint) {
            client.requests += 1;
            client.is_verified |= is_verified;
            *client = HeldClient { listener, remote, last_seen: at, ..client.clone() };
            return;
        }
        if self.clients.len() >= LENGTH {
            let unseen = self.clients.values().min_by_key(|client| client.last_seen);
            if let Some(endpoint) = unseen.map(|client| client.endpoint.clone()) {
                self.clients.remove(&endpoint);
            }
        }
        let client = HeldClient {
            endpoint: endpoint.to_owned(),
            is_verified,
            listener,
            remote,
            first_seen: at,
            last_seen: at,
            requests: 1,
        };
        self.clients.insert(endpoint.to_owned(), client);
    }

    /// Takes a client out; says whether it was there.
    pub(super) fn remove(&mut self, endpoint: &str) -> bool {
        self.clients.remove(endpoint).is_some()
    }

    /// Those that wait, the last seen first.
    pub(super) fn list(&self) -> Vec<HeldClient> {
        let mut clients: Vec<HeldClient> = self.clients.values().cloned().collect();
        clients.sort_by_cached_key(|client| (Reverse(client.last_seen), client.endpoint.clone()));
        clients
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Duration, UNIX_EPOCH};

    use super::{Inbox, LENGTH};
    use crate::route::Route;

    #[test]
    fn the_inbox_counts_is_bounded_and_lets_go_of_whoever_was_unseen_for_longest() {
        let address: SocketAddr = "127.0.0.1:5683".parse().unwrap();
        let route = Route { remote: "192.0.2.1:40000".parse().unwrap(), local: None };
        let mut inbox = Inbox::default();
        for number in 0..LENGTH as u64 {
            inbox.note(&format!("m{number}"), false, address, route, UNIX_EPOCH + Duration::from_secs(number));
        }
        inbox.note("m0", true, address, route, UNIX_EPOCH + Duration::from_secs(5_000));
        inbox.note("new", false, address, route, UNIX_EPOCH + Duration::from_secs(5_001));
        let held = inbox.list();
        assert_eq!(held.len(), LENGTH);
        assert_eq!((&*held[0].endpoint, held[0].requests), ("new", 1));
        assert_eq!((&*held[1].endpoint, held[1].requests, held[1].first_seen), ("m0", 2, UNIX_EPOCH));
        assert!(held[1].is_verified && !held[0].is_verified);
        assert!(!inbox.remove("m1"), "it was unseen for longest");
        assert!(inbox.remove("m2") && !inbox.remove("m2"));
    }
}
