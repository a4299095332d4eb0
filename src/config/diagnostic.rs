//! `Diagnostic`: one mistake, where it is, and the line with a caret under the spot.
//!
//! What stands in a quoted line was masked by `source` before it came here.

use std::fmt;
use std::sync::Arc;

use crate::counted::counted;
use crate::provision::Severity;

/// One mistake or warning. Its `Display` form is a headline, and the quoted line where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the file is refused for it.
    pub severity: Severity,
    /// Name of the file.
    pub file: Arc<str>,
    /// Where in the file; none where the whole file is meant.
    pub place: Option<Place>,
    /// What is wrong and the remedy, as a sentence without a full stop. Never holds a secret.
    pub message: String,
}

/// A spot in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// The line, or the part of a long one around the spot; secrets in it are masked.
    pub quote: String,
    /// Where in the quote the caret stands, in characters from 0.
    pub caret: usize,
    /// Number of carets, at least 1.
    pub width: usize,
}

/// All diagnostics of a file and of those that it names, in the order of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    file: Arc<str>,
    list: Vec<Diagnostic>,
}

impl Diagnostic {
    /// `file:line:column: error: message`, the form that editors and logs want.
    pub fn headline(&self) -> String {
        format!("{}: {}: {}", self.spot(), self.severity, self.message)
    }

    /// `file:line:column: message`, for a list that says itself how severe it is.
    pub fn remark(&self) -> String {
        format!("{}: {}", self.spot(), self.message)
    }

    /// Line and column; none, which comes first, where the whole file is meant.
    fn spot_in_file(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }

    fn spot(&self) -> String {
        let place = self.place.as_ref().map(|place| format!(":{}:{}", place.line, place.column)).unwrap_or_default();
        format!("{}{place}", self.file)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.headline())?;
        let Some(place) = &self.place else { return Ok(()) };
        let gutter = place.line.to_string();
        let empty = " ".repeat(gutter.len());
        writeln!(formatter, "{gutter} | {}", place.quote)?;
        writeln!(formatter, "{empty} | {}{}", " ".repeat(place.caret), "^".repeat(place.width))
    }
}

impl Diagnostics {
    /// An error that concerns the file as a whole.
    pub(super) fn of_file(file: &str, message: String) -> Diagnostics {
        let file: Arc<str> = file.into();
        let diagnostic = Diagnostic { severity: Severity::Error, file: file.clone(), place: None, message };
        Diagnostics { file, list: vec![diagnostic] }
    }

    /// Puts a list in order.
    pub(super) fn sorted(file: Arc<str>, list: Vec<Diagnostic>) -> Diagnostics {
        let mut diagnostics = Diagnostics { file, list: Vec::new() };
        diagnostics.extend(list);
        diagnostics
    }

    /// Adds an error that concerns the file as a whole.
    pub fn push_error(&mut self, message: impl Into<String>) {
        self.push_of_file(Severity::Error, message.into());
    }

    /// Adds a warning that concerns the file as a whole.
    pub fn push_warning(&mut self, message: impl Into<String>) {
        self.push_of_file(Severity::Warning, message.into());
    }

    fn push_of_file(&mut self, severity: Severity, message: String) {
        let message = one_line(&message);
        self.extend([Diagnostic { severity, file: self.file.clone(), place: None, message }]);
    }

    /// Adds others, each in its place: those of the file itself first, then those of others by their names.
    pub fn extend(&mut self, others: impl IntoIterator<Item = Diagnostic>) {
        self.list.extend(others);
        let file = &self.file;
        let order = |one: &Diagnostic| (one.file != *file, one.file.clone(), one.spot_in_file());
        self.list.sort_by_cached_key(order);
    }

    /// Each diagnostic, in the order of the lines.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Number of those for which the file is refused.
    pub fn error_count(&self) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    /// Number of those with which the file can be used.
    pub fn warning_count(&self) -> usize {
        self.list.len() - self.error_count()
    }

    /// One line that counts them, such as `bootstrapd.toml: 2 errors, 1 warning`.
    pub fn summary(&self) -> String {
        let count = |number: usize, what: &str| counted(number as u64, what);
        format!("{}: {}, {}", self.file, count(self.error_count(), "error"), count(self.warning_count(), "warning"))
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Every diagnostic with its line, and the summary last.
impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in self {
            writeln!(formatter, "{diagnostic}")?;
        }
        formatter.write_str(&self.summary())
    }
}

impl std::error::Error for Diagnostics {}

/// The message in one line, whatever the names in it hold: logs and terminals show it.
pub(super) fn one_line(message: &str) -> String {
    message.chars().fold(String::with_capacity(message.len()), |mut line, letter| {
        if letter.is_control() {
            line.extend(letter.escape_default())
        } else {
            line.push(letter)
        }
        line
    })
}
