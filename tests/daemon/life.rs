//! From start to end: what systemd is told, and how running sessions are let finish.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::hand_made::{CHANGED, HandMadeClient};
use crate::harness::supervisor::Supervisor;
use crate::harness::{Daemon, Site, wait_until};
use crate::{METER_KEY, OPEN, PROVEN};

/// A daemon without anything to do ends in milliseconds; this is far from the 30 s that sessions may take.
const AT_ONCE: Duration = Duration::from_secs(10);
/// How long sessions may go on after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);

#[test]
fn systemd_is_told_ready_reloading_and_stopping() {
    let site = Site::new(OPEN);
    let systemd = Supervisor::at(site.path("notify"));
    let mut daemon = site.start_with(|command| {
        command.env("NOTIFY_SOCKET", systemd.path());
    });
    let ready = systemd.told();
    assert!(ready.contains(&"READY=1".to_owned()), "{ready:?}");

    daemon.signal("HUP");
    let reloading = systemd.told();
    assert!(reloading.contains(&"RELOADING=1".to_owned()), "{reloading:?}");
    assert!(reloading.iter().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading:?}");
    let ready = systemd.told();
    assert!(ready.contains(&"READY=1".to_owned()), "{ready:?}");

    // A reload that comes to nothing ends as well, or systemd would wait for it for ever.
    site.write_config("colour = 1");
    daemon.signal("HUP");
    assert!(systemd.told().contains(&"RELOADING=1".to_owned()));
    assert!(systemd.told().contains(&"READY=1".to_owned()));

    daemon.signal("TERM");
    let stopping = systemd.told();
    assert!(stopping.contains(&"STOPPING=1".to_owned()), "{stopping:?}");
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.log());
}

#[test]
fn the_watchdog_is_fed_while_the_daemon_answers() {
    let site = Site::new(OPEN);
    let systemd = Supervisor::at(site.path("notify"));
    let daemon = site.start_with(|command| {
        command.env("NOTIFY_SOCKET", systemd.path()).env("WATCHDOG_USEC", "200000").env_remove("WATCHDOG_PID");
    });
    assert!(systemd.told().contains(&"READY=1".to_owned()));
    assert_eq!([systemd.told(), systemd.told()], [["WATCHDOG=1"], ["WATCHDOG=1"]]);
    drop(daemon);
}

#[test]
fn a_daemon_that_does_nothing_ends_at_once_on_either_signal() {
    for signal in ["TERM", "INT"] {
        let mut daemon = Daemon::start(OPEN);
        let asked = Instant::now();
        daemon.signal(signal);
        assert_eq!(daemon.ended().code(), Some(0), "SIG{signal}: {}", daemon.log());
        assert!(asked.elapsed() < AT_ONCE, "SIG{signal}");
        assert!(!daemon.admin_socket().exists(), "SIG{signal} leaves the admin socket behind");
    }
}

/// An association that lingers after its bootstrap is no session and keeps nobody waiting.
#[test]
fn an_idle_association_does_not_hold_up_the_end() {
    let mut daemon = Daemon::start(PROVEN);
    let key = daemon.file("key", METER_KEY);
    let (server, key) = (format!("coaps://{}", daemon.dtls), key.to_str().unwrap());
    daemon.ctl(&["simulate", "--server", &server, "meter-1", "--psk-file", key]).succeeded();
    let asked = Instant::now();
    daemon.signal("TERM");
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.log());
    assert!(asked.elapsed() < AT_ONCE);
}

#[test]
fn a_running_session_is_let_finish_and_no_new_one_begins() {
    for signal in ["TERM", "INT"] {
        // Another device: a second session of the same one would meet silence anyway.
        let mut daemon = Daemon::start(&format!("{OPEN}[[device]]\nendpoint = \"urn:dev:open-2\"\n"));
        let slow = HandMadeClient::new(daemon.nosec);
        let waiting = slow.begin("urn:dev:open-1");
        daemon.signal(signal);
        daemon.await_log("stopping");

        // The admin socket still answers, so that it shows when the second client's request has arrived.
        let datagrams = |daemon: &Daemon| daemon.ctl_json(&["status"])["datagrams_in"].as_u64().unwrap();
        let before = datagrams(&daemon);
        let late = HandMadeClient::new(daemon.nosec);
        late.ask("urn:dev:open-2");
        wait_until("the late request to arrive", || datagrams(&daemon) > before, || daemon.log());
        let status = daemon.ctl_json(&["status"]);
        assert_eq!((&status["draining"], &status["running_sessions"]), (&json!(true), &json!(1)));
        assert_eq!(late.receive_at_once(), None, "a client that comes too late meets silence");

        daemon.ctl(&["reload"]).ended_with(1).explaining(&["the daemon is stopping"]);

        slow.go_on(waiting);
        assert_eq!(daemon.ended().code(), Some(0), "SIG{signal}: {}", daemon.log());
        assert_eq!(late.receive_at_once(), None);
        assert!(daemon.log().contains("completed: urn:dev:open-1"), "{}", daemon.log());
        assert!(!daemon.log().contains("cut off"), "{}", daemon.log());
    }
}

#[test]
fn a_session_that_never_ends_is_cut_off_after_30_seconds() {
    let mut daemon = Daemon::start(OPEN);
    let silent = HandMadeClient::new(daemon.nosec);
    silent.begin("urn:dev:open-1");
    let asked = Instant::now();
    daemon.signal("TERM");
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.log());
    let elapsed = asked.elapsed();
    assert!(elapsed >= DRAIN && elapsed < DRAIN + AT_ONCE, "{elapsed:?}");
    assert!(daemon.log().contains("1 session cut off; such clients come again"), "{}", daemon.log());
}

#[test]
fn a_clean_end_loses_no_outcome() {
    let daemon = Daemon::start(OPEN);
    let server = format!("coap://{}", daemon.nosec);
    daemon.ctl(&["simulate", "--server", &server, "urn:dev:open-1"]).succeeded();
    daemon.await_log("completed: urn:dev:open-1");
    let daemon = daemon.stop().start();
    let device = daemon.ctl_json(&["device", "show", "urn:dev:open-1"]);
    assert_eq!(device["last_session"]["outcome"], "completed", "{device}");
}

/// Proves that the client of these tests is one that the daemon serves to the end.
#[test]
fn the_hand_made_client_bootstraps() {
    let daemon = Daemon::start(OPEN);
    let client = HandMadeClient::new(daemon.nosec);
    let first = client.begin("urn:dev:open-1");
    assert_ne!(first.usual_answer(), CHANGED, "the first operation is Discover or Delete");
    client.go_on(first);
    daemon.await_log("completed: urn:dev:open-1");
}
