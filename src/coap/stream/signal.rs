//! Signalling messages: what the two ends of a connection say about the connection itself.
//!
//! RFC 8323 section 5. Their options have numbers of their own for each code (section 5.2).

use crate::coap::message::{Code, Message, MessageType, Token};

/// 7.01 Capabilities and Settings.
pub const CSM: Code = Code::from_byte(0xE1);
/// 7.02 Ping.
pub const PING: Code = Code::from_byte(0xE2);
/// 7.03 Pong.
pub const PONG: Code = Code::from_byte(0xE3);
/// 7.04 Release.
pub const RELEASE: Code = Code::from_byte(0xE4);
/// 7.05 Abort.
pub const ABORT: Code = Code::from_byte(0xE5);

/// Max-Message-Size as it is until the peer says another one, in bytes (section 5.3.1).
pub const BASE_MAX_MESSAGE_SIZE: u32 = 1152;

const MAX_MESSAGE_SIZE: u16 = 2;
const BLOCK_WISE_TRANSFER: u16 = 4;
const CUSTODY: u16 = 2;
const ALTERNATIVE_ADDRESS: u16 = 2;
const HOLD_OFF: u16 = 4;
const BAD_CSM_OPTION: u16 = 2;

/// Longest diagnostic text of a peer that is kept, in bytes.
const LONGEST_DIAGNOSTIC: usize = 128;

/// One signalling message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// What the sender can do; what it leaves out stays as it was.
    Csm {
        /// The longest message that it reads, in bytes.
        max_message_size: Option<u32>,
        /// Whether it knows block-wise transfer.
        block_wise_transfer: bool,
    },
    /// To be answered with Pong and the same token.
    Ping {
        /// The token.
        token: Token,
        /// Whether the answer has to wait until all earlier requests are answered.
        custody: bool,
    },
    /// The answer to Ping.
    Pong {
        /// The token of the Ping.
        token: Token,
        /// Whether all requests before the Ping have been processed.
        custody: bool,
    },
    /// The sender wants the connection to end in good order.
    Release {
        /// How long not to connect again, in seconds.
        hold_off: Option<u32>,
        /// Where to connect instead, as `host:port`.
        alternative: Option<String>,
    },
    /// The sender has ended the connection.
    Abort {
        /// The option of our CSM that it does not understand.
        bad_csm_option: Option<u16>,
        /// Why, in its own words.
        diagnostic: String,
    },
}

/// A signalling message that cannot be understood; the answer is Abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// A code of class 7 that RFC 8323 does not assign.
    #[error("unknown signalling code {0}")]
    UnknownCode(Code),
    /// A critical option (odd number) that the code does not have.
    #[error("unknown critical option {option} in {code}")]
    UnknownCriticalOption {
        /// The code of the message.
        code: Code,
        /// The number of the option.
        option: u16,
    },
}

impl Signal {
    /// Understands a message whose code is of class 7.
    ///
    /// # Errors
    ///
    /// [`SignalError`] if the connection has to be aborted for it (sections 5.1 and 5.2).
    pub fn read(message: &Message) -> Result<Signal, SignalError> {
        let code = message.code;
        if code.byte() < CSM.byte() || code.byte() > ABORT.byte() {
            return Err(SignalError::UnknownCode(code));
        }
        // All options that RFC 8323 defines are elective.
        if let Some(option) = message.options.iter().map(|(number, _)| number).find(|number| number % 2 == 1) {
            return Err(SignalError::UnknownCriticalOption { code, option });
        }
        let custody = message.options.first(CUSTODY).is_some();
        Ok(match code {
            CSM => Signal::Csm {
                max_message_size: uint(message, MAX_MESSAGE_SIZE),
                block_wise_transfer: message.options.first(BLOCK_WISE_TRANSFER).is_some(),
            },
            PING => Signal::Ping { token: message.token, custody },
            PONG => Signal::Pong { token: message.token, custody },
            RELEASE => Signal::Release {
                hold_off: uint(message, HOLD_OFF),
                alternative: message.options.first(ALTERNATIVE_ADDRESS).map(printable),
            },
            _ => Signal::Abort {
                bad_csm_option: uint(message, BAD_CSM_OPTION).and_then(|number| u16::try_from(number).ok()),
                diagnostic: printable(&message.payload),
            },
        })
    }

