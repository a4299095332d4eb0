//! Holds the house together: who may import whom, what sans-IO parts may not touch, and how files open.
//!
//! The table stands here and nowhere else in code; `src/lib.rs` describes the rooms in words.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that all may import and that import nothing of ours.
const LEAVES: [&str; 4] = ["secret", "peer", "route", "counted"];

/// Room, and what it may import besides the leaves and itself. A longer name overrules a shorter one.
const TABLE: [(&str, &[&str]); 21] = [
    ("coap", &[]),
    ("lwm2m", &[]),
    ("dtls", &[]),
    ("net", &[]),
    ("provision", &["lwm2m"]),
    ("bootstrap", &["coap", "lwm2m", "provision"]),
    ("bootstrap::outcome", &[]),
    ("store", &["provision", "bootstrap::outcome"]),
    ("admin", &["admin"]),
    ("admin::api", &["provision", "bootstrap::outcome", "bootstrap::explanation"]),
    ("admin::client", &["admin::api", "provision", "bootstrap::outcome"]),
    ("admin::server", &["admin::api", "bootstrap", "provision", "store", "driver"]),
    ("driver", &["bootstrap", "coap", "dtls", "net", "provision", "store"]),
    ("config", &["provision"]),
    ("daemon", &["config", "driver", "admin::server", "admin::api", "store", "net", "coap", "demo"]),
    ("simulator", &["coap", "lwm2m"]),
    ("simulator::shell", &["coap", "lwm2m"]),
    ("simulator::load", &["coap", "lwm2m", "simulator::shell"]),
    (
        "cli",
        &[
            "admin::client",
            "admin::api",
            "provision",
            "bootstrap::outcome",
            "bootstrap::explanation",
            "simulator",
            "config",
            "lwm2m",
        ],
    ),
    ("demo", &["daemon", "config", "provision", "simulator"]),
    ("bin", &["daemon", "cli"]),
];

/// Rooms without clock, sockets, database or global randomness, and their exemptions.
const SANS_IO: [&str; 6] = ["coap", "lwm2m", "provision", "bootstrap", "dtls", "simulator"];
const EXEMPT: [&str; 3] = ["dtls::openssl", "simulator::shell", "simulator::load"];
const FORBIDDEN_IN_SANS_IO: [&str; 14] = [
    "tokio",
    "rusqlite",
    "socket2",
    "quinn_udp",
    "axum",
    "hyper",
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "std::fs",
    "Instant::now",
    "SystemTime::now",
    "rand::rng()",
    "SysRng",
    "thread::sleep",
];

