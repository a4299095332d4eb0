//! `Document`: the text of one file, and what is left of it where its syntax is broken.
//!
//! The config is one of several once it names fleet files. Each has its own lines, its own directory for relative paths
//! and its own [`Report`].

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::key_file::is_world_readable;
use super::report::Report;
use super::source::Source;
use super::syntax::{SyntaxError, mend};

/// Largest file that is read, in bytes: some 300,000 devices.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// One file of TOML; wiped when it is dropped, because keys may stand in it.
pub(super) struct Document {
    /// What diagnostics call it.
    pub(super) name: String,
    /// What relative paths in it are relative to.
    pub(super) base_dir: PathBuf,
    /// Seconds since 1970 when it was read; none for a text that came from nowhere.
    pub(super) read_at: Option<u64>,
    /// Whether everyone can read it; false for a text that came from nowhere.
    pub(super) is_world_readable: bool,
    text: Zeroizing<String>,
    mended: Zeroizing<String>,
    errors: Vec<SyntaxError>,
    failure: Option<String>,
}

impl Document {
    /// A text of which it is not known where it came from.
    pub(super) fn new(text: &str, base_dir: &Path, name: &str) -> Document {
        let (mended, errors) = mend(text);
        Document {
            name: name.to_owned(),
            base_dir: base_dir.to_owned(),
            read_at: None,
            is_world_readable: false,
            text: Zeroizing::new(text.to_owned()),
            mended,
            errors,
            failure: None,
        }
    }

    /// The file at `path`; one that cannot be read is an empty document, and its report says why.
    pub(super) fn read(path: &Path) -> Document {
        let (base_dir, name) = (path.parent().unwrap_or(Path::new("")), path.display().to_string());
        match read_text(path) {
            Ok(text) => {
                // A clock before 1970 says nothing about certificates.
                let read_at = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).ok();
                let is_world_readable = is_world_readable(path);
                Document { read_at, is_world_readable, ..Document::new(&text, base_dir, &name) }
            }
            Err(error) => {
                let failure = Some(format!("cannot read the file: {error}"));
                Document { failure, ..Document::new("", base_dir, &name) }
            }
        }
    }

    /// Why the file could not be read, where it could not.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The tables that can be parsed, and a report that knows what cannot.
    pub(super) fn parse(&self) -> (DeTable<'_>, Report<'_>) {
        let (document, _) = DeTable::parse_recoverable(&self.mended);
        let mut report = Report::new(Source::new(&self.text), &self.name);
        report.add_syntax_errors(&self.errors);
        if let Some(failure) = &self.failure {
            report.error_of_file(failure);
        }
        let root = document.into_inner();
        report.set_headers(headers_of(&root));
        (root, report)
    }
}

/// The whole file.
fn read_text(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let metadata = std::fs::metadata(path)?;
    let length = metadata.len();
    if metadata.is_dir() {
        return Err(std::io::Error::other("it is a directory"));
    }
    if length > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("it has {length} bytes, and at most {MAX_FILE_BYTES} are read")));
    }
    std::fs::read_to_string(path).map(Zeroizing::new)
}

/// Where the tables of the root begin.
fn headers_of(root: &DeTable<'_>) -> Vec<usize> {
    let mut headers = Vec::new();
    for value in root.values() {
        match value.get_ref() {
            DeValue::Table(_) => headers.push(value.span().start),
            DeValue::Array(elements) => {
                headers.extend(elements.iter().filter(|one| one.get_ref().is_table()).map(|one| one.span().start));
            }
            _ => {}
        }
    }
    headers
}
