//! Loops, and what is none, in invented time.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::{FIRST_SILENCE, LoopWatch, REMEMBERED, Suspect};
use crate::bootstrap::boundary::Limits;
use crate::peer::{CertificateTrust, Peer};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn watch() -> LoopWatch {
    LoopWatch::new(&Limits::default(), [1; 16])
}

fn psk(watch: &LoopWatch, identity: &str) -> Suspect {
    watch.suspect(&Peer::PskIdentity(identity.as_bytes().to_vec()), HOME, None).unwrap()
}

/// Has the client bootstrap every `period`, sooner or later than silence allows, for `span`. Says how many sessions it had
/// and the silences that it met.
fn lives(watch: &mut LoopWatch, from: Instant, period: Duration, span: Duration) -> (u32, Vec<u64>) {
    let suspect = psk(watch, "meter-1");
    let (mut sessions, mut silences) = (0, Vec::new());
    let mut elapsed = Duration::ZERO;
    while elapsed < span {
        elapsed += period;
        let now = from + elapsed;
        if !watch.is_silenced(now, suspect) {
            sessions += 1;
            silences.extend(watch.ended(now, suspect, "meter-1", HOME).map(|looping| looping.silence.as_secs()));
        }
    }
    (sessions, silences)
}

#[test]
fn a_loop_is_slowed_down_more_and_more_up_to_the_bound_and_never_refused_for_good() {
    let hour = Duration::from_secs(3600);
    let (sessions, silences) = lives(&mut watch(), Instant::now(), Duration::from_secs(2), hour);
    assert_eq!(silences[..6], [15, 30, 60, 120, 240, 300]);
    assert!(silences[6..].iter().all(|silence| *silence == 300) && silences.len() > 12);
    // Ten or a few more before it is noticed, and from then on one for each silence, instead of 1,800 in the hour.
    assert!((20..30).contains(&sessions), "{sessions}");
}

#[test]
fn who_comes_as_often_as_an_unlucky_client_on_a_bad_link_is_not_slowed_down() {
    // A failure takes 62 s and more where the link is to blame.
    for (period, span) in [(62, 100_000), (3600, 1_000_000)] {
        let (_, silences) = lives(&mut watch(), Instant::now(), Duration::from_secs(period), Duration::from_secs(span));
        assert_eq!(silences, [0; 0], "every {period} s");
    }
    // Nine in a row, an operator who tries things out.
    let (sessions, silences) = lives(&mut watch(), Instant::now(), Duration::from_secs(1), Duration::from_secs(9));
    assert_eq!((sessions, silences.len()), (9, 0));
}

#[test]
fn the_tenth_session_in_a_row_is_one_too_many_and_what_is_told_of_it_is_what_happened() {
    let (mut watch, start) = (watch(), Instant::now());
    let suspect = psk(&watch, "meter-1");
    for second in 1..10 {
        assert_eq!(watch.ended(start + Duration::from_secs(second), suspect, "meter-1", HOME), None);
    }
    assert_eq!(watch.clients(start).count(), 0);
    let now = start + Duration::from_secs(10);
    let looping = watch.ended(now, suspect, "meter-1", HOME).expect("the tenth");
    assert_eq!((looping.sessions, looping.since.as_secs(), looping.is_first), (10, 9, true));
    assert_eq!(looping.silence, FIRST_SILENCE);
    for (seconds, is_silenced) in [(0, true), (14, true), (15, false)] {
        assert_eq!(watch.is_silenced(now + Duration::from_secs(seconds), suspect), is_silenced, "{seconds}");
    }
    let clients: Vec<_> = watch.clients(now).collect();
    assert_eq!(clients.len(), 1);
    assert_eq!((clients[0].endpoint.as_str(), clients[0].sessions, clients[0].ignored), ("meter-1", 10, 2));
    assert_eq!((clients[0].remote, clients[0].silent_until), (HOME, now + FIRST_SILENCE));
    // The next one is the same loop still, and the operator has been told.
    let again = watch.ended(now + Duration::from_secs(16), suspect, "meter-1", HOME).expect("once more");
    assert_eq!((again.sessions, again.is_first, again.silence.as_secs()), (11, false, 30));
}

