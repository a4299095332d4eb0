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
    if agreed(question, &mut io::stdin().lock(), &mut io::stderr()) { Ok(()) } else { Err(Failure::Declined) }
}

fn agreed(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> bool {
    let _ = write!(output, "{question} [y/N] ");
    let mut answer = String::new();
    let read = input.read_line(&mut answer);
    if !answer.ends_with('\n') {
        // Nobody ended the line of the question.
        let _ = writeln!(output);
    }
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::agreed;

    #[test]
    fn only_a_yes_agrees_and_the_line_of_the_question_ends() {
        for (typed, agrees, said) in [
            ("y\n", true, "Delete it? [y/N] "),
            ("Yes\n", true, "Delete it? [y/N] "),
            ("\n", false, "Delete it? [y/N] "),
            ("yeah\n", false, "Delete it? [y/N] "),
            ("", false, "Delete it? [y/N] \n"),
        ] {
            let mut output = Vec::new();
            assert_eq!(agreed("Delete it?", &mut typed.as_bytes(), &mut output), agrees, "{typed:?}");
            assert_eq!(String::from_utf8(output).unwrap(), said, "{typed:?}");
        }
    }
}
