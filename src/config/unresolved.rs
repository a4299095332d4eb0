//! `Unresolved`: a reference that leads nowhere in the file. What it names may stand in the database, of which this room
//! knows nothing; so it is kept aside for those who can look there.

use std::fmt;
use std::path::PathBuf;

use super::diagnostic::{Diagnostic, Diagnostics};

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
