//! `bootstrapd demo`: the newcomer's first bootstrap.

use std::fs;

use crate::harness::{Answer, Site};

#[test]
fn the_demo_shows_what_the_device_received_and_leaves_nothing_behind() {
    let site = Site::new("");
    let scratch = site.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let mut command = site.bootstrapd();
    command.args(["demo", "--exit"]).env("TMPDIR", &scratch);
    let shown = Answer::of(command, "").succeeded().saying(&[
        "demo-device was given 1 server account",
        "coaps://lwm2m.example.com:5684",
        "short server id  101",
        "(27 bytes)",
        "session show 1",
        "README.md",
    ]);
    assert!(!shown.everything().contains("demo-server-key-of-no-worth"), "the key is blanked");
    assert!(fs::read_dir(&scratch).unwrap().next().is_none(), "the scratch directory is left behind");
}
