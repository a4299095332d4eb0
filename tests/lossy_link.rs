//! Bootstraps over a lossy link of our own: as many succeed as the retransmission of RFC 7252 allows, and no fewer.
//!
//! Each row is 100,000 seeded runs in invented time where the build is optimised, as `.ci/run` has it. Success is that the
//! device holds the provision, whatever either side says of it. What a row is held to stands in [`Row::expected`] as a
//! closed form.

#[path = "support/fixtures.rs"]
#[expect(dead_code, reason = "the fixtures serve the tables as well")]
mod fixtures;
#[path = "support/link.rs"]
mod link;

use std::thread;
use std::time::{Duration, Instant};

use bootstrapd::bootstrap::Outcome;
use bootstrapd::coap::Timing;
use bootstrapd::lwm2m::path::ResourceId;
use bootstrapd::lwm2m::{Object, ObjectInstance, Resource, Value};
use bootstrapd::peer::Peer;
use bootstrapd::provision::{AccessControl, Discover, Provision, TimingOverride, timing};
use bootstrapd::simulator::{Behaviour, Client, ClientConfiguration};
use link::{Attempt, Deeds, Site, Weather};

/// A build without optimisation takes about ten times as long for each.
const RUNS: u64 = if cfg!(debug_assertions) { 5_000 } else { 100_000 };
/// 99.9 %; of few runs three standard deviations less.
const NEARLY_ALL: f64 = if cfg!(debug_assertions) { 0.9977 } else { 0.999 };
/// Datagrams that arrive twice, and those that are overtaken: so few that the disturbance stated at [`Row::expected`]
/// stays far below one standard deviation, and so many that each row sees thousands of either kind.
const REPEATED: f64 = 0.01;
const HELD: f64 = 0.005;

/// One kind of session over one kind of link.
struct Row {
    accounts: u16,
    discover: Discover,
    weather: Weather,
    /// Retransmission parameters of both ends, where they are not those of RFC 7252.
    timing: TimingOverride,
    /// How often the client may try.
    attempts: usize,
}

/// What came of all runs of a row.
#[derive(Default)]
struct Tally {
    /// Clients that succeeded, by the attempt in which they did.
    succeeded: [u64; 6],
    overlong: u64,
    deeds: Deeds,
}

impl Row {
    fn new(accounts: u16, lost: f64) -> Row {
        // Late copies come up to 12 s after the others: well after the exchange that they belong to, and well before
        // the sender gives up, 32 s after its last transmission at the earliest.
        let weather = Weather { lost, repeated: REPEATED, held: HELD, hold: 0.0..12.0, delay: 0.02..0.4 };
        Row { accounts, discover: Discover::Auto, weather, timing: TimingOverride::default(), attempts: 1 }
    }

    /// Exchanges of the session: Bootstrap-Request, Discover, two Writes per account, Finish.
    fn exchanges(&self) -> i32 {
        3 + 2 * i32::from(self.accounts) - i32::from(self.discover == Discover::Never)
    }

    /// The share of clients that hold the provision after one attempt.
    ///
    /// One transmission of a request is answered in time if it arrives and its answer does. A repeated request is
    /// answered a second time, from the memory of the other end, which is another chance for the answer. An exchange
    /// fails if all transmissions do; a session fails if any of its exchanges does. Of Finish the request alone must
    /// arrive: then the client has everything, and what the server calls it is another matter.
    ///
    /// Left out, as less than half a standard deviation together: that a 2.04 which is overtaken by the Discover that
    /// follows it costs one transmission of five; that a repeated Bootstrap-Request has Discover sent once more; and the
    /// 247 s that the whole may take, which are counted and checked.
    fn expected(&self) -> f64 {
        let Weather { lost, repeated, .. } = self.weather;
        let arrives = 1.0 - lost;
        let is_answered = arrives * ((1.0 - repeated) * arrives + repeated * (1.0 - lost * lost));
        // MAX_RETRANSMIT, and the first transmission.
        let transmissions = self.timing.max_retransmit.unwrap_or(4) as i32 + 1;
        let exchange = 1.0 - (1.0 - is_answered).powi(transmissions);
        let finish = 1.0 - lost.powi(transmissions);
        exchange.powi(self.exchanges() - 1) * finish
    }

