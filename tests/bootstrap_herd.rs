//! Herds: more clients at one time than there is room for, and a network that floods us.
//!
//! Spec sheets `bootstrap.md`, sections 4 and 14, and `clients.md`, section 3: nobody is refused, nobody is lost, and one
//! network costs another nothing. `benches/herd.rs` runs the same with 100,000 clients.

#[path = "support/fixtures.rs"]
#[expect(dead_code, reason = "the fixtures serve the tables as well")]
mod fixtures;
#[path = "support/herd.rs"]
mod herd;

use std::time::Duration;

use bootstrapd::bootstrap::Limits;
use herd::{Herd, Told, completed, run};

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn lives(herd: &Herd) -> Told {
    run(herd, &fixtures::provision(), TEN_MINUTES, |_, _| ())
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[test]
fn a_herd_larger_than_the_room_waits_in_line_and_nobody_is_lost() {
    let herd = Herd {
        clients: 5_000,
        clients_per_network: 250,
        arrival: Duration::from_secs(60),
        mute: 0,
        limits: Limits { sessions: 80, queue: 2_000, ..Limits::default() },
        seed: 1,
    };
    let told = lives(&herd);
    assert_eq!((told.lost, completed(&told)), (0, 5_000), "{:?}", told.outcomes);
    assert_eq!(told.outcomes.len(), 1, "{:?}", told.outcomes);
    assert_eq!(told.most_running, 80);
    assert!(told.statistics.queued > 1_000 && told.most_waiting > 100, "{:?}", told.statistics);
    assert_eq!((told.attempts, told.statistics.dropped_from_queue), (5_000, 0));
}

/// Room and queue are both so small that most are turned away again and again, unanswered.
#[test]
fn whom_the_queue_has_no_place_for_comes_again_and_is_served_in_the_end() {
    let herd = Herd {
        clients: 3_000,
        clients_per_network: 250,
        arrival: Duration::from_secs(10),
        mute: 0,
        limits: Limits { sessions: 30, queue: 50, ..Limits::default() },
        seed: 2,
    };
    let told = lives(&herd);
    assert_eq!((told.lost, completed(&told)), (0, 3_000), "{:?} {:?}", told.outcomes, told.statistics);
    assert!(told.statistics.dropped_from_queue > 1_000 && told.attempts > 3_500, "{:?}", told.statistics);
}

#[test]
fn a_network_that_floods_us_costs_a_quiet_one_hardly_anything() {
    // The sessions of the flood last 62 to 93 s each, for nobody answers in them.
    let quiet = Herd {
        clients: 300,
        clients_per_network: 300,
        arrival: Duration::from_secs(60),
        mute: 0,
        limits: Limits { sessions: 80, queue: 200, ..Limits::default() },
        seed: 3,
    };
    let flooded = Herd { mute: 4_700, ..quiet.clone() };
    let (alone, beside) = (lives(&quiet), lives(&flooded));
    assert_eq!((alone.lost, beside.lost), (0, 0), "{:?}", beside.outcomes);
    // Three quarters of the room are the most that one network gets.
    assert!(alone.most_waiting == 0 && (60..=80).contains(&beside.most_running), "{}", beside.most_running);
    assert!(beside.statistics.dropped_from_queue > 1_000, "{:?}", beside.statistics);
    let (before, after) = (seconds(alone.percentile(99)), seconds(beside.percentile(99)));
    assert!(after < before * 1.1, "p99 was {before} s and is {after} s");
}
