//! `bootstrapd rekey`: seals the database of a daemon that does not run with another key.
//!
//! Both keys are named by their files and only read, as a directory of systemd credentials demands. The one file that is
//! ever written is the daemon's own key in its state directory.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::check;
use crate::config::Config;
use crate::store::{self, KeySource, OpenError, RekeyError, Rekeyed, SealingKey};

/// Seals the database of the config `file` with the key in `new_key`. `old_key` is the key in force where it is not
/// named.
///
/// # Errors
/// What is to be said on standard error.
pub(super) fn rekey(file: &Path, old_key: Option<&Path>, new_key: &Path) -> Result<(), String> {
    let config = check::load(file).map_err(|diagnostics| diagnostics.to_string())?;
    let credentials = credentials_directory();
    let source = source_of(&config, credentials.as_deref())?;
    let in_force = in_force(&source, &config.state_dir, old_key)?;
    let read = |path| SealingKey::read(path, credentials.as_deref()).map_err(|error| format!("{error}."));
    let old_path = old_key.unwrap_or(source.path());
    let old = match old_key {
        Some(path) => read(path)?,
        None => in_force.clone().ok_or_else(|| no_key_at(source.path()))?,
    };
    let new = read(new_key)?;
    // The daemon's own key file is exchanged where it is the old key; otherwise it is not what the daemon goes by.
    let own = matches!(source, KeySource::Own(_)) && in_force.as_ref() == Some(&old);
    let done = store::rekey(&config.state_dir, &old, &new, own.then_some(source.path()));
    let done = done.map_err(|error| refusal(error, &config.state_dir, old_path, new_key))?;
    let place = if in_force.as_ref() == Some(&old) { source.path() } else { old_path };
    let is_in_place = (own && done != Rekeyed::Before) || in_force.as_ref() == Some(&new);
    let remedy = match is_in_place {
        true => format!("{} holds that key", source.path().display()),
        false => format!("put that key in place of {} before the next start", place.display()),
    };
    let key = new_key.display();
    let _ = match done {
        Rekeyed::Now(seals) => writeln!(
            anstream::stdout(),
            "The database is now sealed with the key in {key}, {seals} seals in all; {remedy}."
        ),
        Rekeyed::Before => {
            writeln!(anstream::stdout(), "The database was rekeyed already, with the key in {key}; {remedy}.")
        }
    };
    say_kept(&config.state_dir);
    Ok(())
}

/// Names the databases that are not rekeyed: the old key must be kept for them, or they must go.
fn say_kept(state_dir: &Path) {
    let mut output = anstream::stdout();
    let _ = match store::kept_databases(state_dir) {
        Ok(kept) if kept.is_empty() => Ok(()),
        Ok(kept) => {
            let names: Vec<String> = kept.iter().map(|path| path.display().to_string()).collect();
            let names = names.join(", ");
            writeln!(
                output,
                "What a restore replaced still opens with the key of its time: {names}. Remove what is not needed."
            )
        }
        Err(error) => {
            writeln!(output, "Whether replaced databases lie in {} is not known: {error}.", state_dir.display())
        }
    };
}

/// Where systemd keeps the credentials of this process.
pub(super) fn credentials_directory() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// Where the daemon of this config takes its key from, as far as this process can tell.
pub(super) fn source_of(config: &Config, credentials: Option<&Path>) -> Result<KeySource, String> {
    KeySource::of(&config.state_dir, config.sealing_key_file.as_deref(), credentials)
        .map_err(|error| format!("{error}."))
}

/// The key that the daemon would start with. Where the old key is named, it matters only if it can be read.
fn in_force(source: &KeySource, state_dir: &Path, old_key: Option<&Path>) -> Result<Option<SealingKey>, String> {
    match source.load(state_dir) {
        Err(error) if old_key.is_none() => Err(format!("{error}.")),
        key => Ok(key.ok().flatten()),
    }
}

/// There is no key where the daemon looks for one.
pub(super) fn no_key_at(path: &Path) -> String {
    format!(
        "There is no sealing key at {}: where the daemon takes it from a systemd credential, run this with that \
         credential, or name the key's file.",
        path.display()
    )
}

fn refusal(error: RekeyError, state_dir: &Path, old: &Path, new: &Path) -> String {
    match error {
        RekeyError::Open(OpenError::InUse { .. }) => in_use(state_dir),
        RekeyError::Open(OpenError::WrongKey { path }) => format!(
            "The database {} is sealed with another key: neither the old key in {} nor the new one in {} opens it. \
             Nothing was changed.",
            path.display(),
            old.display(),
            new.display()
        ),
        other => format!("{other}."),
    }
}

/// The daemon runs.
pub(super) fn in_use(state_dir: &Path) -> String {
    format!("A bootstrapd is running on {}: stop it first. Nothing was changed.", state_dir.display())
}
