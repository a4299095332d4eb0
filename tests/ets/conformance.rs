//! The table of `README.md` beside this file, held to the cases that there are and to the tests that there are.

/// Every case of spec sheet `ets.md`, sections 3 and 4, that touches bootstrap.
const CASES: [&str; 21] = [
    "1.0-int-0",
    "1.1-int-0",
    "1.1-int-1",
    "1.1-int-2",
    "1.1-int-3",
    "1.1-int-4",
    "1.1-int-5",
    "1.1-int-6",
    "1.1-int-7",
    "1.1-int-8",
    "1.1-int-9",
    "1.1-int-10",
    "1.2-int-11",
    "1.2-int-12",
    "1.2-int-19",
    "1.1-int-401",
    "1.1-int-402",
    "1.1-int-403",
    "1.1-int-404",
    "1.1-int-405",
    "1.1-int-406",
];

const TABLE: &str = include_str!("README.md");

const SOURCES: [&str; 4] = [
    include_str!("client_initiated.rs"),
    include_str!("operations.rs"),
    include_str!("pack.rs"),
    include_str!("triggers.rs"),
];

/// Id and verdict of each row.
fn rows() -> Vec<(&'static str, &'static str)> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| 1."));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, _, verdict, _] = cells[..] else { panic!("four cells: {line}") };
        (id, verdict)
    })
    .collect()
}

#[test]
fn every_case_stands_in_the_table_once_and_in_order() {
    assert_eq!(rows().iter().map(|(id, _)| *id).collect::<Vec<_>>(), CASES);
}

#[test]
fn every_test_that_the_table_names_exists_and_is_named_by_its_id() {
    let mut named = Vec::new();
    for (id, verdict) in rows() {
        let Some(test) = verdict.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else {
            assert!(verdict == "not yet" || verdict == "not ours", "{id}: {verdict}");
            continue;
        };
        let prefix = format!("lightweightm2m_{}_", id.replace(['.', '-'], "_"));
        assert!(test.starts_with(&prefix), "{test} is not named by {id}");
        let heading = format!("#[test]\nfn {test}() {{");
        assert!(SOURCES.iter().any(|source| source.contains(&heading)), "there is no test {test}");
        named.push(test);
    }
    // And none goes unmentioned.
    let tests = SOURCES.iter().flat_map(|source| source.split("#[test]\nfn ").skip(1));
    let tests = tests.filter_map(|rest| rest.split('(').next()).filter(|name| name.starts_with("lightweightm2m_"));
    for test in tests {
        assert!(named.contains(&test), "the table does not mention {test}");
    }
}
