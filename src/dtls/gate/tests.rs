//! The gate: whole messages in their order, whatever the network does to them.

use proptest::prelude::*;

use super::super::certificate::CERTIFICATE_MAX;
use super::super::record::Records;
use super::*;

fn record(content_type: u8, epoch: u8, sequence: u8, fragment: &[u8]) -> Vec<u8> {
    let length = u8::try_from(fragment.len()).expect("short");
    let mut bytes = vec![content_type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, sequence, 0, length];
    bytes.extend_from_slice(fragment);
    bytes
}

fn key_exchange(sequence: u8) -> Vec<u8> {
    record(22, 0, sequence, &record::handshake_message(16, 2, b"\x00\x03abc"))
}

fn give(gate: &mut Gate, bytes: &[u8]) -> Vec<Step> {
    gate.handle_record(&Records::of(bytes).next().expect("one record"))
}

fn identity() -> Vec<Step> {
    vec![Step::Identity(b"abc".to_vec())]
}

#[test]
fn a_flight_in_order() {
    let (change, finished) = (record(20, 0, 3, &[1]), record(22, 1, 0, &[9; 40]));
    let mut gate = Gate::default();
    assert_eq!(give(&mut gate, &key_exchange(2)), identity());
    assert_eq!(give(&mut gate, &change), []);
    assert_eq!(give(&mut gate, &finished), []);
    assert!(!gate.is_passed());
    assert_eq!(gate.open(), [key_exchange(2), change, finished.clone()]);
    assert!(gate.is_passed() && gate.has_tried());
    assert_eq!(give(&mut gate, &finished), [Step::Feed(finished.clone())]);
    assert_eq!(gate.open(), [] as [Vec<u8>; 0]);
}

#[test]
fn a_change_of_ciphers_alone_is_no_attempt() {
    let (change, finished) = (record(20, 0, 3, &[1]), record(22, 1, 0, &[9; 40]));
    let mut gate = Gate::default();
    assert_eq!(give(&mut gate, &key_exchange(2)), identity());
    gate.open();
    assert_eq!(give(&mut gate, &change), [Step::Feed(change.clone())]);
    assert!(gate.is_passed() && !gate.has_tried());
    give(&mut gate, &finished);
    assert!(gate.has_tried());
}

#[test]
fn a_flight_in_the_worst_order_reaches_the_engine_in_the_right_one() {
    let (change, finished) = (record(20, 0, 3, &[1]), record(22, 1, 0, &[9; 40]));
    let mut gate = Gate::default();
    assert_eq!(give(&mut gate, &finished), []);
    assert_eq!(give(&mut gate, &finished), [], "a duplicate is kept once");
    assert_eq!(give(&mut gate, &change), []);
    assert_eq!(give(&mut gate, &key_exchange(2)), identity());
    assert_eq!(give(&mut gate, &key_exchange(5)), [], "asked once");
    assert_eq!(gate.open(), [key_exchange(2), change, finished]);
}

#[test]
fn a_change_cipher_spec_that_comes_last_lets_the_finished_pass() {
    let (change, finished) = (record(20, 0, 3, &[1]), record(22, 1, 0, &[9; 40]));
    let mut gate = Gate::default();
    assert_eq!(give(&mut gate, &key_exchange(2)), identity());
    assert_eq!(gate.open(), [key_exchange(2)]);
    assert_eq!(give(&mut gate, &finished), []);
    assert_eq!(give(&mut gate, &change), [Step::Feed(change.clone()), Step::Feed(finished)]);
    assert_eq!(give(&mut gate, &change), [], "the engine gets it once");
}

#[test]
fn fragments_are_put_together_in_any_order() {
    let whole = record::handshake_message(16, 2, b"\x00\x03abc");
    let part = |offset: u8, body: &[u8]| {
        let mut message = whole[..12].to_vec();
        message[8] = offset;
        message[11] = u8::try_from(body.len()).expect("short");
        message.extend_from_slice(body);
        message
    };
    let mut gate = Gate::default();
    assert_eq!(give(&mut gate, &record(22, 0, 2, &part(3, b"bc"))), []);
    assert_eq!(give(&mut gate, &record(22, 0, 3, &part(0, b"\x00\x03"))), []);
    assert_eq!(give(&mut gate, &record(22, 0, 4, &part(1, b"\x03a"))), identity());
    assert_eq!(gate.open(), [key_exchange(2)], "records are counted anew");
}

