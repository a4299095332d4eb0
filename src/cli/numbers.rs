//! Which numbers the command line takes; clap says which flag it was and ends with "wrong usage".

use std::str::FromStr;

/// The daemon gives no more at once.
const LARGEST_LIMIT: usize = 10_000;

/// A whole number from 1 on.
///
/// # Errors
/// What it must be, as a sentence.
pub fn positive<N: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| *number >= N::from(1));
    number.ok_or_else(|| "must be a whole number, at least 1".to_owned())
}

/// How many lines to list.
///
/// # Errors
/// What it must be, as a sentence.
pub fn limit(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=LARGEST_LIMIT).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {LARGEST_LIMIT}"))
}

/// How many to begin per second.
///
/// # Errors
/// What it must be, as a sentence.
pub fn rate(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    number.ok_or_else(|| "must be a number above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{limit, positive, rate};

    #[test]
    fn numbers_are_taken_within_their_bounds_only() {
        assert_eq!((positive::<u64>("1"), positive::<usize>("32")), (Ok(1), Ok(32)));
        assert_eq!((limit("1"), limit("10000"), rate("0.5")), (Ok(1), Ok(10_000), Ok(0.5)));
        for wrong in ["0", "-1", "", "x", "99999999999999999999999"] {
            assert!(positive::<u64>(wrong).is_err() && limit(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["0", "-1", "", "x", "nan", "inf"] {
            assert!(rate(wrong).is_err(), "{wrong:?}");
        }
        assert!(limit("10001").is_err());
    }
}
