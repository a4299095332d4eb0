//! Asks before something is deleted, where there is somebody to ask.

use std::io::{self, BufRead, IsTerminal, Write};

use super::failure::Failure;

/// Asks `question` on a terminal; elsewhere nobody can answer, and `--yes` must have been given.
///
/// # Errors
/// [`Failure::Declined`], or [`Failure::Usage`] where there is no terminal.
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage("there is no terminal to ask on: give --yes to delete without being asked".into()));
    }
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    let agreed = read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if agreed { Ok(()) } else { Err(Failure::Declined) }
}
