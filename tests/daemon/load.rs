//! `bootstrapctl simulate --count`: the load generator and its figures.

use serde_json::{Value, json};

use crate::harness::Daemon;
use crate::{METER_KEY, PROVEN};

const COUNT: usize = 200;

/// A daemon that knows `load-1` to `load-200`, all with one key.
fn fleet() -> Daemon {
    let device = |number| format!("[[device]]\nendpoint = \"load-{number}\"\npsk = {:?}\n", METER_KEY.trim());
    let devices: String = (1..=COUNT).map(device).collect();
    Daemon::start(&format!("{PROVEN}{devices}"))
}

#[test]
fn many_devices_bootstrap_and_their_figures_are_printed() {
    let daemon = fleet();
    let key = daemon.file("key", METER_KEY);
    let (server, pid, count) = (format!("coaps://{}", daemon.dtls), daemon.pid().to_string(), COUNT.to_string());
    let words = ["simulate", "--server", &server, "load-{n}", "--psk-file", key.to_str().unwrap(), "--count", &count];
    let words = [&words[..], &["--concurrency", "8", "--server-pid", &pid]].concat();
    daemon.ctl(&words).succeeded().saying(&[
        "200 of 200",
        "per second",
        "p50",
        "p99",
        "p99.9",
        "server CPU",
        "per CPU-second",
        "server memory",
    ]);
    let figures = daemon.ctl_json(&words);
    assert_eq!((&figures["requested"], &figures["completed"]), (&json!(COUNT), &json!(COUNT)), "{figures}");
    let positive = |value: &Value| value.as_f64().is_some_and(|number| number > 0.0);
    for value in [
        &figures["bootstraps_per_second"],
        &figures["latency"]["p50_ms"],
        &figures["latency"]["p99_ms"],
        &figures["latency"]["p999_ms"],
        &figures["server"]["cpu_us_per_bootstrap"],
        &figures["server"]["rss_after_kib"],
    ] {
        assert!(positive(value), "{figures}");
    }
    let sessions = daemon.ctl_json(&["session", "list", "--limit", "1000"]);
    let completed = sessions["items"].as_array().unwrap().iter().filter(|session| session["outcome"] == "completed");
    assert_eq!(completed.count(), 2 * COUNT);
}

#[test]
fn failures_are_counted_by_cause_and_end_with_1() {
    let daemon = fleet();
    let server = format!("coap://{}", daemon.nosec);
    let words = ["simulate", "--server", &server, "nobody-{n}", "--count", "20", "--concurrency", "4"];
    daemon.ctl(&words).ended_with(1).saying(&["0 of 20", "refused", "4.00"]);
    let figures = daemon.ctl(&[&words[..], &["--format", "json"]].concat()).ended_with(1).json();
    assert_eq!((&figures["failed"], &figures["failures"]["refused"]["count"]), (&json!(20), &json!(20)), "{figures}");
}

#[test]
fn one_device_many_times_at_once_is_warned_of() {
    let daemon = fleet();
    let server = format!("coap://{}", daemon.nosec);
    let words = ["simulate", "--server", &server, "nobody", "--count", "2"];
    let one_by_one = daemon.ctl(&words).ended_with(1);
    assert!(!one_by_one.stderr.contains("warning"), "{}", one_by_one.stderr);
    daemon.ctl(&[&words[..], &["--concurrency", "2"]].concat()).ended_with(1).explaining(&["warning: ", "{n}"]);
}
