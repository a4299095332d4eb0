//! Tables of devices: read, refused with line and column, and written back.

use std::collections::BTreeSet;

use super::{Chunks, Rows, TableError, Writer};
use crate::provision::DeviceState;
use crate::store::Kept;

fn read(source: impl std::io::Read) -> Result<Rows, TableError> {
    super::read(source, 2000)
}

fn mistakes(table: &str) -> Vec<String> {
    match read(table.as_bytes()) {
        Err(TableError::Mistakes(found, ..)) => {
            found.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_table_reads_and_writes_back() {
    let table = "endpoint,psk_identity,psk,certificate,certificate_name,public_key,profile,state,tags,property.site\r\n\
                 \"a,\"\"b\",me,hex:0011,sha256:00,,base64:AA,p,blocked,x;y,Berlin\r\n\
                 c,,,\"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\",urn:c,,,enabled,,\r\n";
    let rows = read(table.as_bytes()).unwrap();
    assert_eq!(rows.lines, [2, 3]);
    assert_eq!(rows.rows[1].definition.certificate_name.as_deref(), Some("urn:c"));
    let device = &rows.rows[0].definition;
    assert_eq!((device.endpoint.as_str(), device.state), ("a,\"b", DeviceState::Blocked));
    assert_eq!(device.tags.iter().collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(device.properties["site"], "Berlin");
    assert_eq!((device.certificate.as_deref(), device.public_key.as_deref()), (Some("sha256:00"), Some("base64:AA")));
    let only_key = Kept { psk: true, ..Kept::default() };
    assert_eq!((rows.rows[0].kept, rows.rows[1].kept), (Kept::default(), only_key));
    let mut written = Vec::new();
    let mut writer = Writer::new(&mut written, BTreeSet::from(["site".to_owned()]), true).unwrap();
    rows.rows.iter().for_each(|row| writer.write(&row.definition).unwrap());
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(String::from_utf8(written).unwrap(), table);
}

#[test]
fn a_row_is_named_by_the_line_on_which_an_editor_shows_it() {
    for (table, lines) in [
        ("endpoint\na\nb\n", vec![2, 3]),
        ("endpoint\r\na\r\nb\r\n", vec![2, 3]),
        ("endpoint\r\na\r\nb", vec![2, 3]),
        ("\n\nendpoint\n\n\na\n\nb\n\n", vec![6, 8]),
        ("\r\nendpoint\r\n\r\na\r\n\r\nb\r\n\r\n", vec![4, 6]),
        ("endpoint,property.note\na,\"x\ny\nz\"\nb,\n", vec![2, 5]),
        ("endpoint,property.note\r\na,\"x\r\ny\"\r\nb,\r\n", vec![2, 4]),
        ("endpoint,property.note\na,\nb,\"never closed", vec![2, 3]),
    ] {
        let read = read(table.as_bytes()).unwrap();
        assert_eq!(read.lines, lines, "{table:?}");
        assert_eq!(read.rows[1].definition.endpoint, "b", "{table:?}");
    }
    let rows = read(&b"endpoint,property.note\r\na,\"x\r\ny\"\r\n"[..]).unwrap();
    assert_eq!(rows.rows[0].definition.properties["note"], "x\r\ny", "only the end of the row goes");
    let latin = read(&b"endpoint\r\n\r\na\r\n\xfc\r\n"[..]);
    assert!(matches!(latin, Err(TableError::Mistakes(found, 1, _)) if found[0].field == "line 4"));
}

#[test]
fn columns_that_are_not_there_are_kept_and_blanks_separate_tags_too() {
    let rows = read("\u{feff}tags, endpoint\na b ;c,d\n".as_bytes()).unwrap();
    let row = &rows.rows[0];
    assert_eq!(row.definition.tags.iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    let all_but_tags = Kept {
        psk_identity: true,
        psk: true,
        certificate: true,
        certificate_name: true,
        public_key: true,
        profile: true,
        state: true,
        tags: false,
        properties: true,
    };
    assert_eq!(row.kept, all_but_tags);
    let rows = read("endpoint,state\na,\nb,enabled\n".as_bytes()).unwrap().rows;
    assert_eq!((rows[0].kept.state, rows[1].kept.state), (true, false));
}

#[test]
fn every_mistake_is_named_by_line_and_column_and_no_key_is_shown() {
    for (table, expected) in [
        ("", vec!["line 1: the file is empty"]),
        ("endpoint,psk_idenity\n", vec!["line 1: there is no column `psk_idenity`: did you mean `psk_identity`?"]),
        ("endpoint,colour\n", vec!["line 1: there is no column `colour`: the columns are endpoint"]),
        ("endpoint;psk\n", vec!["line 1: the columns must be separated by commas"]),
        ("psk,psk\n", vec!["line 1: the column `psk` stands here twice"]),
        ("psk\n", vec!["line 1: the column `endpoint` is missing"]),
        (
            "endpoint,psk,state\na,hunter2,enabled\nb,hex:00\nc,hex:00,open\n",
            vec![
                "line 2, psk: a key must say how",
                "line 3: the row has 2 cells",
                "line 4, state: a device is `enabled`",
            ],
        ),
    ] {
        let found = mistakes(table);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected) && !found.contains("hunter2"), "{found:?}");
        }
    }
    let latin = read(&b"endpoint\na\n\xfc\nb\n"[..]);
    assert!(matches!(latin, Err(TableError::Mistakes(found, 1, _)) if found[0].field == "line 3"));
}

#[test]
fn of_very_many_mistakes_the_first_are_told() {
    let table = "endpoint,state\n".to_owned() + &"a,open\n".repeat(1500);
    assert!(matches!(read(table.as_bytes()), Err(TableError::Mistakes(found, 1500, _)) if found.len() == 1000));
}

#[test]
fn a_table_has_no_more_rows_than_are_taken_at_once() {
    let table = "endpoint\na\nb\n\n";
    assert_eq!(super::read(table.as_bytes(), 2).unwrap().rows.len(), 2);
    assert!(matches!(super::read(table.as_bytes(), 1), Err(TableError::TooLong)));
}

#[test]
fn a_table_that_breaks_off_is_no_table() {
    let chunks = [Ok(b"endpoint\na\n".to_vec()), Err(std::io::Error::other("gone"))];
    assert!(matches!(read(Chunks::new(chunks.into_iter())), Err(TableError::Interrupted)));
}
