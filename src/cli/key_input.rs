//! Where keys, certificates and whole definitions come from: a file or stdin, never the command line, which every user of
//! the machine can read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use data_encoding::BASE64;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::provision::{AccountKey, KeyText};

/// More than any key, so that a wrong file is noticed and not swallowed.
const LARGEST_FILE: u64 = 64 << 10;

/// A value that a file holds.
pub struct FileValue {
    /// The field that it is for, as the API names it.
    pub field: &'static str,
    /// What the file holds; most probably a secret.
    pub text: Zeroizing<String>,
}

/// The two ways to name a key.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Security")]
pub struct KeyInput {
    /// File with the pre-shared key, as hex:..., base64:... or text:...; `-` reads it from stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "psk")]
    psk_file: Option<PathBuf>,
    /// An expression that makes a key for each device, such as '${string.secureRandom(32)}'; server accounts only. A key
    /// itself is never given here.
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
    /// Reads the key of an account, or takes the expression that makes one, if either was given.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a key on the command line and for an expression that is none; what is wrong with the file.
    pub fn read_of_account(&self) -> Result<Option<FileValue>, Failure> {
        let Some(argument) = &self.psk else { return self.read_file() };
        match AccountKey::parse(argument) {
            Ok(key) if is_free_of_literals(argument) => {
                Ok(Some(FileValue { field: "psk", text: key.expose_text().to_owned().into() }))
            }
            Err(error) if argument.starts_with("${") => Err(Failure::Usage(format!("--psk: {error}"))),
            _ => Err(Failure::Usage(format!("--psk takes expressions only, {TO_A_FILE}"))),
        }
    }

    /// Reads the key of a device, if one was given.
    ///
    /// # Errors
    /// [`Failure::Usage`] for anything on the command line; what is wrong with the file.
    pub fn read_of_device(&self) -> Result<Option<FileValue>, Failure> {
        match &self.psk {
            None => self.read_file(),
            Some(argument) if argument.starts_with("${") => Err(Failure::Usage(
                "--psk: expressions make the keys of server accounts; a device has a key of its own: write it into a \
                 file and use --psk-file FILE"
                    .into(),
            )),
            Some(_) => Err(Failure::Usage(format!("--psk takes no key, {TO_A_FILE}"))),
        }
    }

    fn read_file(&self) -> Result<Option<FileValue>, Failure> {
        let Some(path) = &self.psk_file else { return Ok(None) };
        let text = read_key_line(path)?;
        // An expression may stand in a file as well as a key.
        if let Err(error) = AccountKey::parse(&text) {
            return Err(match KeyText::parse(&text) {
                Err(source) if !text.contains("${") => Failure::Key { path: path.clone(), source },
                _ => Failure::Usage(format!("{}: {error}", super::failure::source_name(path))),
            });
        }
        Ok(Some(FileValue { field: "psk", text }))
    }
}

const TO_A_FILE: &str = "because every user of the machine could read a key there: write the key into a file and use \
                         --psk-file FILE, or --psk-file - to give it on stdin";

/// Whether all of an expression is between `${` and `}`: what stands beside it is part of a key.
fn is_free_of_literals(expression: &str) -> bool {
    let mut rest = expression;
    while let Some((_, behind)) = rest.strip_prefix("${").and_then(|inner| inner.split_once('}')) {
        rest = behind;
    }
    rest.is_empty()
}

/// Reads the key that `path` holds; `-` is stdin.
///
/// # Errors
/// What is wrong with the file; never with what it holds.
pub fn read_file(path: &Path) -> Result<KeyText, Failure> {
    KeyText::parse(&read_key_line(path)?).map_err(|source| Failure::Key { path: path.to_owned(), source })
}

fn read_key_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = text_of("key", path, read_bytes("key", path)?)?;
    // An editor ends the line; a key that ends with a line end must be written as hex.
    let key = text.strip_suffix('\n').unwrap_or(&text);
    let key = key.strip_suffix('\r').unwrap_or(key);
    if key.trim().is_empty() {
        return Err(Failure::EmptyKey(path.to_owned()));
    }
    Ok(Zeroizing::new(key.to_owned()))
}

