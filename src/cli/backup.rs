//! `bootstrapctl backup FILE`: a copy of the live database.
//!
//! The copy comes into a file of another name beside FILE and takes the name when it is whole and on the disk, so that
//! FILE is never half a copy.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::Context;
use super::failure::Failure;
use super::report::{Report, Table};
use crate::admin::client::{BackupSummary, ClientError};
use crate::counted::count;

/// `backup`.
#[derive(Args, Debug)]
pub struct Backup {
    /// Where the copy goes, with mode 0600; `-` is standard output.
    file: PathBuf,
    /// Overwrites FILE if it is there.
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        if self.file == Path::new("-") {
            return to_stdout(context);
        }
        self.refuse_before_asking()?;
        let directory = match self.file.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| Failure::BackupFile { action, path, source }
        };
        // Made with mode 0600, and gone when it is dropped.
        let draft = tempfile::Builder::new().prefix(".bootstrapd-backup-").tempfile_in(directory);
        let mut draft = draft.map_err(failed("make a file in", directory))?;
        let summary = match context.wait(context.client.backup(draft.as_file_mut())) {
            Err(Failure::Daemon(ClientError::Output(source))) => return Err(failed("write", &self.file)(source)),
            summary => summary?,
        };
        draft.as_file().sync_all().map_err(failed("write", &self.file))?;
        let kept = if self.force { draft.persist(&self.file) } else { draft.persist_noclobber(&self.file) };
        kept.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => Failure::BackupExists(self.file.clone()),
            _ => failed("write", &self.file)(error.error),
        })?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed("sync", directory))?;
        Ok(report(&self.file, summary))
    }

    /// What can be known before the daemon makes a copy and notes that it did.
    fn refuse_before_asking(&self) -> Result<(), Failure> {
        match self.file.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(Failure::BackupFile { action: "look at", path: self.file.clone(), source }),
            Ok(found) if !found.is_file() => {
                Err(Failure::Usage(format!("{} is there and is no regular file", self.file.display())))
            }
            Ok(_) if self.force => Ok(()),
            Ok(_) => Err(Failure::BackupExists(self.file.clone())),
        }
    }
}

fn to_stdout(context: &Context) -> Result<Report, Failure> {
    let mut output = io::stdout();
    if output.is_terminal() {
        return Err(Failure::Usage("a copy of the database is nothing for a terminal: name a file".into()));
    }
    let summary = match context.wait(context.client.backup(&mut output)) {
        Err(Failure::Daemon(ClientError::Output(source))) => return Err(Failure::Output(source)),
        summary => summary?,
    };
    output.flush().map_err(Failure::Output)?;
    Ok(Report::text("", Table::default(), &()).remark(sentence(Path::new("standard output"), summary)))
}

fn report(file: &Path, summary: BackupSummary) -> Report {
    let path = file.display().to_string();
    let BackupSummary { bytes, devices } = summary;
    let cells = [path.clone(), bytes.to_string(), devices.map(|devices| devices.to_string()).unwrap_or_default()];
    let table = Table::new(["file", "bytes", "devices"]).row(cells.to_vec());
    Report::text(sentence(file, summary), table, &json!({ "file": path, "bytes": bytes, "devices": devices }))
}

fn sentence(file: &Path, BackupSummary { bytes, devices }: BackupSummary) -> String {
    let devices = devices.map(|devices| format!(" with {} devices", count(devices))).unwrap_or_default();
    format!("wrote {} bytes{devices} to {}; the sealing key is not in it", count(bytes), file.display())
}
