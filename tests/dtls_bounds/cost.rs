//! What a record costs that nobody should have sent, compared with one that is genuine, by the CPU time of the thread.

use std::time::Duration;

use bootstrapd::dtls::Configuration;
use bootstrapd::route::Route;
use rustix::time::{ClockId, clock_gettime};

use crate::desk::{Desk, profile, route};
use crate::puppet::protection::PSK_SUITES;
use crate::puppet::{Layout, Profile, Puppet, record};

/// Records of one measurement.
const RECORDS: usize = 100;
/// Measurements of each kind. What counts is the median of its shares of the genuine one in the same round: whatever
/// disturbs the machine for a while then disturbs both, and what disturbs one of them only is out of the middle.
const ROUNDS: usize = 61;
/// What is left of noise in the median.
const NOISE: f64 = 1.15;

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// CPU time for records that come from `route`, and how many of them were heard.
fn take(desk: &mut Desk, route: Route, records: &[Vec<u8>]) -> (Duration, usize) {
    desk.events.clear();
    let before = cpu_time();
    for record in records {
        desk.server.handle_datagram(desk.now, route, record);
        desk.collect();
    }
    (cpu_time() - before, desk.events.len())
}

/// Genuine records, and the same made wrong in every way.
fn kinds(puppet: &mut Puppet) -> Vec<(&'static str, Route, Vec<Vec<u8>>)> {
    let content = [7; 64];
    let genuine: Vec<Vec<u8>> = (0..RECORDS).map(|_| puppet.seal(&content)).collect();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut records = genuine.clone();
        records.iter_mut().for_each(change);
        records
    };
    let last = |record: &mut Vec<u8>| *record.last_mut().expect("a tag") ^= 1;
    let beyond = puppet.next_record_number(1) + 1_000_000;
    let ahead = Layout { number: Some(beyond), ..Layout::new(record::APPLICATION_DATA, 1) };
    let mut far = puppet.record_with(&ahead, &content);
    last(&mut far);
    [
        ("of a wrong tag", route(1), changed(&last)),
        ("of a wrong tag and a high number", route(1), vec![far; RECORDS]),
        ("of a wrong type", route(1), changed(&|record| record[0] = if record[0] == 22 { 21 } else { 22 })),
        ("of epoch 2", route(1), changed(&|record| record[4] = 2)),
        ("of a wrong connection id", route(1), changed(&|record| record[12] ^= 1)),
        ("of a wrong connection id, from elsewhere", route(2), changed(&|record| record[12] ^= 1)),
        ("cut short", route(1), changed(&|record| record.truncate(60))),
        ("genuine", route(1), genuine.clone()),
        ("heard before", route(1), genuine),
    ]
    .into_iter()
    .filter(|(kind, ..)| puppet.connection_id_of_server().is_some() || !kind.contains("connection id"))
    .collect()
}

/// Whoever sends forged records costs the server no more than a client does: less, by what a client's message goes on to.
#[test]
fn a_forged_record_costs_no_more_than_a_genuine_one() {
    for suite in PSK_SUITES {
        for connection_id in [None, Some(vec![1, 2, 3])] {
            let mut desk = Desk::new(Configuration::default());
            let profile = Profile { suites: vec![suite], connection_id: connection_id.clone(), ..profile() };
            let (mut puppet, _) = desk.connect(route(1), profile);
            let mut shares: Vec<(&str, Vec<f64>)> = Vec::new();
            for round in 0..ROUNDS {
                let mut times = Vec::new();
                for (kind, route, records) in kinds(&mut puppet) {
                    let (time, heard) = take(&mut desk, route, &records);
                    assert_eq!(heard, if kind == "genuine" { RECORDS } else { 0 }, "{kind}");
                    times.push((kind, time.as_secs_f64()));
                }
                let genuine = times.iter().find(|(kind, _)| *kind == "genuine").expect("measured").1;
                for (index, (kind, time)) in times.into_iter().enumerate() {
                    if round == 0 {
                        shares.push((kind, Vec::new()));
                    }
                    shares[index].1.push(time / genuine);
                }
            }
            for (kind, mut shares) in shares {
                shares.sort_by(f64::total_cmp);
                let share = shares[ROUNDS / 2];
                let with = if connection_id.is_some() { "with" } else { "without" };
                println!("{suite:04x} {with} connection ids: a record {kind} costs {share:.2} of a genuine one");
                assert!(share <= NOISE, "{suite:04x}: a record {kind} costs {share:.2} of a genuine one");
            }
        }
    }
}
