//! What a bootstrap must come to on both sides, and the accounts that clients are given.

use bootstrapd::bootstrap::Outcome;
use bootstrapd::provision::{AccountCredentials, AccountRole, ClientKnowledge, Provision, ProvisionedAccount};
use bootstrapd::secret::Secret;
use bootstrapd::simulator::{Account, ClientConfiguration, Provisioned};

use super::{fixtures, simulated};

/// So many accounts: with a key, without one, and with certificates.
pub fn accounts(number: usize) -> Vec<ProvisionedAccount> {
    let accounts = [fixtures::first_account(), fixtures::second_account(), certified_account()];
    accounts.into_iter().take(number).collect()
}

/// An account whose certificates do not fit into one datagram.
pub fn certified_account() -> ProvisionedAccount {
    let mut account = fixtures::second_account();
    account.name = "certified".to_owned();
    account.uri = "coaps://certified.example.com:5684".to_owned();
    account.credentials = AccountCredentials::Certificate {
        client: vec![0x30; 1300],
        server: vec![0x31; 1100],
        private_key: Secret::from(&[0x32; 121][..]),
    };
    fixtures::settings_of(&mut account).short_server_id = 103;
    account
}

/// What is wrong with a bootstrap.
pub struct Trouble {
    /// Both sides, for a human.
    pub words: String,
    /// Whether the server says completed, and the client does not hold what it was to hold.
    pub is_a_lie: bool,
}

/// Bootstraps once; what is wrong, if anything is. `knowledge` becomes what the server knows then. A pack must come, or
/// must not, as `is_packed` says.
pub fn trouble_with(
    provision: &Provision,
    knowledge: &mut ClientKnowledge,
    configuration: ClientConfiguration,
    is_packed: Option<bool>,
) -> Option<Trouble> {
    let ended = simulated::bootstrap(provision, knowledge, configuration);
    *knowledge = ended.learned.clone().unwrap_or_else(|| knowledge.clone());
    let held = ended.result.as_ref().is_ok_and(|given| provision.accounts.iter().all(|account| holds(given, account)));
    let by_pack = ended.result.as_ref().is_ok_and(|given| given.by_pack);
    // A pack is not answered, so that nobody can be sure of it.
    let expected = if by_pack { Outcome::ProbablyCompleted } else { Outcome::Completed };
    let outcome = ended.report.as_ref().map(|report| report.outcome);
    let is_well = outcome == Some(expected) && held && is_packed.is_none_or(|is_packed| is_packed == by_pack);
    let is_a_lie = outcome == Some(Outcome::Completed) && !held;
    let words = format!("{outcome:?}, held: {held}, by pack: {by_pack}\n{ended:#?}");
    (!is_well).then_some(Trouble { words, is_a_lie })
}

fn holds(given: &Provisioned, expected: &ProvisionedAccount) -> bool {
    let AccountRole::Management(settings) = &expected.role else { return false };
    let (mode, identity, key): (u8, &[u8], &[u8]) = match &expected.credentials {
        AccountCredentials::Psk { identity, key } => (0, identity, key.expose()),
        AccountCredentials::Certificate { client, private_key, .. } => (2, client, private_key.expose()),
        _ => (3, b"", b""),
    };
    let is_it = |account: &Account| {
        account.server_uri == expected.uri
            && (account.security_mode, &account.identity[..], account.key.expose()) == (mode, identity, key)
            && account.lifetime == i64::from(settings.lifetime)
            && account.store_notifications == settings.store_notifications
    };
    let accounts = given.accounts();
    let mut ours = accounts.iter().filter(|account| account.short_server_id == settings.short_server_id);
    ours.next().is_some_and(is_it) && ours.next().is_none()
}
