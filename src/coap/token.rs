//! `Token`: what ties a response to its request.
//!
//! RFC 7252 section 5.3.1. Drawing random tokens is the caller's business: this room has no random numbers.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Zero to eight bytes that a response repeats from its request.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Token {
    /// Bytes behind the length are zero, so that equality of the whole is equality of the token.
    bytes: [u8; 8],
    length: u8,
}

impl Token {
    /// The token of no bytes.
    pub const EMPTY: Token = Token { bytes: [0; 8], length: 0 };

    /// A token of these bytes; none if there are more than eight.
    pub fn new(token: &[u8]) -> Option<Token> {
        let mut bytes = [0; 8];
        bytes.get_mut(..token.len())?.copy_from_slice(token);
        Some(Token { bytes, length: token.len() as u8 })
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl From<[u8; 8]> for Token {
    fn from(bytes: [u8; 8]) -> Token {
        Token { bytes, length: 8 }
    }
}

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(")?;
        for byte in self.as_slice() {
            write!(formatter, "{byte:02x}")?;
        }
        formatter.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn tokens_differ_by_length_as_well_as_by_bytes() {
        assert_eq!(Token::new(&[]), Some(Token::EMPTY));
        assert_ne!(Token::new(&[]), Token::new(&[0]));
        assert_ne!(Token::new(&[1]), Token::new(&[1, 0]));
        assert_eq!(Token::new(&[1, 2, 3, 4, 5, 6, 7, 8]), Some(Token::from([1, 2, 3, 4, 5, 6, 7, 8])));
        assert_eq!(Token::new(&[0; 9]), None);
        assert_eq!(Token::new(&[1, 0]).unwrap().as_slice(), [1, 0]);
        assert_eq!(format!("{:?}", Token::new(&[1, 0xAB]).unwrap()), "Token(01ab)");
    }
}
