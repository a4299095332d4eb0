//! Many DTLS clients and one server over lossy links of our own, in invented time: nobody is stuck, nothing is left
//! behind, and no message is altered or given to somebody else.
//!
//! The clients are those of `support/puppet`; the server runs the engine of our own. All that happens in a run comes from
//! its number, which a failure prints; `DTLS_SIMULATION_RUN=<number>` plays that one alone. (The library draws the
//! nonces of ECDSA itself, so that a signature of the server may be a byte longer or shorter next time.) An optimised
//! build plays 100,000 handshakes, any other 5,000.

#[path = "../support/desk.rs"]
mod desk;
mod device;
mod ledger;
mod link;
mod moves;
#[path = "../support/on_record.rs"]
mod on_record;
mod plans;
#[path = "../support/puppet/mod.rs"]
mod puppet;
mod timers;
mod world;

use std::thread;

use bootstrapd::dtls::{Configuration, EngineKind};
use link::{Dice, Weather};
use world::{Mischief, Tally, World};

/// Handshakes that succeed in all, at least. `DTLS_SIMULATION_HANDSHAKES` says otherwise.
fn handshakes() -> u64 {
    let usual = if cfg!(debug_assertions) { 5_000 } else { 100_000 };
    std::env::var("DTLS_SIMULATION_HANDSHAKES").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

/// Clients of one run.
const CLIENTS: usize = 40;

/// Handshakes that succeed in one run, on the average, rounded down.
const HANDSHAKES_OF_A_RUN: u64 = 30;

/// Says which run failed.
struct Run(u64);

impl Drop for Run {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("this was run {0}: DTLS_SIMULATION_RUN={0} plays it alone", self.0);
        }
    }
}

/// The one run that is to be played.
fn only() -> Option<u64> {
    std::env::var("DTLS_SIMULATION_RUN").ok().and_then(|number| number.parse().ok())
}

/// Plays runs by their numbers on as many threads as there are processors.
fn play_all(runs: u64, play: impl Fn(u64) -> Tally + Sync) -> Tally {
    let numbered = |number| {
        let _named = Run(number);
        play(number)
    };
    if let Some(only) = only() {
        return numbered(only);
    }
    let threads = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    thread::scope(|scope| {
        let numbered = &numbered;
        let share = |thread| {
            scope.spawn(move || {
                let mut tally = Tally::default();
                (thread..runs).step_by(threads as usize).for_each(|number| tally += numbered(number));
                tally
            })
        };
        let shares: Vec<_> = (0..threads).map(share).collect();
        let mut tally = Tally::default();
        shares.into_iter().for_each(|share| tally += share.join().expect("a run failed; see above which"));
        tally
    })
}

/// Every client with the right key that keeps trying gets in and is heard, however its address changes and whatever is
/// lost, repeated, late or broken off; and when all are gone the server has forgotten them.
#[test]
fn nobody_is_stuck_and_nothing_is_left_behind() {
    // Some clients are not to get in, and some reboot and get in again.
    let runs = handshakes().div_ceil(HANDSHAKES_OF_A_RUN);
    let tally = play_all(runs, |number| {
        let mut dice = Dice::new(number);
        let (configuration, weather) = (plans::configuration(&mut dice), Weather::drawn(&mut dice));
        let mut world = World::new(dice, configuration, weather, Mischief::SOME);
        for client in 0..CLIENTS {
            let plan = plans::drawn(&mut world.dice, client);
            world.add(plan, 60.0);
        }
        world.play()
    });
    println!("{runs} runs: {tally:#?}");
    if only().is_some() {
        return;
    }
    let [fair, succeeded] = tally.fair;
    assert!(tally.handshakes >= handshakes(), "too few runs");
    assert!(succeeded as f64 >= 0.99 * fair as f64, "{succeeded} of {fair}");
    assert!(10 * tally.moved > runs && 10 * tally.replaced > runs, "hardly anybody moved or rebooted");
}

/// With clients whose flights are of one datagram each, over links that only lose, as many get in at once as the
/// retransmission of RFC 6347, section 4.2.4 allows, no fewer and no more.
///
/// There are three exchanges: ClientHello and HelloVerifyRequest, ClientHello and the flight up to ServerHelloDone, and
/// the client's last flight and the server's. Each is tried five times, at 0, 1, 3, 7 and 15 s, and one try succeeds if
/// neither datagram is lost: the server answers a flight that is repeated by its own again. It must not send again by
/// its own clock, which would be another chance.
#[test]
fn with_loss_alone_as_many_get_in_at_once_as_can() {
    let runs = handshakes() / 5 / CLIENTS as u64;
    for lost in [0.0_f64, 0.05, 0.1, 0.2, 0.3] {
        let tally = play_all(runs, |number| {
            let configuration = Configuration {
                engine: EngineKind::Native,
                initial_timeout: std::time::Duration::from_secs(60),
                handshake_timeout: std::time::Duration::from_secs(120),
                ..Configuration::default()
            };
            let dice = Dice::new(number);
            let mut world = World::new(dice, configuration, Weather::lossy(lost), Mischief::NONE);
            (0..CLIENTS).for_each(|client| world.add(plans::plain(client), 60.0));
            world.play()
        });
        let [fair, succeeded] = tally.fair;
        assert_eq!(fair, runs * CLIENTS as u64, "every client tries once");
        let fails = 1.0 - (1.0 - lost) * (1.0 - lost);
        let expected = (1.0 - fails.powi(5)).powi(3);
        let deviation = (expected * (1.0 - expected) / fair as f64).sqrt();
        let share = succeeded as f64 / fair as f64;
        let distance = if deviation > 0.0 { (share - expected) / deviation } else { (share - expected) * 1e9 };
        println!("{} % lost: {share:.5}, {expected:.5} by the closed form ({distance:+.2} deviations)", 100.0 * lost);
        assert!(distance.abs() < 3.5, "{share:.5} is {distance:+.2} standard deviations from {expected:.5}");
    }
}
