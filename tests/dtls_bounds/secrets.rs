//! No secret stays behind in memory that the server frees: not the pre-shared key, nor the premaster secret, nor the
//! master secret, nor the keys of either direction.
//!
//! The client knows them all, and the allocator looks for them in every block that is freed, byte by byte. What is on the
//! stack, and what the library's C code frees (which wipes it itself), is not seen.

use std::time::Duration;

use bootstrapd::dtls::{AssociationId, Output, Server};
use bootstrapd::secret::Secret;

use crate::allocator;
use crate::desk::route;
use crate::on_record;
use crate::puppet::message::{CLIENT_HELLO, CLIENT_KEY_EXCHANGE, FINISHED, SERVER_HELLO};
use crate::puppet::protection::{ECDHE_SUITES, PSK_SUITES};
use crate::puppet::{Message, Profile, Proof, Puppet, prf, record};

/// How it goes on after the client knows the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Data both ways, then close_notify of the client's.
    CloseNotify,
    /// The same, and the server closes.
    Close,
    /// The same, and a rebooted client takes its place.
    Replaced,
    /// The client's Finished does not come.
    Abandoned,
    /// It is wrong.
    WrongFinished,
    /// The listener is dropped in the middle of the handshake.
    Dropped,
    /// The listener is dropped with the association.
    DroppedLater,
}

const COURSES: [Course; 7] = [
    Course::CloseNotify,
    Course::Close,
    Course::Replaced,
    Course::Abandoned,
    Course::WrongFinished,
    Course::Dropped,
    Course::DroppedLater,
];

/// A server whose every step is watched.
struct Watched {
    server: Server,
    now: std::time::Instant,
    established: Option<AssociationId>,
    /// Messages that arrived.
    messages: usize,
}

impl Watched {
    fn new() -> Watched {
        let server = Server::new(on_record::configuration(), [3; 32]).expect("a configuration that works");
        Watched { server, now: std::time::Instant::now(), established: None, messages: 0 }
    }

    fn step(&mut self, work: impl FnOnce(&mut Server)) -> Vec<Vec<u8>> {
        allocator::watch(|| work(&mut self.server));
        let mut datagrams = Vec::new();
        while let Some(output) = allocator::watch(|| self.server.poll_output()) {
            match output {
                Output::Datagram { bytes, .. } => datagrams.push(bytes),
                Output::NeedPsk { association, identity, .. } => {
                    let key = on_record::key_of(&identity);
                    allocator::watch(|| self.server.handle_psk(self.now, association, key.as_ref()));
                }
                Output::NeedClientKey { association, offered, .. } => {
                    let verdict = on_record::verdict_on(&offered);
                    allocator::watch(|| self.server.handle_client_key(self.now, association, verdict));
                }
                Output::Established { association, .. } => self.established = Some(association),
                Output::ApplicationData { .. } => self.messages += 1,
                Output::Moved { .. } | Output::Closed { .. } => {}
            }
        }
        datagrams
    }

    fn give(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let now = self.now;
        self.step(|server| server.handle_datagram(now, route(1), datagram))
    }

    fn talk(&mut self, puppet: &mut Puppet, first: Vec<Vec<u8>>) {
        let mut to_server = first;
        while !to_server.is_empty() {
            let answers: Vec<_> = to_server.iter().flat_map(|datagram| self.give(datagram)).collect();
            to_server = answers.iter().flat_map(|answer| puppet.handle_datagram(answer)).collect();
        }
    }
}

/// Body of the first message of this type in a transcript, and where its end is.
fn message_of(transcript: &[u8], message_type: u8) -> (&[u8], usize) {
    let mut position = 0;
    loop {
        let length = usize::from(transcript[position + 2]) << 8 | usize::from(transcript[position + 3]);
        let end = position + 12 + length;
        if transcript[position] == message_type {
            return (&transcript[position + 12..end], end);
        }
        position = end;
    }
}

/// The secrets of a handshake as the RFCs derive them, from what the client has seen (RFC 5246, sections 6.3 and 8.1; RFC
/// 7627, section 4; RFC 4279, section 2), by name.
fn secrets_of(puppet: &Puppet) -> Vec<(&'static str, Vec<u8>)> {
    let transcript = puppet.transcript();
    let randoms = [CLIENT_HELLO, SERVER_HELLO].map(|message| message_of(transcript, message).0[2..34].to_vec());
    let [client, server] = randoms;
    let premaster = puppet.premaster();
    let master = if puppet.uses_extended_master_secret() {
        let (_, end) = message_of(transcript, CLIENT_KEY_EXCHANGE);
        prf::extended_master_secret(&premaster, &transcript[..end])
    } else {
        let random = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).expect("32 bytes");
        prf::master_secret(&premaster, &random(&client), &random(&server))
    };
    let block = prf::prf(&master, b"key expansion", &[server, client].concat(), 40);
    let secret = match &puppet.profile.proof {
        Proof::Psk { key, .. } => ("the pre-shared key", key.clone()),
        _ => ("the premaster secret", premaster),
    };
    vec![
        secret,
        ("the master secret", master),
        ("the client's key", block[..16].to_vec()),
        ("the server's key", block[16..32].to_vec()),
    ]
}

