//! A link that loses, doubles and reorders datagrams of handshake and bootstrap, each way, by a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use crate::foreign::{Credentials, ForeignDevice, Report};
use crate::harness::Site;
use crate::{DEFINITIONS, Engine, Fleet, KEY, LISTENERS, holds_both_accounts};

on_each_engine!(a_bad_link_delays_a_bootstrap_and_spoils_nothing);

/// Says how soon the server sends again: the device is as impatient.
pub const IMPATIENT: &str = "default = true\nack_timeout = 0.1\nmax_retransmit = 7\n";

const SEEDS: u32 = 12;

/// Per cent of the datagrams each way.
const FAULTS: [&str; 6] = ["--lost", "20", "--doubled", "12", "--reordered", "12"];

fn a_bad_link_delays_a_bootstrap_and_spoils_nothing(engine: Engine) {
    // A device for each seed: two sessions of one would displace each other.
    let devices: String =
        (0..SEEDS).map(|seed| format!("[[device]]\nendpoint = \"link-{seed}\"\npsk = \"{KEY}\"\n")).collect();
    let definitions = DEFINITIONS.replace("default = true\n", IMPATIENT) + &devices;
    let fleet = Fleet::on(&Site::with_listeners(&engine.on(LISTENERS), &definitions));
    let reports: Vec<Report> = thread::scope(|scope| {
        let fleet = &fleet;
        let start = |seed| scope.spawn(move || bootstrap_over_bad_link(fleet, seed));
        let running: Vec<_> = (0..SEEDS).map(start).collect();
        running.into_iter().map(|device| device.join().expect("the device was bootstrapped")).collect()
    });
    let mut faults = BTreeMap::new();
    for report in &reports {
        holds_both_accounts(report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
        // Sent often, obeyed once.
        let distinct: BTreeSet<_> = report.requests().into_iter().collect();
        assert_eq!(distinct.len(), report.requests().len(), "{report:#?}");
        assert_eq!(report.requests().last(), Some(&"POST /bs -> 2.04"), "{report:#?}");
        for (what, often) in report.link() {
            *faults.entry(what.to_owned()).or_insert(0) += often;
        }
    }
    for fault in ["lost", "doubled", "reordered"] {
        for way in ["out", "back"] {
            for what in ["handshake", "data"] {
                let name = format!("{fault} {way} {what}");
                assert!(faults.get(&name).is_some_and(|often| *often > 0), "never {name}: {faults:#?}");
            }
        }
    }
}

fn bootstrap_over_bad_link(fleet: &Fleet, seed: u32) -> Report {
    let (endpoint, seed) = (format!("link-{seed}"), seed.to_string());
    let credentials = Credentials { identity: &endpoint, key_file: &fleet.key_file };
    let options = [&FAULTS[..], &["--seed", &seed, "--patience", "0.1", "--linger", "1.5", "--limit", "60"]].concat();
    let report = ForeignDevice::Mbedtls.bootstrap(fleet.daemon.dtls, &endpoint, Some(credentials), &options);
    fleet.finished(report)
}
