//! Our flight in the clear: ServerHello to ServerHelloDone, cut into records and datagrams, and when it is sent again (RFC
//! 6347, sections 4.2.3 and 4.2.4).
//!
//! Knows no keys and reads no clock.

use std::time::{Duration, Instant};

use crate::dtls::record::{
    ContentType, HANDSHAKE_HEADER_LENGTH, HEADER_LENGTH, HandshakeFragment, VERSION_1_2, clear_record,
    handshake_fragment, handshake_message,
};

/// RFC 6347, section 4.2.4.1: no more than 60 s.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The messages of a flight, and the numbers of the records that carry them.
pub(super) struct Outgoing {
    /// Type, number and body of each.
    messages: Vec<(u8, u16, Vec<u8>)>,
    next_message: u16,
    /// Number of the next record of epoch 0; 48 bits.
    next_record: u64,
    limits: Limits,
    /// How long to wait before it is sent again.
    wait: Duration,
    /// When that is; none while there is nothing to wait for.
    due: Option<Instant>,
}

/// How much fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of one datagram.
    pub(super) datagram: u16,
    /// Bytes of content of one record.
    pub(super) record: u16,
}

impl Outgoing {
    /// An empty flight. The HelloVerifyRequest was our message 0; `first_record` is the number of the record that brought
    /// the cookie, from which ours go on (RFC 6347, section 4.2.1).
    pub(super) fn new(first_record: [u8; 6], limits: Limits, initial_wait: Duration) -> Outgoing {
        let [a, b, c, d, e, f] = first_record;
        Outgoing {
            messages: Vec::new(),
            next_message: 1,
            next_record: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            limits,
            wait: initial_wait.min(WAIT_MAX),
            due: None,
        }
    }

    /// Adds a message; returns it as it goes into the transcript (RFC 6347, section 4.2.6: as if it were not fragmented).
    pub(super) fn push(&mut self, message_type: u8, body: Vec<u8>) -> Vec<u8> {
        let number = self.next_message();
        let whole = handshake_message(message_type, number, &body);
        self.messages.push((message_type, number, body));
        whole
    }

    /// The number of the next message, which is thereby taken.
    pub(super) fn next_message(&mut self) -> u16 {
        self.next_message += 1;
        self.next_message - 1
    }

    /// The flight, for the first time or again, with records of new numbers; then waits for the client.
    pub(super) fn send(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.due = Some(now + self.wait);
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        let room = usize::from(self.limits.datagram);
        let longest = usize::from(self.limits.record).min(room.saturating_sub(HEADER_LENGTH));
        let part = longest.saturating_sub(HANDSHAKE_HEADER_LENGTH).max(1);
        let messages = std::mem::take(&mut self.messages);
        for &(message_type, message_sequence, ref body) in &messages {
            // A body of nothing is a message as well.
            for offset in (0..body.len().max(1)).step_by(part) {
                let bytes = handshake_fragment(&HandshakeFragment {
                    message_type,
                    length: body.len(),
                    message_sequence,
                    offset,
                    body: &body[offset..body.len().min(offset + part)],
                });
                let record = self.record(ContentType::Handshake, &bytes);
                match datagrams.last_mut() {
                    Some(datagram) if datagram.len() + record.len() <= room => datagram.extend_from_slice(&record),
                    _ => datagrams.push(record),
                }
            }
        }
        self.messages = messages;
        datagrams
    }

    /// The client did not answer in time: sends again and waits twice as long (RFC 6347, section 4.2.4.1).
    pub(super) fn send_again(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.wait = (self.wait * 2).min(WAIT_MAX);
        self.send(now)
    }

    /// The client has it.
    pub(super) fn stop(&mut self) {
        self.due = None;
    }

    /// When to send again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A record of epoch 0.
    pub(super) fn record(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let [_, _, number @ ..] = self.next_record.to_be_bytes();
        self.next_record += 1;
        clear_record(content_type, VERSION_1_2, number, content)
    }

    /// The number of the next record of epoch 0, for whoever goes on.
    pub(super) fn next_record(&self) -> u64 {
        self.next_record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtls::record::{HandshakeFragments, Records};

    fn flight(limits: Limits) -> Outgoing {
        let mut flight = Outgoing::new([0, 0, 0, 0, 0, 7], limits, Duration::from_secs(1));
        flight.push(2, vec![1; 70]);
        flight.push(11, (0..=255).cycle().take(2_000).collect());
        flight.push(14, Vec::new());
        flight
    }

    /// Type, number and body of a message.
    type Message = (u8, u16, Vec<u8>);

    /// The messages, put together, that `datagrams` carry, and the numbers of the records.
    fn read(datagrams: &[Vec<u8>]) -> (Vec<Message>, Vec<u8>) {
        let (mut messages, mut numbers): (Vec<Message>, _) = (Vec::new(), Vec::new());
        for record in datagrams.iter().flat_map(|datagram| Records::of(datagram)) {
            numbers.push(record.sequence_number[5]);
            for fragment in HandshakeFragments::of(record.fragment) {
                match messages.last_mut() {
                    Some((_, number, body)) if *number == fragment.message_sequence => {
                        assert_eq!(body.len(), fragment.offset);
                        body.extend_from_slice(fragment.body);
                    }
                    _ => messages.push((fragment.message_type, fragment.message_sequence, fragment.body.to_vec())),
                }
            }
        }
        (messages, numbers)
    }

    #[test]
    fn whatever_fits_the_messages_arrive_whole_and_in_records_that_are_counted() {
        for (datagram, record) in [(1232, 16_384), (1232, 512), (200, 512), (576, 1024), (60, 16_384)] {
            let limits = Limits { datagram, record };
            let datagrams = flight(limits).send(Instant::now());
            for sent in &datagrams {
                assert!(sent.len() <= usize::from(datagram), "{limits:?}");
                for found in Records::of(sent) {
                    assert!(found.fragment.len() <= usize::from(record), "{limits:?}");
                }
            }
            let (messages, numbers) = read(&datagrams);
            let expected = [(2, 1, vec![1; 70]), (11, 2, (0..=255).cycle().take(2_000).collect()), (14, 3, Vec::new())];
            assert_eq!(messages, expected, "{limits:?}");
            assert_eq!(numbers, (7..).take(numbers.len()).collect::<Vec<u8>>(), "{limits:?}");
        }
    }

    #[test]
    fn it_is_sent_again_after_twice_the_time_and_at_most_a_minute() {
        let mut flight = flight(Limits { datagram: 1232, record: 16_384 });
        let start = Instant::now();
        let (mut now, mut waits) = (start, Vec::new());
        flight.send(now);
        for _ in 0..8 {
            let due = flight.due().expect("waits");
            waits.push((due - now).as_secs());
            now = due;
            let again = flight.send_again(now);
            assert_eq!(read(&again).0.len(), 3);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        flight.stop();
        assert_eq!(flight.due(), None);
    }
}
