//! Canaries: no key in the clear, in any form, in any file that the store writes.

use std::fs;
use std::path::Path;

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER, HEXUPPER};

use super::{OPERATOR, Scratch, account_key, at, device, file, scratch, server};
use crate::provision::{DeviceDefinition, KeyText, ServerDefinition};
use crate::store::{DeviceOutcome, FileMode, Key, StoreError};

/// A key that appears nowhere by chance, told apart by `number`.
fn canary(number: u8) -> Vec<u8> {
    format!("canary-{number:03}-that-sings").into_bytes()
}

fn texts(number: u8) -> [String; 3] {
    let bytes = canary(number);
    let text = String::from_utf8(bytes.clone()).unwrap();
    [format!("hex:{}", HEXLOWER.encode(&bytes)), format!("base64:{}", BASE64.encode(&bytes)), format!("text:{text}")]
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[track_caller]
fn assert_silent(directory: &Path) {
    let mut files = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        files += usize::from(!content.is_empty());
        for number in 0..6 {
            let bytes = canary(number);
            let forms = [
                bytes.clone(),
                HEXLOWER.encode(&bytes).into_bytes(),
                HEXUPPER.encode(&bytes).into_bytes(),
                BASE64_NOPAD.encode(&bytes).into_bytes(),
            ];
            for form in forms {
                assert!(!holds(&content, &form), "canary {number} sings in {path:?}");
            }
        }
    }
    assert!(files >= 1);
}

#[test]
fn no_file_holds_a_key_in_any_form() {
    let Scratch { store, directory } = scratch();
    let [hex, base64, text] = [0, 1, 2].map(|form| KeyText::parse(&texts(form as u8)[form]).unwrap());
    let with = |endpoint: &str, psk: &KeyText| DeviceDefinition { psk: Some(psk.clone()), ..device(endpoint) };
    store.add_device(OPERATOR, at(1), with("a", &hex)).wait().unwrap();
    store.add_device(OPERATOR, at(1), with("b", &base64)).wait().unwrap();
    let own = ServerDefinition { psk: account_key(text.expose_text()), ..server("own") };
    store.add_server(OPERATOR, at(1), own).wait().unwrap();
    let [hex, base64, text] = [3, 4, 5].map(|number| KeyText::parse(&texts(number)[number as usize - 3]).unwrap());
    let fleet = ServerDefinition { psk: account_key(hex.expose_text()), ..server("fleet") };
    let definitions = file(&[fleet], &[], &[with("c", &base64), with("d", &text)]);
    store.apply_file(at(2), definitions, FileMode::Start).wait().unwrap();
    assert_silent(directory.path());
    let swap =
        |old: &DeviceDefinition| Ok(DeviceDefinition { psk: Some(KeyText::parse("hex:01").unwrap()), ..old.clone() });
    store.update_device::<StoreError>(OPERATOR, at(3), Key::Name("a".to_owned()), swap).wait().unwrap();
    store.reveal_device(OPERATOR, at(3), Key::Name("b".to_owned())).wait().unwrap();
    store.delete_device(OPERATOR, at(4), Key::Name("b".to_owned())).wait().unwrap();
    let outcome = crate::bootstrap::outcome::Outcome::Completed;
    let ended = DeviceOutcome { endpoint: "c".to_owned(), sessions: 1, outcome, reason: "done".to_owned(), at: at(5) };
    store.record_outcomes(vec![ended]).wait().unwrap();
    assert_silent(directory.path());
    drop(store);
    assert_silent(directory.path());
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), format!("before {} after", texts(3)[0])).unwrap();
    let found = std::panic::catch_unwind(|| assert_silent(directory.path()));
    assert!(found.is_err(), "a canary that is there must be heard");
}

#[test]
fn a_seal_that_was_moved_or_changed_is_an_error_and_not_a_missing_key() {
    let Scratch { store, directory } = scratch();
    store.add_device(OPERATOR, at(1), device("a")).wait().unwrap();
    store.add_device(OPERATOR, at(1), device("b")).wait().unwrap();
    let raw = rusqlite::Connection::open(directory.path().join("bootstrapd.db")).unwrap();
    raw.execute_batch("UPDATE devices SET psk = (SELECT psk FROM devices WHERE endpoint = 'a')").unwrap();
    let mut reader = store.reader().unwrap();
    assert!(reader.psk_for_identity(b"a").unwrap().is_some());
    let error = reader.psk_for_identity(b"b").unwrap_err();
    assert!(matches!(&error, StoreError::Seal { name, .. } if name == "b"), "{error}");
    raw.execute_batch("DROP TABLE devices").unwrap();
    assert!(matches!(reader.psk_for_identity(b"a"), Err(StoreError::Database(_))));
    assert!(matches!(reader.device_by_endpoint("a"), Err(StoreError::Database(_))));
}
