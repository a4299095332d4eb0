//! The admin socket as `curl` sees it: HTTP, JSON, problem details.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Answer, Daemon};
use crate::{OPEN, PROVEN, without_devices};

/// What `curl` was answered.
struct Reply {
    status: u16,
    content_type: String,
    body: String,
}

impl Reply {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }
}

fn curl(daemon: &Daemon, method: &str, path: &str, body: Option<(&str, &str)>) -> Reply {
    let found = Command::new("curl").arg("--version").output();
    assert!(found.is_ok(), "curl is missing (Debian package curl): the admin socket cannot be tried");
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--path-as-is", "--max-time", "30", "--unix-socket"]);
    command.arg(daemon.admin_socket()).args(["--request", method]);
    command.args(["--write-out", "\n%{http_code} %{content_type}"]);
    if let Some((media_type, text)) = body {
        command.args(["--header", &format!("Content-Type: {media_type}"), "--data-binary", text]);
    }
    command.arg(format!("http://localhost{path}"));
    let answer = Answer::of(command, "").succeeded();
    let (body, last) = answer.stdout.rsplit_once('\n').unwrap();
    let (status, content_type) = last.split_once(' ').unwrap();
    Reply { status: status.parse().unwrap(), content_type: content_type.to_owned(), body: body.to_owned() }
}

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

#[test]
fn a_device_lives_from_post_to_delete() {
    let daemon = Daemon::start(without_devices(OPEN));
    let body = json!({"endpoint": "urn:x:/% ü", "psk": "text:canary-of-curl-0123"}).to_string();
    let made = curl(&daemon, "POST", "/v1/devices", Some((JSON, &body)));
    assert_eq!((made.status, made.content_type.as_str()), (201, JSON));
    assert_eq!((&made.json()["secrets"], made.json().get("psk")), (&json!(["psk"]), None));

    let path = "/v1/devices/urn%3Ax%3A%2F%25%20%C3%BC";
    let shown = curl(&daemon, "GET", path, None);
    assert_eq!((shown.status, &shown.json()["endpoint"]), (200, &json!("urn:x:/% ü")));
    let patch = json!({"psk_identity": "identity"}).to_string();
    let changed = curl(&daemon, "PATCH", path, Some((MERGE_PATCH, &patch)));
    assert_eq!((changed.status, &changed.json()["psk_identity"]), (200, &json!("identity")));
    assert_eq!(changed.json()["secrets"], json!(["psk"]), "what the patch does not name stays");
    let list = curl(&daemon, "GET", "/v1/devices?search=urn&limit=5", None);
    assert_eq!((list.status, &list.json()["total"]), (200, &json!(1)));
    let deleted = curl(&daemon, "DELETE", path, None);
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    assert_eq!(curl(&daemon, "GET", path, None).status, 404);
    for reply in [made, shown, changed, list] {
        assert!(!reply.body.contains("canary"), "{}", reply.body);
    }
}

#[test]
fn what_goes_wrong_is_answered_by_problem_details() {
    let daemon = Daemon::start(PROVEN);
    let tunnel = "x".repeat((1 << 20) + 1);
    for (method, path, body, status) in [
        ("GET", "/v1/devices/nobody", None, 404),
        ("GET", "/v1/colours", None, 404),
        ("GET", "/", None, 404),
        ("GET", "/v1/sessions/one", None, 400),
        ("GET", "/v1/devices?colour=red", None, 400),
        ("GET", "/v1/devices/%ff", None, 400),
        ("PUT", "/v1/devices", None, 405),
        ("GET", "/v1/reload", None, 405),
        ("POST", "/v1/devices", Some(("text/plain", "{}")), 415),
        ("POST", "/v1/devices", Some((JSON, "{")), 400),
        ("POST", "/v1/devices", Some((JSON, "[]")), 400),
        ("POST", "/v1/devices", Some((JSON, r#"{"endpoint": 5, "colour": "red"}"#)), 422),
        ("POST", "/v1/devices", Some((JSON, r#"{"endpoint": "m", "psk": "canary"}"#)), 422),
        ("POST", "/v1/devices", Some((JSON, r#"{"endpoint": "meter-1"}"#)), 409),
        ("PATCH", "/v1/devices/meter-1", Some((MERGE_PATCH, r#"{"psk": null}"#)), 409),
        ("DELETE", "/v1/servers/fleet-eu", None, 409),
        ("POST", "/v1/devices", Some((JSON, tunnel.as_str())), 413),
    ] {
        // A body of a mebibyte is longer than an argument may be.
        let file = daemon.file("body", body.map_or("", |(_, text)| text));
        let argument = format!("@{}", file.display());
        let reply = curl(&daemon, method, path, body.map(|(media_type, _)| (media_type, argument.as_str())));
        let case = format!("{method} {path}: {} {}", reply.status, reply.body);
        assert_eq!((reply.status, reply.content_type.as_str()), (status, "application/problem+json"), "{case}");
        let problem = reply.json();
        assert_eq!(problem["status"], json!(status), "{case}");
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{case}");
        assert!(!reply.body.contains("canary"), "{case}");
    }
    let wrong = r#"{"endpoint": 5, "colour": "red"}"#;
    let problem = curl(&daemon, "POST", "/v1/devices", Some((JSON, wrong))).json().to_string();
    assert!(problem.contains("endpoint") && problem.contains("colour"), "{problem}");
    assert_eq!(daemon.ctl_json(&["device", "list"])["total"], json!(1));
}

#[test]
fn json_of_the_command_line_is_what_the_api_answers() {
    let daemon = Daemon::start(PROVEN);
    for (words, path) in [
        (&["server", "list"][..], "/v1/servers"),
        (&["profile", "list"], "/v1/profiles"),
        (&["device", "list"], "/v1/devices"),
        (&["device", "show", "meter-1"], "/v1/devices/meter-1"),
        (&["server", "show", "1"], "/v1/servers/1"),
        (&["session", "list"], "/v1/sessions"),
        (&["audit"], "/v1/audit"),
    ] {
        assert_eq!(daemon.ctl_json(words), curl(&daemon, "GET", path, None).json(), "{path}");
    }
}
