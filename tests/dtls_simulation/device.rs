//! One client: how it is made, and what it does by its own clock (RFC 6347, section 4.2.4.1).

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::link::Dice;
use crate::puppet::message::SERVER_HELLO_DONE;
use crate::puppet::record::HANDSHAKE;
use crate::puppet::{Heard, Profile, Puppet};

const SECOND: Duration = Duration::from_secs(1);
/// RFC 6347, section 4.2.4.1.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How often a message of an established association is sent: at 30 % loss each way all fail once in 20 million times.
const TRIES_TO_TALK: u32 = 25;
/// Attempts in a row that may fail where nothing but the link is to blame: of a hundred at 30 % loss each way about two
/// fail, and the first after a reboot may meet what is left of another.
const PATIENCE: u64 = 7;
/// After how many a client that has reason to think its association dead begins anew.
const TRIES_IN_VAIN: u32 = 3;

/// How a client is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It says nothing.
    Vanish,
    /// close_notify.
    CloseNotify,
    /// It has the server call `linger`.
    Linger,
    /// It has the server call `close`.
    Close,
}

/// What is known of a client beforehand.
pub struct Plan {
    pub profile: Profile,
    /// Whether the server knows its key.
    pub is_right: bool,
    /// After how many datagrams it is no more.
    pub vanishes_after: Option<u64>,
    /// How often it may send a flight before it gives the attempt up: after 2^n - 1 seconds.
    pub tries: u32,
    /// How many attempts it makes; those with the right key never tire, unless the test says so.
    pub attempts_max: Option<u64>,
    /// Messages that must be answered.
    pub rounds: u32,
    pub farewell: Farewell,
}

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To begin an attempt.
    Waiting,
    /// In one: how often its flight was repeated, and how long it waits.
    Handshake {
        tries: u32,
        wait: Duration,
    },
    /// Between messages.
    Thinking,
    /// It waits for an answer.
    Talking {
        tries: u32,
    },
    Gone,
}

pub struct Device {
    pub plan: Plan,
    pub number: usize,
    pub address: SocketAddr,
    /// When to call [`Device::wake`].
    pub due: Option<Instant>,
    stage: Stage,
    puppet: Option<Puppet>,
    /// Datagrams sent.
    pub sent: u64,
    pub attempts: u64,
    /// Attempts since it last got in, rebooted or changed its address, and the most of them there were.
    in_a_row: u64,
    pub most_in_a_row: u64,
    /// Whether nothing but loss, delay and copies may spoil the attempt that runs.
    pub is_undisturbed: bool,
    /// Attempts so far that began and ended undisturbed, and those of them that succeeded.
    pub fair: [u64; 2],
    /// Handshakes that succeeded, as the client sees it.
    pub established: u64,
    rounds: u32,
    messages: u64,
    /// The association is lost, and the client may know it.
    has_lost_path: bool,
    /// What was sent and has not arrived yet, by direction.
    pub underway: [HashSet<Vec<u8>>; 2],
}

impl Device {
    pub fn new(number: usize, address: SocketAddr, plan: Plan, first: Instant) -> Device {
        Device {
            plan,
            number,
            address,
            due: Some(first),
            stage: Stage::Waiting,
            puppet: None,
            sent: 0,
            attempts: 0,
            in_a_row: 0,
            most_in_a_row: 0,
            is_undisturbed: true,
            fair: [0; 2],
            established: 0,
            rounds: 0,
            messages: 0,
            has_lost_path: false,
            underway: [HashSet::new(), HashSet::new()],
        }
    }

    /// A datagram has arrived. Returns what it answers.
    pub fn hear(&mut self, now: Instant, dice: &mut Dice, datagram: &[u8]) -> Vec<Vec<u8>> {
        let Some(puppet) = &mut self.puppet else { return Vec::new() };
        let was_established = puppet.is_established();
        // A flight in the clear is meant for whoever had this address before: the puppet would call it a fault.
        if was_established && matches!(datagram, [HANDSHAKE, _, _, 0, 0, ..]) {
            return Vec::new();
        }
        let heard = puppet.hear(datagram);
        assert!(!was_established || puppet.faults().is_empty(), "{}: {:?}", self.number, puppet.faults());
        let answers = puppet.react(&heard);
        for message in puppet.received() {
            // Each once, and as it was sent, or it was altered, repeated or meant for somebody else.
            assert!(self.underway[1].remove(&message), "a message for {} that nobody sent", self.number);
            if let Stage::Talking { .. } = self.stage {
                self.rounds += 1;
                self.stage = Stage::Thinking;
                self.due = Some(now + dice.seconds(0.0, 20.0));
            }
        }
        if matches!(self.stage, Stage::Handshake { .. }) {
            let begins_flight = |what| matches!(what, &Heard::HelloVerifyRequest | &Heard::Message(SERVER_HELLO_DONE));
            if heard.iter().any(begins_flight) {
                self.stage = Stage::Handshake { tries: 0, wait: SECOND };
                self.due = Some(now + SECOND);
            }
            if self.is_refused() {
                self.give_up(now, dice);
            }
        }
        if !was_established && self.is_established() {
            assert!(self.plan.is_right, "{} has the wrong key", self.number);
            self.established += 1;
            self.in_a_row = 0;
            self.count_fair(true);
            self.stage = Stage::Thinking;
            self.due = Some(now + dice.seconds(0.0, 5.0));
        }
        answers
    }

