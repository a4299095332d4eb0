//! What the options say: their numbers, typed access, and which of them a receiver may not ignore.
//!
//! RFC 7252 sections 3.2 and 5.4, RFC 7959, RFC 7641 (Observe), RFC 9175 (Echo, Request-Tag); spec sheet
//! `transport.md`, section 1. An option whose length is out of its range counts as unrecognised (RFC 7252 section
//! 5.4.3), and so does every repetition of one that may not be repeated (section 5.4.5): the accessors see neither.

use super::block::{BlockOption, InvalidBlockOption};
use super::message::Message;
use super::option_list::OptionRefused;

/// Option numbers, named as in the registry "CoAP Option Numbers".
pub mod number {
    #![expect(missing_docs, reason = "the registry's names say it all")]

    pub const IF_MATCH: u16 = 1;
    pub const URI_HOST: u16 = 3;
    pub const ETAG: u16 = 4;
    pub const IF_NONE_MATCH: u16 = 5;
    pub const OBSERVE: u16 = 6;
    pub const URI_PORT: u16 = 7;
    pub const LOCATION_PATH: u16 = 8;
    pub const OSCORE: u16 = 9;
    pub const URI_PATH: u16 = 11;
    pub const CONTENT_FORMAT: u16 = 12;
    pub const MAX_AGE: u16 = 14;
    pub const URI_QUERY: u16 = 15;
    pub const ACCEPT: u16 = 17;
    pub const LOCATION_QUERY: u16 = 20;
    pub const BLOCK2: u16 = 23;
    pub const BLOCK1: u16 = 27;
    pub const SIZE2: u16 = 28;
    pub const PROXY_URI: u16 = 35;
    pub const PROXY_SCHEME: u16 = 39;
    pub const SIZE1: u16 = 60;
    pub const ECHO: u16 = 252;
    pub const NO_RESPONSE: u16 = 258;
    pub const REQUEST_TAG: u16 = 292;
}

/// What the registry says of one option.
struct Definition {
    min_length: usize,
    max_length: usize,
    repeatable: bool,
}

/// The definition of an option we know (RFC 7252 section 5.10, Table 4, and the RFCs of the later ones).
fn definition(number: u16) -> Option<Definition> {
    let (min_length, max_length, repeatable) = match number {
        number::IF_MATCH => (0, 8, true),
        number::URI_HOST => (1, 255, false),
        number::ETAG => (1, 8, true),
        number::IF_NONE_MATCH => (0, 0, false),
        number::OBSERVE => (0, 3, false),
        number::URI_PORT => (0, 2, false),
        number::LOCATION_PATH => (0, 255, true),
        number::OSCORE => (0, 255, false),
        number::URI_PATH => (0, 255, true),
        number::CONTENT_FORMAT => (0, 2, false),
        number::MAX_AGE => (0, 4, false),
        number::URI_QUERY => (0, 255, true),
        number::ACCEPT => (0, 2, false),
        number::LOCATION_QUERY => (0, 255, true),
        number::BLOCK2 | number::BLOCK1 => (0, 3, false),
        number::SIZE2 | number::SIZE1 => (0, 4, false),
        number::PROXY_URI => (1, 1034, false),
        number::PROXY_SCHEME => (1, 255, false),
        number::ECHO => (1, 40, false),
        number::NO_RESPONSE => (0, 1, false),
        number::REQUEST_TAG => (0, 8, true),
        _ => return None,
    };
    Some(Definition { min_length, max_length, repeatable })
}

/// A segment or a query that is not UTF-8, which RFC 7252 section 3.2 demands of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("option {0} is not UTF-8")]
pub struct NotUtf8(pub u16);

