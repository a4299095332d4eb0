//! Holds the documents to the code: every test that a table names exists, and every file that it names.

use std::fs;
use std::path::{Path, PathBuf};

/// The rows of the table in `docs/dtls.md` that ends in a column of tests: places and test of each.
fn rows() -> Vec<(Vec<String>, String)> {
    let text = read("docs/dtls.md");
    let quoted = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    text.lines()
        .filter(|line| line.starts_with("| RFC"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            let [_, _, places, test] = cells[..] else { panic!("four columns: {line}") };
            let places = quoted(places).into_iter().filter(|place| place.ends_with(".rs")).collect();
            (places, quoted(test).concat())
        })
        .collect()
}

#[test]
fn every_section_of_an_rfc_names_a_place_and_a_test_that_exist() {
    let rows = rows();
    assert!(rows.len() > 30, "the table is found");
    let sources: Vec<String> = rust_files(&root().join("src")).chain(rust_files(&root().join("tests"))).collect();
    let mut missing = Vec::new();
    for (places, test) in rows {
        if !sources.iter().any(|source| source.contains(&format!("fn {test}()"))) {
            missing.push(format!("no test `{test}`"));
        }
        assert!(!places.is_empty(), "{test}");
        missing.extend(places.iter().filter(|place| !root().join("src/dtls").join(place).exists()).cloned());
    }
    assert_eq!(missing, Vec::<String>::new());
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The texts of all Rust files below `directory`.
fn rust_files(directory: &Path) -> impl Iterator<Item = String> + use<> {
    let mut pending = vec![directory.to_owned()];
    let mut texts = Vec::new();
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    texts.into_iter()
}
