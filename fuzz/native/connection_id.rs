//! Two clients with connection ids, and datagrams of theirs, genuine, repeated and forged, from changing addresses: only
//! the newest genuine record moves anybody (RFC 9146, section 6), and an address that somebody moved to is sent little.

use bootstrapd::dtls::{AssociationId, Output};
use bootstrapd::route::Route;

use super::puppet::record::APPLICATION_DATA;
use super::puppet::{ConnectionId, Layout, Profile, Puppet};
use super::world::{Choices, IDENTITY, KEY, World, pre_shared, route};

/// Addresses, from 1 on; the clients begin at the first two.
const ADDRESSES: u8 = 5;

/// Datagrams to an address, for each that was genuine from there.
const CREDIT: u8 = 6;

struct Client {
    puppet: Puppet,
    association: AssociationId,
    /// Where the server is to take it to be.
    place: Route,
    /// Datagrams that may be sent there; any number to where the handshake was.
    credit: Option<u8>,
    /// Number, datagram and data of what it said.
    sent: Vec<(u64, Vec<u8>, Vec<u8>)>,
    arrived: Vec<u64>,
}

/// Two bytes for what happens and to whom, then what the step needs.
pub fn connection_id(data: &[u8]) {
    let mut choices = Choices(data);
    let mut world = World::new(pre_shared());
    let mut clients: Vec<Client> = (1..=2)
        .map(|number| {
            let theirs = choices.pick() % 9;
            let profile =
                Profile { connection_id: Some(vec![number; usize::from(theirs)]), ..Profile::psk(IDENTITY, KEY) };
            let (puppet, association) = world.connect(route(number), profile, u64::from(number));
            let id = puppet.connection_id_of_server().expect("it was asked for");
            assert_eq!((id.len(), id[0]), (8, 0), "of constant length, and with the shard");
            let (place, sent, arrived) = (route(number), Vec::new(), vec![0]);
            Client { puppet, association, place, credit: None, sent, arrived }
        })
        .collect();
    assert_ne!(clients[0].puppet.connection_id_of_server(), clients[1].puppet.connection_id_of_server());
    while let Some(step) = choices.next() {
        let client = &mut clients[usize::from(step >> 7)];
        let from = route(1 + choices.pick() % ADDRESSES);
        match step % 8 {
            0 | 1 => client.speak(choices.pick()),
            2 | 3 => client.arrives(&mut world, from, usize::from(choices.pick())),
            4 => client.is_answered(&mut world, choices.pick()),
            5 => client.is_changed(&mut world, from, &mut choices),
            6 => client.is_forged(&mut world, from, &mut choices),
            _ => client.names_another_id(&mut world, from, &mut choices),
        }
        assert_eq!(world.open.len(), 2, "nobody ends anything");
    }
    for client in &mut clients {
        let place = client.place;
        world.assert_alive(place, &mut client.puppet, client.association);
    }
}

impl Client {
    /// Says something, with gaps in its numbers now and then; the network has it.
    fn speak(&mut self, gap: u8) {
        let first = self.puppet.next_record_number(1);
        let number = first + if gap > 200 { u64::from(gap) } else { 0 };
        self.puppet.set_next_record_number(1, number + 1);
        let data = number.to_be_bytes().to_vec();
        let padding = usize::from(gap % 7);
        let layout = Layout { number: Some(number), padding, ..Layout::new(APPLICATION_DATA, 1) };
        let datagram = self.puppet.record_with(&layout, &data);
        self.sent.push((number, datagram, data));
    }

    /// One of its datagrams arrives from somewhere, for the first time or again.
    fn arrives(&mut self, world: &mut World, from: Route, which: usize) {
        let Some(index) = which.checked_rem(self.sent.len()) else { return };
        let (number, datagram, bytes) = self.sent[index].clone();
        let newest = *self.arrived.iter().max().expect("its Finished");
        let is_new = !self.arrived.contains(&number) && number + 64 > newest;
        let association = self.association;
        let mut expected = Vec::new();
        if is_new {
            self.arrived.push(number);
            if from != self.place && number > newest {
                (self.place, self.credit) = (from, Some(CREDIT));
                expected.push(Output::Moved { association, route: from });
            } else if from == self.place && self.credit.is_some() {
                self.credit = Some(CREDIT);
            }
            expected.push(Output::ApplicationData { association, bytes });
        }
        assert_eq!(world.give(from, &datagram), []);
        assert_eq!(std::mem::take(&mut world.events), expected);
    }

    /// The server says something, to where the client is taken to be, while there is credit.
    fn is_answered(&mut self, world: &mut World, length: u8) {
        let withheld = world.server.statistics().withheld;
        let data = vec![length; usize::from(length) + 1];
        let (sent, datagrams) = world.send(self.association, &data);
        assert_eq!(sent, self.credit != Some(0));
        self.credit = self.credit.map(|credit| credit.saturating_sub(1));
        assert_eq!(world.server.statistics().withheld - withheld, u64::from(!sent));
        assert_eq!(datagrams.len(), usize::from(sent));
        for (to, datagram) in datagrams {
            assert_eq!(to, self.place);
            self.puppet.hear(&datagram);
            assert_eq!(self.puppet.received(), std::slice::from_ref(&data));
        }
    }

    /// One of its datagrams arrives otherwise than it was sent.
    fn is_changed(&mut self, world: &mut World, from: Route, choices: &mut Choices<'_>) {
        let Some(index) = usize::from(choices.pick()).checked_rem(self.sent.len()) else { return };
        let mut datagram = self.sent[index].1.clone();
        let place = usize::from(choices.pick()) % datagram.len();
        datagram[place] ^= choices.pick().max(1);
        nothing_comes_of(world, from, &datagram);
    }

    /// A record with its id, and a number of any size, that is not genuine.
    fn is_forged(&mut self, world: &mut World, from: Route, choices: &mut Choices<'_>) {
        let number = u64::from_be_bytes([0, 0, choices.pick(), 0, 0, 0, 0, choices.pick()]);
        let layout = Layout { number: Some(number), ..Layout::new(APPLICATION_DATA, 1) };
        let mut datagram = self.puppet.record_with(&layout, b"forged");
        *datagram.last_mut().expect("a record") ^= 1 << (choices.pick() % 8);
        nothing_comes_of(world, from, &datagram);
    }

    /// By its own keys, and with no id, one of another length, or one that nobody has.
    fn names_another_id(&mut self, world: &mut World, from: Route, choices: &mut Choices<'_>) {
        let length = choices.pick();
        let id = choices.take(usize::from(length % 12));
        let number = Some(self.puppet.next_record_number(1));
        let connection_id = match length {
            128.. => ConnectionId::Never,
            _ => ConnectionId::This(id.to_vec()),
        };
        // Random enough that nobody has it.
        if self.puppet.connection_id_of_server() != Some(id) {
            let layout = Layout { number, connection_id, ..Layout::new(APPLICATION_DATA, 1) };
            let datagram = self.puppet.record_with(&layout, b"another's");
            nothing_comes_of(world, from, &datagram);
        }
    }
}

fn nothing_comes_of(world: &mut World, from: Route, datagram: &[u8]) {
    assert_eq!(world.give(from, datagram), []);
    assert_eq!(world.events, []);
}
