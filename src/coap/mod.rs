//! CoAP: messages, options, block-wise transfer, reliability and de-duplication.
//!
//! RFC 7252 and RFC 7959; spec sheet `transport.md`, sections 1 and 2, and `bootstrap.md`, section 12. This room knows
//! neither LwM2M nor sockets: it is given bytes, the time and random numbers, and says what to send.
//!
//! Over reliable transports (RFC 8323) [`stream`] turns bytes into the same messages, so that the rest of the house need
//! not know the difference.
//!
//! Reading order: [`message`] (what travels), [`options`] and [`block`] (what it says), [`block1`], [`block2`] and [`assembly`] (what is too long for one message), [`timing`], [`exchange`] and
//! [`reply`] (how it arrives although datagrams get lost), [`deduplication`] (how it is acted on only once).

pub mod assembly;
pub mod block;
pub mod block1;
pub mod block2;
pub mod code;
pub mod deduplication;
pub mod exchange;
pub mod message;
pub mod option_list;
pub mod options;
pub mod reply;
pub mod stream;
pub mod timing;
pub mod token;
pub mod transmission;
mod wiped;
mod wire;

pub use assembly::{Block2Assembly, BlockError, Progress};
pub use block::{BlockOption, InvalidBlockOption};
pub use block1::{Block1Error, Block1Reaction, Block1Transfer, size_exponent_for};
pub use block2::{Snapshot, SnapshotLimits, Snapshots};
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
