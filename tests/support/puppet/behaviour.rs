//! A client that behaves well: flights, repetition, established traffic (RFC 6347, section 4.2.4).

use super::Puppet;
use super::hearing::Heard;
use super::message::{Handshake, Message, SERVER_HELLO_DONE};
use super::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};

/// Headers, explicit nonce, tag, inner type: what a protected record has besides its plaintext, without connection id.
const OVERHEAD: usize = 13 + 8 + 16 + 1;

/// A part of a flight, kept until the next flight, because it may have to be sent again.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A message and its epoch.
    Handshake(Handshake, u16),
    /// ChangeCipherSpec.
    ChangeCipherSpec,
}

impl Puppet {
    /// The first flight: ClientHello.
    pub fn start(&mut self) -> Vec<Vec<u8>> {
        let hello = self.client_hello();
        self.send_hello(&hello)
    }

    /// Takes a datagram and returns what a good client answers. A server at fault is told once and heard no more.
    pub fn handle_datagram(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let heard = self.hear(datagram);
        self.react(&heard)
    }

    /// What a good client answers to what it heard.
    pub fn react(&mut self, heard: &[Heard]) -> Vec<Vec<u8>> {
        if let Some(fault) = self.faults.first()
            && !self.has_told_fault
        {
            self.has_told_fault = true;
            self.is_over |= !self.is_established;
            self.is_closed |= self.is_established;
            let alert = self.alert(2, fault.alert);
            let epoch = u16::from(self.is_established);
            return vec![self.record(ALERT, epoch, &alert)];
        }
        let mut answers = Vec::new();
        for what in heard {
            match what {
                Heard::HelloVerifyRequest if !self.is_over => answers.extend(self.start()),
                Heard::Message(SERVER_HELLO_DONE) if !self.is_over => answers.extend(self.send_second_flight()),
                // The server repeats itself: it has not heard the answer.
                Heard::Repeated(SERVER_HELLO_DONE) => answers.extend(self.handle_timeout()),
                // RFC 5246, section 7.2.1: the other side answers with its own.
                Heard::Alert(1, 0) if self.is_established => {
                    let alert = self.alert(1, 0);
                    answers.push(self.record(ALERT, 1, &alert));
                }
                _ => {}
            }
        }
        answers
    }

    /// Sends the last flight again with new record numbers, as long as the handshake runs.
    pub fn handle_timeout(&mut self) -> Vec<Vec<u8>> {
        if self.is_established || self.is_over {
            return Vec::new();
        }
        self.flight_datagrams()
    }

    /// The last flight, with new record numbers, each record by itself.
    pub fn flight_records(&mut self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        for item in self.flight.clone() {
            match item {
                Item::ChangeCipherSpec => records.push(self.record(CHANGE_CIPHER_SPEC, 0, &[1])),
                Item::Handshake(handshake, epoch) => {
                    for fragment in handshake.fragments(self.fragment_size(&handshake)) {
                        records.push(self.record(HANDSHAKE, epoch, &fragment));
                    }
                }
            }
        }
        records
    }

    /// Application data as one datagram of one record.
    pub fn seal(&mut self, data: &[u8]) -> Vec<u8> {
        self.record(APPLICATION_DATA, 1, data)
    }

    /// Says goodbye under protection.
    pub fn close_notify(&mut self) -> Vec<u8> {
        self.is_closed = true;
        let alert = self.alert(1, 0);
        self.record(ALERT, 1, &alert)
    }

    /// Builds and commits what follows ServerHelloDone: Certificate and CertificateVerify where they are asked for,
    /// ClientKeyExchange, ChangeCipherSpec, Finished. It is the flight from then on.
    pub fn build_second_flight(&mut self) {
        let mut flight = Vec::new();
        let is_asked = self.server.certificate_is_requested;
        if is_asked {
            let certificate = self.certificate();
            flight.push(Item::Handshake(self.commit(&certificate), 0));
        }
        let exchange = self.client_key_exchange();
        flight.push(Item::Handshake(self.commit(&exchange), 0));
        if is_asked && self.has_certificate() {
            let verify = self.certificate_verify();
            flight.push(Item::Handshake(self.commit(&verify), 0));
        }
        flight.push(Item::ChangeCipherSpec);
        let finished = self.finished();
        flight.push(Item::Handshake(self.commit(&finished), 1));
        self.flight = flight;
    }

    fn send_second_flight(&mut self) -> Vec<Vec<u8>> {
        self.build_second_flight();
        self.flight_datagrams()
    }

    fn send_hello(&mut self, hello: &Message) -> Vec<Vec<u8>> {
        let handshake = self.commit(hello);
        self.flight = vec![Item::Handshake(handshake, 0)];
        self.flight_datagrams()
    }

    fn flight_datagrams(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        for record in self.flight_records() {
            match datagrams.last_mut() {
                Some(last)
                    if !self.profile.one_record_per_datagram && last.len() + record.len() <= self.profile.mtu =>
                {
                    last.extend_from_slice(&record);
                }
                _ => datagrams.push(record),
            }
        }
        datagrams
    }

    /// Bytes of body in one fragment.
    fn fragment_size(&self, handshake: &Handshake) -> usize {
        const HEADER: usize = 12;
        if handshake.message_type == super::message::CLIENT_HELLO {
            return handshake.body.len();
        }
        let id_length = self.server.connection_id.as_ref().map_or(0, Vec::len);
        let by_datagram = self.profile.mtu.saturating_sub(OVERHEAD + id_length + HEADER);
        let by_extension = self.server.max_fragment_length.map_or(1 << 14, |code| 256 << code) - HEADER;
        self.profile.fragment.min(by_datagram).min(by_extension).max(1)
    }
}
