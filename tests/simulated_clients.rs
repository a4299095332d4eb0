//! Every client that there is against the whole server: each preset of the simulator, in each LwM2M version that it
//! speaks, is bootstrapped under every option of a profile that can suit it, twice, and holds its provision each time.
//!
//! Spec sheets `clients.md` and `bootstrap.md`, section 16. What does not suit a client stands in [`suits`], with the
//! reason; it may end otherwise, but never with a client that holds less and a server that calls it completed.

#[path = "support/fixtures.rs"]
#[expect(dead_code, reason = "the fixtures serve the tables as well")]
mod fixtures;
#[path = "support/simulated.rs"]
mod simulated;

use bootstrapd::bootstrap::Outcome;
use bootstrapd::lwm2m::{ContentFormat, Path, Version};
use bootstrapd::provision::{
    AccountCredentials, AccountRole, ClientKnowledge, Discover, Level, Mode, Pack, Provision, ProvisionedAccount,
    Writing,
};
use bootstrapd::secret::Secret;
use bootstrapd::simulator::{Account, ClientConfiguration, Like, Provisioned, StaleAccount};

/// One row: a client, what it held before, what it is to have and how that is written.
#[derive(Clone, Debug)]
struct Row {
    like: Like,
    version: Version,
    has_stale_account: bool,
    accounts: usize,
    writing: Writing,
}

impl Row {
    fn configuration(&self) -> ClientConfiguration {
        let stale = StaleAccount { security_instance: 5, server_instance: 0, short_server_id: 7 };
        ClientConfiguration {
            stale_account: self.has_stale_account.then_some(stale),
            ..self.like.configuration(fixtures::ENDPOINT, self.version)
        }
    }

    fn provision(&self) -> Provision {
        let accounts = [fixtures::first_account(), fixtures::second_account(), certified_account()];
        let accounts = accounts.into_iter().take(self.accounts).collect();
        Provision { accounts, writing: self.writing.clone(), ..fixtures::provision() }
    }
}

/// An account whose certificates do not fit into one datagram.
fn certified_account() -> ProvisionedAccount {
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

/// Every row of a client that speaks `version`.
fn rows(like: Like, version: Version) -> Vec<Row> {
    let objects = |ids: &[u16]| ids.iter().map(|id| Path::Object(*id)).collect::<Vec<Path>>();
    let formats = [
        None,
        Some(ContentFormat::Tlv),
        Some(ContentFormat::SenmlCbor),
        Some(ContentFormat::SenmlJson),
        Some(ContentFormat::Lwm2mCbor),
    ];
    let deletes = [objects(&[0, 1]), objects(&[]), objects(&[0, 1, 2, 21]), vec![Path::Root]];
    let asks_for_pack = like.configuration("", version).pack.is_some();
    let packs = if asks_for_pack { &[Pack::Allow, Pack::Redirect, Pack::Never][..] } else { &[Pack::Allow] };
    let levels = [Level::Instance, Level::Object, Level::Resource];
    let mut rows = Vec::new();
    for (format, discover) in product(&formats, &[Discover::Auto, Discover::Always, Discover::Never]) {
        for (delete, mode) in product(&deletes, &[Mode::Replace, Mode::Incremental]) {
            for (level, pack) in product(&levels, packs) {
                for (has_stale_account, accounts) in [(false, 1), (true, 2), (true, 3)] {
                    let delete = delete.clone();
                    let writing = Writing { format, discover, mode, level, pack, delete, ..Writing::default() };
                    rows.push(Row { like, version, has_stale_account, accounts, writing });
                }
            }
        }
    }
    rows
}

fn product<A: Clone, B: Clone>(first: &[A], second: &[B]) -> Vec<(A, B)> {
    first.iter().flat_map(|a| second.iter().map(move |b| (a.clone(), b.clone()))).collect()
}

/// Why a row does not suit its client, if it does not.
fn unsuitable(row: &Row) -> Option<&'static str> {
    let taken = row.like.behaviour().writes.formats;
    let is_known = |format: ContentFormat| match format {
        ContentFormat::Tlv => true,
        ContentFormat::Lwm2mCbor => row.version >= Version::V1_2,
        _ => row.version >= Version::V1_1,
    };
    if row.writing.format.is_some_and(|format| !taken.contains(&format) || !is_known(format)) {
        return Some("the profile insists on a format that the client does not take");
    }
    None
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

/// What is wrong with a bootstrap of this row, if anything is.
fn trouble(row: &Row, knowledge: &mut ClientKnowledge) -> Option<String> {
    let provision = row.provision();
    let ended = simulated::bootstrap(&provision, knowledge, row.configuration());
    *knowledge = ended.learned.clone().unwrap_or_else(|| knowledge.clone());
    let outcome = ended.report.as_ref().map(|report| report.outcome);
    let held = ended.result.as_ref().is_ok_and(|given| provision.accounts.iter().all(|account| holds(given, account)));
    match unsuitable(row) {
        None if outcome == Some(Outcome::Completed) && held => None,
        Some(_) if outcome != Some(Outcome::Completed) || held => None,
        reason => Some(format!("{row:?}\n{reason:?} {outcome:?} held: {held}\n{ended:#?}")),
    }
}

fn check(like: Like, version: Version) {
    let rows = rows(like, version);
    let (mut suitable, mut wrong) = (0, Vec::new());
    for row in &rows {
        suitable += usize::from(unsuitable(row).is_none());
        let mut knowledge = ClientKnowledge::default();
        // What the first one taught the server must not mislead it in the second.
        for time in ["first", "second"] {
            if let Some(trouble) = trouble(row, &mut knowledge) {
                wrong.push(format!("the {time} time: {trouble}"));
                break;
            }
        }
    }
    assert!(suitable * 3 > rows.len(), "only {suitable} of {} rows suit {like} of {version}", rows.len());
    if let Some(first) = wrong.first() {
        panic!("{} of {} rows of {like} of {version} are wrong, the first of them:\n{first}", wrong.len(), rows.len());
    }
}

macro_rules! clients {
    ($($name:ident: $like:expr, $version:expr;)*) => {
        $(#[test]
        fn $name() {
            check($like, $version);
        })*

        /// No client and no version is left out.
        #[test]
        fn all_of_them() {
            let tested = [$(($like, $version)),*];
            for like in Like::ALL {
                for version in like.versions() {
                    assert!(tested.contains(&(like, *version)), "{like} of {version}");
                }
            }
        }
    };
}

clients! {
    anjay_1_0: Like::Anjay, Version::V1_0;
    anjay_1_1: Like::Anjay, Version::V1_1;
    anjay_1_2: Like::Anjay, Version::V1_2;
    anjay_lite_1_1: Like::AnjayLite, Version::V1_1;
    anjay_lite_1_2: Like::AnjayLite, Version::V1_2;
    wakaama_1_0: Like::Wakaama, Version::V1_0;
    wakaama_1_1: Like::Wakaama, Version::V1_1;
    zephyr_1_0: Like::Zephyr, Version::V1_0;
    zephyr_1_1: Like::Zephyr, Version::V1_1;
    leshan_1_0: Like::Leshan, Version::V1_0;
    leshan_1_1: Like::Leshan, Version::V1_1;
}
