//! An association whose datagrams the network drops, delays, repeats and changes, in both directions: what was said arrives
//! once, unless it is too old, and nothing else does; nobody but the client ends it.

use std::collections::BTreeSet;
use std::time::Duration;

use bootstrapd::dtls::{AssociationId, CloseReason, Output};

use super::puppet::protection::PSK_SUITES;
use super::puppet::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, ConnectionId, HANDSHAKE};
use super::puppet::{Layout, Message, Profile, Puppet, message};
use super::world::{Choices, IDENTITY, KEY, World, pre_shared, route};

/// One record that the client made, and what the server is to make of it.
struct Sent {
    number: u64,
    datagram: Vec<u8>,
    meaning: Meaning,
}

#[derive(Clone)]
enum Meaning {
    Data(Vec<u8>),
    End(CloseReason),
    /// Genuine, and answered by as many datagrams.
    Answered(usize),
}

struct Run {
    world: World,
    puppet: Puppet,
    association: AssociationId,
    /// What the client sent, to be delivered at any time and any number of times.
    sent: Vec<Sent>,
    /// What the server sent, which is delivered once each, in any order.
    answers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Numbers of the client's records that have arrived.
    arrived: BTreeSet<u64>,
    spoken: u8,
    waited: Duration,
}

/// The first byte says which suite and whether with connection ids, the others what happens.
pub fn established(data: &[u8]) {
    let mut choices = Choices(data);
    let kind = choices.pick();
    let profile = Profile {
        suites: vec![PSK_SUITES[usize::from(kind) % PSK_SUITES.len()]],
        connection_id: (kind & 0x40 > 0).then(|| vec![1; usize::from(kind & 0x0c)]),
        extended_master_secret: kind & 0x20 == 0,
        max_fragment_length: (kind & 0x10 > 0).then_some(1),
        ..Profile::psk(IDENTITY, KEY)
    };
    let mut world = World::new(pre_shared());
    let (puppet, association) = world.connect(route(1), profile, 1);
    let mut run = Run {
        world,
        puppet,
        association,
        sent: Vec::new(),
        answers: Vec::new(),
        arrived: BTreeSet::from([0]),
        spoken: 0,
        waited: Duration::ZERO,
    };
    while let Some(step) = choices.next()
        && run.world.open.contains_key(&association)
    {
        run.step(step, &mut choices);
    }
    if run.world.open.contains_key(&association) {
        // The numbers that the network still holds are of the past.
        run.world.assert_alive(route(1), &mut run.puppet, association);
    }
}

impl Run {
    fn step(&mut self, step: u8, choices: &mut Choices<'_>) {
        match step % 16 {
            0..=2 => self.speak(choices.pick()),
            3 | 4 => self.deliver(usize::from(choices.pick())),
            5 => self.answer(usize::from(choices.pick())),
            6 => self.hear(usize::from(choices.pick())),
            7 => self.change(usize::from(choices.pick()), choices),
            8 => self.forge(choices),
            9 => self.in_the_clear(choices),
            10 => self.repeat_finished(),
            11 => self.alert(choices.pick(), choices.pick()),
            12 => self.renegotiate(),
            13 => self.skip(u64::from(choices.pick())),
            14 => self.wait(choices.pick()),
            _ => self.world.server.linger(self.world.now, self.association),
        }
    }

    /// The client says something; the network has it.
    fn speak(&mut self, length: u8) {
        self.spoken = self.spoken.wrapping_add(1);
        let mut data = vec![self.spoken; usize::from(length)];
        data.push(self.spoken);
        self.keep(APPLICATION_DATA, &data.clone(), Meaning::Data(data));
    }

    fn keep(&mut self, content_type: u8, content: &[u8], meaning: Meaning) {
        let number = self.puppet.next_record_number(1);
        let layout = Layout { number: Some(number), ..Layout::new(content_type, 1) };
        let datagram = self.puppet.record_with(&layout, content);
        self.sent.push(Sent { number, datagram, meaning });
    }

    /// One of the client's datagrams arrives, for the first time or again.
    fn deliver(&mut self, which: usize) {
        let Some(index) = which.checked_rem(self.sent.len()) else { return };
        let Sent { number, datagram, meaning } = &self.sent[index];
        let (number, datagram, meaning) = (*number, datagram.clone(), meaning.clone());
        let newest = *self.arrived.last().expect("the client's Finished");
        let is_new = number + 64 > newest && self.arrived.insert(number);
        let answers = self.give(&datagram);
        let events = std::mem::take(&mut self.world.events);
        let (association, route) = (self.association, route(1));
        match meaning {
            _ if !is_new => assert!(events.is_empty() && answers.is_empty(), "a repetition: {events:?}"),
            Meaning::Data(bytes) => assert_eq!(events, [Output::ApplicationData { association, bytes }]),
            Meaning::End(reason) => {
                assert_eq!(events, [Output::Closed { association, route, reason }]);
                assert_eq!(answers.len(), usize::from(reason == CloseReason::CloseNotify));
            }
            Meaning::Answered(count) => assert!(events.is_empty() && answers.len() == count, "{events:?}"),
        }
        self.answers.extend(answers.into_iter().map(|answer| (answer, None)));
    }

