//! The driver's thread: one loop over datagrams, timers, commands and what the store has finished.

mod admission;
mod certificates;
mod clients;
mod handshakes;
mod lessons;
mod streams;

use std::collections::HashMap;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;
use tracing::{debug, error};

use self::clients::{Awaited, Strangers};
use self::handshakes::is_plain_request;
use self::lessons::Lessons;
use self::streams::udp_sockets;
use super::handle::{Command, DriverStatus, Handle};
use super::history::{History, SessionRecord};
use super::listener::{
    AFTER_SOCKET_ERROR, Listener, ListenerConfiguration, ListenerError, ListenerSocket, association_endpoint,
};
use super::log::SessionLog;
use super::lookup::{Directory, Fingerprint};
use crate::bootstrap::{self, CoapEndpoint, Limits, Origin, SessionId, SessionReport};
use crate::dtls;
use crate::net::tcp::TcpEvent;
use crate::net::{self, Buffers};
use crate::peer::Peer;
use crate::route::Route;
use crate::store::{DeviceOutcome, Store, StoreError};

/// Bytes of the largest CoAP message where nothing is known of the path (RFC 7252 section 4.6). What a client asks for by
/// max_fragment_length matters only below.
const MESSAGE_OF_UNKNOWN_PATH: usize = 1152;

/// Batches taken from one socket before commands and timers get their turn.
const BATCHES_PER_TURN: usize = 8;

/// Last outcomes are written to the store this often; after a crash they may lag by as much.
const OUTCOME_INTERVAL: Duration = Duration::from_secs(1);

/// What is asked of the driver at one time.
const COMMAND_QUEUE: usize = 64;

/// Events of TCP connections that wait to be taken; then the connections are not read.
const STREAM_EVENT_QUEUE: usize = 1024;

/// Why the driver could not start.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A listener.
    #[error(transparent)]
    Listener(#[from] ListenerError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread or its runtime.
    #[error("the driver's thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The operating system gave no randomness.
    #[error("the operating system gives no random numbers: {0}")]
    Randomness(#[from] rand::rngs::SysError),
}

/// Binds the listeners, starts the driver's thread and says how to ask it.
///
/// # Errors
/// [`DriverError`]; nothing is left running.
pub fn start(listeners: Vec<ListenerConfiguration>, store: Store) -> Result<Handle, DriverError> {
    let (commands, receiver) = mpsc::channel(COMMAND_QUEUE);
    let (ready, started) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("driver".to_owned()).spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = ready.send(Err(error.into()));
                return;
            }
        };
        runtime.block_on(async move {
            match Driver::open(&listeners, store, receiver) {
                Ok(driver) => {
                    let _ = ready.send(Ok(()));
                    driver.run().await;
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        });
    })?;
    match started.recv() {
        Ok(Ok(())) => Ok(Handle::new(commands)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(std::io::Error::other("it ended at once").into()),
    }
}

struct Driver {
    listeners: Vec<Listener>,
    server: bootstrap::Server,
    directory: Directory,
    store: Store,
    /// Endpoints whose look-up found that what they proved has changed.
    outdated: Vec<CoapEndpoint>,
    /// Draws the credentials that are issued.
    random: StdRng,
    /// What becomes of clients that are on no record.
    strangers: Strangers,
    /// What the store has finished for sessions that wait for it.
    finished: mpsc::UnboundedReceiver<Awaited>,
    finish: mpsc::UnboundedSender<Awaited>,
    history: History,
    log: SessionLog,
    unwritten: HashMap<String, DeviceOutcome>,
    /// What sessions learn of clients.
    lessons: Lessons,
    write_outcomes_at: Instant,
    commands: mpsc::Receiver<Command>,
    buffers: Buffers,
    /// What has happened on TCP connections, with the index of the listener.
    stream_events: mpsc::Receiver<(usize, TcpEvent)>,
    /// Which UDP socket was read last; the others come first in the next turn.
    last_served: usize,
    draining: Option<Draining>,
    datagrams_in: u64,
    datagrams_out: u64,
    send_errors: u64,
    receive_errors: u64,
}

/// The end of the process has been asked for.
struct Draining {
    give_up_at: Instant,
    answer: Option<oneshot::Sender<usize>>,
}

