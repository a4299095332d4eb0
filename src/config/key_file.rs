//! `psk_file`, `private_key_file` and the like: a value in a file of its own.
//!
//! A key file holds one line in a form of [`KeyText`], or the expression of an account's key; a file of certificates or
//! keys of pairs holds PEM, DER, or what could stand in the field itself. What a file holds never gets into a message.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::report::Report;
use super::table::Table;
use crate::provision::key_text::prefix_of;
use crate::provision::{AccountKey, DeviceDefinition, HoldsSecrets, KeyText, SecretText, ServerDefinition};

/// Largest key file in bytes: the longest key in its longest form, with room for blanks.
const MAX_KEY_BYTES: u64 = 1024;

/// Largest file of certificates in bytes; what clients can take is far smaller.
const MAX_MATERIAL_BYTES: u64 = 64 << 10;

/// The keys of a server account that name a file; without `_file` they are the field that it fills.
pub(super) const SERVER_FILES: &[&str] = &[
    "psk_file",
    "server_certificate_file",
    "client_certificate_file",
    "server_public_key_file",
    "client_public_key_file",
    "private_key_file",
    "sms_binding_secret_keys_file",
];

/// The keys of a device that name a file.
pub(super) const DEVICE_FILES: &[&str] = &["psk_file", "certificate_file", "public_key_file"];

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    /// One line.
    Key,
    /// Certificates, or one key of a pair.
    Material,
}

/// Reads the files that a server account names, and reports what is wrong with them.
pub(super) fn load_of_server(table: &mut Table<'_, ServerDefinition>, base_dir: &Path, report: &mut Report<'_>) {
    for file_key in SERVER_FILES {
        load(table, file_key, base_dir, report, |server, text| {
            let plain = |text: Zeroizing<String>| Some(text.as_str().to_owned());
            match *file_key {
                "psk_file" => server.psk = Some(AccountKey::parse(&text).map_err(|error| error.to_string())?),
                "sms_binding_secret_keys_file" => {
                    server.sms_binding_secret_keys = Some(KeyText::parse(&text).map_err(|error| error.to_string())?);
                }
                "private_key_file" => server.private_key = Some(SecretText::new(text.as_str().to_owned())),
                "server_certificate_file" => server.server_certificate = plain(text),
                "client_certificate_file" => server.client_certificate = plain(text),
                "server_public_key_file" => server.server_public_key = plain(text),
                _ => server.client_public_key = plain(text),
            }
            Ok(())
        });
    }
}

/// Reads the files that a device names, and reports what is wrong with it.
pub(super) fn load_of_device(table: &mut Table<'_, DeviceDefinition>, base_dir: &Path, report: &mut Report<'_>) {
    for file_key in DEVICE_FILES {
        load(table, file_key, base_dir, report, |device, text| {
            match *file_key {
                "psk_file" => device.psk = Some(KeyText::parse(&text).map_err(|error| error.to_string())?),
                "certificate_file" => device.certificate = Some(text.as_str().to_owned()),
                _ => device.public_key = Some(text.as_str().to_owned()),
            }
            Ok(())
        });
    }
}

/// Reads one file, where it is named, and puts what it holds into the definition.
fn load<T: HoldsSecrets>(
    table: &mut Table<'_, T>,
    file_key: &'static str,
    base_dir: &Path,
    report: &mut Report<'_>,
    put: impl FnOnce(&mut T, Zeroizing<String>) -> Result<(), String>,
) {
    let field = field_of(file_key);
    if !table.has(file_key) || table.is_faulty(file_key) {
        return;
    }
    let is_secret = T::SECRET_FIELDS.contains(&field);
    let content = if ["psk", "sms_binding_secret_keys"].contains(&field) { Content::Key } else { Content::Material };
    let place = table.place_of(file_key, None);
    let problem = if table.has(field) {
        format!("there is `{field}` already: give it here or in a file, not both")
    } else {
        match table.text(file_key).map(|text| read(text, field, content, base_dir)) {
            None => format!("`{file_key}` must be text in quotes: the path of a file"),
            Some(Err(problem)) => problem,
            Some(Ok((text, world_readable))) => match put(&mut table.definition, text) {
                Err(problem) => format!("in the key file: {problem}"),
                Ok(()) => {
                    if world_readable && is_secret {
                        report.warning(place, "everyone can read this key file: `chmod o-r` it");
                    }
                    return;
                }
            },
        }
    };
    report.error(place, problem);
    table.set_faulty(field);
}

