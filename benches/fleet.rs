//! Fleets of 50,000 and of 1,000,000 devices: importing them, how long others wait meanwhile, pages of lists that are
//! searched, filtered and sorted, and explaining what a device would receive.
//!
//! `cargo bench --bench fleet [-- DEVICES]` prints wall-clock and CPU time per item; CPU time is that of the whole process
//! for an import, and that of the asking thread for a page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use bootstrapd::admin::server::explain_device;
use bootstrapd::bootstrap::explain::Question;
use bootstrapd::provision::{DeviceDefinition, DeviceState, KeyText, ProfileDefinition, ServerDefinition};
use bootstrapd::store::{
    Actor, DeviceOrder, DeviceOutcome, DeviceQuery, DeviceRow, Import, Kept, Reader, SealingKey, Store, UnixMillis,
};

const OPERATOR: Actor = Actor { uid: Some(0), what: "bench" };
/// Devices of one import: a fleet of a million comes in several.
const BATCH: u64 = 50_000;
/// Its key is drawn for each device.
const SERVER: &str = r#"{ "name": "eu", "ssid": 101, "uri": "eu.example.com", "psk": "${string.secureRandom(32)}" }"#;

fn main() {
    let wanted = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let devices = wanted.unwrap_or(1_000_000_u64);
    let directory = tempfile::tempdir().expect("a scratch directory can be made");
    let store = Store::open(directory.path(), SealingKey::new([7; 32])).expect("an empty directory makes a store");
    let server: ServerDefinition = serde_json::from_str(SERVER).expect("it is a server account");
    store.add_server(OPERATOR, UnixMillis(0), server).wait().expect("an account can be added");
    for name in ["meters", "rare"] {
        let servers = vec!["eu".to_owned()];
        let profile =
            ProfileDefinition { name: name.to_owned(), servers, default: name == "meters", ..Default::default() };
        store.add_profile(OPERATOR, UnixMillis(0), profile).wait().expect("a profile can be added");
    }
    println!("{:60} {:>10} {:>10}", "", "wall ms", "CPU ms");
    let (started, cpu) = (Instant::now(), process_cpu());
    for first in (0..devices).step_by(BATCH as usize) {
        let rows = (first..devices.min(first + BATCH)).map(row).collect();
        let (begun, used) = (Instant::now(), process_cpu());
        let imported = store.import_devices(OPERATOR, UnixMillis(1 + first as i64), rows, Import::default(), |_| {});
        imported.wait().expect("rows without mistakes can be imported");
        if first == 0 || first + BATCH >= devices {
            say(&format!("import of {BATCH} into {first}"), begun.elapsed(), process_cpu() - used);
        }
    }
    say(&format!("import of {devices} in all"), started.elapsed(), process_cpu() - cpu);
    for first in (0..devices).step_by(BATCH as usize) {
        let outcomes = (first..devices.min(first + BATCH)).filter(|number| number % 3 != 0).map(outcome).collect();
        store.record_outcomes(outcomes).wait().expect("outcomes can be recorded");
    }
    let size: u64 = fs::read_dir(directory.path())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .map(|metadata| metadata.len())
        .sum();
    println!("{:60} {:>10} MiB", "files", size >> 20);
    let mut reader = store.reader().expect("a store can be read");
    pages(&mut reader, devices);
    explain(&mut reader, devices);
    wait_behind_an_import(&store, devices);
}

/// What devices all over the fleet would receive, as the route of the admin socket works it out.
fn explain(reader: &mut Reader, devices: u64) {
    const TIMES: u32 = 200;
    let question = Question::read(Some("1.1"), None, None).expect("it is a version");
    let (started, cpu) = (Instant::now(), thread_cpu());
    for number in 0..u64::from(TIMES) {
        let endpoint = row(devices / u64::from(TIMES) * number + 1).definition.endpoint;
        let explanation = explain_device(reader, &endpoint, &question).expect("the device is on record");
        assert!(explanation.bootstrap.is_some(), "{:?}", explanation.refused);
    }
    say("explain a device, of 200", started.elapsed() / TIMES, (thread_cpu() - cpu) / TIMES);
}

/// Adds one device while an import is under way, and one when there is nothing else to write.
fn wait_behind_an_import(store: &Store, devices: u64) {
    let add = |number: u64| {
        let started = Instant::now();
        let added = store.add_device(OPERATOR, UnixMillis(2), row(number).definition);
        added.wait().expect("a new device can be added");
        started.elapsed()
    };
    say("one device added alone", add(devices + BATCH), Duration::ZERO);
    let rows = (devices..devices + BATCH).map(row).collect();
    let (begun, progress) = std::sync::mpsc::channel();
    let told = move |_| {
        // Only the first word counts.
        let _ = begun.send(());
    };
    let imported = store.import_devices(OPERATOR, UnixMillis(1), rows, Import::default(), told);
    progress.recv().expect("an import of so many says how far it is");
    say("one device added while 50000 are being written", add(devices + BATCH + 1), Duration::ZERO);
    imported.wait().expect("rows without mistakes can be imported");
}

