//! The window by a table, and against a model that remembers every number.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// The largest number a record can have.
const LAST: u64 = (1 << 48) - 1;

#[test]
fn a_number_is_taken_once_and_only_within_the_window() {
    // What has been seen, in this order, and then whether a number is still admitted.
    let table: &[(&[u64], u64, bool)] = &[
        (&[], 0, true),
        (&[], LAST, true),
        (&[0], 0, false),
        (&[0], 1, true),
        (&[5], 0, true),
        (&[5], 5, false),
        (&[63], 0, true),
        (&[64], 0, false),
        (&[64], 1, true),
        (&[64, 1], 1, false),
        (&[0, 63], 0, false),
        (&[0, 1, 2, 66], 2, false),
        (&[0, 1, 2, 66], 3, true),
        (&[100, 163], 100, false),
        (&[100, 163], 99, false),
        (&[100, 163], 101, true),
        (&[100, 164], 100, false),
        (&[100, 164], 101, true),
        (&[100, 165], 164, true),
        (&[100, 165], 101, false),
        (&[0, LAST], 0, false),
        (&[0, LAST], LAST, false),
        (&[0, LAST], LAST - 63, true),
        (&[0, LAST], LAST - 64, false),
    ];
    for (seen, number, admitted) in table {
        let mut window = ReplayWindow::new();
        for number in *seen {
            window.accept(*number);
        }
        assert_eq!(window.admits(*number), *admitted, "{number} after {seen:?}");
    }
}

#[test]
fn only_a_higher_number_is_the_newest() {
    let mut window = ReplayWindow::new();
    let table = [(7, true), (7, false), (6, false), (8, true), (0, false), (8, false), (500, true), (8, false)];
    for (number, newest) in table {
        assert_eq!(window.accept(number), newest, "{number}");
    }
}

#[test]
fn asking_does_not_move_the_window() {
    let mut window = ReplayWindow::new();
    window.accept(1);
    assert!(window.admits(LAST));
    assert!(window.admits(0), "a forged record shuts nothing out");
    assert!(window.admits(LAST));
}

fn numbers() -> impl Strategy<Value = Vec<u64>> {
    let near = 0..200_u64;
    let edge = (LAST - 100)..=LAST;
    proptest::collection::vec(prop_oneof![8 => near.clone(), 1 => edge, 1 => near.prop_map(|n| n * 50)], 0..150)
}

proptest! {
    #[test]
    fn the_window_does_what_remembering_everything_would(numbers in numbers()) {
        let mut window = ReplayWindow::new();
        let mut seen: BTreeSet<u64> = BTreeSet::new();
        for number in numbers {
            let newest = seen.last().copied();
            let expected = !seen.contains(&number) && newest.is_none_or(|newest| number + 64 > newest);
            prop_assert_eq!(window.admits(number), expected, "{} after {:?}", number, &seen);
            if expected {
                prop_assert_eq!(window.accept(number), newest.is_none_or(|newest| number > newest));
                seen.insert(number);
            }
        }
    }
}
