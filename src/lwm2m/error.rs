//! What can go wrong between a tree and its bytes. No error ever holds or prints a value.

use super::content::ContentFormat;
use super::objects::DataType;
use super::path::Path;

/// Why a tree could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Nothing is ever written in this format.
    #[error("content format {} is never written", .0.number())]
    UnsupportedFormat(ContentFormat),
    /// The format has no form for this level of the data model.
    #[error("content format {} cannot carry data of {path}", .format.number())]
    UnsupportedPath {
        /// The format.
        format: ContentFormat,
        /// The target of the operation.
        path: Path,
    },
    /// The tree holds something that lies outside the target.
    #[error("{0} lies outside the target of the operation")]
    OutsidePath(Path),
    /// 65535 is reserved and identifies nothing.
    #[error("identifier 65535 is reserved")]
    ReservedId,
    /// The target is one resource or resource instance, and the tree does not hold exactly that one.
    #[error("a target of one resource takes exactly that resource")]
    NotOneResource,
    /// The format has no way to say that an instance or a multiple-instance resource is empty.
    #[error("content format {} cannot say that {path} is empty", .format.number())]
    Empty {
        /// The format.
        format: ContentFormat,
        /// What is empty.
        path: Path,
    },
    /// A value that does not go into this format: not an Opaque for octet-stream, or a number without text form.
    #[error("the value of {path} has no form in content format {}", .format.number())]
    Inexpressible {
        /// The format.
        format: ContentFormat,
        /// Where the value belongs, or the target that it is part of.
        path: Path,
    },
    /// A value or container beyond what a length field can say.
    #[error("more than 16777215 bytes in one TLV")]
    TooLong,
}

/// Why bytes could not be decoded. On the receiving side of an operation each of these is a 4.00, except
/// [`DecodeError::UnsupportedFormat`], which is a 4.15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// This is not a format for data.
    #[error("content format {} does not carry resource values", .0.number())]
    UnsupportedFormat(ContentFormat),
    /// The format has no form for this level of the data model.
    #[error("content format {} cannot carry data of {path}", .format.number())]
    UnsupportedPath {
        /// The format.
        format: ContentFormat,
        /// The target of the operation.
        path: Path,
    },
    /// More bytes than [`MAX_PAYLOAD`](super::codec::MAX_PAYLOAD).
    #[error("the payload is too large")]
    TooLarge,
    /// More instances and values than [`MAX_ENTRIES`](super::codec::MAX_ENTRIES).
    #[error("the payload holds too many instances and values")]
    TooManyEntries,
    /// The payload breaks a rule of its format; the text says which.
    #[error("malformed payload: {0}")]
    Malformed(&'static str),
    /// The payload names something that lies outside the target.
    #[error("the payload holds {0}, which lies outside the target of the operation")]
    OutsidePath(Path),
    /// 65535 is reserved and identifies nothing.
    #[error("identifier 65535 is reserved")]
    ReservedId,
    /// The payload says the same thing twice, or gives one resource both a value and numbered values.
    #[error("the payload holds {0} more than once")]
    Duplicate(Path),
    /// A value does not fit the type of its resource.
    #[error("the value of {path} is no {expected}")]
    WrongType {
        /// Where the value stands.
        path: Path,
        /// The type that the object's table gives to it.
        expected: DataType,
    },
}
