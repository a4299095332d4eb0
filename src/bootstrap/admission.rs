//! Who is admitted when more clients ask than can be served at one time: a herd after a power cut.
//!
//! Spec sheet `bootstrap.md`, sections 4 and 14; `clients.md`, section 3. A request for which there is no room waits,
//! unanswered: 4.xx and 5.xx put some clients to sleep for good, and an empty acknowledgement would stop the client's
//! retransmissions (RFC 7252 section 4.2), by which we know that it still waits. Its retransmissions are duplicates, and
//! keep it its place. Whoever has given up by the time of its turn is left out, and comes again.
//!
//! Rooms and places are shared out by source network, so that one network that floods us costs the others nothing: the
//! turn is that of the network with the fewest sessions, and a full queue is relieved by the network that fills it most.
//! Every step takes logarithmic time, and what is kept is bounded by the limits. This module knows no message.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::boundary::{CoapEndpoint, Limits, Origin};
use crate::coap::Ticket;
use crate::peer::Peer;
use crate::route::Route;

/// How long a client is sure to wait after its first transmission: 62 s with the parameters of RFC 7252 section 4.8 where
/// chance makes its first time-out as short as it may be, less the time that our answer needs to reach it.
const SURE_PATIENCE: Duration = Duration::from_secs(60);

/// The sessions that run, by source network, and the requests that wait.
pub(super) struct Admission {
    sessions: usize,
    sessions_per_network: usize,
    queue: usize,
    running: usize,
    /// Only networks with something that runs or waits.
    networks: HashMap<Network, Presence>,
    requests: BTreeMap<Place, WaitingRequest>,
    places: HashMap<CoapEndpoint, Place>,
    /// Networks with waiting requests: the fewest sessions first, among equals the one that has waited longest for a turn.
    turns: BTreeSet<(usize, u64, Network)>,
    /// Networks with waiting requests, by how many wait.
    crowds: BTreeSet<(usize, Network)>,
    /// When each waiting client may have given up.
    patience: BTreeSet<(Instant, Place)>,
    /// Requests that lost their place and have not been forgotten by the message layer.
    departed: Vec<Ticket>,
    /// Requests that got a place.
    pub(super) queued: u64,
    /// Requests that lost their place, or found none.
    pub(super) dropped: u64,
    /// Counts places and turns.
    counter: u64,
}

/// A place in the queue; earlier ones are smaller.
type Place = u64;

/// Where clients come from, as far as fairness is concerned: a /24 of IPv4, a /48 of IPv6. One operator or site has
/// these at its command, so that smaller parts would let it count many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Network {
    V4([u8; 3]),
    V6([u8; 6]),
}

/// What a network has of us.
#[derive(Default)]
struct Presence {
    running: usize,
    waiting: BTreeSet<Place>,
    /// When it was its turn last, or when it began to wait, on the counter.
    last_turn: u64,
}

/// A Bootstrap-Request that waits for its turn.
#[derive(Debug, PartialEq)]
pub(super) struct WaitingRequest {
    pub(super) endpoint: CoapEndpoint,
    /// Where it came from, which says in whose line it stands.
    pub(super) route: Route,
    /// Where its client has moved since.
    pub(super) moved_to: Option<Route>,
    pub(super) peer: Peer,
    pub(super) largest_message: Option<usize>,
    /// As it came; it takes less memory than what it says.
    pub(super) datagram: Box<[u8]>,
    pub(super) ticket: Ticket,
    pub(super) arrived: Instant,
    /// Until when the client is sure to wait for the answer.
    pub(super) waits_until: Instant,
}

impl Network {
    /// The network of an address, the same one however an IPv4 address is written.
    pub(super) fn of(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Network::V4([a, b, c])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, ..] = address.octets();
                Network::V6([a, b, c, d, e, f])
            }
        }
    }
}

impl WaitingRequest {
    /// A request that has just arrived.
    pub(super) fn new(now: Instant, origin: Origin<'_>, datagram: &[u8], ticket: Ticket) -> WaitingRequest {
        WaitingRequest {
            endpoint: origin.endpoint,
            route: origin.route,
            moved_to: None,
            peer: origin.peer.clone(),
            largest_message: origin.largest_message,
            datagram: datagram.into(),
            ticket,
            arrived: now,
            waits_until: now,
        }
    }

    fn network(&self) -> Network {
        Network::of(self.route.remote.ip())
    }
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Admission {
        let mut admission = Admission {
            sessions: 0,
            sessions_per_network: 0,
            queue: 0,
            running: 0,
            networks: HashMap::new(),
            requests: BTreeMap::new(),
            places: HashMap::new(),
            turns: BTreeSet::new(),
            crowds: BTreeSet::new(),
            patience: BTreeSet::new(),
            departed: Vec::new(),
            queued: 0,
            dropped: 0,
            counter: 0,
        };
        admission.set_limits(limits);
        admission
    }