#[test]
fn what_is_kept_is_bounded() {
    let mut gate = Gate::default();
    for sequence in 0..200 {
        assert_eq!(give(&mut gate, &record(22, 1, sequence, &[9; 40])), []);
        assert_eq!(give(&mut gate, &record(20, 0, sequence, &[1])), []);
    }
    assert_eq!(give(&mut gate, &record(22, 1, 0, &[9; 250])), [], "too long");
    give(&mut gate, &key_exchange(2));
    assert_eq!(gate.open().len(), 2 + EARLY_MAX);
}

#[test]
fn what_is_out_of_place_goes_nowhere() {
    let mut gate = Gate::default();
    let wrong = [
        record(23, 0, 2, b"data in the clear"),
        record(23, 1, 2, b"data before Finished"),
        record(22, 2, 2, &[9; 40]),
        record(20, 0, 2, &[2]),
        record(22, 0, 2, &record::handshake_message(16, 1, b"\x00\x03abc")),
        record(22, 0, 2, &record::handshake_message(20, 2, b"\x00\x03abc")),
        record(22, 0, 2, &record::handshake_message(16, 2, b"\x00\x04abc")),
        record(22, 0, 2, &record::handshake_message(16, 2, b"\x00")),
    ];
    for bytes in wrong {
        assert_eq!(give(&mut gate, &bytes), [], "{bytes:02x?}");
    }
    assert_eq!(gate.open(), [] as [Vec<u8>; 0]);
    assert_eq!(give(&mut gate, &key_exchange(2)), identity());
}

#[test]
fn an_identity_longer_than_the_bound_is_not_asked_for() {
    for (length, asked) in [(IDENTITY_MAX, true), (IDENTITY_MAX + 1, false)] {
        let mut body = u16::try_from(length).expect("short").to_be_bytes().to_vec();
        body.extend(std::iter::repeat_n(b'x', length));
        let message = record::handshake_message(16, 2, &body);
        let bytes = record::handshake_record(record::VERSION_1_2, [0; 6], &message);
        assert_eq!(give(&mut Gate::default(), &bytes).len(), usize::from(asked), "{length} bytes");
    }
}

/// The parts of a flight with a certificate of so many bytes, as a client that never fragments sends them.
fn certificate_flight(length: usize) -> Vec<Vec<u8>> {
    let message = |kind, sequence, body: &[u8]| {
        record::handshake_record(
            record::VERSION_1_2,
            [0, 0, 0, 0, 9, 0],
            &record::handshake_message(kind, sequence, body),
        )
    };
    vec![
        message(11, 2, &vec![1; length]),
        message(16, 3, b"point"),
        message(15, 4, b"signature"),
        record(20, 0, 3, &[1]),
        record(22, 1, 0, &[9; 40]),
    ]
}

/// A message put together again: type, number and body.
type Heard = (u8, u16, Vec<u8>);

/// What the engine reads out of records: the messages, and then the types of what follows.
fn heard(records: &[Vec<u8>]) -> (Vec<Heard>, Vec<ContentType>) {
    let (mut messages, mut others): (Vec<Heard>, _) = (Vec::new(), Vec::new());
    let mut last = None;
    for bytes in records {
        let record = Records::of(bytes).next().expect("one record");
        assert_eq!(record.bytes.len(), bytes.len());
        if record.epoch > 0 || record.content_type != ContentType::Handshake {
            others.push(record.content_type);
            continue;
        }
        assert!(record.fragment.len() <= 512);
        assert!(Some(record.sequence_number) > last, "a repeated record number would be a replay");
        last = Some(record.sequence_number);
        let fragment = HandshakeFragments::of(record.fragment).next().expect("one fragment");
        if fragment.offset == 0 {
            messages.push((fragment.message_type, fragment.message_sequence, Vec::new()));
        }
        let (_, _, body) = messages.last_mut().expect("begun");
        assert_eq!(body.len(), fragment.offset);
        body.extend_from_slice(fragment.body);
    }
    (messages, others)
}

fn fed(steps: Vec<Step>) -> Vec<Vec<u8>> {
    let feed = steps.into_iter().map(|step| match step {
        Step::Feed(bytes) => bytes,
        other => panic!("{other:?}"),
    });
    feed.collect()
}

