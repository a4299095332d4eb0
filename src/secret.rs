//! `Secret`: bytes that are wiped, compared in constant time and never printed.
//!
//! A leaf: every room may hold one, and it knows none of them. Whoever needs the bytes says [`Secret::expose`],
//! which makes each place that looks at a key easy to find.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Key material or any other bytes that must not leave the process by accident.
///
/// The content is wiped when the value is dropped, compared in constant time (for equal lengths), and appears in
/// neither `Debug` nor any other formatting.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of `bytes`; the caller must not keep a copy.
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Every call is a place where a secret could leak: keep them few.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all, as in the zero-length opaques of unused resources.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Secret {
        Secret::new(bytes)
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Secret {
        Secret::new(bytes.to_vec())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_output_shows_nothing_of_the_content() {
        let secret = Secret::new(b"hunter2".to_vec());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(format!("{:#?}", Some(&secret)), "Some(\n    Secret(..),\n)");
    }

    #[test]
    fn equality_is_by_content_and_length() {
        assert_eq!(Secret::from(&b"abc"[..]), Secret::new(b"abc".to_vec()));
        assert_ne!(Secret::from(&b"abc"[..]), Secret::new(b"abd".to_vec()));
        assert_ne!(Secret::from(&b"abc"[..]), Secret::new(b"ab".to_vec()));
        assert!(Secret::default().is_empty());
    }
}
