//! The config as a whole: its tables in turn, the fleet files it names, then what shows only between them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::DeTable;

use super::definitions::{Definitions, read_all, report_all};
use super::document::Document;
use super::limits::{Limits, LimitsDefinition};
use super::listener::{ListenDefinition, Listener, ListenerSecurity};
use super::proofs::AcceptedProofs;
use super::report::{self, Report};
use super::table::{Schema, Table, take_table, take_tables};
use super::unresolved::{Reference, Refusal};
use super::{Admin, Config, DEFAULT_ADMIN_SOCKET, DEFAULT_STATE_DIR, fleet};
use crate::provision::{ModelDefinition, Problem, Transport, check_model};

/// Longest path of a Unix socket in bytes: `sun_path` has 108, the last of which is 0.
const MAX_SOCKET_PATH_BYTES: usize = 107;

const LISTEN: Schema = Schema { required: None, file_keys: &[] };
const MODEL: Schema = Schema { required: Some("name"), file_keys: &[] };
const ADMIN: Schema = Schema { required: None, file_keys: &[] };
const LIMITS: Schema = Schema { required: None, file_keys: &[] };
/// The tables are keys of the root too, and are there only for the suggestion when one is misspelled.
const ROOT: Schema =
    Schema { required: None, file_keys: &["admin", "device", "limits", "listen", "model", "profile", "server"] };

/// What stands before the first table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RootDefinition {
    state_dir: Option<String>,
    sealing_key_file: Option<String>,
    fleet: Vec<String>,
}

/// The table `[admin]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AdminDefinition {
    socket: Option<String>,
    read_only_socket: Option<String>,
}

/// What stands before the first table, as it is meant.
#[derive(Default)]
struct Root {
    /// None where the file means to name one and a mistake was reported.
    state_dir: Option<PathBuf>,
    sealing_key_file: Option<PathBuf>,
    fleet: Vec<Document>,
}

/// Makes a config of a document; see [`Config::parse`].
pub(super) fn assemble(document: &Document) -> Result<Config, Refusal> {
    let (mut root, mut report) = document.parse();
    let listens = take_tables(&mut root, "listen", &mut report);
    let admin = take_table(&mut root, "admin", &mut report);
    let limits = take_table(&mut root, "limits", &mut report);
    let models = take_tables(&mut root, "model", &mut report);
    let mut definitions = Definitions::default();
    definitions.read(0, document, &mut root, &mut report);
    let Root { state_dir, sealing_key_file, fleet } = read_root(root, document, &mut report);
    let admin = read_admin(admin, &document.base_dir, &mut report);
    let limits = read_limits(limits, &mut report);
    let listens = read_all::<ListenDefinition>(listens, &LISTEN, &mut report);
    let listeners = check_listeners(&listens, document, &mut report);
    let models = check_models(models, &mut report);

    // What the fleet files define borrows from them, and must not outlive them.
    let mut all = definitions;
    let mut reports = vec![report];
    for (at, file) in fleet.iter().enumerate() {
        reports.push(fleet::read_file(at + 1, file, &mut all));
    }
    let wants_proof = |listener: &Listener| {
        listener.security == ListenerSecurity::Dtls && listener.certificates.trust_anchors.is_empty()
    };
    if !listeners.is_empty() && listeners.iter().all(wants_proof) {
        all.warn_of_unreachable_devices(&mut reports);
    }
    // Of listeners with mistakes it is not known what they were to take.
    if !reports[0].has_errors() {
        all.warn_of_useless_proofs(AcceptedProofs::of(&listeners), &mut reports);
    }
    refer_to_profiles(&listens, &all, &mut reports);
    let (servers, profiles, devices) = all.check_between(&mut reports);

    let refused = reports.iter().any(Report::has_errors);
    let (diagnostics, unresolved) = report::into_parts(&document.name, reports);
    if refused {
        return Err(Refusal { diagnostics, unresolved, state_dir });
    }
    let (path, state_dir) = (PathBuf::from(&document.name), state_dir.unwrap_or_default());
    let warnings = diagnostics;
    Ok(Config {
        path,
        state_dir,
        sealing_key_file,
        listeners,
        admin,
        limits,
        servers,
        profiles,
        devices,
        models,
        warnings,
        unresolved,
    })
}

fn read_root(root: DeTable<'_>, document: &Document, report: &mut Report<'_>) -> Root {
    let Some(table) = Table::<RootDefinition>::read(0..0, root, &ROOT, report) else { return Root::default() };
    let state_dir = table.definition.state_dir.as_deref().unwrap_or(DEFAULT_STATE_DIR);
    let state_dir = checked_path(&table, "state_dir", state_dir, &document.base_dir, report);
    let sealing_key_file = table.definition.sealing_key_file.as_deref();
    let sealing_key_file =
        sealing_key_file.map(|path| checked_path(&table, "sealing_key_file", path, &document.base_dir, report));
    let fleet = fleet::find(&table, &table.definition.fleet, document, report);
    Root { state_dir: (!table.is_faulty("state_dir")).then_some(state_dir), sealing_key_file, fleet }
}