#[test]
fn a_flight_with_a_certificate_reaches_the_engine_in_its_order_however_it_came() {
    for length in [1, 500, 501, CERTIFICATE_MAX] {
        let flight = certificate_flight(length);
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 4, 0, 3, 2], [3, 2, 4, 0, 1]] {
            let mut gate = Gate::new(Flight::Certificate, [0; 6]);
            let mut records = Vec::new();
            for index in order {
                let steps = give(&mut gate, &flight[index]);
                if index == 0 {
                    assert_eq!(steps, [Step::Certificate(vec![1; length])]);
                    records.extend(gate.open());
                } else {
                    records.extend(fed(steps));
                }
            }
            let messages = vec![(11, 2, vec![1; length]), (16, 3, b"point".to_vec()), (15, 4, b"signature".to_vec())];
            let others = vec![ContentType::ChangeCipherSpec, ContentType::Handshake];
            assert_eq!(heard(&records), (messages, others), "{length} bytes, {order:?}");
            assert!(gate.is_passed());
        }
    }
}

#[test]
fn nothing_passes_before_the_answer() {
    let flight = certificate_flight(700);
    let mut gate = Gate::new(Flight::Certificate, [0; 6]);
    assert_eq!(give(&mut gate, &flight[0]), [Step::Certificate(vec![1; 700])]);
    for record in &flight {
        assert_eq!(give(&mut gate, record), [], "asked once, and kept");
    }
    assert!(!gate.is_passed());
    assert_eq!(gate.open().len(), 2 + 1 + 1 + 1 + 1);
    assert_eq!(gate.open(), [] as [Vec<u8>; 0]);
}

#[test]
fn messages_longer_than_their_bounds_are_not_kept() {
    for (kind, sequence, length) in [(11, 2, CERTIFICATE_MAX + 1), (16, 3, 257), (15, 4, 1025), (14, 5, 1), (11, 1, 9)]
    {
        let mut gate = Gate::new(Flight::Certificate, [0; 6]);
        let bytes = record::handshake_record(
            record::VERSION_1_2,
            [0; 6],
            &record::handshake_message(kind, sequence, &vec![0; length]),
        );
        assert_eq!(give(&mut gate, &bytes), []);
        assert!(gate.messages.has_nothing(), "type {kind}");
    }
}

#[test]
fn overlapping_fragments_make_one_certificate() {
    let body: Vec<u8> = (0..=255).cycle().take(3_000).collect();
    let part = |from: usize, to: usize| {
        let body = &body[from..to];
        let fragment = HandshakeFragment { message_type: 11, length: 3_000, message_sequence: 2, offset: from, body };
        record::handshake_record(record::VERSION_1_2, [0; 6], &record::handshake_fragment(&fragment))
    };
    let mut gate = Gate::new(Flight::Certificate, [0; 6]);
    for (from, to) in [(2_000, 2_999), (0, 900), (700, 1_500), (0, 900), (2_999, 3_000), (1_501, 2_000)] {
        assert_eq!(give(&mut gate, &part(from, to)), [], "{from}..{to}");
    }
    assert_eq!(give(&mut gate, &part(1_500, 1_501)), [Step::Certificate(body.clone())]);
}

proptest! {
    #[test]
    fn no_sequence_of_records_panics_or_piles_up(
        certified in any::<bool>(),
        records in proptest::collection::vec(
            (20u8..24, 0u8..3, any::<u8>(), proptest::collection::vec(0u8..20, 0..40), 0u8..4), 0..40),
    ) {
        let flight = if certified { Flight::Certificate } else { Flight::PreSharedKey };
        let mut gate = Gate::new(flight, [0; 6]);
        for (content_type, epoch, sequence, mut fragment, plausible) in records {
            let kinds = [(16, 2), (11, 2), (16, 3), (15, 4)];
            let (kind, number) = kinds[usize::from(plausible)];
            if fragment.len() > 12 {
                fragment[..6].copy_from_slice(&[kind, 0, 0, 20, 0, number]);
                let offset = fragment[8];
                fragment[6..11].copy_from_slice(&[0, 0, offset, 0, 0]);
            }
            give(&mut gate, &record(content_type, epoch, sequence, &fragment));
            if sequence == 0 {
                gate.open();
            }
            prop_assert!(gate.early.len() <= EARLY_MAX);
        }
    }
}