/// Reading.
impl Message {
    /// The first option of `known` ones that this message may not carry but does: a critical option (odd number) that
    /// is not among `known`, has a length that it may not have, or is repeated although it may not be.
    ///
    /// In a confirmable request the answer is 4.02, in a response the message is rejected (RFC 7252 section 5.4.1).
    pub fn unknown_critical_option(&self, known: &[u16]) -> Option<u16> {
        let mut previous = None;
        for (number, value) in self.options.iter() {
            let repeated = previous.replace(number) == Some(number);
            if number % 2 == 0 {
                continue;
            }
            let as_defined = definition(number).is_none_or(|definition| {
                (definition.min_length..=definition.max_length).contains(&value.len())
                    && (definition.repeatable || !repeated)
            });
            if !known.contains(&number) || !as_defined {
                return Some(number);
            }
        }
        None
    }

    /// The segments of Uri-Path.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`] if one of them is not text.
    pub fn uri_path(&self) -> Result<Vec<&str>, NotUtf8> {
        self.texts(number::URI_PATH)
    }

    /// Whether Uri-Path has exactly these segments.
    pub fn uri_path_is(&self, segments: &[&str]) -> bool {
        self.options.all(number::URI_PATH).eq(segments.iter().map(|segment| segment.as_bytes()))
    }

    /// The items of Uri-Query, such as `ep=urn:imei:1`, each as it came: nothing is percent-decoded.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`] if one of them is not text.
    pub fn uri_query(&self) -> Result<Vec<&str>, NotUtf8> {
        self.texts(number::URI_QUERY)
    }

    /// The Content-Format number of the payload. A zero-length option is present and means 0.
    pub fn content_format(&self) -> Option<u16> {
        self.uint(number::CONTENT_FORMAT).map(|value| value as u16)
    }

    /// The Content-Format number that the request prefers.
    pub fn accept(&self) -> Option<u16> {
        self.uint(number::ACCEPT).map(|value| value as u16)
    }

    /// Which block of the request body this message carries, or acknowledges.
    ///
    /// # Errors
    ///
    /// [`InvalidBlockOption`] if the option is there and reserved.
    pub fn block1(&self) -> Result<Option<BlockOption>, InvalidBlockOption> {
        self.options.first(number::BLOCK1).map(BlockOption::decode).transpose()
    }

    /// Which block of the response body this message carries, or asks for.
    ///
    /// # Errors
    ///
    /// [`InvalidBlockOption`] if the option is there and reserved.
    pub fn block2(&self) -> Result<Option<BlockOption>, InvalidBlockOption> {
        self.options.first(number::BLOCK2).map(BlockOption::decode).transpose()
    }

    /// Size of the whole request body in bytes.
    pub fn size1(&self) -> Option<u32> {
        self.uint(number::SIZE1)
    }

    /// Size of the whole response body in bytes.
    pub fn size2(&self) -> Option<u32> {
        self.uint(number::SIZE2)
    }

    /// The entity tag of a response, 1 to 8 bytes.
    pub fn etag(&self) -> Option<&[u8]> {
        self.defined(number::ETAG)
    }

    /// What tells the blocks of one request body from those of another, 0 to 8 bytes (RFC 9175 section 3).
    pub fn request_tag(&self) -> Option<&[u8]> {
        self.defined(number::REQUEST_TAG)
    }

    /// Observe: 0 registers and 1 deregisters in a request, a sequence number in a response.
    pub fn observe(&self) -> Option<u32> {
        self.uint(number::OBSERVE)
    }

