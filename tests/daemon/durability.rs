//! What was acknowledged is there after a crash.

use serde_json::Value;

use crate::harness::Site;
use crate::{OPEN, without_devices};

const ROUNDS: usize = 20;

#[test]
fn an_acknowledged_change_survives_a_crash_right_after_it() {
    let site = Site::new(without_devices(OPEN));
    let key = site.file("key", "text:a-key-for-every-device\n");
    let key = key.to_str().unwrap();
    let mut expected: Vec<(String, Option<String>)> = Vec::new();
    for round in 0..ROUNDS {
        let daemon = site.start();
        let endpoint = format!("meter-{round:02}");
        match round % 4 {
            0 | 1 => {
                daemon.ctl(&["device", "add", &endpoint, "--psk-file", key]).succeeded();
                expected.push((endpoint, None));
            }
            2 => {
                let (last, identity) = expected.last_mut().unwrap();
                *identity = Some(format!("identity-{round}"));
                daemon.ctl(&["device", "set", last, "--psk-identity", identity.as_ref().unwrap()]).succeeded();
            }
            _ => {
                let (first, _) = expected.remove(0);
                daemon.ctl(&["device", "delete", &first, "--yes"]).succeeded();
            }
        }
        daemon.crash();

        let daemon = site.start();
        let list = daemon.ctl_json(&["device", "list"]);
        let found: Vec<(String, Option<String>)> = list["items"].as_array().unwrap().iter().map(named).collect();
        assert_eq!(found, expected, "round {round}");
        let audit = daemon.ctl_json(&["audit"]);
        let lines = audit["items"].as_array().unwrap().iter().filter(|line| line["actor"] == "admin socket");
        assert_eq!(lines.count(), round + 1, "every change has its audit line");
        daemon.crash();
    }
}

fn named(device: &Value) -> (String, Option<String>) {
    let text = |name: &str| device[name].as_str().map(str::to_owned);
    (text("endpoint").unwrap(), text("psk_identity"))
}
