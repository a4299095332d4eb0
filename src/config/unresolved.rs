//! `Unresolved`: a reference that leads nowhere in the file. What it names may stand in the database, of which this room
//! knows nothing; so it is kept aside for those who can look there.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use super::diagnostic::{Diagnostic, Diagnostics, one_line};
use crate::provision::nearest;

/// What is referred to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The server account of this name.
    Server(String),
    /// The profile of this name.
    Profile(String),
    /// Whichever profile is the default.
    DefaultProfile,
}

/// A reference that leads nowhere in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// To what.
    pub reference: Reference,
    /// What is to be said if the database does not have it either: an error, where the reference stands.
    pub diagnostic: Diagnostic,
}

impl Unresolved {
    /// What is to be said of it where the database defines these server accounts and profiles, and a default profile or
    /// none; nothing if what is referred to is among them.
    pub fn unless_among(
        self,
        servers: &BTreeSet<String>,
        profiles: &BTreeSet<String>,
        has_default: bool,
    ) -> Option<Diagnostic> {
        let Unresolved { reference, mut diagnostic } = self;
        let (kind, name, candidates) = match &reference {
            Reference::DefaultProfile => return (!has_default).then_some(diagnostic),
            Reference::Server(name) => ("server", name, servers),
            Reference::Profile(name) => ("profile", name, profiles),
        };
        if candidates.contains(name) {
            return None;
        }
        if !diagnostic.message.contains("did you mean")
            && let Some(near) = nearest(name, candidates.iter().map(String::as_str))
        {
            diagnostic.message = one_line(&format!("no {kind} `{name}`: did you mean `{near}` of the database?"));
        }
        Some(diagnostic)
    }
}

/// Why a file is refused. Its `Display` form takes it that there is no database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// At least one error, and the warnings.
    pub diagnostics: Diagnostics,
    /// What is an error too unless the database has it.
    pub unresolved: Vec<Unresolved>,
    /// Directory of the database; none where the file does not get as far as to say it.
    pub state_dir: Option<PathBuf>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = self.diagnostics.clone();
        all.extend(self.unresolved.iter().map(|unresolved| unresolved.diagnostic.clone()));
        all.fmt(formatter)
    }
}

impl std::error::Error for Refusal {}
