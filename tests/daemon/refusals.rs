//! A start that cannot be says why in a sentence, and touches nothing.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use crate::harness::site::LISTENERS;
use crate::harness::{Answer, Daemon, Site};
use crate::{OPEN, PROVEN};

/// Every refusal is of one form.
const REFUSED: &str = "bootstrapd was not started: ";

#[test]
fn a_second_daemon_on_one_state_directory_is_refused() {
    let daemon = Daemon::start(OPEN);
    let site = daemon.site();
    let config = site.config_text();
    // With a socket of its own, so that nothing but the state directory is in its way.
    site.write_config(&config.replace("admin.sock", "second.sock"));
    let state = site.state_dir();
    site.run().ended_with(1).explaining(&[REFUSED, state.to_str().unwrap(), "another bootstrapd"]);
    assert!(!site.path("second.sock").exists());
    daemon.ctl(&["status"]).succeeded();
}

#[test]
fn a_second_daemon_does_not_take_the_socket_of_the_first() {
    let daemon = Daemon::start(OPEN);
    let site = daemon.site();
    site.write_config(&site.config_text().replace("/state\"", "/state-2\""));
    let socket = site.admin_socket();
    site.run().ended_with(1).explaining(&[REFUSED, socket.to_str().unwrap(), "another process is serving"]);
    daemon.ctl(&["status"]).succeeded();
}

#[test]
fn a_socket_that_a_crash_left_is_cleared_and_a_file_is_not() {
    let site = Site::new(OPEN);
    drop(UnixListener::bind(site.admin_socket()).unwrap());
    let daemon = site.start();
    daemon.ctl(&["status"]).succeeded();
    let mode = fs::metadata(site.admin_socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let site = daemon.stop();

    fs::write(site.admin_socket(), "precious").unwrap();
    site.run().ended_with(1).explaining(&[REFUSED, "is not a socket"]);
    assert_eq!(fs::read_to_string(site.admin_socket()).unwrap(), "precious");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let site = Site::with_listeners(&LISTENERS.replacen("127.0.0.1:0", &address, 1), OPEN);
    site.run().ended_with(1).explaining(&[REFUSED, &address]);
    assert!(!site.admin_socket().exists(), "the admin socket was left behind");
}

#[test]
fn another_sealing_key_is_refused_and_nothing_is_touched() {
    let site = Site::new(PROVEN).start().stop();
    let files = || -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(site.state_dir()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect();
        files.sort();
        files
    };
    let before = files();
    let other = site.file("other.key", "0123456789abcdef0123456789abcdef");
    fs::set_permissions(&other, PermissionsExt::from_mode(0o400)).unwrap();
    let good = site.config_text();
    site.write_config(&format!("sealing_key_file = {other:?}\n{good}"));
    site.run().ended_with(1).explaining(&[REFUSED, "bootstrapd.db", "key"]);
    assert_eq!(files(), before, "something was touched");

    site.write_config(&good);
    site.start().ctl(&["device", "show", "meter-1"]).succeeded();
}

#[test]
fn a_sealing_key_that_is_gone_short_or_open_is_refused() {
    let site = Site::new(PROVEN).start().stop();
    let key = site.state_dir().join("sealing.key");
    let bytes = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    site.run().ended_with(1).explaining(&[REFUSED, "bootstrapd.db", "sealing.key", "put that key back"]);
    fs::write(&key, &bytes[1..]).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o400)).unwrap();
    site.run().ended_with(1).explaining(&[REFUSED, "32 bytes"]);
    fs::remove_file(&key).unwrap();
    fs::write(&key, &bytes).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    site.run().ended_with(1).explaining(&[REFUSED, "chmod 0400"]);
}

#[test]
fn a_state_directory_that_cannot_be_is_named() {
    let site = Site::new(OPEN);
    let good = site.config_text();
    // A file stands in the way, for root as for everybody else.
    site.file("file", "");
    site.write_config(&good.replace("/state\"", "/file/state\""));
    site.run().ended_with(1).explaining(&[REFUSED, "file/state"]);

    fs::set_permissions(site.state_dir(), PermissionsExt::from_mode(0o777)).unwrap();
    site.write_config(&good);
    site.run().ended_with(1).explaining(&[REFUSED, site.state_dir().to_str().unwrap(), "chmod"]);
}

#[test]
fn a_file_that_is_no_database_of_ours_is_left_alone() {
    let site = Site::new(OPEN);
    let database = site.state_dir().join("bootstrapd.db");
    let text = "not a database, and precious".repeat(100);
    // Beside a key, so that the key is not what is missing.
    site.start().stop();
    fs::write(&database, &text).unwrap();
    site.run().ended_with(1).explaining(&[REFUSED, "bootstrapd.db"]);
    assert_eq!(fs::read_to_string(&database).unwrap(), text);
}

#[test]
fn a_misspelled_log_level_is_refused() {
    let site = Site::new(OPEN);
    for level in ["inof", "colour=red"] {
        let mut command = site.bootstrapd();
        command.arg("--config").arg(site.config()).args(["--log", level]);
        Answer::of(command, "").ended_with(1).explaining(&["log level"]);
    }
    assert!(fs::read_dir(site.state_dir()).unwrap().next().is_none(), "something was made");
}

#[test]
fn a_config_that_is_not_there_is_named() {
    let site = Site::new(OPEN);
    fs::remove_file(site.config()).unwrap();
    site.run().ended_with(1).explaining(&["bootstrapd.toml", "No such file", "bootstrapd was not started"]);
    site.check().ended_with(1).explaining(&["bootstrapd.toml", "No such file"]);
}