    fn provision(&self) -> Provision {
        fixtures::provision_with(|provision| {
            let account = |number: u16| {
                let mut account = fixtures::first_account();
                let settings = fixtures::settings_of(&mut account);
                settings.short_server_id = 101 + number;
                settings.binding = "U".to_owned();
                account
            };
            provision.accounts = (0..self.accounts).map(account).collect();
            provision.writing.access_control = AccessControl::Never;
            provision.writing.timing = self.timing;
            if self.discover == Discover::Never {
                provision.writing.discover = Discover::Never;
                provision.writing.bootstrap_account_instance = Some(0);
                provision.writing.delete = Vec::new();
            }
        })
    }

    /// What the client must hold, by the fixtures' own lists. Its bootstrap account is at /0/0, so that the accounts go
    /// to /0/1 and /1/0, and so on.
    fn holding(&self) -> Vec<Object> {
        let instances = |first: u16, list: fixtures::Resources, ssid: ResourceId| {
            let instance = move |number| {
                let resource = |(id, value): &(ResourceId, Value)| match *id == ssid {
                    true => Resource::single(*id, Value::Integer(i64::from(101 + number))),
                    false => Resource::single(*id, value.clone()),
                };
                ObjectInstance { id: first + number, resources: list.iter().map(resource).collect() }
            };
            (0..self.accounts).map(instance).collect()
        };
        let security = Object { id: 0, instances: instances(1, fixtures::first_security(), 10) };
        vec![security, Object { id: 1, instances: instances(0, fixtures::first_server("U"), 0) }]
    }

    /// Plays all runs, on as many threads as there are processors.
    fn play(&self) -> Tally {
        let threads = thread::available_parallelism().map_or(1, |count| count.get() as u64);
        thread::scope(|scope| {
            let share = |thread| scope.spawn(move || self.play_some((thread..RUNS).step_by(threads as usize)));
            let shares: Vec<_> = (0..threads).map(share).collect();
            shares.into_iter().map(|share| share.join().expect("no run panics")).fold(Tally::default(), Tally::and)
        })
    }

    fn play_some(&self, runs: impl Iterator<Item = u64>) -> Tally {
        let mut tally = Tally::default();
        let holding = self.holding();
        let lookup = fixtures::device(self.provision());
        let mut site = Site::new(lookup, Peer::PskIdentity(fixtures::IDENTITY.to_vec()), [7; 32]);
        let mut now = Instant::now();
        for run in runs {
            for attempt in 0..self.attempts {
                let seed = run << 8 | attempt as u64;
                let Attempt { result, report, ended, deeds } = self.attempt(&mut site, now, seed);
                tally.deeds += deeds;
                // A client of the commonest kind comes again after some twenty seconds (`bootstrap.md`, section 13).
                now = ended + Duration::from_secs(20);
                if let Ok(provisioned) = result {
                    assert!(provisioned.objects == holding, "run {run}: {:#?}", provisioned.view(false));
                    let outcome = report.expect("the server has ended its session too").outcome;
                    assert!(matches!(outcome, Outcome::Completed | Outcome::ProbablyCompleted), "run {run}: {outcome}");
                    tally.succeeded[attempt] += 1;
                    break;
                }
            }
            // Who comes back after an hour is not looping.
            now += Duration::from_secs(3600);
        }
        Tally { overlong: site.overlong, ..tally }
    }

    /// Of a client fresh from the factory that keeps nothing of an attempt which broke off.
    fn attempt(&self, site: &mut Site, now: Instant, seed: u64) -> Attempt {
        let behaviour = Behaviour { commits_at_finish: true, ..Behaviour::default() };
        let usual = ClientConfiguration::new(fixtures::ENDPOINT);
        let timing = Timing {
            ack_timeout: self.timing.ack_timeout.unwrap_or(usual.timing.ack_timeout),
            max_retransmit: self.timing.max_retransmit.unwrap_or(usual.timing.max_retransmit),
            ..usual.timing
        };
        let configuration = ClientConfiguration { behaviour, timing, ..usual };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut client = Client::new(configuration, bytes);
        site.attempt(now, seed, &mut client, (&self.weather, seed), &mut |_, _| ())
    }

