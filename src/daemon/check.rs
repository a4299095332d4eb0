//! `bootstrapd check`, and what a start and a reload say of a broken file: the file beside the database.
//!
//! Either may refer to what the other defines. So a reference is a mistake only where neither has what it names.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use super::reload::take_definitions;
use crate::config::{AcceptedProofs, Config, Diagnostic, Diagnostics, Refusal, Unresolved};
use crate::counted::counted;
use crate::store::{self, DatabaseNames, FileConflict};

/// Devices of the database of which each gets a warning of its own; of more there is one that counts them.
const MOST_NAMED: usize = 10;

/// Reads the file. A reference to what it does not define refuses nothing here.
///
/// # Errors
/// Every mistake in it, references that lead nowhere in the database either among them.
pub(super) fn load(file: &Path) -> Result<Config, Diagnostics> {
    Config::load(file).map_err(|refusal| {
        let Refusal { mut diagnostics, unresolved, state_dir } = refusal;
        // Where the database cannot be looked at, that is said as soon as the file is sound.
        let names = state_dir.and_then(|state_dir| store::names_in_database(&state_dir).ok()).unwrap_or_default();
        diagnostics.extend(missing(unresolved, &names));
        diagnostics
    })
}

/// Reads the file and names every mistake in it and every conflict with the database; starts and changes nothing.
///
/// # Errors
/// What is to be said on standard error.
pub(super) fn check(file: &Path) -> Result<(), String> {
    let mut config = load(file).map_err(|diagnostics| diagnostics.to_string())?;
    let summary = format!(
        "{}: no mistakes; {}, {}, {}, {}.",
        file.display(),
        counted(config.listeners.len() as u64, "listener"),
        counted(config.servers.len() as u64, "server account"),
        counted(config.profiles.len() as u64, "profile"),
        counted(config.devices.len() as u64, "device")
    );
    let diagnostics = look_at_database(&mut config)
        .map_err(|error| format!("{}: error: The database cannot be looked at: {error}.", file.display()))?;
    if diagnostics.error_count() > 0 {
        return Err(diagnostics.to_string());
    }
    let mut output = anstream::stdout();
    for warning in &diagnostics {
        let _ = writeln!(output, "{warning}");
    }
    let _ = writeln!(output, "{summary}");
    Ok(())
}

/// The warnings of the file, its references that lead nowhere, and what the database defines as well.
fn look_at_database(config: &mut Config) -> Result<Diagnostics, store::OpenError> {
    let mut names = store::names_in_database(&config.state_dir)?;
    // A profile that the file hides is no default.
    names.default_profile.take_if(|name| config.profiles.iter().any(|profile| profile.name == *name));
    let mut diagnostics = config.warnings.clone();
    diagnostics.extend(missing(std::mem::take(&mut config.unresolved), &names));
    let definitions = take_definitions(config);
    // Devices that nobody is served by while the file is in force.
    let mut hidden = HashSet::new();
    for conflict in store::file_conflicts(&config.state_dir, &definitions)? {
        hidden.extend(conflict.hidden_device().map(str::to_owned));
        let (winner, remedy) = match conflict {
            FileConflict::Name { .. } => ("the file wins", "remove it from the file or from the database"),
            FileConflict::Identity { .. } => ("the file wins", "change it in one of the two, or remove one device"),
            FileConflict::IssuedIdentity { .. } => {
                ("that device keeps it", "give the one of the file another identity")
            }
            FileConflict::Default { .. } => ("the file wins", "let only one of the two be the default"),
        };
        let message = format!("{conflict}: at start {winner}, and a reload is refused; {remedy}");
        diagnostics.push_error(message);
    }
    let accepted = AcceptedProofs::of(&config.listeners);
    let mut useless = 0;
    store::proofs_in_database(&config.state_dir, |device| {
        if hidden.contains(&device.endpoint) {
            return;
        }
        for problem in accepted.useless(&device) {
            if useless < MOST_NAMED {
                diagnostics.push_warning(format!("in the database: {}", problem.message));
            }
            useless += 1;
        }
    })?;
    if useless > MOST_NAMED {
        diagnostics.push_warning(format!("in the database: the same is true of {} more", useless - MOST_NAMED));
    }
    Ok(diagnostics)
}

/// What is to be said of the references that lead nowhere in the database either.
fn missing(unresolved: Vec<Unresolved>, names: &DatabaseNames) -> impl Iterator<Item = Diagnostic> {
    let DatabaseNames { servers, profiles, default_profile } = names;
    unresolved.into_iter().filter_map(|one| one.unless_among(servers, profiles, default_profile.is_some()))
}
