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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::{
        AccessControl, AccountCredentials, Discover, IssuedReference, ProfileChoice, ProvisionedAccount,
        ServerSettings, TimingOverride, Writing,
    };

    fn account(role: AccountRole, id: i64, is_pending: bool) -> ProvisionedAccount {
        ProvisionedAccount {
            name: format!("account-{id}"),
            uri: "coap://eu.example.com:5683".to_owned(),
            credentials: AccountCredentials::NoSec,
            security_resources: Vec::new(),
            role,
            issued: Some(IssuedReference { id, is_pending }),
        }
    }

    fn management(id: i64, is_pending: bool) -> ProvisionedAccount {
        let settings = ServerSettings {
            short_server_id: 101,
            lifetime: 300,
            binding: "U".to_owned(),
            store_notifications: true,
            resources: Vec::new(),
        };
        account(AccountRole::Management(settings), id, is_pending)
    }

    fn pending(accounts: Vec<ProvisionedAccount>, has_written: bool) -> PendingCredentials {
        let writing = Writing {
            format: None,
            discover: Discover::Auto,
            delete: Vec::new(),
            access_control: AccessControl::Auto,
            bootstrap_account_instance: None,
            timing: TimingOverride::default(),
            ..Writing::default()
        };
        let (endpoint, profile) = ("dev1".to_owned(), "p".to_owned());
        let choice = ProfileChoice::Device;
        let pending =
            PendingCredentials::of(&Provision { endpoint, profile, choice, accounts, writes: Vec::new(), writing });
        PendingCredentials { has_written, ..pending }
    }

    #[test]
    fn what_the_client_has_taken_is_confirmed_but_for_its_way_to_ourselves() {
        let accounts = || vec![management(1, true), management(2, false), account(AccountRole::Bootstrap, 3, true)];
        assert_eq!(pending(accounts(), true).confirmed_by(Outcome::Completed), [1]);
        for outcome in [Outcome::ProbablyCompleted, Outcome::Superseded, Outcome::TimedOut, Outcome::WriteFailed] {
            assert_eq!(pending(accounts(), true).confirmed_by(outcome), [0; 0], "{outcome}");
        }
    }

    #[test]
    fn where_nobody_knows_what_the_client_has_the_reason_says_so() {
        let (new, old) = (|| vec![management(1, true)], || vec![management(1, false)]);
        let ours = || vec![account(AccountRole::Bootstrap, 3, true)];
        for (accounts, has_written, outcome, is_said) in [
            (new(), true, Outcome::ProbablyCompleted, true),
            (new(), true, Outcome::TimedOut, true),
            (ours(), true, Outcome::ConnectionLost, true),
            (new(), true, Outcome::Completed, false),
            (new(), true, Outcome::Superseded, false),
            (new(), false, Outcome::TimedOut, false),
            (old(), true, Outcome::TimedOut, false),
            (Vec::new(), true, Outcome::TimedOut, false),
        ] {
            let reason = pending(accounts, has_written).remark(outcome, "It ended.".to_owned());
            assert!(reason.starts_with("It ended."));
            assert_eq!(reason.contains("New credentials stay pending"), is_said, "{outcome}: {reason}");
        }
    }
}