/// The field that a file fills.
pub(super) fn field_of(file_key: &'static str) -> &'static str {
    file_key.strip_suffix("_file").unwrap_or(file_key)
}

/// What the file at `text` holds, and whether everyone can read it. The error is a sentence.
fn read(text: &str, field: &str, content: Content, base_dir: &Path) -> Result<(Zeroizing<String>, bool), String> {
    if text.contains("${") {
        return Err("`${` starts an expression, and the path of a file holds none: write it out".to_owned());
    }
    if prefix_of(text).is_some() || ["sha256:", "-----BEGIN"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(format!("this is a value and not the path of a file: call it `{field}`"));
    }
    let path = base_dir.join(text);
    let what = if content == Content::Key { "key file" } else { "file" };
    let limit = if content == Content::Key { MAX_KEY_BYTES } else { MAX_MATERIAL_BYTES };
    let bytes = read_small_file(&path, limit).map_err(|error| format!("cannot read the {what}: {error}"))?;
    let text = match content {
        Content::Key => one_line_of(&bytes)?,
        Content::Material => material_of(&bytes)?,
    };
    Ok((text, is_world_readable(&path)))
}

/// A file of certificates or of a key.
pub(super) struct MaterialFile {
    pub(super) text: Zeroizing<String>,
    pub(super) is_world_readable: bool,
}

/// What the file of certificates or of a key at `path` holds, which is what `field` names. The error is a sentence.
pub(super) fn read_material_file(path: &str, field: &str, base_dir: &Path) -> Result<MaterialFile, String> {
    let unreadable = |error: String| format!("{path}: {error}");
    let (text, is_world_readable) = read(path, field, Content::Material, base_dir).map_err(unreadable)?;
    Ok(MaterialFile { text, is_world_readable })
}

fn one_line_of(bytes: &[u8]) -> Result<Zeroizing<String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the key file is no text".to_owned())?;
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default();
    if lines.any(|line| !line.trim().is_empty()) {
        return Err("the key file holds more than one line: it must hold the key and nothing else".to_owned());
    }
    Ok(Zeroizing::new(line.trim().to_owned()))
}

/// Text as it stands there, and DER as `base64:...`.
fn material_of(bytes: &[u8]) -> Result<Zeroizing<String>, String> {
    if is_der(bytes) {
        let mut text = Zeroizing::new(String::with_capacity("base64:".len() + BASE64.encode_len(bytes.len())));
        text.push_str("base64:");
        BASE64.encode_append(bytes, &mut text);
        return Ok(text);
    }
    match std::str::from_utf8(bytes).map(str::trim) {
        Ok("") => Err("the file is empty".to_owned()),
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err("the file is neither PEM nor DER".to_owned()),
    }
}

/// DER begins with a SEQUENCE, whose tag is the digit `0` in text; but no text holds what DER holds soon after.
fn is_der(bytes: &[u8]) -> bool {
    let is_text = || bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    bytes.first() == Some(&0x30) && !is_text()
}

/// The bytes of a regular file of at most `limit` bytes; anything else could block or never end.
fn read_small_file(path: &Path, limit: u64) -> std::io::Result<Zeroizing<Vec<u8>>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut content = Zeroizing::new(Vec::with_capacity(limit as usize + 1));
    File::open(path)?.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(std::io::Error::other(format!("it has more than {limit} bytes")));
    }
    Ok(content)
}

/// Whether users who are neither owner nor of the group may read the file.
pub(super) fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}