    /// Plays all runs and prints what came of them. Gives the share that succeeded within all attempts.
    fn check(&self) -> f64 {
        let (runs, expected) = (RUNS as f64, self.expected());
        let deviation = (expected * (1.0 - expected) / runs).sqrt();
        assert_eq!(self.exchanges_without_loss(), self.exchanges(), "the closed form counts other exchanges");
        let Tally { succeeded, overlong, deeds } = self.play();
        let share = succeeded[0] as f64 / runs;
        let distance = (share - expected) / deviation;
        let all = succeeded.iter().sum::<u64>() as f64 / runs;
        println!(
            "{} exchanges, {} % lost: {share:.5} at once, {expected:.5} by the closed form ({distance:+.2} standard \
             deviations); {all:.5} within {} attempts {succeeded:?}; {overlong} overlong; {deeds:?}",
            self.exchanges(),
            100.0 * self.weather.lost,
            self.attempts,
        );
        assert!(deeds.repeated > RUNS / 20 && deeds.overtaken > RUNS / 40, "the link was idle: {deeds:?}");
        if self.timing == TimingOverride::default() && self.weather.repeated == REPEATED {
            assert!(distance.abs() < 3.0, "{share:.5} is {distance:+.2} standard deviations from {expected:.5}");
            let negligible = (0.2 * deviation * runs * self.attempts as f64).ceil();
            assert!(
                overlong as f64 <= negligible,
                "{overlong} sessions were too long: the closed form must count them"
            );
        }
        all
    }

    /// What the session consists of, by the server's own report.
    fn exchanges_without_loss(&self) -> i32 {
        let perfect = Row { weather: Weather::PERFECT, ..*self };
        let lookup = fixtures::device(self.provision());
        let mut site = Site::new(lookup, Peer::PskIdentity(fixtures::IDENTITY.to_vec()), [7; 32]);
        let report = perfect.attempt(&mut site, Instant::now(), 0).report.expect("nothing is lost");
        report.steps.len() as i32
    }
}

impl Tally {
    fn and(self, other: Tally) -> Tally {
        let mut deeds = self.deeds;
        deeds += other.deeds;
        let succeeded = std::array::from_fn(|attempt| self.succeeded[attempt] + other.succeeded[attempt]);
        Tally { succeeded, overlong: self.overlong + other.overlong, deeds }
    }
}

#[test]
fn at_five_per_cent_loss_as_many_succeed_as_can() {
    Row::new(1, 0.05).check();
}

#[test]
fn at_ten_per_cent_loss_as_many_succeed_as_can() {
    Row::new(1, 0.1).check();
}

#[test]
fn at_thirty_per_cent_loss_as_many_succeed_as_can_and_nearly_all_within_six_attempts() {
    assert!(Row { attempts: 6, ..Row::new(1, 0.3) }.check() >= NEARLY_ALL);
}

/// Four accounts take eleven exchanges: of such sessions about 99.99, 99.7 and 70 % can succeed at once.
#[test]
fn of_long_sessions_as_many_succeed_as_can_and_nearly_all_within_six_attempts() {
    for lost in [0.05, 0.1, 0.3] {
        assert!(Row { attempts: 6, ..Row::new(4, lost) }.check() >= NEARLY_ALL);
    }
}

/// De-duplication and matching at length; the closed form says nothing here.
#[test]
fn a_link_that_repeats_and_holds_a_third_of_everything_does_no_harm() {
    let row = Row::new(1, 0.05);
    let weather = Weather { repeated: 0.3, held: 0.3, ..row.weather };
    assert!(Row { weather, ..row }.check() >= NEARLY_ALL);
}

/// A slow network, such as NB-IoT in bad coverage: round trips of 2 to 15 s, and a profile for it, which asks nothing that
/// it knows. An exchange must end in less than 200 s, so that a longer ACK_TIMEOUT leaves fewer repetitions. The closed form
/// holds here only from above: the 247 s of the whole count.
fn slow(ack_timeout: u64, max_retransmit: u32, attempts: usize) -> Row {
    let misfit = timing::misfit(ack_timeout as f64, timing::RANDOM_FACTOR, max_retransmit);
    assert_eq!(misfit, None, "a profile may say so");
    let ack_timeout = Some(Duration::from_secs(ack_timeout));
    let timing = TimingOverride { ack_timeout, max_retransmit: Some(max_retransmit) };
    let row = Row::new(1, 0.05);
    Row { weather: Weather { delay: 1.0..7.5, ..row.weather }, timing, attempts, discover: Discover::Never, ..row }
}

/// Some requests are repeated in vain, and none too late.
#[test]
fn over_a_slow_network_nearly_all_succeed_at_once() {
    assert!(slow(8, 3, 1).check() >= NEARLY_ALL);
}

/// Nothing is repeated in vain.
#[test]
fn over_a_slow_network_with_few_repetitions_nearly_all_succeed_within_three_attempts() {
    assert!(slow(20, 1, 3).check() >= NEARLY_ALL);
}
