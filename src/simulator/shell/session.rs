//! `Session`: a client and the transport it speaks through, driven by whoever owns the socket.
//!
//! Joins [`Client`], which knows CoAP only, with [`Association`], where there is one. It follows the client's contract:
//! inputs, then outputs until there are none, then a deadline.

use std::collections::VecDeque;
use std::time::Instant;

use zeroize::Zeroizing;

use super::Association;
use crate::simulator::{Client, Failure, Output, Provisioned, Traffic};

/// The largest DTLS record content (RFC 6347 section 4.1).
const LARGEST_RECORD: usize = 1 << 14;

/// One bootstrap over one transport.
pub struct Session {
    client: Client,
    association: Option<Association>,
    outgoing: VecDeque<Zeroizing<Vec<u8>>>,
    result: Option<Result<Provisioned, Failure>>,
    /// Room for one decrypted record; empty without DTLS.
    record: Zeroizing<Vec<u8>>,
}

impl Session {
    /// Makes a session; with `association`, everything goes through it once its handshake is done.
    pub fn new(client: Client, association: Option<Association>) -> Session {
        let room = if association.is_some() { LARGEST_RECORD } else { 0 };
        let record = Zeroizing::new(vec![0; room]);
        Session { client, association, outgoing: VecDeque::new(), result: None, record }
    }

    /// Begins: with the handshake, or with the Bootstrap-Request where there is none.
    pub fn start(&mut self, now: Instant) {
        match &self.association {
            Some(_) => self.advance_handshake(now),
            None => self.client.start(now),
        }
        self.collect();
    }

    /// Takes a datagram from the socket.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        match &mut self.association {
            None => self.client.handle_datagram(now, datagram),
            Some(association) => {
                association.push(datagram);
                if !association.is_established() {
                    self.advance_handshake(now);
                }
                self.read_records(now);
            }
        }
        self.collect();
    }

    /// Takes the passing of time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.is_shaking_hands() {
            self.advance_handshake(now);
        } else {
            self.client.handle_timeout(now);
        }
        self.collect();
    }

    /// Takes what the socket said instead of a datagram.
    pub fn handle_transport_failure(&mut self, failure: Failure) {
        self.client.handle_transport_failure(failure);
        self.collect();
    }

    /// The next datagram for the socket.
    pub fn poll_datagram(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        match &mut self.association {
            None => self.outgoing.pop_front(),
            Some(association) => association.poll_datagram().map(Zeroizing::new),
        }
    }

    /// When to call [`Session::handle_timeout`].
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        match &self.association {
            Some(association) if self.is_shaking_hands() => association.poll_timeout(now),
            _ => self.client.poll_timeout(),
        }
    }

    /// How it ended, once and only when it has.
    pub fn take_result(&mut self) -> Option<Result<Provisioned, Failure>> {
        self.result.take()
    }

    /// What it has cost so far in CoAP messages.
    pub fn traffic(&self) -> Traffic {
        self.client.traffic()
    }

    /// Says goodbye to the server; what is to be sent comes out of [`Session::poll_datagram`].
    pub fn close(&mut self) {
        if let Some(association) = &mut self.association {
            association.close();
        }
    }

    fn is_shaking_hands(&self) -> bool {
        self.result.is_none() && self.association.as_ref().is_some_and(|association| !association.is_established())
    }

    fn advance_handshake(&mut self, now: Instant) {
        let Some(association) = &mut self.association else { return };
        match association.advance(now) {
            Err(failure) => self.client.handle_transport_failure(failure),
            Ok(()) if association.is_established() => self.client.start(now),
            Ok(()) => {}
        }
    }

    fn read_records(&mut self, now: Instant) {
        let Some(association) = self.association.as_mut().filter(|association| association.is_established()) else {
            return;
        };
        loop {
            match association.read(&mut self.record) {
                Ok(Some(length)) => self.client.handle_datagram(now, &self.record[..length]),
                Ok(None) => return,
                Err(failure) => return self.client.handle_transport_failure(failure),
            }
        }
    }

    /// Moves what the client wants done to where the socket's owner finds it.
    fn collect(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match (output, &mut self.association) {
                (Output::Finished(result), _) => self.result = Some(result),
                (Output::Datagram(message), None) => self.outgoing.push_back(message),
                (Output::Datagram(message), Some(association)) => {
                    if let Err(failure) = association.write(&message) {
                        self.client.handle_transport_failure(failure);
                    }
                }
            }
        }
    }
}
