//! What the driver asks the store for a client and has it keep: the look-up, credentials that are issued, what the client
//! proves of them, and clients that are on no record.
//!
//! Nothing here blocks the loop: what must be durable first comes back to it as [`Awaited`], and the session goes on then.

use std::time::{Duration, Instant, SystemTime};

use tracing::{error, warn};

use super::Driver;
use crate::bootstrap::{CoapEndpoint, Lookup, LookupKey, SessionId};
use crate::driver::inbox::Inbox;
use crate::driver::listener::{ListenerConfiguration, UnknownClients};
use crate::driver::lookup::{Drawn, Found};
use crate::provision::{DeviceDefinition, check_device};
use crate::route::Route;
use crate::store::{Pending, StoreError, UnixMillis};

/// Unknown clients that are taken in at most: whoever claims more names than that is no fleet.
const MAXIMUM_ACCEPTED: u64 = 10_000;

/// After the limit was met, nobody is taken in for so long: the store need not count at every request of a flood.
const ACCEPT_PAUSE: Duration = Duration::from_secs(10);

/// Draws after which an identity that is always taken is a fault of the expression.
const MAXIMUM_DRAWS: u32 = 8;

/// A session whose client is to be looked up again, once the store has kept something.
pub(super) struct Awaited {
    session: SessionId,
    endpoint: CoapEndpoint,
    key: LookupKey,
    /// How often credentials have been drawn for it.
    draws: u32,
    result: Result<(), StoreError>,
}

impl Awaited {
    pub(super) fn of(session: SessionId, endpoint: CoapEndpoint, key: LookupKey) -> Awaited {
        Awaited { session, endpoint, key, draws: 0, result: Ok(()) }
    }
}

/// A client that is on no record.
struct Stranger {
    name: String,
    /// Whether its certificate says the name, and a trust anchor vouches for that.
    is_verified: bool,
}

impl Stranger {
    /// The device that it becomes where it is accepted: one that came with a certificate has to come with one again.
    fn definition(&self, profile: Option<String>) -> DeviceDefinition {
        let certificate_name = self.is_verified.then(|| self.name.clone());
        DeviceDefinition { endpoint: self.name.clone(), profile, certificate_name, ..DeviceDefinition::default() }
    }
}

/// What becomes of clients that are on no record.
pub(super) struct Strangers {
    /// Those that wait to be approved.
    pub(super) inbox: Inbox,
    /// What each listener does with them.
    listeners: Vec<UnknownClients>,
    /// Nobody is taken in until then.
    full_until: Option<Instant>,
}

impl Strangers {
    pub(super) fn new(listeners: &[ListenerConfiguration]) -> Strangers {
        let mut strangers = Strangers { inbox: Inbox::default(), listeners: Vec::new(), full_until: None };
        strangers.set_listeners(listeners);
        strangers
    }

    pub(super) fn set_listeners(&mut self, listeners: &[ListenerConfiguration]) {
        self.listeners = listeners.iter().map(|listener| listener.unknown.clone()).collect();
    }

    /// Why clients are not taken in that ought to be.
    pub(super) fn degraded(&self, now: Instant) -> Vec<String> {
        let is_full = self.full_until.is_some_and(|until| now < until);
        let sentence = || format!("Unknown clients meet silence: {}.", StoreError::TooManyAccepted(MAXIMUM_ACCEPTED));
        is_full.then(sentence).into_iter().collect()
    }
}

impl Driver {
    /// Looks a client up and tells the bootstrap server.
    pub(super) fn resolve(&mut self, now: Instant, session: SessionId, endpoint: CoapEndpoint, key: LookupKey) {
        let at = SystemTime::now();
        let unwritten = |endpoint: &str| self.lessons.unwritten(endpoint);
        let found = self.directory.look_up(&key, self.proof(endpoint), at.into(), unwritten);
        if let LookupKey::EndpointName(name) | LookupKey::Certificate { name: Some(name), .. } = &key {
            match &found.lookup {
                Lookup::Unknown => {
                    let stranger =
                        Stranger { name: name.clone(), is_verified: matches!(key, LookupKey::Certificate { .. }) };
                    return self.handle_stranger(now, Awaited::of(session, endpoint, key), stranger);
                }
                Lookup::Known(device) => drop(self.strangers.inbox.remove(&device.endpoint)),
                _ => {}
            }
        }
        self.tell(now, session, endpoint, found);
    }

    fn tell(&mut self, now: Instant, session: SessionId, endpoint: CoapEndpoint, found: Found) {
        let is_outdated = found.lookup == Lookup::Outdated;
        let is_served = self.server.handle_lookup(now, session, found.lookup);
        if is_served {
            self.lessons.begin(session, found.inheritance);
        }
        if let Some(id) = found.unproven.filter(|_| is_served) {
            // Until this is durable, what it had before stays good: a crash in between costs nothing.
            log_failure(
                self.store.prove_issued(id, SystemTime::now().into()),
                "new credentials could not be confirmed",
            );
        }
        if is_outdated {
            self.outdated.push(endpoint);
        }
    }

