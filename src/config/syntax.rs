//! Broken syntax: all errors of the parser, and a text without the lines that it stumbled over.
//!
//! After some errors the parser gives up, and everything below would go unchecked. So the broken lines are blanked, in
//! the same number of bytes, until the rest can be parsed; places in it are places in the file.

use std::ops::Range;

use toml::de::{DeTable, Error};
use zeroize::Zeroizing;

/// How often the rest is tried: each time at least one more line is given up.
const MAX_ROUNDS: usize = 32;

/// What the parser says, in words for operators. Holds no part of the text.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

/// Returns the text without its broken lines, and the errors of the text as it was.
pub(super) fn mend(text: &str) -> (Zeroizing<String>, Vec<SyntaxError>) {
    let mut mended = Zeroizing::new(text.to_owned());
    let mut told: Vec<SyntaxError> = Vec::new();
    for round in 0..MAX_ROUNDS {
        let (_, errors) = DeTable::parse_recoverable(&mended);
        let errors: Vec<_> = errors.iter().map(|error| explain(&mended, error)).collect();
        let before = mended.clone();
        mended = errors.iter().fold(mended, |text, error| blank(text, &error.span));
        // Later errors may be due to what was blanked, such as the first line of an array: where a line looks like one
        // that stands for itself, they are not.
        told.extend(errors.into_iter().filter(|error| round == 0 || stands_for_itself(&before, error)));
        if *mended == *before {
            break;
        }
    }
    (mended, told)
}

/// Puts an error into words, and where the operator has to look.
fn explain(text: &str, error: &Error) -> SyntaxError {
    let span = error.span().unwrap_or(0..0);
    let at_word =
        text.get(span.start..).is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_alphabetic()));
    let at_end = span.start >= text.trim_end().len();
    let message = match error.message() {
        "duplicate key" => "this key or table is there already: remove one".to_owned(),
        message if message.starts_with("string values must be quoted") => "text must stand in quotes".to_owned(),
        // The parser takes a bare word for what its first letter promises, such as `nan` for `nosec`.
        message if at_word && (message.starts_with("invalid float") || message.starts_with("invalid boolean")) => {
            "text must stand in quotes, and `true` and `false` stand alone".to_owned()
        }
        message if at_end && message.starts_with("invalid multi-line") => {
            let delimiter = if message.contains("literal") { "'''" } else { "\"\"\"" };
            let start = text.rfind(delimiter).unwrap_or(span.start);
            let message = format!("the text that begins here is never closed: add `{delimiter}`");
            return SyntaxError { span: start..text.len(), message };
        }
        message => format!("this is not TOML: {message}"),
    };
    SyntaxError { span, message }
}

/// Whether an error lies in a line that begins with a header or a key and its `=`.
fn stands_for_itself(text: &str, error: &SyntaxError) -> bool {
    let line = text[line_around(text, error.span.start)].trim_start();
    let key = line.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.')));
    line.starts_with('[') || key.is_some_and(|end| end > 0 && line[end..].trim_start().starts_with('='))
}

/// The line in which `offset` lies, without its end.
fn line_around(text: &str, offset: usize) -> Range<usize> {
    let offset = offset.min(text.len());
    let start = text.as_bytes()[..offset].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    start..text[start..].find('\n').map_or(text.len(), |at| start + at)
}

/// Blanks the lines of a span: what follows an opening that is never closed must not be taken for keys. Where the first
/// is a header, its table goes too, or its keys would fall to another.
fn blank(mut text: Zeroizing<String>, span: &Range<usize>) -> Zeroizing<String> {
    let Range { start, end: line_end } = line_around(&text, span.start);
    let is_header = text[start..line_end].trim_start().starts_with('[');
    let end = if is_header {
        text[start..].find("\n[").map_or(text.len(), |at| start + at)
    } else {
        line_around(&text, span.end).end.max(line_end)
    };
    let blanks: String = text[start..end].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    if text[start..end] != blanks {
        text.replace_range(start..end, &blanks);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::mend;

    #[test]
    fn sound_text_stays_as_it_is() {
        let (mended, errors) = mend("a = 1\n[b]\nc = \"ä\"\n");
        assert_eq!((mended.as_str(), errors.len()), ("a = 1\n[b]\nc = \"ä\"\n", 0));
    }

    #[test]
    fn broken_lines_are_blanked_in_their_own_length() {
        let (mended, errors) = mend("a = 1\nb \"ä\"\nc = 3\nd =\ne = 5");
        assert_eq!(mended.as_str(), "a = 1\n      \nc = 3\n   \ne = 5");
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn a_broken_header_takes_its_table_along() {
        let (mended, _) = mend("[a]\nb = 1\n[[c]\nd = 2\n[e]\nf = 3");
        assert_eq!(mended.as_str(), "[a]\nb = 1\n    \n     \n[e]\nf = 3");
    }

    #[test]
    fn what_only_follows_from_a_blanked_line_is_not_told() {
        let (mended, errors) = mend("a = [1 2,\n  3,\n  \"x\"]\nb = 5");
        assert_eq!((mended.trim(), errors.len()), ("b = 5", 1));
    }

    #[test]
    fn it_ends_whatever_the_text() {
        for text in ["\"", "a = \"\"\"\nb\nc", "\u{0}", "]", "[", "=", "a = {", "a = [\n[\n[", &"[".repeat(300)] {
            let (_, errors) = mend(text);
            assert!(!errors.is_empty(), "{text}");
        }
    }
}