/// A source file of the library, without its tests.
struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let mut violations = Vec::new();
    for source in sources() {
        let Some((room, allowed)) = rule_of(&source.module) else {
            if source.module != "lib" && !LEAVES.contains(&source.module.as_str()) {
                violations.push(format!("{}: no room in the table", source.path.display()));
            }
            continue;
        };
        for import in imports(&source.text) {
            let inside = is_within(&import, room) || is_within(&import, room.split("::").next().unwrap_or(room));
            let own_room = inside && !TABLE.iter().any(|(name, _)| is_within(&import, name) && name.contains("::"));
            let allowed = own_room
                || is_within(&import, room)
                || LEAVES.iter().any(|leaf| is_within(&import, leaf))
                || allowed.iter().any(|other| is_within(&import, other));
            if !allowed {
                violations.push(format!("{}: `{room}` must not import `{import}`", source.path.display()));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn leaves_import_nothing_of_ours() {
    for source in sources().iter().filter(|source| LEAVES.contains(&source.module.as_str())) {
        assert_eq!(imports(&source.text), BTreeSet::new(), "{}", source.path.display());
    }
}

#[test]
fn sans_io_parts_touch_no_clock_socket_database_or_global_randomness() {
    let mut violations = Vec::new();
    for source in sources() {
        let sans_io = SANS_IO.iter().any(|room| is_within(&source.module, room));
        if !sans_io || EXEMPT.iter().any(|room| is_within(&source.module, room)) {
            continue;
        }
        for forbidden in FORBIDDEN_IN_SANS_IO {
            for (number, line) in source.text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if code.contains(forbidden) {
                    violations.push(format!("{}:{}: {forbidden}", source.path.display(), number + 1));
                }
            }
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn sql_stands_only_in_the_store() {
    for source in sources().iter().filter(|source| !is_within(&source.module, "store")) {
        assert!(!source.text.contains("rusqlite"), "{}", source.path.display());
    }
}

#[test]
fn unsafe_stands_only_where_openssl_is_bound() {
    for source in sources().iter().filter(|source| source.module != "dtls::openssl") {
        let code = source.text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let blocks = code.filter(|line| line.contains("unsafe ") || line.contains("allow(unsafe_code)")).count();
        assert_eq!(blocks, 0, "{}", source.path.display());
    }
}

#[test]
fn every_module_says_first_what_it_is_for() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "{} does not open with `//!`", source.path.display());
    }
}

#[test]
fn no_source_file_is_longer_than_600_lines_and_no_binary_than_50() {
    for path in files_below(&root().join("src")) {
        let lines = fs::read_to_string(&path).expect("a source file can be read").lines().count();
        let limit = if path.starts_with(root().join("src/bin")) { 50 } else { 600 };
        assert!(lines <= limit, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_scan_sees_what_it_is_meant_to_see() {
    let text = "use crate::store::Store;\nuse crate::{coap, lwm2m::{self, Path}};\nlet x = crate::net::bind();\n";
    let expected = ["coap", "lwm2m", "lwm2m::Path", "net::bind", "store::Store"].map(str::to_owned);
    assert_eq!(imports(text), BTreeSet::from(expected));
    assert!(sources().len() > 40, "the scan found too few files");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The most specific rule for a module.
fn rule_of(module: &str) -> Option<(&'static str, &'static [&'static str])> {
    TABLE.iter().copied().filter(|(room, _)| is_within(module, room)).max_by_key(|(room, _)| room.len())
}

fn is_within(module: &str, room: &str) -> bool {
    module == room || module.strip_prefix(room).is_some_and(|rest| rest.starts_with("::"))
}

fn sources() -> Vec<Source> {
    let base = root().join("src");
    let is_test = |path: &Path| {
        path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem == "tests" || stem.ends_with("_tests"))
            || path.components().any(|component| component.as_os_str() == "tests")
    };
    let files = files_below(&base).into_iter().filter(|path| !is_test(path.strip_prefix(&base).unwrap_or(path)));
    files
        .map(|path| {
            let relative = path.strip_prefix(&base).expect("it was found below").with_extension("");
            let names: Vec<&str> =
                relative.iter().filter_map(|name| name.to_str()).filter(|name| *name != "mod").collect();
            let text = fs::read_to_string(&path).expect("a source file can be read");
            let module = names.join("::");
            Source { path, module, text: without_tests(&text) }
        })
        .collect()
}

/// Unit tests stand last in a file; they may use a clock to have something to count from.
fn without_tests(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..end].to_owned()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Every path that begins with `crate::` (or `bootstrapd::`, in the binaries), groups in braces taken apart.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for prefix in ["crate::", "use bootstrapd::"] {
        for (start, _) in code.match_indices(prefix) {
            expand("", &code[start + prefix.len()..], &mut found);
        }
    }
    found.remove("");
    found
}

/// Reads one path, or a group of them, from the front of `rest`; returns how many bytes it took.
fn expand(base: &str, rest: &str, found: &mut BTreeSet<String>) -> usize {
    let name_length = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
    let path = rest[..name_length].trim_end_matches("::");
    if !rest[name_length..].starts_with('{') {
        let full = match path {
            "self" | "" => base.to_owned(),
            _ if base.is_empty() => path.to_owned(),
            _ => format!("{base}::{path}"),
        };
        found.insert(full);
        return name_length;
    }
    let base = if base.is_empty() { path.to_owned() } else { format!("{base}::{path}") };
    let mut position = name_length + 1;
    while position < rest.len() {
        let next = &rest[position..];
        let skipped = next.len() - next.trim_start_matches([' ', '\n', ',']).len();
        position += skipped;
        if rest[position..].starts_with('}') || position >= rest.len() {
            return position + 1;
        }
        let taken = expand(&base, &rest[position..], found);
        position += taken.max(1);
    }
    position
}
