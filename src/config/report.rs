//! `Report`: collects diagnostics while the file is read, and knows where its syntax is broken.
//!
//! Where the syntax of a table is broken, what is missing there may stand in the broken line; a diagnostic about that
//! would mislead.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics, one_line};
use super::source::Source;
use super::syntax::SyntaxError;
use super::unresolved::{Reference, Unresolved};
use crate::provision::Severity;

/// The diagnostics so far.
pub(super) struct Report<'t> {
    source: Source<'t>,
    file: Arc<str>,
    list: Vec<Diagnostic>,
    unresolved: Vec<Unresolved>,
    broken_lines: BTreeSet<usize>,
    broken_offsets: Vec<usize>,
    headers: Vec<usize>,
}

impl<'t> Report<'t> {
    pub(super) fn new(source: Source<'t>, file: &str) -> Report<'t> {
        Report {
            source,
            file: file.into(),
            list: Vec::new(),
            unresolved: Vec::new(),
            broken_lines: BTreeSet::new(),
            broken_offsets: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Adds what the parser says.
    pub(super) fn add_syntax_errors(&mut self, errors: &[SyntaxError]) {
        for SyntaxError { span, message } in errors {
            self.broken_offsets.push(span.start);
            // One slip makes the parser stumble several times; the first time tells.
            if self.broken_lines.insert(self.source.line_of(span.start)) {
                self.error(span.clone(), message.clone());
            }
        }
        self.broken_offsets.sort_unstable();
    }

    /// Says where tables begin, so that a broken line can be laid to its table.
    pub(super) fn set_headers(&mut self, mut headers: Vec<usize>) {
        headers.sort_unstable();
        self.headers = headers;
    }

    /// Adds an error at `span`.
    pub(super) fn error(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.add(Severity::Error, span, false, message.into());
    }

    /// Adds a warning at `span`.
    pub(super) fn warning(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.add(Severity::Warning, span, false, message.into());
    }

    /// Adds an error at a key that the parser has read as one.
    pub(super) fn error_at_key(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.add(Severity::Error, span, true, message.into());
    }

    /// Adds an error that concerns the file as a whole.
    pub(super) fn error_of_file(&mut self, message: &str) {
        self.add_of_file(Severity::Error, message);
    }

    /// Adds a warning that concerns the file as a whole.
    pub(super) fn warning_of_file(&mut self, message: &str) {
        self.add_of_file(Severity::Warning, message);
    }

    fn add_of_file(&mut self, severity: Severity, message: &str) {
        let (file, message) = (self.file.clone(), one_line(message));
        self.list.push(Diagnostic { severity, file, place: None, message });
    }

    /// Adds a diagnostic of any severity at `span`.
    pub(super) fn add(&mut self, severity: Severity, span: Range<usize>, is_key: bool, message: String) {
        let diagnostic = self.diagnostic(severity, span, is_key, &message);
        self.list.push(diagnostic);
    }

    /// Keeps aside an error that is none if the database has what is referred to.
    pub(super) fn set_aside(&mut self, reference: Reference, span: Range<usize>, message: &str) {
        let diagnostic = self.diagnostic(Severity::Error, span, false, message);
        self.unresolved.push(Unresolved { reference, diagnostic });
    }

    fn diagnostic(&self, severity: Severity, span: Range<usize>, is_key: bool, message: &str) -> Diagnostic {
        let place = Some(self.source.place(span, is_key));
        Diagnostic { severity, file: self.file.clone(), place, message: one_line(message) }
    }

    /// The line, counted from 1, in which a byte lies.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.source.line_of(offset)
    }

    /// Whether the syntax is broken between the header at `header` and the next one.
    pub(super) fn is_torn(&self, header: usize) -> bool {
        self.broken_offsets_after(header).next().is_some()
    }

    /// The first words of the broken lines between the header at `header` and the next one: keys, most probably.
    pub(super) fn broken_keys(&self, header: usize) -> BTreeSet<String> {
        self.broken_offsets_after(header).map(|offset| self.source.first_word_of_line(offset).to_owned()).collect()
    }

    fn broken_offsets_after(&self, header: usize) -> impl Iterator<Item = usize> {
        let after = self.headers.partition_point(|other| *other <= header);
        let end = self.headers.get(after).copied().unwrap_or(usize::MAX);
        let from = self.broken_offsets.partition_point(|offset| *offset < header);
        self.broken_offsets[from..].iter().copied().take_while(move |offset| *offset < end)
    }

    /// Whether the syntax is broken anywhere.
    pub(super) fn is_broken(&self) -> bool {
        !self.broken_offsets.is_empty()
    }

    /// Whether the file is refused.
    pub(super) fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// What diagnostics call the file.
    pub(super) fn file_name(&self) -> &str {
        &self.file
    }
}

/// All diagnostics of several files in the order of the lines, those of the file `first` first, and what was kept aside.
pub(super) fn into_parts(first: &str, reports: Vec<Report<'_>>) -> (Diagnostics, Vec<Unresolved>) {
    let (mut list, mut unresolved) = (Vec::new(), Vec::new());
    for report in reports {
        list.extend(report.list);
        unresolved.extend(report.unresolved);
    }
    (Diagnostics::sorted(first.into(), list), unresolved)
}