    /// The message that says this.
    pub fn write(&self) -> Message {
        match self {
            Signal::Csm { max_message_size, block_wise_transfer } => {
                let mut message = signal(CSM, Token::EMPTY);
                if let Some(bytes) = max_message_size {
                    message.set_uint(MAX_MESSAGE_SIZE, *bytes);
                }
                if *block_wise_transfer {
                    message.options.push(BLOCK_WISE_TRANSFER, &[]);
                }
                message
            }
            Signal::Ping { token, custody } => with_custody(signal(PING, *token), *custody),
            Signal::Pong { token, custody } => with_custody(signal(PONG, *token), *custody),
            Signal::Release { hold_off, alternative } => {
                let mut message = signal(RELEASE, Token::EMPTY);
                if let Some(seconds) = hold_off {
                    message.set_uint(HOLD_OFF, *seconds);
                }
                if let Some(address) = alternative {
                    message.options.push(ALTERNATIVE_ADDRESS, address.as_bytes());
                }
                message
            }
            Signal::Abort { bad_csm_option, diagnostic } => {
                let mut message = signal(ABORT, Token::EMPTY).with_payload(diagnostic.as_bytes().to_vec());
                if let Some(number) = bad_csm_option {
                    message.set_uint(BAD_CSM_OPTION, u32::from(*number));
                }
                message
            }
        }
    }
}

fn signal(code: Code, token: Token) -> Message {
    Message::new(MessageType::NonConfirmable, code, 0, token)
}

fn with_custody(mut message: Message, custody: bool) -> Message {
    if custody {
        message.options.push(CUSTODY, &[]);
    }
    message
}

/// An option of format uint; none if it is absent or longer than four bytes, which makes it unrecognised.
fn uint(message: &Message, number: u16) -> Option<u32> {
    let value = message.options.first(number).filter(|value| value.len() <= 4)?;
    Some(value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

/// Text of a peer, fit for logs: short and without control characters.
fn printable(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(LONGEST_DIAGNOSTIC)];
    String::from_utf8_lossy(bytes).chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::{ABORT, CSM, Signal, SignalError};
    use crate::coap::stream::frame;
    use crate::coap::{Code, Message, MessageType, Token};

    fn csm(max_message_size: Option<u32>, block_wise_transfer: bool) -> Signal {
        Signal::Csm { max_message_size, block_wise_transfer }
    }

    #[test]
    fn signals_have_the_bytes_of_the_rfc() {
        let token = Token::new(&[0x42]).unwrap();
        let table: [(Signal, &[u8]); 10] = [
            (csm(None, false), &[0x00, 0xE1]),
            (csm(Some(1152), true), &[0x40, 0xE1, 0x22, 0x04, 0x80, 0x20]),
            (csm(Some(0), false), &[0x10, 0xE1, 0x20]),
            (Signal::Ping { token, custody: false }, &[0x01, 0xE2, 0x42]),
            (Signal::Ping { token, custody: true }, &[0x11, 0xE2, 0x42, 0x20]),
            (Signal::Pong { token, custody: false }, &[0x01, 0xE3, 0x42]),
            (Signal::Release { hold_off: Some(5), alternative: None }, &[0x20, 0xE4, 0x41, 0x05]),
            (
                Signal::Release { hold_off: None, alternative: Some("h:1".to_owned()) },
                &[0x40, 0xE4, 0x23, b'h', b':', b'1'],
            ),
            (Signal::Abort { bad_csm_option: None, diagnostic: String::new() }, &[0x00, 0xE5]),
            (
                Signal::Abort { bad_csm_option: Some(7), diagnostic: "no".to_owned() },
                &[0x50, 0xE5, 0x21, 0x07, 0xFF, b'n', b'o'],
            ),
        ];
        for (signal, bytes) in table {
            let message = signal.write();
            assert_eq!(*frame::encode(&message), bytes, "{signal:?}");
            assert_eq!(Signal::read(&message), Ok(signal));
        }
    }

    #[test]
    fn what_is_critical_and_unknown_is_refused() {
        for (code, option) in [(CSM, 1), (ABORT, 3), (CSM, 65_535)] {
            let mut message = Message::new(MessageType::NonConfirmable, code, 0, Token::EMPTY);
            message.options.push(option, b"x");
            assert_eq!(Signal::read(&message), Err(SignalError::UnknownCriticalOption { code, option }));
        }
        for code in [0xE0, 0xE6, 0xFF].map(Code::from_byte) {
            let message = Message::new(MessageType::NonConfirmable, code, 0, Token::EMPTY);
            assert_eq!(Signal::read(&message), Err(SignalError::UnknownCode(code)));
        }
    }

    #[test]
    fn what_is_elective_and_unknown_or_too_long_is_ignored() {
        let mut message = csm(None, true).write();
        message.options.push(6, b"x");
        message.options.push(2, &[0, 0, 0, 4, 0]);
        assert_eq!(Signal::read(&message), Ok(csm(None, true)));
    }

    #[test]
    fn the_words_of_a_peer_are_short_and_printable() {
        let text = format!("a\x1B[2J\n{}", "b".repeat(500));
        let message = Signal::Abort { bad_csm_option: None, diagnostic: text }.write();
        let Ok(Signal::Abort { diagnostic, .. }) = Signal::read(&message) else { panic!("it is an Abort") };
        assert_eq!(diagnostic, format!("a[2J{}", "b".repeat(122)));
    }
}