impl Driver {
    fn open(
        configurations: &[ListenerConfiguration],
        store: Store,
        commands: mpsc::Receiver<Command>,
    ) -> Result<Driver, DriverError> {
        let mut listeners = Vec::new();
        let (stream_events_in, stream_events) = mpsc::channel(STREAM_EVENT_QUEUE);
        for (index, configuration) in configurations.iter().enumerate() {
            listeners.push(Listener::open(configuration, index, &stream_events_in, seed()?)?);
        }
        let policies = configurations.iter().map(ListenerConfiguration::policy).collect();
        let (finish, finished) = mpsc::unbounded_channel();
        Ok(Driver {
            listeners,
            server: bootstrap::Server::new(policies, Limits::default(), seed()?),
            directory: Directory::new(store.reader()?, seed()?)?,
            store,
            outdated: Vec::new(),
            random: StdRng::from_seed(seed()?),
            strangers: Strangers::new(configurations),
            finished,
            finish,
            history: History::default(),
            log: SessionLog::default(),
            unwritten: HashMap::new(),
            lessons: Lessons::default(),
            write_outcomes_at: Instant::now(),
            commands,
            buffers: Buffers::new(),
            stream_events,
            last_served: 0,
            draining: None,
            datagrams_in: 0,
            datagrams_out: 0,
            send_errors: 0,
            receive_errors: 0,
        })
    }

