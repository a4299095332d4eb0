//! A fleet as files: `fleet = ["fleet.d/*.toml"]` of the config, and a directory that is applied to the database.
//!
//! A fleet file holds `[[server]]`, `[[profile]]` and `[[device]]` and nothing else. Paths in it are relative to itself.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern, glob_with};
use toml::de::DeTable;

use super::definitions::Definitions;
use super::diagnostic::Diagnostics;
use super::document::Document;
use super::report::{self, Report};
use super::table::Table;
use crate::provision::{DeviceDefinition, Problem, ProfileDefinition, ServerDefinition};

/// What a directory of fleet files defines.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetDefinitions {
    /// Server accounts, checked.
    pub servers: Vec<ServerDefinition>,
    /// Profiles, checked; what they name may stand elsewhere.
    pub profiles: Vec<ProfileDefinition>,
    /// Devices, checked; what they name may stand elsewhere.
    pub devices: Vec<DeviceDefinition>,
    /// Endpoints of the devices whose state the files say.
    pub stated: BTreeSet<String>,
    /// File and line where each begins, by kind and name as problems of applying it have them: server `eu`.
    pub places: HashMap<String, String>,
    /// What works and should be known.
    pub warnings: Diagnostics,
}

/// A hidden file is none of the fleet's, and `*` stays within its directory.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Reads every `*.toml` of a directory, sorted by name, as one fleet. References may lead to what is not among them, and
/// secrets may be left out, as in an export without them: whoever applies the fleet has to look for both.
///
/// # Errors
/// Every mistake in the files; or that the directory cannot be read or holds no such file.
pub fn read_fleet(directory: &Path) -> Result<FleetDefinitions, Diagnostics> {
    let name = directory.display().to_string();
    let paths = match std::fs::read_dir(directory) {
        Ok(_) => matches(&directory.join("*.toml"), Some(directory)),
        Err(error) => Err(format!("cannot read the directory: {error}")),
    };
    let paths = paths.map_err(|problem| Diagnostics::of_file(&name, problem))?;
    if paths.is_empty() {
        return Err(Diagnostics::of_file(&name, "there is no `*.toml` file in the directory".to_owned()));
    }
    let documents: Vec<_> = paths.iter().map(|path| Document::read(path)).collect();
    let (mut definitions, mut reports) = (Definitions::without_secrets(), Vec::new());
    for (file, document) in documents.iter().enumerate() {
        reports.push(read_file(file, document, &mut definitions));
    }
    let places = definitions.places(&reports);
    let stated = definitions.devices_that_say("state");
    let (servers, profiles, devices) = definitions.check_between(&mut reports);
    let refused = reports.iter().any(Report::has_errors);
    let (warnings, _) = report::into_parts(&name, reports);
    if refused { Err(warnings) } else { Ok(FleetDefinitions { servers, profiles, devices, stated, places, warnings }) }
}

/// Reads one fleet file, the one of number `file`, and reports what is wrong with it.
pub(super) fn read_file<'t>(file: usize, document: &'t Document, definitions: &mut Definitions<'t>) -> Report<'t> {
    let (mut root, mut report) = document.parse();
    definitions.read(file, document, &mut root, &mut report);
    refuse_others(&root, &mut report);
    report
}

/// What is no definition belongs into the config.
fn refuse_others(root: &DeTable<'_>, report: &mut Report<'_>) {
    for key in root.keys() {
        let name = key.get_ref().escape_debug();
        let message = format!("a fleet file holds `[[server]]`, `[[profile]]` and `[[device]]` only: remove `{name}`");
        report.error_at_key(key.span(), message);
    }
}

/// The files that the patterns of the config match, read, each once, sorted by name within a pattern.
pub(super) fn find<T>(
    table: &Table<'_, T>,
    patterns: &[String],
    config: &Document,
    report: &mut Report<'_>,
) -> Vec<Document> {
    let mut known = BTreeSet::from([PathBuf::from(&config.name)]);
    let mut documents = Vec::new();
    for (element, pattern) in patterns.iter().enumerate() {
        let problem = match paths_of(pattern, &config.base_dir) {
            Err(problem) => Problem::error("fleet", problem),
            Ok(paths) if paths.is_empty() => Problem::warning("fleet", "no file matches this pattern"),
            Ok(paths) if paths.iter().any(|path| path.as_path() == Path::new(&config.name)) => Problem::error(
                "fleet",
                "this pattern matches the config itself: keep fleet files in a directory of their own",
            ),
            Ok(paths) => {
                let new = paths.into_iter().filter(|path| known.insert(path.clone()));
                documents.extend(new.map(|path| Document::read(&path)));
                continue;
            }
        };
        table.report_problem(&problem.of_element(element), report);
    }
    documents
}

fn paths_of(pattern: &str, base_dir: &Path) -> Result<Vec<PathBuf>, String> {
    if pattern.is_empty() {
        return Err("the pattern is empty: write such as `\"fleet.d/*.toml\"`".to_owned());
    }
    if pattern.contains("${") {
        return Err("`${` starts an expression, and the path of a file holds none: write it out".to_owned());
    }
    matches(&base_dir.join(pattern), (!Path::new(pattern).is_absolute()).then_some(base_dir))
}

/// The paths that match, sorted. What of the pattern is `literal` stands for itself, whatever characters it has.
fn matches(pattern: &Path, literal: Option<&Path>) -> Result<Vec<PathBuf>, String> {
    let text = |path: &Path| path.to_str().map(str::to_owned).ok_or("the path is not UTF-8".to_owned());
    let pattern = match literal {
        None => text(pattern)?,
        Some(literal) => {
            let rest = pattern.strip_prefix(literal).unwrap_or(pattern);
            let escaped = Pattern::escape(&text(literal)?);
            text(&Path::new(&escaped).join(rest))?
        }
    };
    let found = glob_with(&pattern, MATCHING).map_err(|error| format!("this is no pattern of files: {error}"))?;
    let mut paths = found.collect::<Result<Vec<_>, _>>().map_err(|error| format!("cannot look for files: {error}"))?;
    paths.sort_unstable();
    Ok(paths)
}
