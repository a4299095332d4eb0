//! What the server says, held against what its documentation promises: in which order, how often, and how much to
//! addresses that have proven nothing.

use std::collections::HashMap;
use std::net::SocketAddr;

use bootstrapd::dtls::{AssociationId, CloseReason, Output};

/// How far a handshake or association has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Its key was asked for.
    Asked,
    Established,
    Closed,
    /// By [`bootstrapd::dtls::Server::close`].
    Forgotten,
}

/// Bytes to and from an address that has not returned a cookie.
#[derive(Default)]
struct Account {
    received: usize,
    sent: usize,
    has_proven_itself: bool,
}

#[derive(Default)]
pub struct Ledger {
    standings: HashMap<AssociationId, Standing>,
    accounts: HashMap<SocketAddr, Account>,
    pub replaced: u64,
    pub moved: u64,
}

impl Ledger {
    /// A datagram has arrived.
    pub fn receive(&mut self, from: SocketAddr, length: usize) {
        self.accounts.entry(from).or_default().received += length;
    }

    /// It brought a cookie, or moved an association.
    pub fn prove(&mut self, address: SocketAddr) {
        self.accounts.entry(address).or_default().has_proven_itself = true;
    }

    pub fn note(&mut self, output: &Output) {
        match output {
            Output::Datagram { route, bytes } => {
                let account = self.accounts.entry(route.remote).or_default();
                account.sent += bytes.len();
                let is_modest = account.has_proven_itself || account.sent <= account.received;
                assert!(is_modest, "{} bytes for {} from {route}", account.sent, account.received);
            }
            Output::NeedPsk { association, .. } | Output::NeedClientKey { association, .. } => {
                self.pass(*association, &[None], Standing::Asked);
            }
            Output::Established { association, .. } => {
                self.pass(*association, &[Some(Standing::Asked)], Standing::Established);
            }
            Output::ApplicationData { association, .. } => {
                self.pass(*association, &[Some(Standing::Established)], Standing::Established);
            }
            Output::Moved { association, route } => {
                self.moved += 1;
                self.prove(route.remote);
                self.pass(*association, &[Some(Standing::Established)], Standing::Established);
            }
            Output::Closed { association, reason, .. } => self.close(*association, *reason),
        }
    }

    fn close(&mut self, association: AssociationId, reason: CloseReason) {
        use CloseReason::*;
        let from = match reason {
            CertificateRefused(_)
            | NoCommonVersion
            | NoCommonSuite(_)
            | NoCommonKeyType
            | NoExtendedMasterSecret
            | HandshakeFailed
            | ClientAlert(_) => &[None, Some(Standing::Asked)][..],
            KeyMismatch | HandshakeAbandoned => &[Some(Standing::Asked)],
            CloseNotify | Broken | Replaced | Idle | Lingered => &[Some(Standing::Established)],
            Evicted => &[None, Some(Standing::Asked), Some(Standing::Established)],
        };
        self.replaced += u64::from(reason == Replaced);
        self.pass(association, from, Standing::Closed);
    }

    /// The test itself has closed it.
    pub fn forget(&mut self, association: AssociationId) {
        self.pass(association, &[Some(Standing::Established)], Standing::Forgotten);
    }

    fn pass(&mut self, association: AssociationId, from: &[Option<Standing>], to: Standing) {
        let was = self.standings.insert(association, to);
        assert!(from.contains(&was), "association {association} goes from {was:?} to {to:?}");
    }

    /// Everybody is gone.
    pub fn finish(&self) {
        for (association, standing) in &self.standings {
            let is_over = matches!(standing, Standing::Closed | Standing::Forgotten);
            assert!(is_over, "association {association} ends as {standing:?}");
        }
    }
}
