//! `BlockOption`: the value of Block1 and Block2.
//!
//! RFC 7959 section 2.2; spec sheet `transport.md`, section 2. Read and written by our own code, because that of
//! `coap-lite` drops values of three bytes.

/// The largest block number: the field has 20 bits.
const MAX_NUMBER: u32 = (1 << 20) - 1;

/// The largest size exponent; 7 is reserved on datagrams (RFC 7959 section 2.2).
pub(super) const MAX_SIZE_EXPONENT: u8 = 6;

/// Which block of a body a message carries or asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockOption {
    number: u32,
    more: bool,
    size_exponent: u8,
}

/// A block option that RFC 7959 section 2.2 does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlockOption {
    /// The value has more than three bytes, or the number more than 20 bits.
    #[error("block number does not fit")]
    TooLong,
    /// Size exponent 7; in a request it must be answered with 4.00.
    #[error("block size exponent 7 is reserved")]
    ReservedSizeExponent,
}

impl BlockOption {
    /// Block `number` (20 bits) of blocks of `2^(size_exponent + 4)` bytes (exponent 0 to 6), `more` following.
    ///
    /// # Errors
    ///
    /// [`InvalidBlockOption`] if a field is out of its range.
    pub fn new(number: u32, more: bool, size_exponent: u8) -> Result<BlockOption, InvalidBlockOption> {
        if size_exponent > MAX_SIZE_EXPONENT {
            return Err(InvalidBlockOption::ReservedSizeExponent);
        }
        if number > MAX_NUMBER {
            return Err(InvalidBlockOption::TooLong);
        }
        Ok(BlockOption { number, more, size_exponent })
    }

    /// Number of the block, from 0.
    pub fn number(self) -> u32 {
        self.number
    }

    /// Whether more blocks follow this one.
    pub fn more(self) -> bool {
        self.more
    }

    /// Exponent of the size, 0 to 6.
    pub fn size_exponent(self) -> u8 {
        self.size_exponent
    }

    /// Bytes in a full block: 16 to 1024.
    pub fn size(self) -> usize {
        16 << self.size_exponent
    }

    /// Where the block begins in the whole body, in bytes.
    pub fn offset(self) -> usize {
        self.number as usize * self.size()
    }

    /// Reads an option value of zero to three bytes; leading zero bytes may be there or not.
    ///
    /// # Errors
    ///
    /// [`InvalidBlockOption`] if the value is longer or its size exponent is 7.
    pub fn decode(value: &[u8]) -> Result<BlockOption, InvalidBlockOption> {
        if value.len() > 3 {
            return Err(InvalidBlockOption::TooLong);
        }
        let value = value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        BlockOption::new(value >> 4, value & 0x08 != 0, (value & 0x07) as u8)
    }

    /// The option value as a number, to be written as an uint (RFC 7252 section 3.2).
    pub fn to_uint(self) -> u32 {
        self.number << 4 | u32::from(self.more) << 3 | u32::from(self.size_exponent)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BlockOption, InvalidBlockOption};

    #[test]
    fn values_of_zero_to_three_bytes_are_read() {
        let table: [(&[u8], u32, bool, usize); 8] = [
            (&[], 0, false, 16),
            (&[0x06], 0, false, 1024),
            (&[0x0E], 0, true, 1024),
            (&[0x1A], 1, true, 64),
            (&[0x00, 0x1A], 1, true, 64),
            (&[0x12, 0x36], 0x123, false, 1024),
            (&[0x12, 0x34, 0x5E], 0x12345, true, 1024),
            (&[0xFF, 0xFF, 0xFE], 0xFFFFF, true, 1024),
        ];
        for (value, number, more, size) in table {
            let block = BlockOption::decode(value).unwrap();
            assert_eq!((block.number(), block.more(), block.size()), (number, more, size), "{value:02x?}");
        }
        assert_eq!(BlockOption::new(3, false, 2).unwrap().offset(), 192);
    }

    #[test]
    fn what_the_rfc_reserves_is_refused() {
        let table: [(&[u8], InvalidBlockOption); 3] = [
            (&[0x07], InvalidBlockOption::ReservedSizeExponent),
            (&[0x12, 0x34, 0x5F], InvalidBlockOption::ReservedSizeExponent),
            (&[0, 0, 0, 0x06], InvalidBlockOption::TooLong),
        ];
        for (value, error) in table {
            assert_eq!(BlockOption::decode(value), Err(error), "{value:02x?}");
        }
        assert_eq!(BlockOption::new(1 << 20, false, 0), Err(InvalidBlockOption::TooLong));
        assert_eq!(BlockOption::new(0, false, 7), Err(InvalidBlockOption::ReservedSizeExponent));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(number in 0_u32..1 << 20, more: bool, size_exponent in 0_u8..7) {
            let block = BlockOption::new(number, more, size_exponent).unwrap();
            prop_assert_eq!(BlockOption::decode(&block.to_uint().to_be_bytes()[1..]), Ok(block));
        }
    }
}
