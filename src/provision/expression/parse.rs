//! The grammar of templates, the table of names and functions, and what is said about mistakes.
//!
//! A template may be a key, so a message never repeats what was written, unless it is a few edits from a word of the
//! table; the column says where to look.

use zeroize::Zeroizing;

use super::{Expression, Part, Template};
use crate::provision::nearest;

pub(super) const ENDPOINT_NAME: &str = "device.endpointName";
pub(super) const DEVICE_ID: &str = "device.id";
pub(super) const PROPERTY: &str = "device.property.";
pub(super) const RANDOM: &str = "string.random";
pub(super) const SECURE_RANDOM: &str = "string.secureRandom";
pub(super) const SERVER_SSID: &str = "server.ssid";

/// `device.property` without a name, for suggestions.
const PROPERTIES: &str = "device.property";

/// Whatever may be suggested.
const WORDS: [&str; 6] = [ENDPOINT_NAME, DEVICE_ID, PROPERTIES, RANDOM, SECURE_RANDOM, SERVER_SSID];

/// Most characters that one random expression draws.
const MAX_RANDOM_CHARACTERS: u16 = 256;

/// Blanks that may stand around an expression and around an argument.
const BLANKS: [char; 2] = [' ', '\t'];

/// A mistake in a template and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {mistake}")]
pub struct ExpressionError {
    /// Where the mistake begins: characters of the text, counted from 1.
    pub column: usize,
    /// What is wrong, as a sentence with its remedy.
    pub mistake: Mistake,
}

