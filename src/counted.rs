//! Numbers with what they count, as operators read them: `1 device`, `12,000 devices`.
//!
//! A leaf: every room that speaks to operators counts something. Knows regular plurals and nothing of what is counted.

/// A number with its thousands apart.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number, and `noun` in the singular or the plural.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::{count, counted};

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn one_alone_is_singular() {
        for (number, text) in [(0, "0 devices"), (1, "1 device"), (2, "2 devices"), (1_001, "1,001 devices")] {
            assert_eq!(counted(number, "device"), text);
        }
    }
}
