//! `bootstrapd restore`: puts a copy that `bootstrapctl backup` made in the place of the database.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::check;
use super::rekey::{credentials_directory, in_use, no_key_at, source_of};
use crate::store::{self, OpenError, RestoreError, Restored, Source, UnixMillis};

/// Puts the copy `backup`, `-` for standard input, in the place of the database of the config `file`, with `force` even
/// where that locks devices out.
///
/// # Errors
/// What is to be said on standard error.
pub(super) fn restore(file: &Path, backup: &Path, force: bool) -> Result<(), String> {
    let config = check::load(file).map_err(|diagnostics| diagnostics.to_string())?;
    let source = source_of(&config, credentials_directory().as_deref())?;
    let key = source.load(&config.state_dir).map_err(|error| format!("{error}."))?;
    let key = key.ok_or_else(|| {
        let missing = no_key_at(source.path());
        format!("{missing} The key of the time of the backup is needed.")
    })?;
    let refused = |error| refusal(error, &config.state_dir, source.path());
    let copy = if backup == Path::new("-") { standard_input()? } else { Source::open(backup).map_err(refused)? };
    let name = copy.name.clone();
    let restored = store::restore(&config.state_dir, copy, &key, UnixMillis::from(SystemTime::now()), force);
    say(&name, &restored.map_err(refused)?);
    Ok(())
}

/// A copy that the user of the daemon may not open, but that a shell with more rights has opened for it.
fn standard_input() -> Result<Source, String> {
    let input = io::stdin().as_fd().try_clone_to_owned();
    let file = input.map_err(|error| format!("The standard input cannot be read: {error}."))?;
    Ok(Source { name: PathBuf::from("standard input"), file: File::from(file) })
}

fn say(backup: &Path, restored: &Restored) {
    let Restored { database, kept, devices, seals, locked_out, not_compared } = restored;
    let mut output = anstream::stdout();
    let (from, to) = (backup.display(), database.display());
    let _ = writeln!(output, "{to} is now a copy of {from}: {devices} devices, {seals} seals, all of them opened.");
    if let Some(kept) = kept {
        let _ = writeln!(output, "The database that was there is kept as {}.", kept.display());
    }
    if *locked_out > 0 {
        let _ =
            writeln!(output, "{locked_out} devices have proven credentials that the copy lacks, and are locked out.");
    }
    if let Some(reason) = not_compared {
        let _ = writeln!(
            output,
            "The database that was there could not be read ({reason}): whether devices have credentials that the copy \
             lacks is not known."
        );
    }
}

fn refusal(error: RestoreError, state_dir: &Path, key: &Path) -> String {
    match error {
        RestoreError::Open(OpenError::InUse { .. }) => in_use(state_dir),
        RestoreError::Open(OpenError::WrongKey { path }) => format!(
            "The backup {} is sealed with another key than the one in {}: the key of the time of the backup is needed. \
             Nothing was changed.",
            path.display(),
            key.display()
        ),
        other => format!("{other}."),
    }
}
