//! `KeyText`: a key as an operator writes it, with its encoding said explicitly.
//!
//! `hex:...`, `base64:...` or `text:...`; without the prefix it is an error, because `1234` could mean two or four bytes.

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// How the written forms of keys, and of other bytes, begin.
pub const PREFIXES: [&str; 3] = ["hex:", "base64:", "text:"];

/// The prefix by which `text` says in which form it writes bytes, if it does.
pub fn prefix_of(text: &str) -> Option<&'static str> {
    PREFIXES.into_iter().find(|prefix| text.starts_with(prefix))
}

/// A key in the operator's own form. Neither `Debug` nor an error ever shows it.
#[derive(Clone)]
pub struct KeyText {
    text: Zeroizing<String>,
    key: Secret,
}

/// What is wrong with a key's text; never holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// No `hex:`, `base64:` or `text:` in front.
    #[error("a key must say how it is written: `hex:...`, `base64:...` or `text:...`")]
    NoPrefix,
    /// Not hexadecimal.
    #[error("what follows `hex:` must be pairs of hexadecimal digits")]
    NotHex,
    /// Not base64.
    #[error("what follows `base64:` must be base64 of the standard alphabet")]
    NotBase64,
    /// Nothing after the prefix.
    #[error("the key is empty")]
    Empty,
    /// An expression, where none may stand.
    #[error(
        "`${{` starts an expression, which only `psk_identity`, `psk` and `uri` of server accounts may hold: write the \
         value out"
    )]
    Expression,
}

impl KeyText {
    /// Reads the operator's form.
    ///
    /// # Errors
    /// [`KeyTextError`], which says what a key must look like.
    pub fn parse(text: &str) -> Result<KeyText, KeyTextError> {
        if text.contains("${") {
            return Err(KeyTextError::Expression);
        }
        Ok(KeyText { text: Zeroizing::new(text.to_owned()), key: decode(text)? })
    }

    /// The key's bytes.
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// The operator's form; as secret as the key.
    pub fn expose_text(&self) -> &str {
        &self.text
    }
}

/// The bytes that `hex:...`, `base64:...` or `text:...` stands for; `${` is nothing special in it.
///
/// # Errors
/// [`KeyTextError`], which says what a key must look like.
pub(super) fn decode(text: &str) -> Result<Secret, KeyTextError> {
    let bytes = if let Some(digits) = text.strip_prefix("hex:") {
        HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| KeyTextError::NotHex)?
    } else if let Some(digits) = text.strip_prefix("base64:") {
        let encoding = if digits.contains('=') { BASE64 } else { BASE64_NOPAD };
        encoding.decode(digits.as_bytes()).map_err(|_| KeyTextError::NotBase64)?
    } else if let Some(literal) = text.strip_prefix("text:") {
        literal.as_bytes().to_vec()
    } else {
        return Err(KeyTextError::NoPrefix);
    };
    if bytes.is_empty() {
        return Err(KeyTextError::Empty);
    }
    Ok(Secret::new(bytes))
}

impl PartialEq for KeyText {
    fn eq(&self, other: &KeyText) -> bool {
        self.key == other.key
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyText(..)")
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyText, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        KeyText::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Serialises as the operator's form: only for seals and for requests to the admin socket, never for an answer or a log.
impl Serialize for KeyText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyText, KeyTextError};

    #[test]
    fn the_three_forms_give_their_bytes() {
        for text in ["hex:30313233", "hex:30313233", "base64:MDEyMw==", "base64:MDEyMw", "text:0123"] {
            assert_eq!(KeyText::parse(text).unwrap().key().expose(), b"0123", "{text}");
        }
        assert_eq!(KeyText::parse("hex:aBCd").unwrap().key().expose(), [0xab, 0xcd]);
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for (text, error) in [
            ("303132", KeyTextError::NoPrefix),
            ("hex:303", KeyTextError::NotHex),
            ("hex:3g", KeyTextError::NotHex),
            ("base64:M$", KeyTextError::NotBase64),
            ("text:", KeyTextError::Empty),
            ("${string.secureRandom(32)}", KeyTextError::Expression),
        ] {
            assert_eq!(KeyText::parse(text).err(), Some(error), "{text}");
            assert!(!error.to_string().contains("30"));
        }
        assert_eq!(format!("{:?}", KeyText::parse("text:hunter2").unwrap()), "KeyText(..)");
    }
}
