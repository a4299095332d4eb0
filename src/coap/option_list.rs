//! `OptionList`: the options of a message, in ascending order, as raw values.
//!
//! RFC 7252 section 3.1. What the values mean is said in [`super::options`].

use std::fmt;

/// Options that a message may carry. No bootstrap needs a tenth of it; it bounds the work that a message can cause.
pub const MAX_OPTIONS: usize = 64;

/// Longest value that [`OptionList::add`] takes, in bytes: the longest of any option in RFC 7252 section 5.10, Table 4
/// (Proxy-Uri).
pub const MAX_VALUE_LENGTH: usize = 1034;

/// Bytes that the values of a message seldom exceed, so that one allocation is enough.
const USUAL_VALUES: usize = 48;

/// The options of one message, in ascending order of their numbers; those of equal number in the order of arrival.
#[derive(Clone, Default)]
pub struct OptionList {
    /// Ascending by number.
    entries: Vec<Entry>,
    /// The values, in the order in which they were added.
    values: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Entry {
    number: u16,
    length: u16,
    start: u32,
}

/// Why an option cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionRefused {
    /// The value has more bytes than [`MAX_VALUE_LENGTH`], or than this option may have.
    #[error("the value of option {0} is too long")]
    TooLong(u16),
    /// The message has [`MAX_OPTIONS`] options already.
    #[error("too many options")]
    TooMany,
}

impl OptionList {
    /// No options.
    pub fn new() -> OptionList {
        OptionList::default()
    }

    /// Number of options, repetitions counted.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All options, ascending, as number and value.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.entries.iter().map(|entry| (entry.number, self.value(entry)))
    }

    /// The values of one option in the order of the message.
    pub fn all(&self, number: u16) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().filter(move |entry| entry.number == number).map(|entry| self.value(entry))
    }

    /// The first value of one option.
    pub fn first(&self, number: u16) -> Option<&[u8]> {
        self.all(number).next()
    }

    /// Adds an option behind those of the same number.
    ///
    /// # Errors
    ///
    /// [`OptionRefused`] if the value is longer than [`MAX_VALUE_LENGTH`] or there are [`MAX_OPTIONS`] already.
    pub fn add(&mut self, number: u16, value: &[u8]) -> Result<(), OptionRefused> {
        if value.len() > MAX_VALUE_LENGTH {
            return Err(OptionRefused::TooLong(number));
        }
        if self.entries.len() >= MAX_OPTIONS {
            return Err(OptionRefused::TooMany);
        }
        self.push(number, value);
        Ok(())
    }

    /// Removes every option of this number.
    pub fn remove(&mut self, number: u16) {
        self.entries.retain(|entry| entry.number != number);
    }

    /// Adds an option whose size the caller has bounded: at most 65,535 bytes.
    pub(super) fn push(&mut self, number: u16, value: &[u8]) {
        if self.entries.is_empty() {
            self.values.reserve(USUAL_VALUES);
        }
        let entry = Entry { number, length: value.len() as u16, start: self.values.len() as u32 };
        self.values.extend_from_slice(value);
        let position = self.entries.iter().rposition(|other| other.number <= number).map_or(0, |before| before + 1);
        self.entries.insert(position, entry);
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        let start = entry.start as usize;
        &self.values[start..start + usize::from(entry.length)]
    }
}

impl PartialEq for OptionList {
    fn eq(&self, other: &OptionList) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for OptionList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_list()
            .entries(self.iter().map(|(number, value)| (number, value.escape_ascii().to_string())))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_OPTIONS, MAX_VALUE_LENGTH, OptionList, OptionRefused};

    #[test]
    fn options_stand_in_ascending_order_and_keep_the_order_of_repetitions() {
        let mut options = OptionList::new();
        for (number, value) in [(15, "ep=a"), (11, "0"), (12, ""), (11, "1"), (3, "h")] {
            options.add(number, value.as_bytes()).unwrap();
        }
        let expected: [(u16, &[u8]); 5] = [(3, b"h"), (11, b"0"), (11, b"1"), (12, b""), (15, b"ep=a")];
        assert!(options.iter().eq(expected));
        assert_eq!(options.first(11), Some(&b"0"[..]));
        assert_eq!(options.first(12), Some(&b""[..]));
        assert_eq!(options.first(4), None);
        options.remove(11);
        assert_eq!((options.len(), options.first(11)), (3, None));
    }

    #[test]
    fn equality_does_not_depend_on_the_order_of_adding() {
        let (mut left, mut right) = (OptionList::new(), OptionList::new());
        left.add(11, b"0").unwrap();
        left.add(15, b"1").unwrap();
        right.add(15, b"1").unwrap();
        assert_ne!(left, right);
        right.add(11, b"0").unwrap();
        assert_eq!(left, right);
    }

    #[test]
    fn what_is_too_much_is_refused_and_changes_nothing() {
        let mut options = OptionList::new();
        assert_eq!(options.add(35, &[0; MAX_VALUE_LENGTH + 1]), Err(OptionRefused::TooLong(35)));
        for _ in 0..MAX_OPTIONS {
            options.add(11, &[0; MAX_VALUE_LENGTH]).unwrap();
        }
        assert_eq!(options.add(11, b""), Err(OptionRefused::TooMany));
        assert_eq!(options.len(), MAX_OPTIONS);
    }
}
