//! `bootstrapd restore`: puts a copy that `bootstrapctl backup` made in the place of the database.

use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use super::check;
use super::rekey::{credentials_directory, in_use, no_key_at, source_of};
use crate::store::{self, OpenError, RestoreError, Restored, UnixMillis};

/// Puts the copy `backup` in the place of the database of the config `file`.
///
/// # Errors
/// What is to be said on standard error.
pub(super) fn restore(file: &Path, backup: &Path) -> Result<(), String> {
    let config = check::load(file).map_err(|diagnostics| diagnostics.to_string())?;
    let source = source_of(&config, credentials_directory().as_deref())?;
    let key = source.load(&config.state_dir).map_err(|error| format!("{error}."))?;
    let key = key.ok_or_else(|| {
        let missing = no_key_at(source.path());
        format!("{missing} The key of the time of the backup is needed.")
    })?;
    let restored = store::restore(&config.state_dir, backup, &key, UnixMillis::from(SystemTime::now()));
    let Restored { database, kept, devices, seals } =
        restored.map_err(|error| refusal(error, &config.state_dir, source.path()))?;
    let mut output = anstream::stdout();
    let (from, to) = (backup.display(), database.display());
    let _ = writeln!(output, "{to} is now a copy of {from}: {devices} devices, {seals} seals, all of them opened.");
    if let Some(kept) = kept {
        let _ = writeln!(output, "The database that was there is kept as {}.", kept.display());
    }
    Ok(())
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
