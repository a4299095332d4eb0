//! Replays the committed fuzz corpora through the bodies of the fuzz targets: no crash, and what was found stays mended.

use std::fs;
use std::path::Path;

#[path = "../fuzz/bodies.rs"]
mod bodies;
#[cfg(feature = "dtls")]
#[path = "../fuzz/native/mod.rs"]
mod native;

/// All of this build.
fn targets() -> Vec<(&'static str, bodies::Body)> {
    vec![
        #[cfg(feature = "dtls")]
        &native::TARGETS[..],
        &bodies::TARGETS[..],
    ]
    .concat()
}

#[test]
fn every_committed_input_passes() {
    for (target, body) in targets() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut replayed = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry can be read").path();
            body(&fs::read(&path).expect("an input can be read"));
            replayed += 1;
        }
        assert!(replayed > 0, "{} is empty", folder.display());
    }
}

#[cfg(feature = "dtls")]
#[test]
fn every_target_is_listed_in_the_fuzz_package() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml")).expect("it is there");
    let listed = manifest.lines().filter(|line| line.starts_with("name = ") && !line.contains("bootstrapd-fuzz"));
    let mut listed: Vec<&str> = listed.filter_map(|line| line.split('"').nth(1)).collect();
    let mut targets: Vec<&str> = targets().iter().map(|(target, _)| *target).collect();
    listed.sort_unstable();
    targets.sort_unstable();
    assert_eq!(listed, targets);
}