    /// The value of an option of format uint, of at most four bytes.
    fn uint(&self, number: u16) -> Option<u32> {
        Some(self.defined(number)?.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    /// The first value of an option, unless it has a length that it may not have.
    fn defined(&self, number: u16) -> Option<&[u8]> {
        let (value, definition) = (self.options.first(number)?, definition(number)?);
        (definition.min_length..=definition.max_length).contains(&value.len()).then_some(value)
    }

    fn texts(&self, number: u16) -> Result<Vec<&str>, NotUtf8> {
        self.options.all(number).map(|value| std::str::from_utf8(value).map_err(|_| NotUtf8(number))).collect()
    }
}

/// Writing. Setters replace, adders append.
impl Message {
    /// Appends a segment to Uri-Path.
    ///
    /// # Errors
    ///
    /// [`OptionRefused`] if it has more than 255 bytes or there are too many options.
    pub fn add_uri_path(&mut self, segment: &str) -> Result<(), OptionRefused> {
        self.add_text(number::URI_PATH, segment)
    }

    /// Appends an id in decimal digits to Uri-Path, as LwM2M paths are made.
    pub fn add_uri_path_id(&mut self, id: u16) {
        let mut digits = [0; 5];
        let mut start = digits.len();
        let mut rest = id;
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.options.push(number::URI_PATH, &digits[start..]);
    }

    /// Appends an item to Uri-Query.
    ///
    /// # Errors
    ///
    /// [`OptionRefused`] if it has more than 255 bytes or there are too many options.
    pub fn add_uri_query(&mut self, item: &str) -> Result<(), OptionRefused> {
        self.add_text(number::URI_QUERY, item)
    }

    /// Sets the Content-Format number of the payload.
    pub fn set_content_format(&mut self, content_format: u16) {
        self.set_uint(number::CONTENT_FORMAT, content_format.into());
    }

    /// Sets the Content-Format number that the response is to have.
    pub fn set_accept(&mut self, content_format: u16) {
        self.set_uint(number::ACCEPT, content_format.into());
    }

    /// Sets Block1.
    pub fn set_block1(&mut self, block: BlockOption) {
        self.set_uint(number::BLOCK1, block.to_uint());
    }

    /// Sets Block2.
    pub fn set_block2(&mut self, block: BlockOption) {
        self.set_uint(number::BLOCK2, block.to_uint());
    }

    /// Sets the size of the whole request body, in bytes.
    pub fn set_size1(&mut self, bytes: u32) {
        self.set_uint(number::SIZE1, bytes);
    }

    /// Sets the size of the whole response body, in bytes.
    pub fn set_size2(&mut self, bytes: u32) {
        self.set_uint(number::SIZE2, bytes);
    }

    /// Sets how long a response may be kept, in seconds.
    pub fn set_max_age(&mut self, seconds: u32) {
        self.set_uint(number::MAX_AGE, seconds);
    }

    /// Sets the entity tag of a response.
    ///
    /// # Errors
    ///
    /// [`OptionRefused`] if it has more than 8 bytes.
    pub fn set_etag(&mut self, etag: &[u8]) -> Result<(), OptionRefused> {
        if etag.len() > 8 {
            return Err(OptionRefused::TooLong(number::ETAG));
        }
        self.options.remove(number::ETAG);
        self.options.add(number::ETAG, etag)
    }

    /// Sets the only Request-Tag (RFC 9175 section 3). Ours all have this length.
    pub fn set_request_tag(&mut self, tag: [u8; 4]) {
        self.options.remove(number::REQUEST_TAG);
        self.options.push(number::REQUEST_TAG, &tag);
    }

    /// Sets Observe, of which 24 bits travel.
    pub fn set_observe(&mut self, value: u32) {
        self.set_uint(number::OBSERVE, value & 0x00FF_FFFF);
    }

    /// Sets an option of format uint in as few bytes as it needs, 0 being none (RFC 7252 section 3.2).
    pub fn set_uint(&mut self, number: u16, value: u32) {
        let bytes = value.to_be_bytes();
        self.options.remove(number);
        self.options.push(number, &bytes[value.leading_zeros() as usize / 8..]);
    }

    fn add_text(&mut self, number: u16, text: &str) -> Result<(), OptionRefused> {
        if text.len() > 255 {
            return Err(OptionRefused::TooLong(number));
        }
        self.options.add(number, text.as_bytes())
    }
}

#[cfg(test)]
mod tests;
