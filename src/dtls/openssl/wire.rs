//! What OpenSSL reads from and writes to, and which records are kept from it.
//!
//! Nobody's forgery may end an association (spec sheet `transport.md`, section 4.2: a bad MAC is silently discarded).
//! Knows the shape of records, and nothing of keys.

use std::io::{self, Read, Write};

use crate::dtls::record::{ContentType, Record, VERSION_1_2};

/// What OpenSSL reads from and writes to: one read is one datagram, one write is one datagram.
#[derive(Default)]
pub(super) struct Wire {
    /// The datagram to read; empty when there is none.
    pub(super) datagram: Vec<u8>,
    pub(super) written: Vec<Vec<u8>>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.datagram.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // As a socket does: what does not fit is lost.
        let length = self.datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.datagram[..length]);
        self.datagram.clear();
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a record may be genuine. OpenSSL drops one of another version but reads on within its body, chokes on one
/// beyond the length that RFC 6347 section 4.1 allows, knows no connection ids, and lets one below the cipher's overhead end an association.
pub(super) fn is_plausible(record: &Record<'_>, shortest: usize) -> bool {
    let is_early_alert = record.epoch == 0 && record.content_type == ContentType::Alert;
    (record.version == VERSION_1_2 || is_early_alert && record.fragment.len() == ALERT_LENGTH)
        && record.content_type != ContentType::ConnectionId
        && record.fragment.len() <= LONGEST_FRAGMENT
        && (record.epoch == 0 || record.fragment.len() >= shortest)
}

/// Length of an alert in the clear (RFC 5246 section 7.2).
const ALERT_LENGTH: usize = 2;

/// 2^14 bytes of plaintext and what a cipher may add (RFC 5246 section 6.2.3, without compression).
const LONGEST_FRAGMENT: usize = (1 << 14) + 1024;
