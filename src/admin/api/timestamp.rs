//! `Timestamp`: a moment as RFC 3339 writes it, in UTC.
//!
//! Knows the proleptic Gregorian calendar and nothing of clocks: the moment comes in.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Days from 0000-03-01 to 1970-01-01: the years counted here begin in March, so that a leap day comes last.
const EPOCH_DAYS: u64 = 719_468;
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: u64 = 146_097;
const SECONDS_PER_DAY: u64 = 86_400;

/// A moment of wall-clock time, whole milliseconds since 1970 (RFC 3339 section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    milliseconds: u64,
}

/// The text is no RFC 3339 time in UTC after 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time must look like 2026-01-31T12:00:00Z")]
pub struct NotATimestamp;

impl Timestamp {
    /// Takes over a moment; what is before 1970 counts as 1970.
    pub fn at(time: SystemTime) -> Timestamp {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp { milliseconds: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX) }
    }

    /// Takes over milliseconds since 1970, the form in which the database keeps a moment.
    pub fn from_milliseconds(milliseconds: u64) -> Timestamp {
        Timestamp { milliseconds }
    }

    /// The same moment without its fraction of a second, for a table.
    pub fn whole_seconds(self) -> Timestamp {
        Timestamp { milliseconds: self.milliseconds / 1000 * 1000 }
    }

    /// How long ago this was at `now`; nothing if it lies ahead.
    pub fn age(self, now: SystemTime) -> Duration {
        Duration::from_millis(Timestamp::at(now).milliseconds.saturating_sub(self.milliseconds))
    }
}

/// Year, month and day of the day number `days` since 1970.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH_DAYS;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// The inverse of [`civil_date`]; none where the calendar has no such day or it is before 1970.
fn day_number(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = year - u64::from(month <= 2);
    let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * ERA_DAYS + day_of_era - EPOCH_DAYS;
    (civil_date(days) == (year, month, day)).then_some(days)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.milliseconds / 1000;
        let (year, month, day) = civil_date(seconds / SECONDS_PER_DAY);
        let of_day = seconds % SECONDS_PER_DAY;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match self.milliseconds % 1000 {
            0 => formatter.write_str("Z"),
            fraction => write!(formatter, ".{fraction:03}Z"),
        }
    }
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Timestamp, NotATimestamp> {
        parse(text).ok_or(NotATimestamp)
    }
}

/// Reads `YYYY-MM-DDTHH:MM:SS[.mmm]Z`, the form that [`Timestamp`] writes.
fn parse(text: &str) -> Option<Timestamp> {
    let shape = text.get(..19)?.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|&(position, byte)| shape[position] != byte) {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let milliseconds = match text.get(19..)? {
        "Z" => 0,
        fraction if fraction.len() == 5 && fraction.starts_with('.') && fraction.ends_with('Z') => number(20, 23)?,
        _ => return None,
    };
    let days = day_number(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let possible = hour < 24 && minute < 60 && second < 60;
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    possible.then_some(Timestamp { milliseconds: seconds * 1000 + milliseconds })
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::Timestamp;

    #[test]
    fn known_moments_are_written_as_rfc_3339_wants() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::from_milliseconds(seconds * 1000).to_string(), text);
        }
        let time = UNIX_EPOCH + Duration::from_millis(7);
        assert_eq!(Timestamp::at(time).to_string(), "1970-01-01T00:00:00.007Z");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2025-02-29T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T00:00:00",
            "2025-01-01 00:00:00Z",
            "2025-01-01T00:00:00.1Z",
            "+025-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2025-01-01T00:00:00é",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_until_the_year_9999_reads_back(milliseconds in 0_u64..253_402_300_800_000) {
            let moment = Timestamp::at(UNIX_EPOCH + Duration::from_millis(milliseconds));
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
