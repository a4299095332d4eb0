//! The dice of one run, and what a link does to datagrams by them.

use std::time::Duration;

use crate::puppet::wire::SplitMix;

/// All that a run draws comes from its number.
pub struct Dice(SplitMix);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(SplitMix(seed))
    }

    pub fn number(&mut self) -> u64 {
        self.0.next()
    }

    pub fn bytes(&mut self) -> [u8; 32] {
        self.0.bytes()
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// 0 to `count` - 1.
    pub fn below(&mut self, count: u64) -> u64 {
        self.0.next() % count
    }

    pub fn one_of<T: Clone>(&mut self, things: &[T]) -> T {
        things[self.below(things.len() as u64) as usize].clone()
    }

    pub fn seconds(&mut self, from: f64, to: f64) -> Duration {
        Duration::from_secs_f64(from + (to - from) * self.share())
    }

    /// 0 to below 1.
    pub fn share(&mut self) -> f64 {
        (self.0.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Whereto a datagram is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// What a link does to each datagram.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Share that is lost, by direction.
    pub lost: [f64; 2],
    /// Share of what is not lost that arrives twice; the second copy comes as late as one that is held.
    pub repeated: f64,
    /// Share of what is not lost that is held, so that later datagrams overtake it.
    pub held: f64,
    /// Most seconds that a held datagram is late.
    pub hold: f64,
    /// Seconds that every datagram takes at least and at most.
    pub delay: [f64; 2],
}

impl Weather {
    /// From a perfect link to one that loses 30 % each way, and repeats and holds a tenth.
    pub fn drawn(dice: &mut Dice) -> Weather {
        let quick = dice.seconds(0.002, 0.3).as_secs_f64();
        Weather {
            lost: [0.3 * dice.share(), 0.3 * dice.share()],
            repeated: 0.1 * dice.share(),
            held: 0.1 * dice.share(),
            hold: 12.0 * dice.share(),
            delay: [quick, quick * (1.0 + dice.share())],
        }
    }

    /// It loses, and does nothing else.
    pub fn lossy(share: f64) -> Weather {
        Weather { lost: [share; 2], repeated: 0.0, held: 0.0, hold: 0.0, delay: [0.05, 0.05] }
    }

    /// After how long the copies of a datagram arrive: none, one or two.
    pub fn arrivals(&self, direction: Direction, dice: &mut Dice, deeds: &mut Deeds) -> Vec<Duration> {
        deeds.sent += 1;
        if dice.happens(self.lost[direction as usize]) {
            deeds.lost += 1;
            return Vec::new();
        }
        let mut arrivals = vec![dice.seconds(self.delay[0], self.delay[1])];
        if dice.happens(self.held) {
            deeds.held += 1;
            arrivals[0] += dice.seconds(0.0, self.hold);
        }
        if dice.happens(self.repeated) {
            deeds.repeated += 1;
            arrivals.push(arrivals[0] + dice.seconds(0.0, self.hold));
        }
        arrivals
    }
}

/// What links have done, so that a test can see that they were not idle.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deeds {
    pub sent: u64,
    pub lost: u64,
    pub repeated: u64,
    pub held: u64,
}

impl std::ops::AddAssign for Deeds {
    fn add_assign(&mut self, other: Deeds) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.held += other.held;
    }
}
