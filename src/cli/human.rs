//! What people read: durations, names that come from the network.

use std::borrow::Cow;
use std::time::Duration;

/// What stands in a table for what is not there.
pub const NOTHING: &str = "-";

/// A short duration to about three digits (`850 µs`, `12.3 ms`, `4.56 s`), a long one in its two greatest units
/// (`3 min 5 s`, `2 d 4 h`).
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1e-3 {
        return format!("{} µs", duration.as_micros());
    }
    if seconds < 1.0 {
        return format!("{:.*} ms", if seconds < 0.1 { 1 } else { 0 }, seconds * 1e3);
    }
    if seconds < 60.0 && duration.subsec_nanos() == 0 {
        return format!("{} s", duration.as_secs());
    }
    if seconds < 60.0 {
        return format!("{seconds:.2} s");
    }
    let whole = duration.as_secs();
    let (greater, lesser, units) = match whole {
        0..3_600 => (whole / 60, whole % 60, ("min", "s")),
        3_600..86_400 => (whole / 3_600, whole % 3_600 / 60, ("h", "min")),
        _ => (whole / 86_400, whole % 86_400 / 3_600, ("d", "h")),
    };
    format!("{greater} {} {lesser} {}", units.0, units.1)
}

/// The text without anything that a terminal would obey: names of endpoints come from the network.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\t' => Cow::Borrowed(" "),
            hidden if is_hidden(hidden) => Cow::Owned(hidden.escape_default().to_string()),
            plain => Cow::Owned(plain.to_string()),
        })
        .collect()
}

/// Control characters, and those that turn the direction of writing around.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text, or a dash.
pub fn or_nothing(text: Option<impl ToString>) -> String {
    text.map_or_else(|| NOTHING.to_owned(), |text| text.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, printable};

    #[test]
    fn durations_are_said_in_units_that_fit() {
        for (nanoseconds, text) in [
            (0, "0 µs"),
            (850_000, "850 µs"),
            (1_234_000, "1.2 ms"),
            (99_940_000, "99.9 ms"),
            (640_000_000, "640 ms"),
            (4_560_000_000, "4.56 s"),
            (5_000_000_000, "5 s"),
            (185_000_000_000, "3 min 5 s"),
            (7_260_000_000_000, "2 h 1 min"),
            (187_200_000_000_000, "2 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanoseconds)), text);
        }
    }

    #[test]
    fn a_name_cannot_draw_on_the_terminal() {
        assert_eq!(printable("a\u{1b}[31m\nb\u{202e}c é"), "a\\u{1b}[31m\\nb\\u{202e}c é");
        assert_eq!(printable("x\u{9b}y"), "x\\u{9b}y");
    }
}