    /// Holds to other limits from now on; what runs and waits beyond them is left to end.
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        self.sessions = limits.sessions;
        self.sessions_per_network = limits.sessions_per_network();
        self.queue = limits.queue;
    }

    /// Requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.requests.len()
    }

    /// Whether a client of this network can be served at once. Where others of it wait there is none: see
    /// [`Admission::next`].
    pub(super) fn has_room(&self, network: Network) -> bool {
        let running = self.networks.get(&network).map_or(0, |presence| presence.running);
        self.running < self.sessions && running < self.sessions_per_network
    }

    /// A session with a client of this network has begun.
    pub(super) fn started(&mut self, network: Network) {
        self.running += 1;
        self.change(network, |presence| presence.running += 1);
    }

    /// A session with a client of this network is over.
    pub(super) fn ended(&mut self, network: Network) {
        self.running = self.running.saturating_sub(1);
        self.change(network, |presence| presence.running = presence.running.saturating_sub(1));
    }

    /// Gives a request a place in the queue. A client that waits already, and has restarted, keeps its place.
    ///
    /// In a full queue the network with the most places gives one up, its latest: this one, if it is of that network.
    pub(super) fn enqueue(&mut self, now: Instant, mut request: WaitingRequest) {
        self.expire(now);
        if let Some(place) = self.places.get(&request.endpoint).copied()
            && let Some(waiting) = self.requests.get_mut(&place)
        {
            if waiting.datagram == request.datagram {
                // The message layer had forgotten it; it is the same ticket under both names.
                request.arrived = waiting.arrived;
            } else {
                self.departed.push(waiting.ticket);
            }
            self.patience.remove(&(waiting.waits_until, place));
            // A client with a connection id may have moved to another network (RFC 9146); its place stays in the line of
            // the one where it began to wait.
            request.route = waiting.route;
            request.moved_to = waiting.moved_to;
            *waiting = request;
            return self.prolong(now, place);
        }
        let network = request.network();
        if self.requests.len() >= self.queue {
            let own = self.networks.get(&network).map_or(0, |presence| presence.waiting.len());
            match self.crowds.last().copied() {
                Some((most, crowd)) if most > own => self.push_out_latest(crowd),
                _ => return self.drop_ticket(request.ticket),
            }
        }
        self.queued += 1;
        let place = self.count();
        self.places.insert(request.endpoint, place);
        self.requests.insert(place, request);
        self.change(network, |presence| {
            // Who comes is behind its equals that wait, however often networks come and go.
            if presence.waiting.is_empty() {
                presence.last_turn = place;
            }
            presence.waiting.insert(place);
        });
        self.prolong(now, place);
    }

    /// The request of this endpoint has been sent again: its client still waits.
    pub(super) fn heard_again(&mut self, now: Instant, endpoint: CoapEndpoint) {
        if let Some(place) = self.places.get(&endpoint).copied() {
            self.prolong(now, place);
        }
    }

    /// The client of this endpoint is somewhere else now. It keeps its place in the line.
    pub(super) fn moved(&mut self, endpoint: CoapEndpoint, route: Route) {
        let place = self.places.get(&endpoint);
        if let Some(request) = place.and_then(|place| self.requests.get_mut(place)) {
            request.moved_to = Some(route);
        }
    }

    /// The client of this endpoint is gone.
    pub(super) fn withdraw(&mut self, endpoint: CoapEndpoint) {
        if let Some(place) = self.places.get(&endpoint).copied()
            && let Some(request) = self.remove(place)
        {
            self.departed.push(request.ticket);
        }
    }

    /// The request whose turn it is, if there is room for it: the oldest one of the network that has the fewest
    /// sessions.
    pub(super) fn next(&mut self, now: Instant) -> Option<WaitingRequest> {
        self.expire(now);
        let (_, _, network) = self.turns.first().copied()?;
        if !self.has_room(network) {
            return None;
        }
        let turn = self.count();
        let place = self.networks.get(&network)?.waiting.first().copied()?;
        self.change(network, |presence| presence.last_turn = turn);
        self.remove(place)
    }

    /// Requests that have left the queue without being served since this was asked last.
    pub(super) fn take_departed(&mut self) -> Vec<Ticket> {
        std::mem::take(&mut self.departed)
    }

    /// Leaves out whoever may have given up.
    fn expire(&mut self, now: Instant) {
        while let Some((until, place)) = self.patience.first().copied()
            && until < now
        {
            if let Some(request) = self.remove(place) {
                self.drop_ticket(request.ticket);
            }
        }
    }

    fn push_out_latest(&mut self, network: Network) {
        let latest = self.networks.get(&network).and_then(|presence| presence.waiting.last().copied());
        if let Some(request) = latest.and_then(|place| self.remove(place)) {
            self.drop_ticket(request.ticket);
        }
    }

    fn drop_ticket(&mut self, ticket: Ticket) {
        self.dropped += 1;
        self.departed.push(ticket);
    }

    /// Since each wait of a client is twice as long as the one before, it goes on waiting after a retransmission for at
    /// least as long as it has waited so far (RFC 7252 section 4.2); that serves clients slower than the RFC's defaults.
    fn prolong(&mut self, now: Instant, place: Place) {
        let Some(request) = self.requests.get_mut(&place) else { return };
        self.patience.remove(&(request.waits_until, place));
        let so_far = now.saturating_duration_since(request.arrived);
        request.waits_until = (request.arrived + SURE_PATIENCE).max(now + so_far);
        self.patience.insert((request.waits_until, place));
    }

    fn remove(&mut self, place: Place) -> Option<WaitingRequest> {
        let request = self.requests.remove(&place)?;
        self.places.remove(&request.endpoint);
        self.patience.remove(&(request.waits_until, place));
        self.change(request.network(), |presence| {
            presence.waiting.remove(&place);
        });
        Some(request)
    }

    /// Changes what a network has, and its place in every order with it.
    fn change(&mut self, network: Network, change: impl FnOnce(&mut Presence)) {
        let presence = self.networks.entry(network).or_default();
        self.turns.remove(&(presence.running, presence.last_turn, network));
        self.crowds.remove(&(presence.waiting.len(), network));
        change(presence);
        if !presence.waiting.is_empty() {
            self.turns.insert((presence.running, presence.last_turn, network));
            self.crowds.insert((presence.waiting.len(), network));
        } else if presence.running == 0 {
            self.networks.remove(&network);
        }
    }

    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }
}

#[cfg(test)]
mod tests;
