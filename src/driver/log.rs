//! One readable line for each session that ended, and for each client that got nowhere; of what strangers can cause a few
//! per second, lest they write the log.

mod alerts;
mod handshakes;
mod limits;
mod offers;

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Instant;

use tracing::{error, info, warn};

pub(super) use self::handshakes::Place;
use self::handshakes::{is_told, since, who, why, why_evicted};
use self::limits::{Limits, Subject, Told};
use super::listener::{Claim, ListenerName};
use crate::bootstrap::{Outcome, SessionReport};
use crate::dtls::CloseReason;
use crate::route::Route;
use crate::store::StoreError;

/// Writes the lines and counts those that it did not write. No sentence is made before it may be written: that of a
/// certificate takes longer than the handshake that it broke.
#[derive(Default)]
pub(super) struct SessionLog {
    limits: Limits,
}

impl SessionLog {
    /// A session on this listener ended, with a device that was authorised (`is_served`) or with a client that was refused.
    pub(super) fn ended(&mut self, now: Instant, listener: ListenerName, is_served: bool, report: &SessionReport) {
        let subject = subject_of_refused(report.outcome);
        if !is_served && !self.admits(now, subject, (listener.address, &listener), None) {
            return;
        }
        let SessionReport { id: session, outcome, remote, reason, .. } = report;
        let endpoint = report.endpoint.as_deref().unwrap_or("?");
        let name = shown_name(endpoint);
        // Once for each loop; how it goes on, `status` shows.
        if let Some(looping) = report.looping.filter(|looping| looping.is_first) {
            let (sessions, seconds) = (looping.sessions, looping.since.as_secs());
            warn!(
                session,
                endpoint,
                %listener,
                "slowed down: {name} from {remote} bootstraps in a loop, {sessions} times in {seconds} s: look at what \
                 it is given"
            );
        }
        let milliseconds = report.duration.as_secs_f64() * 1e3;
        if outcome.is_success() {
            info!(session, endpoint, %listener, "{outcome}: {name} from {remote} in {milliseconds:.1} ms");
        } else {
            warn!(session, endpoint, %listener, "{outcome}: {name} from {remote} after {milliseconds:.1} ms: {reason}");
        }
    }

    /// A client claims an identity that no device has. It learns nothing of that, so the operator must.
    ///
    /// Nothing more is looked up for the line: how long the answer takes, by whatever else waits for this thread, would
    /// tell a stranger which endpoint names are on record.
    pub(super) fn identity_unknown(&mut self, now: Instant, place: &Place, claim: &Claim) {
        if self.admits(now, Subject::StrangersHandshake, (place.address, place), Some((claim.route, None))) {
            let who = who(Some(claim), claim.route);
            warn!(
                "handshake failed on listener {place}: {who}: no device has this identity: compare `psk_identity`, or \
                 `endpoint` where there is none, of the device's record, and see that it has a `psk`"
            );
        }
    }

    /// A handshake ended, in which a client may have claimed something. A wrong key is the commonest fault in the field,
    /// and many clients say nothing of what they met.
    pub(super) fn handshake_ended(
        &mut self,
        now: Instant,
        place: &Place,
        claim: Option<&Claim>,
        route: Route,
        reason: CloseReason,
    ) {
        if !is_told(claim, reason) {
            return;
        }
        let subject = match claim {
            _ if reason == CloseReason::Evicted => Subject::Eviction,
            Some(claim) if claim.is_on_record => Subject::DevicesHandshake,
            _ => Subject::StrangersHandshake,
        };
        if self.admits(now, subject, (place.address, place), Some((route, Some(reason)))) {
            let (who, why, since) = (who(claim, route), why(place, claim, reason), since(now, claim));
            warn!("handshake failed on listener {place}: {who}: {why}{since}");
        }
    }

    /// A client lost its association to another one, in the middle of a session.
    pub(super) fn association_evicted(&mut self, now: Instant, place: &Place, route: Route) {
        if self.admits(now, Subject::Eviction, (place.address, place), None) {
            let why = why_evicted(place);
            warn!("association ended on listener {place}: that of the client from {route}: {why}");
        }
    }

    /// A datagram came to a DTLS listener that is a request of CoAP as it stands, and is dropped.
    pub(super) fn plain_coap(&mut self, now: Instant, place: &Place, route: Route) {
        if self.admits(now, Subject::PlainCoap, (place.address, place), None) {
            warn!(
                "plain CoAP from {route} at the DTLS listener {place} is dropped: where the device was given a \
                 bootstrap server with `coap://`, it takes `coaps://`, or the port of a listener without DTLS"
            );
        }
    }

    /// The store says nothing of what a client claims, which is not the client's fault: it meets silence and comes again.
    pub(super) fn store_unreadable(&mut self, now: Instant, place: &Place, error: &StoreError) {
        if self.admits(now, Subject::UnreadableStore, (place.address, place), None) {
            error!(%error, "the store cannot be read, and clients meet silence on listener {place}");
        }
    }

    /// When [`SessionLog::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.limits.poll_timeout()
    }

    /// Says how many lines were not written in the seconds that are over.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for count in self.limits.take_counts(now) {
            warn!("{count}");
        }
    }

    fn admits(
        &mut self,
        now: Instant,
        subject: Subject,
        listener: (SocketAddr, &dyn Display),
        told: Option<Told>,
    ) -> bool {
        self.handle_timeout(now);
        self.limits.admits(now, subject, listener, told)
    }
}

/// Whose lines that of a refused session is among. Without DTLS anybody can name a device, but has to know one.
fn subject_of_refused(outcome: Outcome) -> Subject {
    match outcome {
        Outcome::RefusedBlocked | Outcome::RefusedIdentity | Outcome::RefusedInsecure | Outcome::InvalidProvision => {
            Subject::DevicesSession
        }
        _ => Subject::StrangersSession,
    }
}

/// An endpoint name: as it is, or in backticks where it could be taken for more than a name. A client on no record calls
/// itself whatever it likes.
fn shown_name(endpoint: &str) -> String {
    let is_escaped = |letter: char| letter == '`' || letter.is_control() || letter.escape_debug().len() > 2;
    if !endpoint.contains(|letter: char| letter.is_whitespace() || is_escaped(letter)) {
        return endpoint.to_owned();
    }
    let mut name = String::new();
    for letter in endpoint.chars() {
        if is_escaped(letter) { name.extend(letter.escape_unicode()) } else { name.push(letter) }
    }
    format!("`{name}`")
}

#[cfg(test)]
mod tests;
