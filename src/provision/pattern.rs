//! `Pattern`: which endpoint names a rule of profiles means.
//!
//! `*` stands for any run of characters, also none, and `?` for one; `\*`, `\?` and `\\` are the characters themselves.
//! All else is compared exactly, capitals included: LwM2M endpoint names are opaque UTF-8 (spec sheet `bootstrap.md`).
//! It knows neither rules nor devices.

use std::fmt;
use std::str::Chars;

use serde::{Deserialize, Serialize};

/// A pattern of endpoint names; shown, stored and serialised as it was entered.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    tokens: Vec<Token>,
}

/// One step of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    /// `*`; never two in a row.
    AnyRun,
    /// `?`.
    AnyOne,
    One(char),
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// No character at all.
    #[error("the pattern is empty and matches nothing: write `*` for every endpoint name")]
    Empty,
    /// A backslash before a character that needs none, or at the end; the column counts characters from 1.
    #[error("column {0}: `\\` must stand before `*`, `?` or `\\`: write `\\\\` for a backslash")]
    BadEscape(usize),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`] for an empty pattern and for a backslash that escapes nothing.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        let mut tokens = Vec::new();
        let mut letters = text.chars().zip(1..);
        while let Some((letter, column)) = letters.next() {
            let token = match letter {
                '*' if tokens.last() == Some(&Token::AnyRun) => continue,
                '*' => Token::AnyRun,
                '?' => Token::AnyOne,
                '\\' => match letters.next() {
                    Some((escaped @ ('*' | '?' | '\\'), _)) => Token::One(escaped),
                    _ => return Err(PatternError::BadEscape(column)),
                },
                _ => Token::One(letter),
            };
            tokens.push(token);
        }
        if tokens.is_empty() {
            return Err(PatternError::Empty);
        }
        Ok(Pattern { text: text.to_owned(), tokens })
    }

    /// Whether the whole of `name` fits. Takes time of at most the product of both lengths, and no memory.
    pub fn matches(&self, name: &str) -> bool {
        self.matches_stepwise(name, || ())
    }

    /// The pattern as it was entered.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Matches greedily and remembers only the last `*`: where a later token does not fit, that `*` takes one character
    /// more. An earlier one never needs to, since whatever it could give up the last one takes as well. `step` is called
    /// for each comparison.
    fn matches_stepwise(&self, name: &str, mut step: impl FnMut()) -> bool {
        let mut rest = name.chars();
        let mut token = 0;
        let mut last_run: Option<(usize, Chars)> = None;
        loop {
            step();
            let mut after = rest.clone();
            match (self.tokens.get(token), after.next()) {
                (None, None) => return true,
                (Some(Token::AnyRun), _) => {
                    token += 1;
                    last_run = Some((token, rest.clone()));
                    continue;
                }
                (Some(Token::AnyOne), Some(_)) => {
                    token += 1;
                    rest = after;
                    continue;
                }
                (Some(Token::One(wanted)), Some(letter)) if *wanted == letter => {
                    token += 1;
                    rest = after;
                    continue;
                }
                (Some(_), None) => return false,
                (_, Some(_)) => {}
            }
            let Some((after_run, from)) = &mut last_run else { return false };
            from.next();
            token = *after_run;
            rest = from.clone();
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pattern({:?})", self.text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Pattern, PatternError> {
        Pattern::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Pattern, PatternError};

    #[test]
    fn a_pattern_matches_whole_names() {
        for (pattern, fitting, others) in [
            ("*", &["", "a", "urn:dev:1"][..], &[][..]),
            ("?", &["a", "ü"], &["", "ab"]),
            ("abc", &["abc"], &["", "ab", "abcd", "xabc", "ABC"]),
            ("urn:dev:*", &["urn:dev:", "urn:dev:1"], &["urn:dev", "xurn:dev:1"]),
            ("*-eu", &["-eu", "a-eu", "-eu-eu"], &["a-eux", "eu"]),
            ("a*b?c", &["abxc", "axxbbc", "abbxbüc"], &["abc", "axc", "abxcx"]),
            ("**a**", &["a", "bab"], &["", "b"]),
            ("?*", &["a", "ab"], &[""]),
            (r"\*\?\\", &[r"*?\"], &[r"a?\", r"\*\?\\"]),
            (r"[a-z].{1}", &["[a-z].{1}"], &["a.1"]),
        ] {
            let read = Pattern::parse(pattern).unwrap();
            for name in fitting {
                assert!(read.matches(name), "{pattern} {name}");
            }
            for name in others {
                assert!(!read.matches(name), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn mistakes_are_named_with_their_column() {
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
        for (pattern, column) in [("\\", 1), (r"ü\n*", 2), (r"a\\\", 4)] {
            assert_eq!(Pattern::parse(pattern), Err(PatternError::BadEscape(column)), "{pattern}");
        }
        assert_eq!(
            PatternError::BadEscape(2).to_string(),
            r"column 2: `\` must stand before `*`, `?` or `\`: write `\\` for a backslash"
        );
    }

    #[test]
    fn a_pattern_is_serialised_as_it_was_entered() {
        let pattern: Pattern = serde_json::from_str(r#""a**\\*?""#).unwrap();
        assert_eq!((pattern.as_str(), pattern.to_string()), (r"a**\*?", r"a**\*?".to_owned()));
        assert_eq!(serde_json::to_string(&pattern).unwrap(), r#""a**\\*?""#);
        let error = serde_json::from_str::<Pattern>(r#""\\a""#).unwrap_err().to_string();
        assert!(error.starts_with("column 1: "), "{error}");
    }

    #[test]
    fn a_hostile_pattern_takes_no_more_steps_than_the_product_of_the_lengths() {
        let name = "a".repeat(10_000);
        for pattern in ["*a*a*a*a*a*a*b", "*a?a?a?a?ab", "*aaaaaaaaaaaaaaab", "*?*?*?*?*?*b"] {
            let mut steps = 0;
            assert!(!Pattern::parse(pattern).unwrap().matches_stepwise(&name, || steps += 1));
            assert!(steps <= (name.len() + 1) * (pattern.len() + 1), "{pattern}: {steps}");
        }
    }

    /// Says by definition, and slowly, whether a name fits; without escapes.
    fn fits(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', later)), _) => (0..=name.len()).any(|taken| fits(later, &name[taken..])),
            (Some(('?', later)), Some((_, rest))) => fits(later, rest),
            (Some((wanted, later)), Some((letter, rest))) => wanted == letter && fits(later, rest),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_pattern_matches_what_the_definition_says(pattern in "[ab?*]{1,8}", name in "[ab]{0,8}") {
            let letters: Vec<char> = pattern.chars().collect();
            let expected = fits(&letters, &name.chars().collect::<Vec<_>>());
            prop_assert_eq!(Pattern::parse(&pattern).unwrap().matches(&name), expected);
        }

        #[test]
        fn any_text_is_read_or_refused_and_an_escaped_name_matches_itself(text in any::<String>(), other in r"[a*?\\]*") {
            if let Ok(pattern) = Pattern::parse(&text) {
                prop_assert_eq!(pattern.as_str(), &*text);
                let _ = pattern.matches(&other);
            }
            if !other.is_empty() {
                let escaped = other.replace('\\', r"\\").replace('*', r"\*").replace('?', r"\?");
                prop_assert!(Pattern::parse(&escaped).unwrap().matches(&other));
            }
        }
    }
}
