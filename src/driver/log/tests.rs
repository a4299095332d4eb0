//! The lines as they are written.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::bootstrap::Outcome;
use crate::driver::listener::Claimed;
use crate::dtls::{Configuration, EngineKind};
use crate::provision::Transport;

/// Where the lines of one test go.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is written while `act` runs, line by line.
fn written(act: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let sink = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || sink.clone())
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .finish();
    tracing::subscriber::with_default(subscriber, act);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

fn place(port: u16) -> Place {
    Place::of(([192, 0, 2, 1], port).into(), &Configuration { max_handshakes: 7, ..Configuration::default() })
}

fn listener(port: u16) -> ListenerName {
    ListenerName { address: place(port).address, transport: Transport::Udp, engine: Some(EngineKind::Native) }
}

fn client(port: u16) -> Route {
    Route::to(([192, 0, 2, 9], port).into())
}

fn claim(at: Instant, port: u16, identity: &[u8], is_on_record: bool) -> Claim {
    Claim { route: client(port), by: Claimed::PskIdentity(identity.to_vec()), at, is_on_record, key: None }
}

fn report(endpoint: &str, outcome: Outcome) -> SessionReport {
    SessionReport {
        id: 7,
        endpoint: Some(endpoint.to_owned()),
        remote: "192.0.2.9:40000".to_owned(),
        moved_from: None,
        listener: 0,
        identity: String::new(),
        profile: None,
        lwm2m_version: None,
        content_format: None,
        outcome,
        reason: "The device is blocked.".to_owned(),
        duration: Duration::from_millis(2),
        steps: Vec::new(),
        looping: None,
    }
}

fn count(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

#[test]
fn a_flood_of_one_kind_on_one_listener_silences_no_other() {
    let (mut log, now) = (SessionLog::default(), Instant::now());
    let lines = written(|| {
        for port in 0..300 {
            log.handshake_ended(now, &place(1), None, client(port), CloseReason::NoCommonVersion);
            log.identity_unknown(now, &place(1), &claim(now, port, b"nobody", false));
            log.ended(now, listener(1), false, &report("stranger", Outcome::RefusedUnknown));
        }
        let known = claim(now, 1, b"meter-1", true);
        log.handshake_ended(now, &place(1), Some(&known), known.route, CloseReason::KeyMismatch);
        log.handshake_ended(now, &place(2), None, client(1), CloseReason::NoCommonKeyType);
        // A device that is blocked is not served.
        log.ended(now, listener(1), false, &report("meter-2", Outcome::RefusedBlocked));
        log.handle_timeout(now + Duration::from_secs(1));
    });
    assert_eq!(count(&lines, "speaks DTLS 1.0 only") + count(&lines, "no device has this identity"), 10);
    assert_eq!(count(&lines, "stranger from 192.0.2.9:40000"), 10);
    for told in [
        "`meter-1` from 192.0.2.9:1: its key is not the one on record",
        "listener 192.0.2.1:2 (",
        "meter-2 from 192.0.2.9:40000",
        "590 more failed handshakes on listener 192.0.2.1:1 (",
        "290 more refused sessions on listener 192.0.2.1:1 (native) were not logged in the last second",
    ] {
        assert_eq!(count(&lines, told), 1, "{told}: {lines:#?}");
    }
}

#[test]
fn who_makes_room_is_told_once_a_second_whatever_it_claimed() {
    let (mut log, now) = (SessionLog::default(), Instant::now());
    let lines = written(|| {
        let nobody = claim(now, 1, b"nobody", false);
        for claim in [Some(&nobody), None] {
            log.handshake_ended(now, &place(1), claim, client(1), CloseReason::Evicted);
        }
        log.association_evicted(now, &place(1), client(2));
        assert_eq!(log.poll_timeout(), Some(now + Duration::from_secs(1)));
        log.handle_timeout(now + Duration::from_secs(1));
        assert_eq!(log.poll_timeout(), None);
    });
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains("PSK identity `nobody` from 192.0.2.9:1: it made room for a newer one"), "{lines:#?}");
    assert!(lines[1].contains("2 more clients that made room on listener 192.0.2.1:1 ("), "{lines:#?}");
}

#[test]
fn no_name_that_a_client_gives_itself_makes_up_a_part_of_a_line() {
    let (mut log, now) = (SessionLog::default(), Instant::now());
    let identity = b"x` from 203.0.113.5:40000: its key is not the one on record";
    let endpoint = "meter-1 from 203.0.113.5:40000 in 1.0 ms";
    let lines = written(|| {
        log.identity_unknown(now, &place(1), &claim(now, 1, identity, false));
        for name in [endpoint, "a`b c", "urn:imei:35\"é'", "a\u{2028}b"] {
            log.ended(now, listener(1), false, &report(name, Outcome::RefusedUnknown));
        }
        log.ended(now, listener(1), true, &report(endpoint, Outcome::Completed));
    });
    assert!(lines[0].contains(r"PSK identity `x\u{60} from 203.0.113.5:40000"), "{}", lines[0]);
    assert_eq!(lines[0].matches('`').count(), 2 + 6, "{}", lines[0]);
    for (line, name) in lines[1..].iter().zip([
        &format!("`{endpoint}` from 192.0.2.9:40000 after"),
        r"`a\u{60}b c` from 192.0.2.9:40000",
        "unknown: urn:imei:35\"é' from 192.0.2.9:40000",
        r"`a\u{2028}b` from",
        &format!("`{endpoint}` from 192.0.2.9:40000 in"),
    ]) {
        assert!(line.contains(name), "{name}: {line}");
        assert!(line.ends_with("listener=192.0.2.1:1 (native)"), "{line}");
    }
}

#[test]
fn plain_coap_and_a_broken_store_are_told_once_a_second_on_each_listener() {
    let (mut log, now) = (SessionLog::default(), Instant::now());
    let lines = written(|| {
        for port in [1, 1, 2] {
            log.plain_coap(now, &place(port), client(5));
            log.store_unreadable(now, &place(port), &StoreError::TooManyAccepted(3));
        }
    });
    assert_eq!(count(&lines, "plain CoAP from 192.0.2.9:5 at the DTLS listener 192.0.2.1:1 ("), 1, "{lines:#?}");
    assert_eq!(count(&lines, "the store cannot be read, and clients meet silence on listener 192.0.2.1:2 ("), 1);
    assert_eq!(lines.len(), 4);
}
