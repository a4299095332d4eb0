//! The unit file, as systemd reads it.

use std::fs;
use std::process::Command;

use crate::harness::Answer;

const UNIT: &str = include_str!("../../systemd/bootstrapd.service");

/// In a private user namespace every operator has the user number 65534, and the audit trail could not tell them apart.
/// A `check` before the start would refuse what a start settles: where file and database conflict, the file wins.
#[test]
fn the_unit_does_not_hinder_what_the_daemon_promises() {
    for line in UNIT.lines() {
        assert!(!line.starts_with("PrivateUsers=") && !line.starts_with("ExecStartPre="), "{line}");
    }
}

#[test]
fn systemd_finds_nothing_to_remark() {
    assert!(UNIT.contains("ExecStart=/usr/bin/bootstrapd "), "the path to replace");
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("bootstrapd.service");
    let unit = UNIT.replace("/usr/bin/bootstrapd", env!("CARGO_BIN_EXE_bootstrapd"));
    fs::write(&path, unit.replace("/usr/bin/bootstrapctl", env!("CARGO_BIN_EXE_bootstrapctl"))).unwrap();

    let found = Command::new("systemd-analyze").arg("--version").output();
    assert!(found.is_ok(), "systemd-analyze is missing (Debian package systemd): the unit cannot be verified");
    let mut command = Command::new("systemd-analyze");
    command.arg("verify").arg(&path);
    let verified = Answer::of(command, "").succeeded();
    assert_eq!(verified.everything(), "");
}
