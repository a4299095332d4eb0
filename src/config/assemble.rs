//! The file as a whole: its tables in turn, then what shows only between them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::DeTable;

use super::listener::{ListenDefinition, Listener, ListenerSecurity};
use super::report::Report;
use super::source::Source;
use super::syntax::mend;
use super::table::{Schema, Table, fields_of, take_table, take_tables};
use super::unresolved::{Reference, Refusal};
use super::{Admin, Config, DEFAULT_ADMIN_SOCKET, DEFAULT_STATE_DIR, key_file};
use crate::provision::{
    AccountKey, DeviceDefinition, Finding, Problem, ProfileDefinition, ServerDefinition, Subject, check_catalog,
    check_device, check_profile, check_server,
};

/// Longest path of a Unix socket in bytes: `sun_path` has 108, the last of which is 0.
const MAX_SOCKET_PATH_BYTES: usize = 107;

const LISTEN: Schema = Schema { required: None, file_keys: &[] };
const ADMIN: Schema = Schema { required: None, file_keys: &[] };
const SERVER: Schema = Schema { required: Some("name"), file_keys: &[key_file::PSK_FILE] };
const PROFILE: Schema = Schema { required: Some("name"), file_keys: &[] };
const DEVICE: Schema = Schema { required: Some("endpoint"), file_keys: &[key_file::PSK_FILE] };
/// The tables are keys of the root too, and are there only for the suggestion when one is misspelled.
const ROOT: Schema = Schema { required: None, file_keys: &["admin", "device", "listen", "profile", "server"] };

/// What stands before the first table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RootDefinition {
    state_dir: Option<String>,
    sealing_key_file: Option<String>,
}

/// The table `[admin]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AdminDefinition {
    socket: Option<String>,
}

/// Reads the text of a file; see [`Config::parse`].
pub(super) fn assemble(text: &str, base_dir: &Path, file_name: &str) -> Result<Config, Refusal> {
    let (mended, syntax_errors) = mend(text);
    let (document, _) = DeTable::parse_recoverable(&mended);
    let mut report = Report::new(Source::new(text, harmless_keys()), file_name);
    report.add_syntax_errors(syntax_errors);

    let mut root = document.into_inner();
    let [listens, servers, profiles, devices] =
        ["listen", "server", "profile", "device"].map(|name| take_tables(&mut root, name, &mut report));
    let admin = take_table(&mut root, "admin", &mut report);
    let headers = [&listens, &servers, &profiles, &devices].into_iter().flatten().chain(&admin);
    report.set_headers(headers.map(|(header, _)| header.start).collect());

    let (state_dir, sealing_key_file) = read_root(root, base_dir, &mut report);
    let admin = read_admin(admin, base_dir, &mut report);
    let listeners = read_listeners(listens, &mut report);
    let mut servers = read_all::<ServerDefinition>(servers, &SERVER, &mut report);
    let profiles = read_all::<ProfileDefinition>(profiles, &PROFILE, &mut report);
    let mut devices = read_all::<DeviceDefinition>(devices, &DEVICE, &mut report);
    for server in &mut servers {
        let key = key_file::load(server, base_dir, &mut report);
        let key = key.and_then(|key| AccountKey::parse(key.expose_text()).ok());
        server.definition.psk = server.definition.psk.take().or(key);
        report_all(server, check_server(&server.definition), &mut report);
    }
    for profile in &profiles {
        report_all(profile, check_profile(&profile.definition), &mut report);
    }
    for device in &mut devices {
        let key = key_file::load(device, base_dir, &mut report);
        device.definition.psk = device.definition.psk.take().or(key);
        report_all(device, check_device(&device.definition), &mut report);
    }
    warn_of_unreachable_devices(&devices, &listeners, &mut report);
    let (servers, profiles, devices) = check_between(servers, profiles, devices, &mut report);

    let refused = report.has_errors();
    let (diagnostics, unresolved) = report.into_parts();
    if refused {
        return Err(Refusal { diagnostics, unresolved, state_dir });
    }
    let (path, state_dir) = (PathBuf::from(file_name), state_dir.unwrap_or_default());
    let warnings = diagnostics;
    Ok(Config { path, state_dir, sealing_key_file, listeners, admin, servers, profiles, devices, warnings, unresolved })
}