/// Device number `number`: an IMEI behind a common prefix, a third of them with properties, tags of several kinds.
fn row(number: u64) -> DeviceRow {
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 100_000_000;
    let endpoint = format!("urn:imei:4901542{scattered:08}");
    let definition = DeviceDefinition {
        psk_identity: number.is_multiple_of(10).then(|| format!("identity-{number}")),
        psk: Some(KeyText::parse(&format!("hex:{scattered:032x}")).expect("hex digits are a key")),
        profile: match number % 1000 {
            0 => Some("rare".to_owned()),
            1..500 => Some("meters".to_owned()),
            _ => None,
        },
        properties: if number.is_multiple_of(3) {
            BTreeMap::from([("site".to_owned(), format!("plant-{}", number % 5000))])
        } else {
            BTreeMap::new()
        },
        tags: BTreeSet::from([format!("batch-{}", number / 10_000), ["even", "odd"][number as usize % 2].to_owned()]),
        state: if number.is_multiple_of(997) { DeviceState::Blocked } else { DeviceState::Enabled },
        endpoint,
        ..DeviceDefinition::default()
    };
    DeviceRow { definition, kept: Kept::default() }
}

fn outcome(number: u64) -> DeviceOutcome {
    let endpoint = row(number).definition.endpoint;
    let outcome = if number.is_multiple_of(5003) { "timed_out" } else { "completed" };
    let outcome = outcome.parse().expect("it is in the list");
    DeviceOutcome {
        endpoint,
        sessions: 1,
        outcome,
        reason: "Finish answered 2.04".to_owned(),
        at: UnixMillis(number as i64),
    }
}

fn pages(reader: &mut Reader, devices: u64) {
    let all = DeviceQuery::default;
    let text = |text: &str| Some(text.to_owned());
    let one = row(devices / 2).definition.endpoint;
    let queries = [
        ("unfiltered", all()),
        ("by created, the last first", DeviceQuery { order: DeviceOrder::Created, descending: true, ..all() }),
        ("by changed", DeviceQuery { order: DeviceOrder::Changed, ..all() }),
        ("by last session", DeviceQuery { order: DeviceOrder::LastSession, ..all() }),
        ("by last session, the last first", DeviceQuery { order: DeviceOrder::LastSession, descending: true, ..all() }),
        ("profile of half of all", DeviceQuery { profile: text("meters"), ..all() }),
        ("the same by created", DeviceQuery { profile: text("meters"), order: DeviceOrder::Created, ..all() }),
        ("profile of 0.1 %", DeviceQuery { profile: text("rare"), ..all() }),
        ("the same by last session", DeviceQuery { profile: text("rare"), order: DeviceOrder::LastSession, ..all() }),
        ("tag of half of all", DeviceQuery { tag: text("odd"), ..all() }),
        ("tag of 1 %", DeviceQuery { tag: text("batch-7"), ..all() }),
        (
            "two tags' worth: 1 % blocked",
            DeviceQuery { tag: text("batch-7"), state: Some(DeviceState::Blocked), ..all() },
        ),
        ("blocked", DeviceQuery { state: Some(DeviceState::Blocked), ..all() }),
        ("enabled", DeviceQuery { state: Some(DeviceState::Enabled), ..all() }),
        ("last outcome of two thirds", DeviceQuery { last_outcome: "completed".parse().ok(), ..all() }),
        ("last outcome of 0.02 %", DeviceQuery { last_outcome: "timed_out".parse().ok(), ..all() }),
        ("property", DeviceQuery { properties: vec![("site".to_owned(), "plant-33".to_owned())], ..all() }),
        ("search for one endpoint", DeviceQuery { search: Some(one), ..all() }),
        ("search for eight digits", DeviceQuery { search: text("15421234"), ..all() }),
        ("search for three digits, of 2 % or so", DeviceQuery { search: text("777"), ..all() }),
        ("search for three digits, the last first", DeviceQuery { search: text("777"), descending: true, ..all() }),
        ("search for what all have", DeviceQuery { search: text("urn:imei"), ..all() }),
        ("search without a hit", DeviceQuery { search: text("no such device"), ..all() }),
        ("search without a hit, of known trigrams", DeviceQuery { search: text("imei:imei:490"), ..all() }),
        ("search for two letters without a hit", DeviceQuery { search: text("zz"), ..all() }),
        ("search for two digits", DeviceQuery { search: text("42"), ..all() }),
    ];
    for (name, query) in queries {
        page(reader, &format!("{name}: first page"), query.clone());
        if let Some(after) = deep(reader, query.clone()) {
            page(reader, &format!("{name}: a deep page"), DeviceQuery { after: Some(after), ..query });
        }
    }
}

/// The place in the middle of the list, or as far as 40 large pages reach.
fn deep(reader: &mut Reader, query: DeviceQuery) -> Option<String> {
    let mut query = DeviceQuery { limit: 10_000, ..query };
    for _ in 0..40 {
        match reader.devices(&query).expect("a store can be read").next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    query.after
}

fn page(reader: &mut Reader, name: &str, query: DeviceQuery) {
    const TIMES: u32 = 5;
    let (started, cpu) = (Instant::now(), thread_cpu());
    let mut found = 0;
    let mut total = None;
    for _ in 0..TIMES {
        let page = reader.devices(&query).expect("a store can be read");
        (found, total) = (page.devices.len(), page.total);
    }
    let total = total.map_or("many".to_owned(), |total| total.to_string());
    say(&format!("{name} ({found} of {total})"), started.elapsed() / TIMES, (thread_cpu() - cpu) / TIMES);
}

fn say(name: &str, wall: Duration, cpu: Duration) {
    println!("{name:60} {:10.1} {:10.1}", wall.as_secs_f64() * 1e3, cpu.as_secs_f64() * 1e3);
}

/// CPU time of this thread, in nanoseconds as proc(5) has it.
fn thread_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// CPU time of the process, user and system, in clock ticks of 10 ms (proc(5)).
fn process_cpu() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