    /// Draws credentials and has them kept; the client is looked up again when they are.
    pub(super) fn issue(&mut self, now: Instant, awaited: Awaited) {
        let Awaited { session, endpoint, key, draws, .. } = awaited;
        let at: UnixMillis = SystemTime::now().into();
        let proof = self.proof(endpoint);
        match self.directory.draw(&key, proof, at, &mut self.random) {
            Ok(Some(Drawn { device, credentials })) => {
                let kept = self.store.issue(device, at, credentials);
                self.await_store(Awaited { session, endpoint, key, draws: draws + 1, result: Ok(()) }, kept);
            }
            Ok(None) => self.resolve(now, session, endpoint, key),
            Err(lookup) => self.tell(now, session, endpoint, lookup.into()),
        }
    }

    /// The client has taken issued credentials.
    pub(super) fn confirm_issued(&self, ids: Vec<i64>) {
        if !ids.is_empty() {
            let confirmed = self.store.confirm_issued(ids, SystemTime::now().into());
            log_failure(confirmed, "new credentials could not be confirmed and stay pending");
        }
    }

    /// The store has kept what was to be kept, or has not.
    pub(super) fn handle_awaited(&mut self, now: Instant, awaited: Awaited) {
        let Awaited { session, endpoint, key, draws, result } = awaited;
        let error = match result {
            // Another request of the same client may have been quicker.
            Ok(()) | Err(StoreError::Exists { shadowed: None, .. }) => {
                return self.resolve(now, session, endpoint, key);
            }
            Err(StoreError::IssuedIdentityTaken) if draws < MAXIMUM_DRAWS => {
                return self.issue(now, Awaited { session, endpoint, key, draws, result: Ok(()) });
            }
            Err(error) => error,
        };
        let lookup = match &error {
            StoreError::TooManyAccepted(_) => {
                if self.strangers.full_until.is_none_or(|until| until <= now) {
                    warn!("unknown clients meet silence: {error}");
                }
                self.strangers.full_until = Some(now + ACCEPT_PAUSE);
                Lookup::Held(format!("The client is unknown and was not taken in: {error}."))
            }
            StoreError::UnknownReference { .. } | StoreError::Exists { .. } => {
                Lookup::Held(format!("The client is unknown and cannot be taken in: {error}."))
            }
            error => {
                error!(%error, "what a client is to be given could not be kept");
                Lookup::Unavailable(format!("What the client is to be given cannot be kept: {error}."))
            }
        };
        self.tell(now, session, endpoint, lookup.into());
    }

    /// A client that is on no record, and that has proven nothing or that an authority gave it its name.
    fn handle_stranger(&mut self, now: Instant, awaited: Awaited, stranger: Stranger) {
        let Awaited { session, endpoint, .. } = awaited;
        let listener = endpoint.listener();
        let policy = self.strangers.listeners.get(listener).cloned().unwrap_or_default();
        let profile = if let UnknownClients::Accept { profile } = &policy { profile.clone() } else { None };
        let definition = stranger.definition(profile);
        let is_possible = !check_device(&definition).iter().any(|problem| problem.is_error());
        let lookup = match (policy, self.route(endpoint)) {
            (UnknownClients::Pending, Some(route)) if is_possible => {
                let address = self.listeners[listener].socket.address();
                self.strangers.inbox.note(&stranger.name, stranger.is_verified, address, route, SystemTime::now());
                Lookup::Held("The client is unknown and waits to be approved.".to_owned())
            }
            (UnknownClients::Accept { .. }, _) if is_possible => {
                if self.strangers.full_until.is_some_and(|until| now < until) {
                    let error = StoreError::TooManyAccepted(MAXIMUM_ACCEPTED);
                    Lookup::Held(format!("The client is unknown and was not taken in: {error}."))
                } else {
                    let accepted = self.store.accept_device(SystemTime::now().into(), definition, MAXIMUM_ACCEPTED);
                    return self.await_store(awaited, accepted);
                }
            }
            _ => Lookup::Unknown,
        };
        self.tell(now, session, endpoint, lookup.into());
    }

    /// The way to a client; none where it is gone.
    fn route(&self, endpoint: CoapEndpoint) -> Option<Route> {
        match endpoint {
            CoapEndpoint::Address { route, .. } => Some(route),
            CoapEndpoint::Association { listener, number } => self.listeners[listener].route(number),
        }
    }

    /// Comes back to the loop when the store has answered.
    fn await_store<T: Send + 'static>(&self, awaited: Awaited, pending: Pending<T>) {
        let finish = self.finish.clone();
        tokio::spawn(async move {
            let result = pending.await.map(drop);
            // A driver that has ended needs no answer.
            let _ = finish.send(Awaited { result, ..awaited });
        });
    }
}

fn log_failure(pending: Pending<()>, what: &'static str) {
    tokio::spawn(async move {
        if let Err(error) = pending.await {
            error!(%error, "{what}");
        }
    });
}
