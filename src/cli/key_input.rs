//! Where a key comes from: a file or stdin, never the command line, which every user of the machine can read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::provision::KeyText;

/// More than any key, so that a wrong file is noticed and not swallowed.
const LARGEST_FILE: u64 = 64 << 10;

/// The two ways to name a key.
#[derive(Args, Clone, Default)]
pub struct KeyInput {
    /// File with the pre-shared key, as hex:..., base64:... or text:...; `-` reads it from stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "psk")]
    psk_file: Option<PathBuf>,
    /// An expression that makes a key for each device; not supported yet. A key itself is never given here.
    #[arg(long, value_name = "EXPRESSION")]
    psk: Option<String>,
}

/// What was typed for `--psk` may be a key all the same.
impl std::fmt::Debug for KeyInput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KeyInput").field("psk_file", &self.psk_file).finish_non_exhaustive()
    }
}

impl KeyInput {
    /// Reads the key, if one was named.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a key on the command line; what is wrong with the file.
    pub fn read(&self) -> Result<Option<KeyText>, Failure> {
        if let Some(argument) = &self.psk {
            return Err(refuse(argument));
        }
        self.psk_file.as_deref().map(read_file).transpose()
    }
}

fn refuse(argument: &str) -> Failure {
    Failure::Usage(if argument.contains("${") {
        "--psk: expressions are not supported in this version; write the key into a file and use --psk-file FILE".into()
    } else {
        "--psk takes no key, because every user of the machine could read it there: write the key into a file and use \
         --psk-file FILE, or --psk-file - to give it on stdin"
            .into()
    })
}

/// Reads the key that `path` holds; `-` is stdin.
pub fn read_file(path: &Path) -> Result<KeyText, Failure> {
    let failed = |source| Failure::KeyFile { path: path.to_owned(), source };
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(failed)?) };
    let mut text = Zeroizing::new(String::new());
    source.take(LARGEST_FILE).read_to_string(&mut text).map_err(failed)?;
    // An editor ends the line; a key that ends with a line end must be written as hex.
    let key = text.strip_suffix('\n').unwrap_or(&text);
    let key = key.strip_suffix('\r').unwrap_or(key);
    if key.trim().is_empty() {
        return Err(Failure::EmptyKey(path.to_owned()));
    }
    KeyText::parse(key).map_err(|source| Failure::Key { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::{KeyInput, read_file};

    #[test]
    fn a_key_on_the_command_line_is_refused_without_repeating_it() {
        for (argument, hint) in [
            ("hunter2", "--psk-file"),
            ("text:hunter2", "--psk-file"),
            ("${string.secureRandom(32)}", "expressions are not supported"),
        ] {
            let input = KeyInput { psk: Some(argument.to_owned()), psk_file: None };
            let failure = input.read().unwrap_err();
            assert_eq!(failure.code(), 2);
            assert!(failure.to_string().contains(hint) && !failure.to_string().contains("hunter2"), "{failure}");
            assert!(!format!("{input:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_key_file_may_end_its_line() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("key");
        for (content, key) in
            [("text:ab\n", &b"ab"[..]), ("hex:6162\r\n", b"ab"), ("base64:YWI=", b"ab"), ("text:a b ", b"a b ")]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read_file(&path).unwrap().key().expose(), key, "{content:?}");
        }
        std::fs::write(&path, "hunter2\n").unwrap();
        let failure = read_file(&path).unwrap_err();
        assert!(failure.to_string().contains("hex:") && !failure.to_string().contains("hunter2"), "{failure}");
        assert!(read_file(&scratch.path().join("none")).is_err());
        for nothing in ["", "\n", " \r\n"] {
            std::fs::write(&path, nothing).unwrap();
            let failure = read_file(&path).unwrap_err();
            assert!(failure.to_string().contains("key is empty: "), "{failure}");
        }
    }
}