/// The keys whose values a diagnostic may show: all that there are, but `psk`.
fn harmless_keys() -> BTreeSet<&'static str> {
    let tables = [
        fields_of::<RootDefinition>(),
        fields_of::<AdminDefinition>(),
        fields_of::<ListenDefinition>(),
        fields_of::<ServerDefinition>(),
        fields_of::<ProfileDefinition>(),
        fields_of::<DeviceDefinition>(),
    ];
    let known = tables.into_iter().flatten().copied().filter(|key| *key != "psk");
    known.chain([key_file::PSK_FILE]).collect()
}

type Tables<'t> = Vec<(Range<usize>, DeTable<'t>)>;

fn read_all<'t, T>(tables: Tables<'t>, schema: &Schema, report: &mut Report<'_>) -> Vec<Table<'t, T>>
where
    T: for<'de> Deserialize<'de>,
{
    tables.into_iter().filter_map(|(header, entries)| Table::read(header, entries, schema, report)).collect()
}

fn report_all<T>(table: &Table<'_, T>, problems: Vec<Problem>, report: &mut Report<'_>) {
    for problem in &problems {
        table.report_problem(problem, report);
    }
}

/// State directory and sealing key file; no directory where the file means to name one and a mistake was reported.
fn read_root(root: DeTable<'_>, base_dir: &Path, report: &mut Report<'_>) -> (Option<PathBuf>, Option<PathBuf>) {
    let Some(table) = Table::<RootDefinition>::read(0..0, root, &ROOT, report) else { return Default::default() };
    let state_dir = table.definition.state_dir.as_deref().unwrap_or(DEFAULT_STATE_DIR);
    let state_dir = checked_path(&table, "state_dir", state_dir, base_dir, report);
    let sealing_key_file = table.definition.sealing_key_file.as_deref();
    let sealing_key_file =
        sealing_key_file.map(|path| checked_path(&table, "sealing_key_file", path, base_dir, report));
    ((!table.is_faulty("state_dir")).then_some(state_dir), sealing_key_file)
}

