//! A PSK identity as an operator writes it: text, or `hex:...`, `base64:...`, `text:...`.
//!
//! On the wire an identity is bytes, which LwM2M wants to be UTF-8 (spec sheet `objects.md`, section 3). `text:` is for
//! an identity that begins with one of the prefixes.

use super::key_text::{KeyTextError, decode, prefix_of};

/// The bytes that `text` stands for.
///
/// # Errors
/// [`KeyTextError`] where a prefix is followed by what does not suit it.
pub fn identity_bytes(text: &str) -> Result<Vec<u8>, KeyTextError> {
    evaluated_identity(text, text)
}

/// The bytes that `evaluated` stands for, which the expressions of `written` have made.
///
/// Only what the operator wrote says how it is to be read: a client that calls itself `hex:...` is not another one.
///
/// # Errors
/// As [`identity_bytes`].
pub fn evaluated_identity(written: &str, evaluated: &str) -> Result<Vec<u8>, KeyTextError> {
    if prefix_of(written).is_some() {
        return Ok(decode(evaluated)?.expose().to_vec());
    }
    Ok(evaluated.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::{evaluated_identity, identity_bytes};

    #[test]
    fn text_is_itself_and_a_prefix_says_otherwise() {
        for (text, bytes) in [
            ("meter-1", &b"meter-1"[..]),
            ("hex:6d31", b"m1"),
            ("base64:bTE=", b"m1"),
            ("text:hex:6d31", b"hex:6d31"),
            ("text:a${b}", b"a${b}"),
            ("Hex:6d31", b"Hex:6d31"),
            ("", b""),
        ] {
            assert_eq!(identity_bytes(text).as_deref(), Ok(bytes), "{text}");
        }
        assert!(identity_bytes("hex:6").is_err());
        assert!(identity_bytes("base64:*").is_err());
    }

    #[test]
    fn a_prefix_that_an_expression_makes_is_text() {
        let name = "hex:6d31";
        assert_eq!(evaluated_identity("${device.endpointName}", name).as_deref(), Ok(name.as_bytes()));
        assert_eq!(evaluated_identity("hex:${device.property.id}", name).as_deref(), Ok(&b"m1"[..]));
    }
}
