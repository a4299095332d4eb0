//! The gate: whole messages in their order, whatever the network does to them.

use proptest::prelude::*;

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
    assert!(gate.is_passed());
    assert_eq!(give(&mut gate, &finished), [Step::Feed(finished.clone())]);
    assert_eq!(gate.open(), [] as [Vec<u8>; 0]);
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

proptest! {
    #[test]
    fn no_sequence_of_records_panics_or_piles_up(
        records in proptest::collection::vec(
            (20u8..24, 0u8..3, any::<u8>(), proptest::collection::vec(0u8..20, 0..40), any::<bool>()), 0..40),
    ) {
        let mut gate = Gate::default();
        for (content_type, epoch, sequence, mut fragment, plausible) in records {
            if plausible && fragment.len() > 12 {
                fragment[..6].copy_from_slice(&[16, 0, 0, 20, 0, 2]);
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
