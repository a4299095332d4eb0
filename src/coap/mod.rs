//! CoAP over datagrams: messages, options, block-wise transfer, reliability and de-duplication.
//!
//! RFC 7252 and RFC 7959; spec sheet `transport.md`, sections 1 and 2, and `bootstrap.md`, section 12. This room knows
//! neither LwM2M nor sockets: it is given bytes, the time and random numbers, and says what to send.
//!
//! Reading order: [`message`] (what travels), [`options`] and [`block`] (what it says), [`timing`], [`exchange`] and
//! [`reply`] (how it arrives although datagrams get lost), [`deduplication`] (how it is acted on only once).

pub mod assembly;
pub mod block;
pub mod code;
pub mod deduplication;
pub mod exchange;
pub mod message;
pub mod option_list;
pub mod options;
pub mod reply;
pub mod timing;
pub mod token;
pub mod transmission;
mod wire;

pub use assembly::{Block2Assembly, BlockError, Progress};
pub use block::{BlockOption, InvalidBlockOption};
pub use code::Code;
pub use deduplication::{Deduplication, Ticket, Verdict};
pub use exchange::{Exchange, Reaction};
pub use message::{Message, MessageType};
pub use option_list::{OptionList, OptionRefused};
pub use reply::{Reply, ReplyReaction};
pub use timing::Timing;
pub use token::Token;
pub use transmission::Expiry;
pub use wire::{BrokenRule, DecodeError, MAX_MESSAGE_SIZE};