fn read_admin(table: Option<(Range<usize>, DeTable<'_>)>, base_dir: &Path, report: &mut Report<'_>) -> Admin {
    let table = table.and_then(|(header, entries)| Table::<AdminDefinition>::read(header, entries, &ADMIN, report));
    let Some(table) = table else {
        return Admin { socket: PathBuf::from(DEFAULT_ADMIN_SOCKET), read_only_socket: None };
    };
    let socket = table.definition.socket.as_deref().unwrap_or(DEFAULT_ADMIN_SOCKET);
    let socket = checked_socket(&table, "socket", socket, base_dir, report);
    let read_only_socket = table.definition.read_only_socket.as_deref();
    let read_only_socket =
        read_only_socket.map(|path| checked_socket(&table, "read_only_socket", path, base_dir, report));
    if read_only_socket.as_ref() == Some(&socket) {
        let message = "`read_only_socket` is `socket` itself: give it another path, or leave it out";
        table.report_problem(&Problem::error("read_only_socket", message), report);
    }
    Admin { socket, read_only_socket }
}

fn read_limits(table: Option<(Range<usize>, DeTable<'_>)>, report: &mut Report<'_>) -> Limits {
    let table = table.and_then(|(header, entries)| Table::<LimitsDefinition>::read(header, entries, &LIMITS, report));
    let Some(table) = table else { return Limits::default() };
    let (limits, problems) = table.definition.check();
    report_all(&table, problems, report);
    limits
}

fn checked_socket<T>(
    table: &Table<'_, T>,
    field: &'static str,
    path: &str,
    base_dir: &Path,
    report: &mut Report<'_>,
) -> PathBuf {
    let socket = checked_path(table, field, path, base_dir, report);
    let length = socket.as_os_str().len();
    if length > MAX_SOCKET_PATH_BYTES {
        let message = format!("the path has {length} bytes, and a socket's path at most {MAX_SOCKET_PATH_BYTES}");
        table.report_problem(&Problem::error(field, message), report);
    }
    socket
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
        let message = "`${` starts an expression, and a path holds none: write it out";
        table.report_problem(&Problem::error(field, message), report);
    } else if path.contains('\0') {
        table.report_problem(&Problem::error(field, "a path cannot hold the character 0: remove it"), report);
    }
    base_dir.join(path)
}

/// The listeners; at least one, and no two in one place.
fn check_listeners(
    tables: &[Table<'_, ListenDefinition>],
    document: &Document,
    report: &mut Report<'_>,
) -> Vec<Listener> {
    if tables.is_empty() && !report.is_broken() {
        report.error_of_file(
            "there is nothing to listen on: add a table `[[listen]]` with `bind = \"[::]:5684\"` and `security = \"dtls\"`",
        );
    }
    let mut listeners = Vec::new();
    let mut taken: BTreeMap<(SocketAddr, bool), usize> = BTreeMap::new();
    for table in tables {
        let (listener, problems) = table.definition.check(&document.base_dir, document.read_at);
        report_all(table, problems, report);
        let Some(listener) = listener else { continue };
        let line = report.line_of(table.place_of("bind", None).start);
        let socket = (listener.bind, listener.transport == Transport::Tcp);
        match taken.get(&socket) {
            Some(first) if listener.bind.port() != 0 => {
                let message = format!("the listener on line {first} has this address already: remove one");
                table.report_problem(&Problem::error("bind", message), report);
            }
            _ => {
                taken.insert(socket, line);
            }
        }
        listeners.push(listener);
    }
    listeners
}

/// The models, no two of one name.
fn check_models(tables: Vec<(Range<usize>, DeTable<'_>)>, report: &mut Report<'_>) -> Vec<ModelDefinition> {
    let mut models: Vec<ModelDefinition> = Vec::new();
    let mut lines = Vec::new();
    for table in read_all::<ModelDefinition>(tables, &MODEL, report) {
        report_all(&table, check_model(&table.definition), report);
        let name = &table.definition.name;
        if let Some(first) = models.iter().position(|model| model.name == *name).filter(|_| !name.is_empty()) {
            let message = format!(
                "model `{}` is defined twice: remove or rename one (the first is on line {})",
                name.escape_debug(),
                lines[first]
            );
            table.report_problem(&Problem::error("name", message), report);
        }
        lines.push(report.line_of(table.header.start));
        models.push(table.definition);
    }
    models
}

/// The profile of accepted clients may stand in the database.
fn refer_to_profiles(
    tables: &[Table<'_, ListenDefinition>],
    definitions: &Definitions<'_>,
    reports: &mut [Report<'_>],
) {
    for table in tables {
        let Some(name) = table.definition.profile_of_accepted().filter(|name| !name.contains("${")) else { continue };
        if definitions.may_define_profile(name, reports) {
            continue;
        }
        let problem = Problem::error("profile", format!("no profile `{name}`: define it, or name another"));
        if let Some(place) = table.place_of_new(&problem, &reports[0]) {
            reports[0].set_aside(Reference::Profile(name.to_owned()), place, &problem.message);
        }
    }
}