    /// The server says something.
    fn answer(&mut self, length: usize) {
        let data = vec![0x5a; length * 3];
        let fits = (1..=self.world.server.longest_message(self.association).expect("it is open")).contains(&data.len());
        let (sent, datagrams) = self.world.send(self.association, &data);
        assert_eq!((sent, datagrams.len()), (fits, usize::from(fits)));
        self.answers.extend(datagrams.into_iter().map(|(_, datagram)| (datagram, Some(data.clone()))));
    }

    /// One of the server's datagrams arrives.
    fn hear(&mut self, which: usize) {
        let Some(index) = which.checked_rem(self.answers.len()) else { return };
        let (datagram, data) = self.answers.swap_remove(index);
        self.puppet.hear(&datagram);
        assert_eq!(self.puppet.faults(), []);
        assert_eq!(self.puppet.received(), Vec::from_iter(data));
    }

    /// One of the client's datagrams arrives otherwise than it was sent.
    fn change(&mut self, which: usize, choices: &mut Choices<'_>) {
        let Some(index) = which.checked_rem(self.sent.len()) else { return };
        let mut datagram = self.sent[index].datagram.clone();
        let (place, mask) = (usize::from(choices.pick()) % datagram.len(), choices.pick());
        match mask {
            0 => datagram.truncate(place),
            mask => datagram[place] ^= mask,
        }
        self.nothing_comes_of(&datagram);
    }

    /// A record of the right form and without the right key: the puppet's own, changed behind its back at the end.
    fn forge(&mut self, choices: &mut Choices<'_>) {
        let content_types = [APPLICATION_DATA, ALERT, HANDSHAKE, CHANGE_CIPHER_SPEC];
        let kind = choices.pick();
        let number = u64::from_be_bytes([0, 0, choices.pick(), 0, 0, 0, 0, choices.pick()]);
        let layout = Layout {
            number: Some(number),
            connection_id: if kind & 4 > 0 { ConnectionId::Never } else { ConnectionId::AsNegotiated },
            ..Layout::new(content_types[usize::from(kind % 4)], if kind & 8 > 0 { 2 } else { 1 })
        };
        let length = usize::from(choices.pick());
        let mut datagram = self.puppet.record_with(&layout, choices.take(length));
        *datagram.last_mut().expect("a record") ^= 1 << (kind >> 5);
        self.nothing_comes_of(&datagram);
    }

    /// What is in the clear means nothing to an association.
    fn in_the_clear(&mut self, choices: &mut Choices<'_>) {
        let content_types = [APPLICATION_DATA, ALERT, HANDSHAKE, CHANGE_CIPHER_SPEC];
        let kind = choices.pick();
        let content = choices.take(usize::from(kind >> 2));
        let content_type = content_types[usize::from(kind % 4)];
        let datagram = self.puppet.record(content_type, 0, content);
        // A ClientHello is the beginning of something else.
        if !(content_type == HANDSHAKE && content.first() == Some(&message::CLIENT_HELLO)) {
            self.nothing_comes_of(&datagram);
        }
    }

    fn nothing_comes_of(&mut self, datagram: &[u8]) {
        let answers = self.give(datagram);
        assert!(answers.is_empty() && self.world.events.is_empty(), "{:?}", self.world.events);
    }

    /// The client lost the server's last flight, or says so.
    fn repeat_finished(&mut self) {
        let finished = Message::new(message::FINISHED, [0; 12]).numbered(3).whole();
        self.keep(HANDSHAKE, &finished, Meaning::Answered(1));
    }

    fn alert(&mut self, level: u8, description: u8) {
        // Mostly a real one.
        let (level, description) = (level % 3, description % 4 * 10);
        let meaning = match (level, description) {
            (_, 0) => Meaning::End(CloseReason::CloseNotify),
            (2, _) => Meaning::End(CloseReason::Broken),
            _ => Meaning::Answered(0),
        };
        self.keep(ALERT, &[level, description], meaning);
    }

    /// It is refused by a warning.
    fn renegotiate(&mut self) {
        let hello = self.puppet.client_hello().numbered(4).whole();
        self.keep(HANDSHAKE, &hello, Meaning::Answered(1));
    }

    /// The client's numbers go on from further away.
    fn skip(&mut self, by: u64) {
        let next = self.puppet.next_record_number(1);
        self.puppet.set_next_record_number(1, next + by);
    }

    /// Far less than it takes to be idle.
    fn wait(&mut self, seconds: u8) {
        let time = Duration::from_secs(u64::from(seconds % 4));
        if self.waited + time < Duration::from_secs(25) {
            self.waited += time;
            self.world.wait(time);
        }
    }

    fn give(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.world.give(route(1), datagram).into_iter().map(|(_, answer)| answer).collect()
    }
}