/// Reads `what`, certificates or a key of a pair: text as it stands there, DER as `base64:...`; `-` is stdin.
///
/// # Errors
/// What is wrong with the file.
pub fn read_material(what: &'static str, path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = read_bytes(what, path)?;
    let is_text = bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    if bytes.first() == Some(&0x30) && !is_text {
        return Ok(Zeroizing::new(format!("base64:{}", *Zeroizing::new(BASE64.encode(&bytes)))));
    }
    let text = text_of(what, path, bytes)?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// What a file for this field holds, in words.
pub fn content_of(field: &str) -> &'static str {
    match field {
        _ if field.ends_with("certificate") => "certificate",
        _ if field.ends_with("public_key") => "public key",
        _ => "key",
    }
}

/// Reads the fields of a definition out of a JSON object or a TOML file; `-` is stdin.
///
/// # Errors
/// What is wrong with the file, and where; never what it holds.
pub fn read_fields(path: &Path) -> Result<Map<String, Value>, Failure> {
    let text = text_of("fields", path, read_bytes("fields", path)?)?;
    let wrong = |what: String| Failure::Usage(format!("{}: {what}", super::failure::source_name(path)));
    if text.trim_start().starts_with('{') {
        let place = |error: serde_json::Error| {
            wrong(format!("line {}, column {}: this is not JSON", error.line(), error.column()))
        };
        return serde_json::from_str(&text).map_err(place);
    }
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        wrong(format!("line {line}: this is neither TOML nor a JSON object: {}", error.message()))
    })
}

fn text_of(what: &'static str, path: &Path, bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, Failure> {
    let text = std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned()));
    text.map_err(|_| failed(what, path)(io::Error::other("it is no text")))
}

/// Reads a file that holds `what`, as it is; `-` is stdin.
///
/// # Errors
/// What is wrong with the file.
pub fn read_bytes(what: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = failed(what, path);
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(&failed)?) };
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(LARGEST_FILE).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::Material { what, path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::{KeyInput, read_file};

    #[test]
    fn a_key_on_the_command_line_is_refused_without_repeating_it() {
        for (argument, hint) in [
            ("hunter2", "--psk-file"),
            ("text:hunter2", "--psk-file"),
            ("text:hunter2${device.id}", "--psk-file"),
            ("${device.id}hunter2", "--psk-file"),
            ("${string.secureRandom(0)}", "column"),
        ] {
            let input = KeyInput { psk: Some(argument.to_owned()), psk_file: None };
            for read in [KeyInput::read_of_account, KeyInput::read_of_device] {
                let Err(failure) = read(&input) else { panic!("{argument} was taken") };
                assert_eq!(failure.code(), 2);
                assert!(!failure.to_string().contains("hunter2"), "{failure}");
            }
            let Err(failure) = input.read_of_account() else { panic!("{argument} was taken") };
            assert!(failure.to_string().contains(hint), "{failure}");
            assert!(!format!("{input:?}").contains("hunter2"));
        }
    }

    #[test]
    fn an_expression_makes_the_key_of_an_account_and_of_no_device() {
        let expression = "${string.secureRandom(16)}${device.id}";
        let input = KeyInput { psk: Some(expression.to_owned()), psk_file: None };
        assert_eq!(*input.read_of_account().unwrap().unwrap().text, expression);
        assert!(input.read_of_device().is_err());
    }

    #[test]
    fn fields_come_out_of_toml_and_json_and_a_mistake_shows_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("fields");
        for text in [
            "ssid = 1\n[security_resources]\n8 = \"hex:00\"\n",
            r#" {"ssid": 1, "security_resources": {"8": "hex:00"}}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            let fields = serde_json::Value::Object(super::read_fields(&path).unwrap());
            assert_eq!(fields, serde_json::json!({ "ssid": 1, "security_resources": { "8": "hex:00" } }));
        }
        for text in ["a = 1\nb = \"hunter2", "{\"a\": \"hunter2\", hunter2}", "hunter2"] {
            std::fs::write(&path, text).unwrap();
            let failure = super::read_fields(&path).unwrap_err().to_string();
            assert!(failure.contains("line ") && !failure.contains("hunter2"), "{failure}");
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
