//! `Version`: which LwM2M enabler release a client or a resource belongs to.
//!
//! LwM2M Core 1.2 section 6.1.7.3 (the `lwm2m` attribute says x.y only); spec sheet `bootstrap.md`, section 6.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An enabler or object version such as 1.1. Ordered by age; in text, and so in JSON and TOML, it is `1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// The first number.
    pub major: u8,
    /// The second number.
    pub minor: u8,
}

/// A text that is not a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a version: it must be two numbers below 256 with a dot between them, such as 1.1")]
pub struct VersionError;

impl Version {
    /// LwM2M 1.0.
    pub const V1_0: Version = Version { major: 1, minor: 0 };
    /// LwM2M 1.1.
    pub const V1_1: Version = Version { major: 1, minor: 1 };
    /// LwM2M 1.2.
    pub const V1_2: Version = Version { major: 1, minor: 2 };
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    /// Reads `x.y`; the third number of `x.y.z`, which some clients print, is read and forgotten.
    fn from_str(text: &str) -> Result<Version, VersionError> {
        let mut numbers = text.splitn(3, '.').map(number);
        let mut next = || numbers.next().ok_or(VersionError)?;
        let version = Version { major: next()?, minor: next()? };
        match numbers.next() {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Ok(version),
        }
    }
}

fn number(text: &str) -> Result<u8, VersionError> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(VersionError);
    }
    text.parse().map_err(|_| VersionError)
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Version, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn text_form_round_trips_and_a_third_number_is_forgotten() {
        for (text, version) in [("1.0", Version::V1_0), ("1.1", Version::V1_1), ("1.2", Version::V1_2)] {
            assert_eq!(text.parse(), Ok(version));
            assert_eq!(version.to_string(), text);
        }
        assert_eq!("1.1.1".parse(), Ok(Version::V1_1));
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for text in ["", "1", "1.", ".1", "1.1.", "1.1.1.1", "1.256", "+1.1", "1.-1", " 1.1", "1.x", "V1.1"] {
            assert!(text.parse::<Version>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn order_is_by_age() {
        assert!(Version::V1_0 < Version::V1_1 && Version::V1_1 < Version::V1_2);
        assert!(Version { major: 1, minor: 10 } > Version::V1_2);
    }

    #[test]
    fn json_form_is_a_string() {
        assert_eq!(serde_json::to_string(&Version::V1_1).unwrap(), "\"1.1\"");
        assert_eq!(serde_json::from_str::<Version>("\"1.2\"").unwrap(), Version::V1_2);
        assert!(serde_json::from_str::<Version>("1.1").is_err());
    }
}
