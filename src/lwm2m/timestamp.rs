//! RFC 3339 date-times, as CBOR tag 0 carries them, to seconds since 1970.
//!
//! RFC 3339 section 5.6 with the profile of RFC 8949 section 3.4.1; fractions of a second are cut off.

/// Reads `2013-05-02T08:45:03Z` or `2013-05-02T08:45:03.5+02:00`.
pub(super) fn seconds_since_epoch(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (fixed, rest) = bytes.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !separators.iter().all(|&(position, separator)| fixed[position].eq_ignore_ascii_case(&separator)) {
        return None;
    }
    let (year, month, day) = (number(&fixed[..4])?, number(&fixed[5..7])?, number(&fixed[8..10])?);
    let (hour, minute, second) = (number(&fixed[11..13])?, number(&fixed[14..16])?, number(&fixed[17..])?);
    let legal = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !legal {
        return None;
    }
    let local = days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(local - offset(without_fraction(rest)?)?)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

fn without_fraction(rest: &[u8]) -> Option<&[u8]> {
    let Some(fraction) = rest.strip_prefix(b".") else { return Some(rest) };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then(|| &fraction[digits..])
}

/// Seconds that local time is ahead of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    match *zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), ref hours @ .., b':', minute_tens, minute_ones] if hours.len() == 2 => {
            let (hours, minutes) = (number(hours)?, number(&[minute_tens, minute_ones])?);
            let seconds = hours * 3_600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar: whole years and months counted from March of year 0, so
/// that the leap day is the last of its year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_FROM_MARCH_0_TO_1970: i64 = 719_468;
    let (year, months_since_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days_before_month = (153 * months_since_march + 2) / 5;
    365 * year + leap_days + days_before_month + (day - 1) - DAYS_FROM_MARCH_0_TO_1970
}

#[cfg(test)]
mod tests {
    use super::seconds_since_epoch;

    #[test]
    fn known_moments() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2013-05-02T08:45:03Z", 1_367_484_303),
            ("2013-05-02t10:45:03.999+02:00", 1_367_484_303),
            ("2013-05-02T03:15:03-05:30", 1_367_484_303),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("1969-12-31T23:59:59Z", -1),
        ] {
            assert_eq!(seconds_since_epoch(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "2013-05-02",
            "2013-05-02T08:45:03",
            "2013-05-02 08:45:03Z",
            "2013-13-02T08:45:03Z",
            "2013-05-00T08:45:03Z",
            "2013-05-02T24:45:03Z",
            "2013-05-02T08:45:03.Z",
            "2013-05-02T08:45:03+2:00",
            "2013-05-02T08:45:03+02:60",
            "2013-05-02T08:45:0\u{e9}Z",
        ] {
            assert_eq!(seconds_since_epoch(text), None, "{text}");
        }
    }
}