/// What may be wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// No `}`.
    #[error("`${{` starts an expression that nothing closes: add `}}`, or write `$${{` for a literal `${{`")]
    Unclosed,
    /// `${` within `${...}`.
    #[error("expressions do not nest: close the one before with `}}` first")]
    Nested,
    /// Nothing between the braces.
    #[error("the expression is empty: write for example `${{device.endpointName}}`, or `$${{` for a literal `${{`")]
    Empty,
    /// A word that is a few edits from one of the table.
    #[error("there is no expression `{}`: did you mean `{meant}`?", written.escape_debug())]
    Misspelled {
        /// The word as it was written.
        written: String,
        /// The word of the table.
        meant: &'static str,
    },
    /// A word that resembles nothing in the table.
    #[error(
        "there is no expression of this name: use device.endpointName, device.id, device.property.NAME, \
         string.random(n), string.secureRandom(n) or server.ssid, or write `$${{` for a literal `${{`"
    )]
    Unknown,
    /// Parentheses after a name that is no function.
    #[error("`{0}` is no function: leave the parentheses out")]
    NoFunction(&'static str),
    /// `device.property.` without a name.
    #[error("`device.property.` needs the name of a property: write for example `${{device.property.site}}`")]
    NoPropertyName,
    /// A character that no property's name has.
    #[error("a property's name has only letters of A-Z, digits, `.`, `_` and `-`: leave this character out")]
    BadPropertyName,
    /// A function without its argument.
    #[error("`{0}` needs the number of characters: write for example `${{{0}(32)}}`")]
    NoArgument(&'static str),
    /// More than one argument.
    #[error("`{0}` takes the number of characters and nothing else: leave out what follows the comma")]
    TooManyArguments(&'static str),
    /// No `)`.
    #[error("the argument of `{0}` is not closed: add `)`")]
    UnclosedArgument(&'static str),
    /// Something after `)`.
    #[error("nothing may follow the `)`: close the expression with `}}` here")]
    TextAfterFunction,
    /// An argument that is no decimal number.
    #[error("the number of characters must be digits only: write for example `${{{0}(32)}}`")]
    NoNumber(&'static str),
    /// An argument out of range.
    #[error("the number of characters must be 1 to {MAX_RANDOM_CHARACTERS}")]
    OutOfRange,
}

/// A mistake at a byte of the text.
struct At(usize, Mistake);

/// Reads a whole template.
pub(super) fn template(text: &str) -> Result<Template, ExpressionError> {
    pieces(text).map_err(|At(offset, mistake)| {
        let before = text.get(..offset).unwrap_or(text);
        ExpressionError { column: before.chars().count() + 1, mistake }
    })
}

fn pieces(text: &str) -> Result<Template, At> {
    // No literal is longer than the text: the buffer never moves, and no unwiped copy stays behind.
    let mut literals = Zeroizing::new(String::with_capacity(text.len()));
    let mut parts = Vec::new();
    let mut literal_start = 0;
    let mut position = 0;
    while let Some(found) = text[position..].find("${") {
        let start = position + found;
        literals.push_str(&text[position..start]);
        if text[position..start].ends_with('$') {
            // `$${`: the first `$` has just been taken over and stands for the second one.
            literals.push('{');
            position = start + 2;
            continue;
        }
        let body = &text[start + 2..];
        let body = &body[..body.find('}').ok_or(At(start, Mistake::Unclosed))?];
        if let Some(inner) = body.find("${") {
            return Err(At(start + 2 + inner, Mistake::Nested));
        }
        if literals.len() > literal_start {
            parts.push(Part::Literal(literal_start..literals.len()));
            literal_start = literals.len();
        }
        parts.push(Part::Expression(expression(body, start + 2)?));
        position = start + 2 + body.len() + 1;
    }
    literals.push_str(&text[position..]);
    if literals.len() > literal_start {
        parts.push(Part::Literal(literal_start..literals.len()));
    }
    Ok(Template { literals, parts })
}

/// Reads what stands between the braces; `offset` is where that begins in the text.
fn expression(body: &str, offset: usize) -> Result<Expression, At> {
    let offset = offset + (body.len() - body.trim_start_matches(BLANKS).len());
    let body = body.trim_matches(BLANKS);
    if let Some(name) = body.strip_prefix(PROPERTY) {
        return property(name, offset + PROPERTY.len());
    }
    let (word, arguments) = match body.find('(') {
        Some(parenthesis) => (&body[..parenthesis], Some(&body[parenthesis + 1..])),
        None => (body, None),
    };
    match (word, arguments) {
        ("", None) => Err(At(offset, Mistake::Empty)),
        (ENDPOINT_NAME, None) => Ok(Expression::EndpointName),
        (DEVICE_ID, None) => Ok(Expression::DeviceId),
        (SERVER_SSID, None) => Ok(Expression::ServerSsid),
        (PROPERTIES, _) => Err(At(offset + word.len(), Mistake::NoPropertyName)),
        (RANDOM, _) => characters(RANDOM, arguments, offset + word.len()).map(Expression::Random),
        (SECURE_RANDOM, _) => characters(SECURE_RANDOM, arguments, offset + word.len()).map(Expression::SecureRandom),
        _ => match WORDS.into_iter().find(|name| *name == word) {
            Some(name) => Err(At(offset + word.len(), Mistake::NoFunction(name))),
            None => Err(At(offset, unknown(word))),
        },
    }
}

fn property(name: &str, offset: usize) -> Result<Expression, At> {
    if name.is_empty() {
        return Err(At(offset, Mistake::NoPropertyName));
    }
    match name.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'))) {
        Some(stranger) => Err(At(offset + stranger, Mistake::BadPropertyName)),
        None => Ok(Expression::Property(name.to_owned())),
    }
}

/// Reads the argument of a random function: what follows the `(` that stands at `offset`, up to `)` and no further.
fn characters(function: &'static str, arguments: Option<&str>, offset: usize) -> Result<u16, At> {
    let arguments = arguments.ok_or(At(offset, Mistake::NoArgument(function)))?;
    let offset = offset + 1;
    let end = arguments.find(')').ok_or(At(offset + arguments.len(), Mistake::UnclosedArgument(function)))?;
    if end + 1 < arguments.len() {
        return Err(At(offset + end + 1, Mistake::TextAfterFunction));
    }
    let argument = &arguments[..end];
    if let Some(comma) = argument.find(',') {
        return Err(At(offset + comma, Mistake::TooManyArguments(function)));
    }
    let offset = offset + (argument.len() - argument.trim_start_matches(BLANKS).len());
    let argument = argument.trim_matches(BLANKS);
    if argument.is_empty() {
        return Err(At(offset, Mistake::NoArgument(function)));
    }
    if let Some(stranger) = argument.find(|digit: char| !digit.is_ascii_digit()) {
        return Err(At(offset + stranger, Mistake::NoNumber(function)));
    }
    match argument.parse() {
        Ok(number @ 1..=MAX_RANDOM_CHARACTERS) => Ok(number),
        _ => Err(At(offset, Mistake::OutOfRange)),
    }
}

/// What to say about a word that is not in the table: the whole word may be misspelled, its first part may be left out
/// (`ssid`), or it may be a property's name behind a misspelled `device.property`.
fn unknown(word: &str) -> Mistake {
    let last = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
    let misspelled = |written: &str, meant| Mistake::Misspelled { written: written.to_owned(), meant };
    let word_of = |meant: &str| WORDS.into_iter().find(|name| *name == meant || last(name) == meant);
    if let Some(meant) = nearest(word, WORDS).and_then(word_of) {
        return misspelled(word, if meant == PROPERTIES { "device.property.NAME" } else { meant });
    }
    if let Some((second, _)) = word.match_indices('.').nth(1)
        && nearest(&word[..second], [PROPERTIES]).is_some()
    {
        return misspelled(&word[..second], PROPERTIES);
    }
    match nearest(word, WORDS.map(last)).and_then(word_of) {
        Some(PROPERTIES) => misspelled(word, "device.property.NAME"),
        Some(meant) => misspelled(word, meant),
        None => Mistake::Unknown,
    }
}
