//! `Source`: the text by lines, and what of a line may be shown.
//!
//! A file holds keys, and diagnostics end in terminals, tickets and logs. So a line is quoted by what is known to be
//! harmless, never by what is known to be secret: table headers and the values of known keys. All else is starred, in
//! the same number of characters, so that the caret still stands under the spot.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use super::assemble::{AdminDefinition, RootDefinition};
use super::diagnostic::Place;
use super::key_file::{DEVICE_FILES, SERVER_FILES};
use super::limits::LimitsDefinition;
use super::listener::ListenDefinition;
use super::table::fields_of;
use crate::provision::key_text::PREFIXES;
use crate::provision::{
    DeviceDefinition, HoldsSecrets, ModelDefinition, ProfileDefinition, Rule, ServerDefinition, WriteDefinition,
};

/// Longest part of a line that is quoted, in characters.
const MAX_QUOTE: usize = 120;

/// How PEM begins where a key may stand, in small letters.
const PEM_PREFIX: &str = "-----begin";

/// Fields that hold values of resources, which may be keys.
const RESOURCE_FIELDS: [&str; 4] = ["security_resources", "server_resources", "writes", "resources"];

/// The keys whose values are secrets, or hold some.
static SECRET_KEYS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let fields = [ServerDefinition::SECRET_FIELDS, ProfileDefinition::SECRET_FIELDS, DeviceDefinition::SECRET_FIELDS];
    fields.concat().into_iter().chain(RESOURCE_FIELDS).collect()
});

/// The keys that may name a file and be given a key by mistake.
static FILE_KEYS: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| SERVER_FILES.iter().chain(DEVICE_FILES).chain(&["key"]).copied().collect());

/// The keys whose values may be shown: all that there are, but those of secrets.
static HARMLESS_KEYS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let tables = [
        fields_of::<RootDefinition>(),
        fields_of::<AdminDefinition>(),
        fields_of::<ListenDefinition>(),
        fields_of::<ServerDefinition>(),
        fields_of::<ProfileDefinition>(),
        fields_of::<Rule>(),
        fields_of::<WriteDefinition>(),
        fields_of::<DeviceDefinition>(),
        fields_of::<ModelDefinition>(),
        fields_of::<LimitsDefinition>(),
    ];
    let known = tables.concat().into_iter().chain(FILE_KEYS.iter().copied());
    known.filter(|key| !SECRET_KEYS.contains(key)).collect()
});

/// The text of a file, by lines.
pub(super) struct Source<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str) -> Source<'t> {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Source { text, line_starts }
    }

    /// The line, counted from 1, in which a byte lies.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// The bare word with which the line begins in which a byte lies; may be empty.
    pub(super) fn first_word_of_line(&self, offset: usize) -> &'t str {
        let (_, _, content) = self.line_with(offset);
        &content[first_word(content)]
    }

    /// Where `span` begins, with its line.
    ///
    /// `is_key` says that the span is a key of the file as the parser read it, which may then be shown.
    pub(super) fn place(&self, span: Range<usize>, is_key: bool) -> Place {
        let (line, start, content) = self.line_with(span.start);
        let begin = char_floor(content, span.start - start);
        let end = char_floor(content, span.end.max(span.start) - start).max(begin);
        let before = content[..begin].chars().count();
        let width = content[begin..end].chars().count().max(1);
        let shown_key = if is_key { begin..end } else { 0..0 };
        let quote: Vec<char> = masked(content, shown_key).chars().map(printable).collect();
        let from = if quote.len() > MAX_QUOTE { before.saturating_sub(MAX_QUOTE / 2) } else { 0 };
        let quote: String = quote.into_iter().skip(from).take(MAX_QUOTE).collect();
        Place { line, column: before + 1, quote, caret: before - from, width: width.min(MAX_QUOTE - (before - from)) }
    }

    /// Number, first byte and content of the line in which a byte lies.
    fn line_with(&self, offset: usize) -> (usize, usize, &'t str) {
        let line = self.line_of(offset.min(self.text.len()));
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        let content = &self.text[start..end];
        (line, start, content.strip_suffix('\r').unwrap_or(content))
    }
}

/// The line with a star for each character that may be part of a secret.
fn masked(line: &str, shown_key: Range<usize>) -> String {
    let indent = line.len() - line.trim_start().len();
    let mut shown = harmless_prefix(line).max(indent);
    if shown_key.start == indent && !shown_key.is_empty() {
        shown = shown.max(assignment_end(line, shown_key.end));
    }
    let visible = |at| at < shown || shown_key.contains(&at);
    line.char_indices().map(|(at, letter)| if visible(at) { letter } else { '*' }).collect()
}

/// How many bytes at the beginning of a line are harmless.
fn harmless_prefix(line: &str) -> usize {
    let word = first_word(line);
    let key = &line[word.clone()];
    if line[word.start..].starts_with('[') {
        header_end(line, word.start)
    } else if HARMLESS_KEYS.contains(key) {
        let value = assignment_end(line, word.end);
        if line[word.end..value].contains('=') { value + harmless_value(key, &line[value..]) } else { value }
    } else if SECRET_KEYS.contains(key.to_ascii_lowercase().as_str()) || is_resource_id(key, &line[word.end..]) {
        assignment_end(line, word.end)
    } else {
        0
    }
}

/// Whether a line is the value of a resource. What is set apart from its `=` is no tail of a key in base64.
fn is_resource_id(key: &str, rest: &str) -> bool {
    (1..=5).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_digit()) && rest.starts_with(" = ")
}