    /// Does what is due, and returns what it sends. `is_quiet`: nobody else's datagrams can be on their way to its address,
    /// nor its own from an earlier attempt.
    pub fn wake(&mut self, now: Instant, dice: &mut Dice, is_quiet: bool) -> Vec<Vec<u8>> {
        self.due = None;
        match self.stage {
            Stage::Waiting => self.begin(now, dice, is_quiet),
            Stage::Handshake { tries, wait } => {
                if tries + 1 >= self.plan.tries {
                    self.give_up(now, dice);
                    return Vec::new();
                }
                let wait = (2 * wait).min(WAIT_MAX);
                self.stage = Stage::Handshake { tries: tries + 1, wait };
                self.due = Some(now + wait);
                self.puppet.as_mut().map(Puppet::handle_timeout).unwrap_or_default()
            }
            Stage::Thinking if self.rounds >= self.plan.rounds => self.say_goodbye(),
            Stage::Thinking => self.talk(now, dice, 1),
            Stage::Talking { tries } if self.has_lost_path && tries >= TRIES_IN_VAIN => self.begin(now, dice, is_quiet),
            Stage::Talking { tries } => {
                assert!(tries < TRIES_TO_TALK, "the association of {} is stuck", self.number);
                self.talk(now, dice, tries + 1)
            }
            Stage::Gone => Vec::new(),
        }
    }

    /// It begins anew, with nothing in its memory.
    pub fn reboot(&mut self, now: Instant, dice: &mut Dice) {
        self.in_a_row = 0;
        self.puppet = None;
        self.stage = Stage::Waiting;
        self.due = Some(now + dice.seconds(0.5, 10.0));
    }

    /// It has another address now.
    pub fn move_to(&mut self, address: SocketAddr) {
        self.in_a_row = 0;
        self.is_undisturbed = false;
        self.address = address;
        self.has_lost_path |= self.is_established() && !self.has_connection_id();
    }

    pub fn vanish(&mut self) {
        self.puppet = None;
        self.stage = Stage::Gone;
        self.due = None;
    }

    pub fn is_gone(&self) -> bool {
        self.stage == Stage::Gone
    }

    /// Whether it has done all that it was to do.
    pub fn is_done(&self) -> bool {
        self.rounds >= self.plan.rounds
    }

    pub fn has_connection_id(&self) -> bool {
        self.puppet.as_ref().is_some_and(|puppet| puppet.connection_id_of_server().is_some())
    }

    fn is_established(&self) -> bool {
        self.puppet.as_ref().is_some_and(Puppet::is_established)
    }

    /// Whether the attempt cannot succeed any more; whether it ought to is another matter.
    fn is_refused(&self) -> bool {
        let Some(puppet) = &self.puppet else { return false };
        let is_to_blame = self.is_undisturbed && self.plan.is_right;
        assert!(!is_to_blame || puppet.faults().is_empty(), "{}: {:?}", self.number, puppet.faults());
        let alert = puppet.alert_received().filter(|(level, _)| *level == 2);
        assert!(!is_to_blame || alert.is_none(), "{}: {alert:?}", self.number);
        !puppet.faults().is_empty() || alert.is_some()
    }

    fn begin(&mut self, now: Instant, dice: &mut Dice, is_quiet: bool) -> Vec<Vec<u8>> {
        self.attempts += 1;
        self.is_undisturbed = is_quiet;
        self.in_a_row += 1;
        self.most_in_a_row = self.most_in_a_row.max(self.in_a_row);
        assert!(!self.plan.is_right || self.in_a_row <= PATIENCE, "{} cannot get in", self.number);
        self.has_lost_path = false;
        self.stage = Stage::Handshake { tries: 0, wait: SECOND };
        self.due = Some(now + SECOND);
        self.puppet.insert(Puppet::new(self.plan.profile.clone(), dice.number())).start()
    }

    fn give_up(&mut self, now: Instant, dice: &mut Dice) {
        self.count_fair(false);
        self.puppet = None;
        self.stage = Stage::Waiting;
        self.due = Some(now + dice.seconds(5.0, 20.0));
        if self.plan.attempts_max.is_some_and(|most| self.attempts >= most) {
            self.vanish();
        }
    }

    fn count_fair(&mut self, has_succeeded: bool) {
        if self.is_undisturbed && self.plan.is_right {
            self.fair[0] += 1;
            self.fair[1] += u64::from(has_succeeded);
        }
    }

    /// Every message is another, so that each may arrive once and no more.
    fn talk(&mut self, now: Instant, dice: &mut Dice, tries: u32) -> Vec<Vec<u8>> {
        self.stage = Stage::Talking { tries };
        self.due = Some(now + SECOND * (1 << tries.min(3)));
        let length = dice.below(300) as usize;
        vec![self.seal(b'T', length)]
    }

    fn say_goodbye(&mut self) -> Vec<Vec<u8>> {
        let last = match self.plan.farewell {
            Farewell::Vanish => Vec::new(),
            Farewell::CloseNotify => self.puppet.as_mut().map(Puppet::close_notify).into_iter().collect(),
            Farewell::Linger => vec![self.seal(b'L', 1)],
            Farewell::Close => vec![self.seal(b'C', 1)],
        };
        self.vanish();
        last
    }

    /// A message: what is wanted, of whom it is, and the rest.
    fn seal(&mut self, wish: u8, length: usize) -> Vec<u8> {
        self.messages += 1;
        let mut message = vec![wish];
        message.extend_from_slice(&(self.number as u32).to_be_bytes());
        message.extend_from_slice(&self.messages.to_be_bytes());
        message.extend((0..length).map(|position| (position as u64 * self.messages) as u8));
        let record = self.puppet.as_mut().expect("established").seal(&message);
        self.underway[0].insert(message);
        record
    }
}
