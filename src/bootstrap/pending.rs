//! The issued credentials in a provision that the client is not known to have taken, and what the end of a session says
//! of them.
//!
//! Spec sheet `bootstrap.md`, section 10; `clients.md`, section 3: a lost answer to Finish cannot be recovered.

use super::outcome::Outcome;
use crate::provision::{AccountRole, Provision};

/// Pending credentials of one session.
#[derive(Default)]
pub(super) struct PendingCredentials {
    /// Numbers of those of management accounts.
    management: Vec<i64>,
    /// Whether the bootstrap account has some too.
    bootstrap: bool,
    /// Whether anything has been written, so that the client may have taken them.
    pub(super) has_written: bool,
}

impl PendingCredentials {
    /// Those of a provision of which nothing has been written yet.
    pub(super) fn of(provision: &Provision) -> PendingCredentials {
        let mut pending = PendingCredentials::default();
        for account in &provision.accounts {
            if let Some(issued) = account.issued.filter(|issued| issued.is_pending) {
                match account.role {
                    AccountRole::Management(_) => pending.management.push(issued.id),
                    AccountRole::Bootstrap => pending.bootstrap = true,
                }
            }
        }
        pending
    }

    /// Numbers of those that the client has taken if its session ends so. A bootstrap account counts only when it is
    /// proven, for it is we who would be locking the client out.
    pub(super) fn confirmed_by(&self, outcome: Outcome) -> Vec<i64> {
        if outcome == Outcome::Completed { self.management.clone() } else { Vec::new() }
    }

    /// The reason for the end, and that new credentials stay pending where nobody knows which ones the client has.
    pub(super) fn remark(&self, outcome: Outcome, reason: String) -> String {
        let is_settled = matches!(outcome, Outcome::Completed | Outcome::Superseded);
        if is_settled || !self.has_written || (self.management.is_empty() && !self.bootstrap) {
            return reason;
        }
        format!("{reason} New credentials stay pending: the client may have either them or those before.")
    }
}
