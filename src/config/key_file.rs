//! `psk_file`: a key in a file of its own.
//!
//! The file holds one line in a form of [`KeyText`]. What it holds never gets into a message.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::report::Report;
use super::table::Table;
use crate::provision::KeyText;

/// Largest key file in bytes: the longest key in its longest form, with room for blanks.
const MAX_BYTES: u64 = 1024;

/// The file's key that names a key file.
pub(super) const PSK_FILE: &str = "psk_file";

/// Reads the key file that a table names, and reports what is wrong with it.
pub(super) fn load<T>(table: &mut Table<'_, T>, base_dir: &Path, report: &mut Report<'_>) -> Option<KeyText> {
    if !table.has(PSK_FILE) || table.is_faulty(PSK_FILE) {
        return None;
    }
    let place = table.place_of(PSK_FILE, None);
    let problem = if table.has("psk") {
        "there is `psk` already: give the key or a key file, not both".to_owned()
    } else {
        match table.text(PSK_FILE).map(|text| read(text, base_dir)) {
            None => "`psk_file` must be text in quotes: the path of a key file".to_owned(),
            Some(Err(problem)) => problem,
            Some(Ok((key, world_readable))) => {
                if world_readable {
                    report.warning(place, "everyone can read this key file: `chmod o-r` it");
                }
                return Some(key);
            }
        }
    };
    report.error(place, problem);
    table.set_faulty("psk");
    None
}

/// The key in the file at `text`, and whether everyone can read it. The error is a sentence.
fn read(text: &str, base_dir: &Path) -> Result<(KeyText, bool), String> {
    if text.contains("${") {
        return Err("`${` starts an expression, and expressions are not supported in this version".to_owned());
    }
    if ["hex:", "base64:", "text:"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err("this is a key and not the path of a file: call it `psk`".to_owned());
    }
    let path = base_dir.join(text);
    let content = read_small_file(&path).map_err(|error| format!("cannot read the key file: {error}"))?;
    let mut lines = content.lines();
    let line = lines.next().unwrap_or_default();
    if lines.any(|line| !line.trim().is_empty()) {
        return Err("the key file holds more than one line: it must hold the key and nothing else".to_owned());
    }
    let key = KeyText::parse(line.trim()).map_err(|error| format!("in the key file: {error}"))?;
    Ok((key, is_world_readable(&path)))
}

/// The text of a regular file of at most [`MAX_BYTES`]; anything else could block or never end.
fn read_small_file(path: &Path) -> std::io::Result<Zeroizing<String>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut content = Zeroizing::new(String::new());
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut content)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other(format!("it has more than {MAX_BYTES} bytes")));
    }
    Ok(content)
}

/// Whether users who are neither owner nor of the group may read the file.
pub(super) fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}
