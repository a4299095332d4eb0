//! `Problem`: one thing that is wrong with a definition, and what to do about it.
//!
//! The TOML file and the admin socket show the same sentences; only they know where the definition came from.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rules::Rule;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It works, and the operator should know.
    Warning,
    /// The definition is refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One thing that is wrong with a definition. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the definition can be used all the same.
    pub severity: Severity,
    /// The field concerned, as TOML and JSON spell it. It may be one that is missing.
    pub field: &'static str,
    /// Which element, counted from 0, where the field is a list and one of its elements is meant.
    pub element: Option<usize>,
    /// Fields from whose values this follows, beside `field` itself: where one of them could not be read, it may be no
    /// problem at all.
    pub follows_from: &'static [&'static str],
    /// The consistency rule that is broken, where it is one of those.
    pub rule: Option<Rule>,
    /// What is wrong and the remedy, as a sentence without a full stop.
    pub message: String,
}

impl Problem {
    /// A problem for which the definition is refused.
    pub fn error(field: &'static str, message: impl Into<String>) -> Problem {
        Problem::new(Severity::Error, field, message.into())
    }

    /// A problem with which the definition can be used.
    pub fn warning(field: &'static str, message: impl Into<String>) -> Problem {
        Problem::new(Severity::Warning, field, message.into())
    }

    fn new(severity: Severity, field: &'static str, message: String) -> Problem {
        Problem { severity, field, element: None, follows_from: &[], rule: None, message }
    }

    /// The same problem, of one element of a list.
    pub fn of_element(self, element: usize) -> Problem {
        Problem { element: Some(element), ..self }
    }

    /// The same problem, which is one only if these fields say what they seem to say.
    pub fn following_from(self, fields: &'static [&'static str]) -> Problem {
        Problem { follows_from: fields, ..self }
    }

    /// The same problem, as a breach of this rule.
    pub fn of_rule(self, rule: Rule) -> Problem {
        Problem { rule: Some(rule), ..self }
    }

    /// Whether the definition is refused for it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}