    async fn run(mut self) {
        let mut timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        loop {
            let mut stream_event = None;
            self.arm(&mut timer);
            let (indices, sockets) = udp_sockets(&self.listeners);
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => self.handle_command(command),
                    None => return,
                },
                Some(awaited) = self.finished.recv() => self.handle_awaited(Instant::now(), awaited),
                () = &mut timer => {}
                index = net::any_readable(&sockets, self.last_served) => {
                    self.last_served = index;
                    if let Err(error) = self.receive(indices[index]) {
                        self.receive_errors += 1;
                        debug!(%error, "a socket reports an error");
                        tokio::time::sleep(AFTER_SOCKET_ERROR).await;
                    }
                }
                Some(event) = self.stream_events.recv() => stream_event = Some(event),
            }
            // Every turn, lest datagrams that never cease keep the connections from theirs.
            if let Err(error) = self.handle_stream_events(stream_event) {
                self.receive_errors += 1;
                debug!(%error, "a connection cannot be accepted");
            }
            self.handle_timeouts(Instant::now());
            if self.is_drained() {
                return self.finish().await;
            }
        }
    }

    /// Sets the timer to the next deadline of any part.
    fn arm(&self, timer: &mut Pin<Box<Sleep>>) {
        let dtls = self.listeners.iter().filter_map(|listener| listener.dtls.as_ref()?.server.poll_timeout());
        let outcomes = (!self.unwritten.is_empty()).then_some(self.write_outcomes_at);
        let draining = self.draining.as_ref().map(|draining| draining.give_up_at);
        let streams = self.listeners.iter().filter_map(|listener| listener.socket.streams()?.poll_timeout());
        let parts = [self.server.poll_timeout(), self.log.poll_timeout(), outcomes, draining];
        let next = dtls.chain(streams).chain(parts.into_iter().flatten()).min();
        // Without any deadline, once in a while: state that has outlived its use is dropped then.
        let next = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(10));
        if timer.deadline().into_std() != next || timer.is_elapsed() {
            timer.as_mut().reset(next.into());
        }
    }

    fn receive(&mut self, index: usize) -> std::io::Result<()> {
        for _ in 0..BATCHES_PER_TURN {
            let now = Instant::now();
            let Driver { listeners, server, buffers, log, datagrams_in, .. } = self;
            let Listener { socket: ListenerSocket::Datagrams(socket), dtls, .. } = &mut listeners[index] else {
                return Ok(());
            };
            let more = socket.receive(buffers, |route, bytes| {
                *datagrams_in += 1;
                match dtls {
                    Some(front) => {
                        if is_plain_request(bytes) {
                            log.plain_coap(now, &front.place, route);
                        }
                        front.server.handle_datagram(now, route, bytes);
                    }
                    None => {
                        let endpoint = CoapEndpoint::Address { listener: index, route };
                        server.handle_datagram(
                            now,
                            Origin { endpoint, route, peer: &Peer::Unauthenticated, largest_message: None },
                            bytes,
                        );
                    }
                }
            });
            self.flush(now);
            if !more? {
                break;
            }
        }
        Ok(())
    }

    fn handle_timeouts(&mut self, now: Instant) {
        if self.server.poll_timeout().is_none_or(|deadline| deadline <= now) {
            self.server.handle_timeout(now);
        }
        for listener in &mut self.listeners {
            if let Some(front) = &mut listener.dtls
                && front.server.poll_timeout().is_some_and(|deadline| deadline <= now)
            {
                front.server.handle_timeout(now);
            }
            if let Some(streams) = listener.socket.streams_mut() {
                streams.handle_timeout(now);
            }
        }
        self.flush(now);
        self.log.handle_timeout(now);
        if now >= self.write_outcomes_at && !self.unwritten.is_empty() {
            self.write_outcomes(now);
        }
    }

    /// Carries out what the parts want done, until none wants anything. What is looked up next sees the store as it is then.
    fn flush(&mut self, now: Instant) {
        loop {
            for index in 0..self.listeners.len() {
                self.flush_dtls(now, index);
                self.flush_streams(now, index);
            }
            let mut is_idle = true;
            while let Some(output) = self.server.poll_output() {
                is_idle = false;
                self.carry_out(now, output);
            }
            if is_idle {
                break;
            }
        }
        // Whatever session these belonged to has told its end by now; a later one on the same endpoint starts clean.
        self.outdated.clear();
        self.directory.end_batch();
    }

    fn carry_out(&mut self, now: Instant, output: bootstrap::Output) {
        match output {
            bootstrap::Output::Datagram { to: CoapEndpoint::Address { listener, route }, bytes } => {
                self.send_datagram(listener, &route, &bytes);
            }
            bootstrap::Output::Datagram { to: CoapEndpoint::Association { listener, number }, bytes } => {
                match &mut self.listeners[listener].dtls {
                    Some(front) => front.send(now, number, &bytes),
                    None => self.send_on_stream(now, listener, number, &bytes),
                }
            }
            bootstrap::Output::Resolve { session, endpoint, key } => {
                self.resolve(now, session, endpoint, key);
            }
            bootstrap::Output::Issue { session, endpoint, key } => self.issue(now, Awaited::of(session, endpoint, key)),
            bootstrap::Output::Ended { endpoint, device, confirmed, learned, report } => {
                self.lessons.end(SessionId(report.id), device.as_deref(), learned.as_ref());
                self.confirm_issued(confirmed);
                self.release(now, endpoint);
                self.record(now, device, *report);
            }
        }
    }

    /// A session is over: without another one its association lingers, or ends where the client has proven nothing any
    /// more.
    fn release(&mut self, now: Instant, endpoint: CoapEndpoint) {
        let CoapEndpoint::Association { listener, number } = endpoint else { return };
        let Some(front) = &mut self.listeners[listener].dtls else { return };
        if let Some(position) = self.outdated.iter().position(|outdated| *outdated == endpoint) {
            self.outdated.swap_remove(position);
            front.close(now, number);
            self.server.handle_closed(now, endpoint);
        } else if !self.server.has_session(endpoint) {
            front.linger(now, number);
        }
    }

    /// The key that was proven on an association.
    fn proof(&self, endpoint: CoapEndpoint) -> Option<Fingerprint> {
        let CoapEndpoint::Association { listener, number } = endpoint else { return None };
        self.listeners[listener].dtls.as_ref()?.proof(number)
    }

    fn flush_dtls(&mut self, now: Instant, index: usize) {
        while let Some(front) = &mut self.listeners[index].dtls {
            let Some(output) = front.server.poll_output() else { return };
            match output {
                dtls::Output::Datagram { route, bytes } => {
                    self.send_datagram(index, &route, &bytes);
                }
                dtls::Output::NeedPsk { association, route, identity } => {
                    self.answer_identity(now, index, association, route, identity);
                }
                dtls::Output::NeedClientKey { association, route, offered } => {
                    self.judge_client_key(now, index, association, route, offered);
                }
                dtls::Output::Established { association, route, peer } => front.establish(association, route, peer),
                dtls::Output::Moved { association, route } => {
                    if let Some(from) = front.follow(association, route) {
                        debug!("the client of association {association} has moved from {from} to {route}");
                        self.server.handle_moved(association_endpoint(index, association), route);
                    }
                }
                dtls::Output::ApplicationData { association, bytes } => {
                    let longest_message = front.server.longest_message(association);
                    if let Some(known) = front.association(association) {
                        let endpoint = association_endpoint(index, association);
                        let longest = longest_message.filter(|longest| *longest < MESSAGE_OF_UNKNOWN_PATH);
                        let origin =
                            Origin { endpoint, route: known.route, peer: &known.peer, largest_message: longest };
                        self.server.handle_datagram(now, origin, &bytes);
                    }
                }
                dtls::Output::Closed { association, route, reason } => {
                    self.handle_dtls_closed(now, index, association, route, reason);
                }
            }
        }
    }

    fn send_datagram(&mut self, listener: usize, route: &Route, bytes: &[u8]) {
        let Some(socket) = self.listeners[listener].socket.datagrams() else { return };
        match socket.send(route, bytes) {
            Ok(()) => self.datagrams_out += 1,
            Err(error) => {
                self.send_errors += 1;
                debug!(%error, "a datagram could not be sent");
            }
        }
    }

    /// Logs the end of a session, and keeps it for those who ask.
    fn record(&mut self, now: Instant, device: Option<String>, report: SessionReport) {
        let listener = self.listeners[report.listener].name();
        let is_known = device.is_some();
        self.log.ended(now, listener, is_known, &report);
        let ended = SystemTime::now();
        if let Some(endpoint) = device {
            if self.unwritten.is_empty() {
                self.write_outcomes_at = Instant::now() + OUTCOME_INTERVAL;
            }
            let (outcome, reason) = (report.outcome, report.reason.clone());
            let sessions = self.unwritten.get(&endpoint).map_or(0, |unwritten| unwritten.sessions) + 1;
            let outcome = DeviceOutcome { endpoint: endpoint.clone(), sessions, outcome, reason, at: ended.into() };
            self.unwritten.insert(endpoint, outcome);
        }
        let started = ended.checked_sub(report.duration).unwrap_or(ended);
        self.history.record(SessionRecord { started, running: false, listener, report }, is_known);
    }

    fn write_outcomes(&mut self, now: Instant) {
        let batch = self.unwritten.drain().map(|(_, outcome)| outcome).collect();
        let learned = self.lessons.take();
        // Both wait in one queue, and so one COMMIT takes them.
        let pending = (self.store.record_outcomes(batch), self.store.record_knowledge(learned));
        tokio::spawn(async move { say_lost(pending.0.await, pending.1.await) });
        self.write_outcomes_at = now + OUTCOME_INTERVAL;
    }

    fn handle_command(&mut self, command: Command) {
        // Whoever asked may have gone away; then nobody needs the answer.
        match command {
            Command::Sessions(query, answer) => {
                let _ = answer.send(self.history.select(&query, self.running_records().collect()));
            }
            Command::Session(id, answer) => {
                let running = self.running_records().find(|record| record.report.id == id);
                let _ = answer.send(running.or_else(|| self.history.find(id)));
            }
            Command::Status(answer) => {
                let _ = answer.send(self.status());
            }
            Command::Reconfigure(configurations, answer) => {
                self.server.set_listeners(configurations.iter().map(ListenerConfiguration::policy).collect());
                self.strangers.set_listeners(&configurations);
                for (listener, configuration) in self.listeners.iter_mut().zip(&configurations) {
                    if let Some(streams) = listener.socket.streams_mut() {
                        streams.set_timing(configuration.timing);
                    }
                }
                self.reconfigure_certificates(&configurations);
                let _ = answer.send(());
            }
            Command::Limit(limits, answer) => {
                self.server.set_limits(Instant::now(), &limits);
                let _ = answer.send(());
            }
            Command::Held(answer) => {
                let _ = answer.send(self.strangers.inbox.list());
            }
            Command::Release(endpoint, answer) => {
                let _ = answer.send(self.strangers.inbox.remove(&endpoint));
            }
            Command::Forget(endpoint, answer) => {
                self.lessons.forget(&endpoint);
                let _ = answer.send(());
            }
            Command::Drain(patience, answer) => {
                self.server.drain();
                self.draining = Some(Draining { give_up_at: Instant::now() + patience, answer: Some(answer) });
            }
        }
    }

    fn running_records(&self) -> impl Iterator<Item = SessionRecord> {
        let (now, wall_clock) = (Instant::now(), SystemTime::now());
        self.server.running_reports(now).map(move |report| {
            let started = wall_clock.checked_sub(report.duration).unwrap_or(wall_clock);
            SessionRecord { started, running: true, listener: self.listeners[report.listener].name(), report }
        })
    }

    fn status(&self) -> DriverStatus {
        let statistics = self.server.statistics();
        let handshakes = self.listeners.iter().filter_map(|listener| Some(listener.dtls.as_ref()?.server.statistics()));
        let (mut completed, mut failed, mut dropped) = (0, 0, 0);
        for statistics in handshakes {
            completed += statistics.handshakes_completed;
            failed += statistics.handshakes_failed;
            dropped += statistics.datagrams_dropped;
        }
        let drops = [
            ("DTLS datagram that belongs to nothing", dropped),
            ("malformed CoAP message", statistics.malformed),
            ("repeated request", statistics.duplicates),
            ("message that belongs to nothing", statistics.unmatched),
            ("request met with silence", statistics.ignored_requests),
            ("pack left to a Bootstrap-Request", statistics.redirected_packs),
            ("TCP connection beyond the limit", self.refused_connections()),
            ("error while sending", self.send_errors),
            ("error while receiving", self.receive_errors),
        ];
        DriverStatus {
            listeners: self.listeners.iter().map(Listener::status).collect(),
            running_sessions: self.server.running(),
            associations: self
                .listeners
                .iter()
                .filter_map(|it| it.dtls.as_ref())
                .map(|it| it.server.statistics().associations)
                .sum(),
            handshakes_completed: completed,
            handshakes_failed: failed,
            outcomes: self.history.outcomes(),
            datagrams_in: self.datagrams_in,
            datagrams_out: self.datagrams_out,
            drops: drops.map(|(cause, count)| (cause.to_owned(), count)).to_vec(),
            admission: self.admission(),
            draining: self.draining.is_some(),
            degraded: self.strangers.degraded(Instant::now()),
        }
    }

    fn is_drained(&self) -> bool {
        self.draining
            .as_ref()
            .is_some_and(|draining| self.server.running() == 0 || Instant::now() >= draining.give_up_at)
    }

    /// The end: associations are closed, outcomes written, and whoever asked is told. It is all done when this returns,
    /// since the runtime ends with it and would drop what was left to a task.
    async fn finish(mut self) {
        let now = Instant::now();
        for listener in &mut self.listeners {
            if let Some(front) = &mut listener.dtls {
                front.close_all(now);
            }
        }
        self.flush(now);
        // Nothing that happens on connections is taken any more, so that their tasks do not wait for it.
        self.stream_events.close();
        for listener in self.listeners.drain(..) {
            if let ListenerSocket::Streams(streams) = listener.socket {
                streams.finish().await;
            }
        }
        let outcomes: Vec<DeviceOutcome> = self.unwritten.drain().map(|(_, outcome)| outcome).collect();
        let pending = (self.store.record_outcomes(outcomes), self.store.record_knowledge(self.lessons.take()));
        say_lost(pending.0.await, pending.1.await);
        // What was not logged is not forgotten.
        self.log.handle_timeout(now + Duration::from_secs(1));
        let (answer, running) = (self.draining.take().and_then(|draining| draining.answer), self.server.running());
        // The connection to the database with it: the writer tidies the log away only if it is the last to close.
        drop(self);
        if let Some(answer) = answer {
            // Whoever asked may have gone away; then nobody needs the answer.
            let _ = answer.send(running);
        }
    }
}

/// Says what could not be written; nobody waits for it.
fn say_lost(outcomes: Result<(), StoreError>, learned: Result<(), StoreError>) {
    if let Err(error) = outcomes {
        error!(%error, "the last outcomes of some devices could not be written");
    }
    if let Err(error) = learned {
        error!(%error, "what some clients have shown could not be written, and will be learned again");
    }
}

fn seed() -> Result<[u8; 32], DriverError> {
    let mut seed = [0; 32];
    rand::TryRng::try_fill_bytes(&mut rand::rngs::SysRng, &mut seed)?;
    Ok(seed)
}
