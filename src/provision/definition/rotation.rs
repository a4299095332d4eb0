//! `Rotation`: when issued credentials are replaced.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// When what a random expression made is replaced by something new. It is replaced at a bootstrap, never in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Only when an operator asks for it.
    #[default]
    Never,
    /// At every bootstrap.
    EveryBootstrap,
    /// At the first bootstrap after so many days, at least 1.
    Days(u32),
}

/// What a rotation looks like.
const EXPECTED: &str = "\"never\", \"every-bootstrap\" or a number of days, 1 to 36500";
/// The longest interval in days: a hundred years.
const MAX_DAYS: u32 = 36_500;

impl Rotation {
    /// Reads `never`, `every-bootstrap` or a number of days.
    ///
    /// # Errors
    /// A sentence that says what is expected.
    pub fn parse(text: &str) -> Result<Rotation, String> {
        match text {
            "never" => Ok(Rotation::Never),
            "every-bootstrap" => Ok(Rotation::EveryBootstrap),
            days => days.parse().ok().and_then(Rotation::after_days).ok_or_else(|| format!("expected {EXPECTED}")),
        }
    }

    fn after_days(days: u64) -> Option<Rotation> {
        u32::try_from(days).ok().filter(|days| (1..=MAX_DAYS).contains(days)).map(Rotation::Days)
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rotation::Never => formatter.write_str("never"),
            Rotation::EveryBootstrap => formatter.write_str("every-bootstrap"),
            Rotation::Days(days) => write!(formatter, "{days}"),
        }
    }
}

impl Serialize for Rotation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Rotation::Days(days) => serializer.serialize_u32(*days),
            word => serializer.collect_str(word),
        }
    }
}

impl<'de> Deserialize<'de> for Rotation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rotation, D::Error> {
        deserializer.deserialize_any(RotationVisitor)
    }
}

struct RotationVisitor;

impl Visitor<'_> for RotationVisitor {
    type Value = Rotation;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Rotation, E> {
        Rotation::parse(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, days: u64) -> Result<Rotation, E> {
        Rotation::after_days(days).ok_or_else(|| E::custom(format!("expected {EXPECTED}")))
    }

    fn visit_i64<E: Error>(self, days: i64) -> Result<Rotation, E> {
        self.visit_u64(u64::try_from(days).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::Rotation;

    #[test]
    fn words_and_days_read_back_from_json_and_text() {
        for (rotation, json) in [
            (Rotation::Never, "\"never\""),
            (Rotation::EveryBootstrap, "\"every-bootstrap\""),
            (Rotation::Days(30), "30"),
        ] {
            assert_eq!(serde_json::to_string(&rotation).unwrap(), json);
            assert_eq!(serde_json::from_str::<Rotation>(json).unwrap(), rotation);
            assert_eq!(Rotation::parse(&rotation.to_string()), Ok(rotation));
        }
        assert_eq!(serde_json::from_str::<Rotation>("\"30\"").unwrap(), Rotation::Days(30), "as a flag gives it");
    }

    #[test]
    fn what_is_no_rotation_is_refused_with_what_is() {
        for json in ["0", "-1", "36501", "\"0\"", "\"weekly\"", "\"\"", "1.5", "true", "18446744073709551615"] {
            let error = serde_json::from_str::<Rotation>(json).unwrap_err().to_string();
            assert!(error.contains("every-bootstrap"), "{json}: {error}");
        }
    }
}
