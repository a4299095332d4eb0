//! The TCP connections of one listener, which to the bootstrap server look like clients that speak datagrams.
//!
//! RFC 8323; spec sheet `transport.md`, section 3. What is said on a connection is [`Connection`]'s business; which bytes
//! travel is that of [`crate::net::tcp`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tracing::debug;

use crate::coap::stream::{Connection, Output};
use crate::coap::{Message, Timing};
use crate::net::tcp::{TcpEvent, TcpListener, TcpWriter};
use crate::route::Route;

/// What the connections want done.
pub(super) enum StreamOutput {
    /// A client says this.
    Message {
        /// Number of its connection.
        number: u64,
        route: Route,
        message: Message,
        /// Its Max-Message-Size.
        largest_message: usize,
    },
    /// A connection is gone.
    Closed(u64),
}

/// The connections of one listener.
pub(super) struct StreamFront {
    listener: TcpListener,
    timing: Timing,
    clients: HashMap<u64, Client>,
    /// Deadlines that were true when they were put there; each client has one that is not too late.
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    outputs: VecDeque<StreamOutput>,
    random: StdRng,
    /// Connections that were closed at once, because there were too many.
    refused: u64,
}

struct Client {
    connection: Connection,
    route: Route,
    writer: TcpWriter,
    /// Its earliest deadline in the heap.
    scheduled: Option<Instant>,
}

impl StreamFront {
    pub(super) fn new(listener: TcpListener, timing: Timing, seed: [u8; 32]) -> StreamFront {
        StreamFront {
            listener,
            timing,
            clients: HashMap::new(),
            deadlines: BinaryHeap::new(),
            outputs: VecDeque::new(),
            random: StdRng::from_seed(seed),
            refused: 0,
        }
    }

    /// Where it is bound.
    pub(super) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The way to the client of a connection.
    pub(super) fn route(&self, number: u64) -> Option<Route> {
        self.clients.get(&number).map(|client| client.route)
    }

    /// Connections that were closed at once since the start.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes new CoAP timing, for connections to come.
    pub(super) fn set_timing(&mut self, timing: Timing) {
        self.timing = timing;
    }

    /// What is to be done next.
    pub(super) fn poll_output(&mut self) -> Option<StreamOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`StreamFront::handle_timeout`].
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Takes what has happened on the socket.
    pub(super) fn handle(&mut self, now: Instant, event: TcpEvent) -> std::io::Result<()> {
        match event {
            TcpEvent::Accepted(number, route, writer) => {
                let connection = Connection::new(now, &self.timing, self.random.random());
                self.clients.insert(number, Client { connection, route, writer, scheduled: None });
                self.collect(number);
            }
            TcpEvent::Received(number, bytes) => {
                if let Some(client) = self.clients.get_mut(&number) {
                    client.connection.handle_bytes(now, &bytes);
                }
                self.collect(number);
            }
            TcpEvent::Closed(number) => self.remove(number),
            TcpEvent::Refused => self.refused += 1,
            TcpEvent::Failed(error) => return Err(error),
        }
        Ok(())
    }

    /// Sends one message to a client; a connection that is gone swallows it.
    pub(super) fn send(&mut self, now: Instant, number: u64, message: &Message) {
        let Some(client) = self.clients.get_mut(&number) else { return };
        if let Err(refusal) = client.connection.send(now, message) {
            // The exchange that it belongs to ends by its own time-out.
            debug!(client = %client.route, %refusal, "a message could not be sent");
        }
        self.collect(number);
    }

    /// Takes the passing of time.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(Reverse((deadline, number))) = self.deadlines.peek().copied() {
            if deadline > now {
                return;
            }
            self.deadlines.pop();
            if let Some(client) = self.clients.get_mut(&number).filter(|client| client.scheduled == Some(deadline)) {
                client.scheduled = None;
                client.connection.handle_timeout(now);
                self.collect(number);
            }
        }
    }

    /// Says Release on every connection, and closes them when that is written.
    pub(super) async fn finish(mut self) {
        for (_, mut client) in self.clients.drain() {
            client.connection.release(None);
            while let Some(output) = client.connection.poll_output() {
                if let Output::Bytes(bytes) = output {
                    // Whoever does not read does not hear it.
                    let _ = client.writer.write(bytes);
                }
            }
        }
        self.listener.finish().await;
    }

    /// Carries out what a connection wants done, as far as that can be done here.
    fn collect(&mut self, number: u64) {
        let Some(client) = self.clients.get_mut(&number) else { return };
        let mut is_over = false;
        while let Some(output) = client.connection.poll_output() {
            match output {
                Output::Bytes(bytes) => is_over |= client.writer.write(bytes).is_err(),
                Output::Message(message) => self.outputs.push_back(StreamOutput::Message {
                    number,
                    route: client.route,
                    message,
                    largest_message: client.connection.largest_message(),
                }),
                Output::Close(reason) => {
                    debug!(client = %client.route, "connection closed: {reason}");
                    is_over = true;
                }
            }
        }
        match client.connection.deadline() {
            _ if is_over => self.remove(number),
            Some(deadline) if client.scheduled.is_none_or(|scheduled| deadline < scheduled) => {
                client.scheduled = Some(deadline);
                self.deadlines.push(Reverse((deadline, number)));
            }
            _ => {}
        }
    }

    fn remove(&mut self, number: u64) {
        if self.clients.remove(&number).is_some() {
            self.outputs.push_back(StreamOutput::Closed(number));
        }
    }
}
