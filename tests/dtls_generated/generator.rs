//! Inputs for a fuzz target: what is committed, changed, cut, spliced and prolonged, each by its number alone.

use std::fs;
use std::path::Path;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

/// Longest input, in bytes.
const LENGTH_MAX: usize = 400;

/// Most changes of one input.
const CHANGES_MAX: u32 = 8;

/// Values that mean something in a record, a message or a script of steps, or are at the edge of something.
const TELLING: [u8; 16] = [0, 1, 2, 7, 8, 11, 12, 13, 14, 15, 16, 20, 22, 0x7f, 0x80, 0xff];

pub struct Generator {
    committed: Vec<Vec<u8>>,
}

impl Generator {
    /// Begins with the committed corpus of a target.
    pub fn of(target: &str) -> Generator {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut paths: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("an entry can be read").path())
            .collect();
        // Folders have no order that repeats.
        paths.sort();
        Generator { committed: paths.iter().map(|path| fs::read(path).expect("an input can be read")).collect() }
    }

    /// The input of this number.
    pub fn input(&self, number: u64) -> Vec<u8> {
        let random = &mut SmallRng::seed_from_u64(number);
        // One in eight is nothing but chance.
        let mut input = if random.random_ratio(1, 8) { chance(random) } else { self.any(random).to_vec() };
        for _ in 0..random.random_range(1..=CHANGES_MAX) {
            self.change(&mut input, random);
        }
        input.truncate(LENGTH_MAX);
        input
    }

    fn any(&self, random: &mut impl Rng) -> &[u8] {
        &self.committed[random.random_range(0..self.committed.len())]
    }

    fn change(&self, input: &mut Vec<u8>, random: &mut impl Rng) {
        let place = random.random_range(0..=input.len());
        let end = (place + random.random_range(0..=16)).min(input.len());
        match random.random_range(0..8) {
            0 => input.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << random.random_range(0..8)),
            1 => input.iter_mut().skip(place).take(1).for_each(|byte| *byte = random.random()),
            2 => input.iter_mut().skip(place).take(1).for_each(|byte| *byte = telling(random)),
            3 => input.insert(place, telling(random)),
            4 => drop(input.drain(place..end)),
            5 => drop(input.splice(place..place, input[place..end].to_vec())),
            6 => drop(input.splice(place..end, chance(random))),
            _ => {
                let other = self.any(random);
                let from = random.random_range(0..=other.len());
                drop(input.splice(place.., other[from..].iter().copied()));
            }
        }
    }
}

fn telling(random: &mut impl Rng) -> u8 {
    TELLING[random.random_range(0..TELLING.len())]
}

fn chance(random: &mut impl Rng) -> Vec<u8> {
    (0..random.random_range(1..48)).map(|_| if random.random() { random.random() } else { telling(random) }).collect()
}

#[test]
fn an_input_depends_on_its_number_alone() {
    let generator = || Generator::of("dtls_native_handshake");
    let inputs = |generator: Generator| (0..1_000).map(|number| generator.input(number)).collect::<Vec<_>>();
    let (first, again) = (inputs(generator()), inputs(generator()));
    assert_eq!(first, again);
    let different: std::collections::BTreeSet<_> = first.iter().collect();
    assert!(different.len() > 900, "{}", different.len());
    assert!(first.iter().any(|input| input.len() > 64) && first.iter().all(|input| input.len() <= LENGTH_MAX));
}