#[test]
fn who_stays_away_for_a_window_is_forgiven_and_shown_no_longer() {
    let (mut watch, start) = (watch(), Instant::now());
    let (_, silences) = lives(&mut watch, start, Duration::from_secs(1), Duration::from_secs(20));
    assert_eq!(silences, [15]);
    let (soon, later) = (start + Duration::from_secs(500), start + Duration::from_secs(10 + 15 + 600));
    assert_eq!((watch.clients(soon).count(), watch.clients(later).count()), (1, 0));
    let suspect = psk(&watch, "meter-1");
    assert_eq!(watch.ended(later, suspect, "meter-1", HOME), None);
    // And there is nothing left of it when its record is looked at.
    watch.forget(later + Duration::from_secs(100));
    assert!(watch.records.is_empty() && watch.order.is_empty());
}

#[test]
fn sessions_count_under_what_was_proven_and_without_proof_under_address_and_name() {
    let watch = watch();
    let other: IpAddr = "192.0.2.2".parse().unwrap();
    let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
    let certificate = |leaf: u8, issuer: u8| Peer::Certificate {
        chain: vec![vec![leaf], vec![issuer]],
        trust: CertificateTrust::Anchored,
    };
    let (nosec, one, two) = (Peer::Unauthenticated, Peer::PskIdentity(vec![1]), Peer::PskIdentity(vec![2]));
    for (is_same, (peer, address, claimed), (second_peer, second_address, second_claimed)) in [
        (true, (&nosec, HOME, Some("a")), (&nosec, mapped, Some("a"))),
        (false, (&nosec, HOME, Some("a")), (&nosec, other, Some("a"))),
        (false, (&nosec, HOME, Some("a")), (&nosec, HOME, Some("b"))),
        (false, (&nosec, HOME, Some("a")), (&one, HOME, Some("a"))),
        (true, (&one, HOME, Some("a")), (&one, other, None)),
        (false, (&one, HOME, None), (&two, HOME, None)),
        (false, (&one, HOME, None), (&Peer::RawPublicKey(vec![1]), HOME, None)),
        (true, (&certificate(1, 1), HOME, None), (&certificate(1, 2), other, None)),
        (false, (&certificate(1, 1), HOME, None), (&certificate(2, 1), HOME, None)),
    ] {
        let suspects =
            (watch.suspect(peer, address, claimed), watch.suspect(second_peer, second_address, second_claimed));
        assert_eq!(suspects.0 == suspects.1, is_same, "{peer:?} {second_peer:?}");
    }
    assert_eq!(watch.suspect(&nosec, HOME, None), None);
}

#[test]
fn what_is_remembered_is_bounded_and_a_loop_is_not_washed_out_by_others() {
    let (mut watch, start) = (watch(), Instant::now());
    let looping = psk(&watch, "looping");
    for _ in 0..10 {
        watch.ended(start, looping, "looping", HOME);
    }
    for number in 0..REMEMBERED as u64 + 5_000 {
        watch.ended(start + Duration::from_micros(number), Suspect(number), "other", HOME);
    }
    assert_eq!(watch.records.len(), REMEMBERED);
    assert!(watch.order.len() <= REMEMBERED);
    assert!(watch.is_silenced(start + Duration::from_secs(1), looping));
    // A minute later nothing is known of those who came once.
    watch.ended(start + Duration::from_secs(120), looping, "looping", HOME);
    assert_eq!(watch.records.len(), 1);
}

#[test]
fn other_limits_forgive_everybody_and_a_silence_of_nothing_slows_nobody_down() {
    let (mut watch, start) = (watch(), Instant::now());
    let looping = psk(&watch, "looping");
    let loops = |watch: &mut LoopWatch| {
        (0..10).for_each(|_| _ = watch.ended(start, looping, "looping", HOME));
        (watch.is_silenced(start, looping), watch.clients(start).count())
    };
    assert_eq!(loops(&mut watch), (true, 1));
    watch.set_limits(&Limits::default());
    assert!(watch.is_silenced(start, looping), "nothing has changed");
    let other = Limits { loop_sessions: Limits::default().loop_sessions + 1, ..Limits::default() };
    watch.set_limits(&other);
    assert!(!watch.is_silenced(start, looping));
    watch.set_limits(&Limits { loop_longest_silence: Duration::ZERO, ..Limits::default() });
    assert_eq!(loops(&mut watch), (false, 0));
}