fn read_admin(table: Option<(Range<usize>, DeTable<'_>)>, base_dir: &Path, report: &mut Report<'_>) -> Admin {
    let table = table.and_then(|(header, entries)| Table::<AdminDefinition>::read(header, entries, &ADMIN, report));
    let Some(table) = table else { return Admin { socket: PathBuf::from(DEFAULT_ADMIN_SOCKET) } };
    let socket = table.definition.socket.as_deref().unwrap_or(DEFAULT_ADMIN_SOCKET);
    let socket = checked_path(&table, "socket", socket, base_dir, report);
    let length = socket.as_os_str().len();
    if length > MAX_SOCKET_PATH_BYTES {
        let message = format!("the path has {length} bytes, and a socket's path at most {MAX_SOCKET_PATH_BYTES}");
        table.report_problem(&Problem::error("socket", message), report);
    }
    Admin { socket }
}

/// A path relative to the file.
fn checked_path<T>(
    table: &Table<'_, T>,
    field: &'static str,
    path: &str,
    base_dir: &Path,
    report: &mut Report<'_>,
) -> PathBuf {
    if path.is_empty() {
        table.report_problem(
            &Problem::error(field, format!("`{field}` is empty: give a path, or leave it out")),
            report,
        );
    } else if path.contains("${") {
        let message = "`${` starts an expression, and expressions are not supported in this version";
        table.report_problem(&Problem::error(field, message), report);
    } else if path.contains('\0') {
        table.report_problem(&Problem::error(field, "a path cannot hold the character 0: remove it"), report);
    }
    base_dir.join(path)
}

/// The listeners; at least one, and no two in one place.
fn read_listeners(tables: Tables<'_>, report: &mut Report<'_>) -> Vec<Listener> {
    if tables.is_empty() && !report.is_broken() {
        report.error_of_file(
            "there is nothing to listen on: add a table `[[listen]]` with `bind = \"[::]:5684\"` and `security = \"dtls\"`",
        );
    }
    let mut listeners = Vec::new();
    let mut taken: BTreeMap<SocketAddr, usize> = BTreeMap::new();
    for table in read_all::<ListenDefinition>(tables, &LISTEN, report) {
        let (listener, problems) = table.definition.check();
        report_all(&table, problems, report);
        let Some(listener) = listener else { continue };
        let line = report.line_of(table.place_of("bind", None).start);
        match taken.get(&listener.bind) {
            Some(first) if listener.bind.port() != 0 => {
                let message = format!("the listener on line {first} has this address already: remove one");
                table.report_problem(&Problem::error("bind", message), report);
            }
            _ => {
                taken.insert(listener.bind, line);
            }
        }
        listeners.push(listener);
    }
    listeners
}

/// A device without a key can prove nothing, and a DTLS listener lets nobody in who does not.
fn warn_of_unreachable_devices(
    devices: &[Table<'_, DeviceDefinition>],
    listeners: &[Listener],
    report: &mut Report<'_>,
) {
    if listeners.is_empty() || listeners.iter().any(|listener| listener.security == ListenerSecurity::NoSec) {
        return;
    }
    for device in devices.iter().filter(|device| device.definition.psk.is_none()) {
        let message = "the device has no key, and no listener is `nosec`: it cannot be served until it gets a `psk`";
        device.report_problem(&Problem::warning("psk", message), report);
    }
}

/// Names what shows only between tables, and returns the definitions.
fn check_between(
    servers: Vec<Table<'_, ServerDefinition>>,
    profiles: Vec<Table<'_, ProfileDefinition>>,
    devices: Vec<Table<'_, DeviceDefinition>>,
    report: &mut Report<'_>,
) -> (Vec<ServerDefinition>, Vec<ProfileDefinition>, Vec<DeviceDefinition>) {
    let server_definitions: Vec<_> = servers.iter().map(|table| table.definition.clone()).collect();
    let profile_definitions: Vec<_> = profiles.iter().map(|table| table.definition.clone()).collect();
    let device_definitions: Vec<_> = devices.iter().map(|table| table.definition.clone()).collect();
    // What a broken table may have defined is not called missing.
    let may_miss_servers = report.is_broken() || servers.iter().any(|server| server.definition.name.is_empty());
    let may_miss_profiles = report.is_broken() || profiles.iter().any(|profile| profile.definition.name.is_empty());
    let is_profile = |name: &str| profiles.iter().any(|profile| profile.definition.name == name);
    let is_server = |name: &str| servers.iter().any(|server| server.definition.name == name);

    for finding in check_catalog(&server_definitions, &profile_definitions, &device_definitions) {
        let Finding { subject, first, problem } = &finding;
        let message = match first.map(|first| match first {
            Subject::Server(index) => servers[index].place_of(problem.field, None),
            Subject::Profile(index) => profiles[index].place_of(problem.field, None),
            Subject::Device(index) => devices[index].place_of(problem.field, None),
        }) {
            Some(place) => format!("{} (the first is on line {})", problem.message, report.line_of(place.start)),
            None => problem.message.clone(),
        };
        match *subject {
            Subject::Server(index) => servers[index].report_problem_as(problem, message, report),
            Subject::Profile(index) => {
                let named = problem.element.and_then(|element| profiles[index].definition.servers.get(element));
                match named.filter(|name| !is_server(name)) {
                    None => profiles[index].report_problem_as(problem, message, report),
                    Some(_) if may_miss_servers => {}
                    Some(name) => set_aside(&profiles[index], problem, Reference::Server(name.clone()), report),
                }
            }
            Subject::Device(index) => {
                let device = &devices[index];
                let named = device.definition.profile.as_ref();
                if problem.field != "profile" || named.is_some_and(|name| is_profile(name)) {
                    device.report_problem_as(problem, message, report);
                } else if !may_miss_profiles {
                    let reference = named.map_or(Reference::DefaultProfile, |name| Reference::Profile(name.clone()));
                    set_aside(device, problem, reference, report);
                }
            }
        }
    }
    (server_definitions, profile_definitions, device_definitions)
}

/// Keeps a dangling reference aside. One that holds an expression was refused for that already.
fn set_aside<T>(table: &Table<'_, T>, problem: &Problem, reference: Reference, report: &mut Report<'_>) {
    let is_expression = matches!(&reference, Reference::Server(name) | Reference::Profile(name) if name.contains("${"));
    if let Some(place) = table.place_of_new(problem, report).filter(|_| !is_expression) {
        report.set_aside(reference, place, &problem.message);
    }
}