/// Plays one course; what was found.
fn play(profile: Profile, course: Course) -> Vec<(&'static str, usize)> {
    allocator::search_for(&[]);
    let mut watched = Watched::new();
    let mut puppet = Puppet::new(profile, 5);
    let hello = puppet.start().concat();
    let verify = watched.give(&hello).remove(0);
    let hello = puppet.handle_datagram(&verify).concat();
    let flight = watched.give(&hello);
    let last_flight: Vec<_> = flight.iter().flat_map(|datagram| puppet.handle_datagram(datagram)).collect();
    let secrets = secrets_of(&puppet);
    let needles: Vec<_> = secrets.iter().map(|(name, secret)| (*name, &secret[..])).collect();
    allocator::search_for(&needles);
    let mut but_finished = puppet.flight_records();
    but_finished.pop();
    match course {
        Course::Abandoned | Course::Dropped | Course::WrongFinished => {
            but_finished.iter().for_each(|record| drop(watched.give(record)));
            assert!(watched.established.is_none());
        }
        _ => {
            watched.talk(&mut puppet, last_flight);
            assert!(puppet.is_established() && watched.established.is_some(), "{:?}", puppet.faults());
            exchange(&mut watched, &mut puppet);
        }
    }
    end(&mut watched, &mut puppet, course);
    allocator::watch(|| drop(watched.server));
    allocator::found()
}

/// Messages both ways, and a forged one.
fn exchange(watched: &mut Watched, puppet: &mut Puppet) {
    let association = watched.established.expect("established");
    let now = watched.now;
    for _ in 0..3 {
        let record = puppet.seal(b"a message");
        let mut forged = record.clone();
        *forged.last_mut().expect("a tag") ^= 1;
        watched.give(&forged);
        watched.give(&record);
        let answers = watched.step(|server| assert!(server.send(now, association, b"an answer")));
        answers.iter().for_each(|answer| drop(puppet.handle_datagram(answer)));
        assert_eq!(puppet.received(), [b"an answer".to_vec()]);
    }
    assert_eq!(watched.messages, 3);
}

fn end(watched: &mut Watched, puppet: &mut Puppet, course: Course) {
    match course {
        Course::CloseNotify => {
            let record = puppet.close_notify();
            watched.give(&record);
        }
        Course::Close => {
            let (now, association) = (watched.now, watched.established.expect("established"));
            watched.step(|server| server.close(now, association));
        }
        Course::Replaced => {
            let mut rebooted = Puppet::new(puppet.profile.clone(), 6);
            let first = rebooted.start();
            watched.talk(&mut rebooted, first);
            assert!(rebooted.is_established());
            assert_eq!(watched.server.statistics().associations, 1);
        }
        Course::Abandoned => {
            watched.now += Duration::from_secs(61);
            let now = watched.now;
            watched.step(|server| server.handle_timeout(now));
            assert_eq!(watched.server.statistics().handshakes, 0);
        }
        Course::WrongFinished => {
            // Its number, with a pre-shared key and otherwise.
            for number in [3, 5] {
                let wrong = Message::new(FINISHED, vec![1; 12]).numbered(number).whole();
                let record = puppet.record(record::HANDSHAKE, 1, &wrong);
                watched.give(&record);
            }
            assert_eq!(watched.server.statistics().handshakes, 0);
        }
        Course::Dropped | Course::DroppedLater => {}
    }
}

fn assert_nothing_found(name: &str, profile: &Profile) {
    for course in COURSES {
        let found = play(profile.clone(), course);
        assert!(found.is_empty(), "{name}, {course:?}: secrets in freed memory, by size of the block: {found:?}");
    }
}

#[test]
fn a_handshake_with_a_pre_shared_key_leaves_no_secret_in_freed_memory() {
    for suite in PSK_SUITES {
        for extended_master_secret in [true, false] {
            let profile = Profile {
                suites: vec![suite],
                extended_master_secret,
                connection_id: extended_master_secret.then(Vec::new),
                ..on_record::psk(1)
            };
            assert_nothing_found(&format!("{suite:04x}, EMS {extended_master_secret}"), &profile);
        }
    }
}

#[test]
fn a_handshake_with_a_certificate_or_raw_public_key_leaves_no_secret_in_freed_memory() {
    for profile in [on_record::certificate(1), on_record::raw_public_key(1)] {
        for suite in ECDHE_SUITES {
            let profile = Profile { suites: vec![suite], ..profile.clone() };
            assert_nothing_found(&format!("{suite:04x}"), &profile);
        }
    }
}

/// The search is only worth something if it finds.
#[test]
fn a_secret_that_is_freed_as_it_is_is_found_and_one_that_was_wiped_is_not() {
    let secret: Vec<u8> = (100..140).collect();
    allocator::search_for(&[("a secret", &secret)]);
    let (plain, wiped) = (secret.clone(), Secret::from(&secret[..]));
    let mut grown = [&secret[3..], b"and more"].concat();
    allocator::watch(|| drop(wiped));
    assert_eq!(allocator::found(), []);
    allocator::watch(|| drop(plain));
    assert_eq!(allocator::found(), [("a secret", 40); 2]);
    // Half of it, left behind where something grew.
    allocator::watch(|| grown.reserve(10_000));
    assert_eq!(allocator::found().len(), 3);
}
