//! Every preset in every LwM2M version that it speaks, under every option of a profile that can suit it.

use bootstrapd::lwm2m::{ContentFormat, Path, Version};
use bootstrapd::provision::{ClientKnowledge, Discover, Level, Mode, Pack, Provision, Writing};
use bootstrapd::simulator::{ClientConfiguration, Like, StaleAccount};

use super::fixtures;
use super::outcome::{accounts, trouble_with};

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
        Provision { accounts: accounts(self.accounts), writing: self.writing.clone(), ..fixtures::provision() }
    }
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
        // Where the client answers, insisting on it changes nothing: once is enough.
        if discover == Discover::Always && format.is_some() {
            continue;
        }
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

/// Whether the row must end with a pack, or must not; none where the server may choose.
fn is_packed(row: &Row) -> Option<bool> {
    if row.configuration().pack.is_none() || row.writing.pack != Pack::Allow || row.writing.mode == Mode::Incremental {
        return Some(false);
    }
    (row.writing.delete == [Path::Object(0), Path::Object(1)]).then_some(true)
}

/// What is wrong with a bootstrap of this row, if anything is.
fn trouble(row: &Row, knowledge: &mut ClientKnowledge) -> Option<String> {
    let unsuitable = unsuitable(row);
    let trouble = trouble_with(&row.provision(), knowledge, row.configuration(), is_packed(row));
    let trouble = if unsuitable.is_some() { trouble.filter(|it| it.is_a_lie) } else { trouble };
    trouble.map(|trouble| format!("{row:?}\n{unsuitable:?}\n{}", trouble.words))
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
