//! `Code`: the method of a request or the status of a response.
//!
//! RFC 7252 sections 3 and 12.1, RFC 7959 section 2.9, RFC 8132 (FETCH and PATCH).

use std::fmt;

/// A CoAP code, `class.detail` in one byte: three bits of class, five of detail.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(u8);

macro_rules! codes {
    ($($(#[$comment:meta])* $name:ident = $class:literal . $detail:literal;)*) => {
        impl Code { $($(#[$comment])* pub const $name: Code = Code(($class << 5) | $detail);)* }
    };
}

impl Code {
    /// The code that this byte stands for.
    pub const fn from_byte(byte: u8) -> Code {
        Code(byte)
    }

    /// The byte that stands for this code in a message.
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// The digit before the dot, 0 to 7.
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// The number after the dot, 0 to 31.
    pub const fn detail(self) -> u8 {
        self.0 & 0x1F
    }

    /// Whether this is 0.00, the code of an Empty message.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this is a method (class 0 but not 0.00).
    pub const fn is_request(self) -> bool {
        self.class() == 0 && !self.is_empty()
    }

    /// Whether this is the status of a response: classes 2 to 5, although none of class 3 has been assigned (RFC 7252
    /// section 12.1).
    pub const fn is_response(self) -> bool {
        matches!(self.class(), 2..=5)
    }

    /// Whether this is a 2.xx.
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// Whether this is a 4.xx.
    pub const fn is_client_error(self) -> bool {
        self.class() == 4
    }

    /// Whether this is a 5.xx.
    pub const fn is_server_error(self) -> bool {
        self.class() == 5
    }
}

codes! {
    /// Empty message: a ping, an acknowledgement without response, or Reset.
    EMPTY = 0 . 0;
    /// GET
    GET = 0 . 1;
    /// POST
    POST = 0 . 2;
    /// PUT
    PUT = 0 . 3;
    /// DELETE
    DELETE = 0 . 4;
    /// FETCH (RFC 8132)
    FETCH = 0 . 5;
    /// PATCH (RFC 8132)
    PATCH = 0 . 6;
    /// iPATCH (RFC 8132)
    IPATCH = 0 . 7;
    /// 2.01 Created
    CREATED = 2 . 1;
    /// 2.02 Deleted
    DELETED = 2 . 2;
    /// 2.03 Valid
    VALID = 2 . 3;
    /// 2.04 Changed
    CHANGED = 2 . 4;
    /// 2.05 Content
    CONTENT = 2 . 5;
    /// 2.31 Continue (RFC 7959)
    CONTINUE = 2 . 31;
    /// 4.00 Bad Request
    BAD_REQUEST = 4 . 0;
    /// 4.01 Unauthorized
    UNAUTHORIZED = 4 . 1;
    /// 4.02 Bad Option
    BAD_OPTION = 4 . 2;
    /// 4.03 Forbidden
    FORBIDDEN = 4 . 3;
    /// 4.04 Not Found
    NOT_FOUND = 4 . 4;
    /// 4.05 Method Not Allowed
    METHOD_NOT_ALLOWED = 4 . 5;
    /// 4.06 Not Acceptable
    NOT_ACCEPTABLE = 4 . 6;
    /// 4.08 Request Entity Incomplete (RFC 7959)
    REQUEST_ENTITY_INCOMPLETE = 4 . 8;
    /// 4.09 Conflict (RFC 8132)
    CONFLICT = 4 . 9;
    /// 4.12 Precondition Failed
    PRECONDITION_FAILED = 4 . 12;
    /// 4.13 Request Entity Too Large
    REQUEST_ENTITY_TOO_LARGE = 4 . 13;
    /// 4.15 Unsupported Content-Format
    UNSUPPORTED_CONTENT_FORMAT = 4 . 15;
    /// 4.22 Unprocessable Entity (RFC 8132)
    UNPROCESSABLE_ENTITY = 4 . 22;
    /// 4.29 Too Many Requests (RFC 8516)
    TOO_MANY_REQUESTS = 4 . 29;
    /// 5.00 Internal Server Error
    INTERNAL_SERVER_ERROR = 5 . 0;
    /// 5.01 Not Implemented
    NOT_IMPLEMENTED = 5 . 1;
    /// 5.02 Bad Gateway
    BAD_GATEWAY = 5 . 2;
    /// 5.03 Service Unavailable
    SERVICE_UNAVAILABLE = 5 . 3;
    /// 5.04 Gateway Timeout
    GATEWAY_TIMEOUT = 5 . 4;
    /// 5.05 Proxying Not Supported
    PROXYING_NOT_SUPPORTED = 5 . 5;
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:02}", self.class(), self.detail())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_have_the_bytes_of_the_registry() {
        let table = [
            (Code::EMPTY, 0x00, "0.00"),
            (Code::POST, 0x02, "0.02"),
            (Code::CREATED, 0x41, "2.01"),
            (Code::CHANGED, 0x44, "2.04"),
            (Code::CONTENT, 0x45, "2.05"),
            (Code::CONTINUE, 0x5F, "2.31"),
            (Code::BAD_REQUEST, 0x80, "4.00"),
            (Code::REQUEST_ENTITY_INCOMPLETE, 0x88, "4.08"),
            (Code::PRECONDITION_FAILED, 0x8C, "4.12"),
            (Code::REQUEST_ENTITY_TOO_LARGE, 0x8D, "4.13"),
            (Code::UNSUPPORTED_CONTENT_FORMAT, 0x8F, "4.15"),
            (Code::INTERNAL_SERVER_ERROR, 0xA0, "5.00"),
            (Code::GATEWAY_TIMEOUT, 0xA4, "5.04"),
        ];
        for (code, byte, text) in table {
            assert_eq!((code.byte(), code.to_string().as_str()), (byte, text));
            assert_eq!(Code::from_byte(byte), code);
        }
    }

    #[test]
    fn every_byte_is_of_at_most_one_kind() {
        for byte in 0..=255 {
            let code = Code::from_byte(byte);
            let kinds = [code.is_empty(), code.is_request(), code.is_response()];
            let expected = if matches!(code.class(), 1 | 6 | 7) { 0 } else { 1 };
            assert_eq!(kinds.iter().filter(|kind| **kind).count(), expected, "{code}");
            let statuses = [code.is_success(), code.is_client_error(), code.is_server_error()];
            assert_eq!(statuses.contains(&true), code.is_response() && code.class() != 3, "{code}");
        }
    }
}