/// The first bare word of a line; empty where the line begins with something else.
fn first_word(line: &str) -> Range<usize> {
    let start = line.len() - line.trim_start().len();
    let length = line[start..].find(|letter: char| !is_bare(letter)).unwrap_or(line.len() - start);
    start..start + length
}

fn is_bare(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')
}

/// Where the value begins behind a key that ends at `end`.
fn assignment_end(line: &str, end: usize) -> usize {
    let rest = &line[end..];
    let blank = |text: &str| text.len() - text.trim_start().len();
    let sign = blank(rest);
    if !rest[sign..].starts_with('=') {
        return end + sign;
    }
    end + sign + 1 + blank(&rest[sign + 1..])
}

/// Where a table header ends; what follows it on the line is not harmless.
fn header_end(line: &str, start: usize) -> usize {
    let name = line[start..].find(|letter| letter != '[').map_or(line.len(), |at| start + at);
    let closed = line[name..].find(|letter: char| !(is_bare(letter) || letter == '.' || letter == ' '));
    let Some(end) = closed.map(|at| name + at).filter(|at| line[*at..].starts_with(']')) else { return name };
    let rest = line[end..].trim_start_matches(']');
    line.len() - rest.trim_start().len()
}

/// How many bytes of the value of a harmless key are harmless too: those up to where a secret begins, if one does.
fn harmless_value(key: &str, rest: &str) -> usize {
    // Who mistakes `psk_file` for `psk` writes the key there; a file name has a dot, and hex and base64 have none.
    if FILE_KEYS.contains(key) && !rest.contains('.') {
        return 0;
    }
    let lower = rest.to_ascii_lowercase();
    let prefix = PREFIXES.iter().chain([&PEM_PREFIX]).filter_map(|prefix| lower.find(prefix)).min();
    let assignments = SECRET_KEYS.iter().filter_map(|secret| {
        lower.match_indices(secret).map(|(at, _)| at).find(|at| {
            let after = lower[at + secret.len()..].trim_start_matches(['"', '\'', ' ', '\t']);
            after.starts_with(['=', ':'])
        })
    });
    prefix.into_iter().chain(assignments).min().unwrap_or(rest.len())
}

/// The largest character boundary of `line` at or below `offset`.
fn char_floor(line: &str, offset: usize) -> usize {
    (0..=offset.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0)
}

/// One column for each character, and nothing that moves a terminal's cursor.
fn printable(letter: char) -> char {
    match letter {
        '\t' => ' ',
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn masked(line: &str) -> String {
        Source::new(line).place(0..0, false).quote
    }

    #[test]
    fn headers_and_known_values_are_shown() {
        for line in [
            "[[device]]",
            "  [admin]",
            "[a.b] ",
            "uri = \"host\" # note",
            "endpoint=\"a\"",
            "psk_file = \"k/1.hex\"",
            "",
        ] {
            assert_eq!(masked(line), line);
        }
    }

    #[test]
    fn all_else_is_starred_in_its_own_width() {
        for (line, shown) in [
            ("psk = \"hex:00\"", "psk = ********"),
            ("psk \"hex:00\"", "psk ********"),
            ("PSK = 'a b' 'c'", "PSK = *********"),
            ("  psk =", "  psk ="),
            ("pks = \"hex:00\"", "**************"),
            ("\"psk\" = 1", "*********"),
            ("device.psk = 1", "**************"),
            ("  0011aabb==\"\"\"", "  *************"),
            ("  { endpoint = \"a\" }", "  ******************"),
            ("[[device]] psk = 1", "[[device]] *******"),
            ("[[x, \"hex:00\"]]", "[[*************"),
            ("uri = \"h\", psk = \"00\"", "uri = \"h\", **********"),
            ("uri = \"hex:00\"", "uri = \"*******"),
            ("endpoint = { \"psk\" : 1 }", "endpoint = { \"**********"),
            ("uri \"h\"", "uri ***"),
            ("psk_file = \"00112233\"", "psk_file = **********"),
            ("# hex:00", "********"),
        ] {
            assert_eq!(masked(line), shown, "{line}");
        }
    }

    #[test]
    fn a_key_that_the_parser_found_is_shown_and_its_value_is_not() {
        let source = Source::new("a = 1\n  pks = \"hex:00\"");
        let place = source.place(8..11, true);
        assert_eq!((place.line, place.column, place.caret, place.width), (2, 3, 2, 3));
        assert_eq!(place.quote, "  pks = ********");
    }

    #[test]
    fn columns_count_characters_and_long_lines_are_cut() {
        let source = Source::new("uri = \"äöü\" x");
        let place = source.place(15..16, false);
        assert_eq!((place.line, place.column, place.width), (1, 13, 1));
        let line = format!("uri = \"{}\" x", "a".repeat(1000));
        let source = Source::new(&line);
        let place = source.place(1009..1010, false);
        assert_eq!((place.column, place.quote.chars().nth(place.caret)), (1010, Some('x')));
        assert!(place.quote.len() <= 120);
    }

    #[test]
    fn any_offset_has_a_place() {
        for text in ["", "\n", "a\r\n", "ä"] {
            let source = Source::new(text);
            for start in 0..=text.len() + 2 {
                for end in start..=text.len() + 2 {
                    source.place(start..end, true);
                }
            }
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(masked("uri = \"\u{1b}[2J\tx\""), "uri = \"\u{fffd}[2J x\"");
    }
}
