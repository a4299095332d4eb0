//! `bootstrapctl device import` and `export`: devices as CSV.

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::Context;
use super::device::DeviceFilter;
use super::failure::Failure;
use super::report::{Report, Table};
use crate::admin::client::ClientError;

/// What is done with many devices.
#[derive(Debug, Subcommand)]
pub enum TableVerb {
    /// Adds the devices of a CSV file, all or none; every row that cannot be added is named.
    ///
    /// The first line names the columns: endpoint, psk_identity, psk (hex:..., base64:... or text:...), certificate
    /// (sha256:..., PEM, base64:... or hex:...), certificate_name, public_key (PEM, base64:... or hex:...), profile, state
    /// (enabled, blocked), tags (separated by ; or blanks) and property.NAME. Only endpoint must be there.
    Import(Import),
    /// Writes devices as CSV to standard output; what `import` reads.
    ///
    /// Names that begin with `=` are written as they are, and a spreadsheet may take them for formulas.
    Export(Export),
}

impl TableVerb {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        match self {
            TableVerb::Import(import) => import.run(context),
            TableVerb::Export(export) => export.run(context),
        }
    }
}

/// `device import`.
#[derive(Args, Debug)]
pub struct Import {
    /// The CSV file; `-` reads standard input.
    file: PathBuf,
    /// Says what would be done, and what is wrong, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Lets rows change devices that are there already; columns that are missing, and empty keys and
    /// states, leave them as they are.
    #[arg(long)]
    update: bool,
}

/// `device export`.
#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    filter: DeviceFilter,
    /// With the keys, which is noted in the audit trail.
    #[arg(long)]
    reveal: bool,
}

impl Import {
    fn run(self, context: &Context) -> Result<Report, Failure> {
        let table = read(&self.file).map_err(|source| Failure::File { path: self.file.clone(), source })?;
        let bar = progress_bar();
        let written = |written, of| {
            bar.set_length(of);
            bar.set_position(written);
        };
        let summary = context.wait(context.client.import_devices(table, self.dry_run, self.update, written));
        bar.finish_and_clear();
        let summary = summary?;
        let would = if summary.dry_run { "would be " } else { "" };
        let text = format!(
            "{would}imported: {} added, {} changed, {} unchanged",
            summary.added, summary.changed, summary.unchanged
        );
        let cells = [summary.added, summary.changed, summary.unchanged].map(|count| count.to_string());
        let table = Table::new(["added", "changed", "unchanged"]).row(cells.to_vec());
        Ok(Report::text(text, table, &summary))
    }
}

/// On a terminal alone; it goes to stderr.
fn progress_bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} rows, {eta} to go");
    let bar = ProgressBar::new(0);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return fs::read(file);
    }
    let mut table = Vec::new();
    io::stdin().lock().read_to_end(&mut table)?;
    Ok(table)
}

impl Export {
    fn run(self, context: &Context) -> Result<Report, Failure> {
        let mut output = io::BufWriter::new(io::stdout().lock());
        let exported = context.wait(context.client.export_devices(&self.filter.query(), self.reveal, &mut output));
        match exported.and_then(|()| Ok(output.flush().map_err(ClientError::Output)?)) {
            // Whoever read it had enough.
            Err(Failure::Daemon(ClientError::Output(error))) if error.kind() == io::ErrorKind::BrokenPipe => {}
            other => other?,
        }
        Ok(Report::text("", Table::default(), &()))
    }
}
