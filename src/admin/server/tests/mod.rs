//! The admin socket as its users see it: over a real socket, on a real store.

/// Certificates for it are made by OpenSSL.
#[cfg(feature = "openssl")]
mod expiry;
mod read_only;
pub(crate) mod world;

use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use self::world::World;
use crate::admin::api::ReloadSummary;
use crate::admin::client::{ClientError, DeviceQuery, SessionQuery};
use crate::provision::{AccountKey, DeviceDefinition, ServerDefinition};
use crate::store::{FileDefinitions, FileMode, UnixMillis};

const SECRET: &str = "correct-horse-battery";

fn server(name: &str, ssid: u32) -> Value {
    json!({"name": name, "ssid": ssid, "uri": "eu.example.com", "security": "psk", "psk": format!("text:{SECRET}")})
}

/// A server account, a profile and a device.
async fn furnished() -> World {
    let world = World::new().await;
    for (path, body) in [
        ("/v1/servers", server("eu", 101)),
        ("/v1/profiles", json!({"name": "default", "servers": ["eu"], "default": true})),
        ("/v1/devices", json!({"endpoint": "meter", "psk": format!("text:{SECRET}"), "profile": "default"})),
    ] {
        let answer = world.post(path, &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    world
}

#[tokio::test]
async fn what_is_created_is_found_by_name_and_number_and_gone_once_deleted() {
    let world = World::new().await;
    let created = world.post("/v1/servers", &server("eu", 101)).await;
    assert_eq!(created.status, 201);
    assert!(created.head.contains("location: /v1/servers/eu"), "{created:?}");
    let by_name = world.get("/v1/servers/eu").await.json();
    let by_number = world.get(&format!("/v1/servers/{}", by_name["id"])).await.json();
    assert_eq!(by_name, by_number);
    assert_eq!(
        (&by_name["ssid"], &by_name["origin"], &by_name["secrets"]),
        (&json!(101), &json!("database"), &json!(["psk"]))
    );
    assert_eq!(world.get("/v1/servers").await.json()["items"], json!([by_name]));
    assert_eq!(world.ask("DELETE", "/v1/servers/eu", "text/plain", "").await.status, 204);
    assert_eq!(world.get("/v1/servers/eu").await.status, 404);
}

#[tokio::test]
async fn a_patch_sets_what_it_says_removes_what_is_null_and_leaves_the_rest() {
    let world = furnished().await;
    let path = "/v1/servers/eu";
    let changed = world.patch(path, &json!({"lifetime": 300, "binding": "U"})).await.json();
    assert_eq!((&changed["lifetime"], &changed["binding"], &changed["ssid"]), (&json!(300), &json!("U"), &json!(101)));
    let changed = world.patch(path, &json!({"lifetime": null})).await.json();
    assert!(
        changed.get("lifetime").is_none() && changed["binding"] == "U" && changed["secrets"] == json!(["psk"]),
        "{changed}"
    );
    let key = |world: &World| {
        let read = world.store.read(|reader| reader.catalog());
        async { read.await.unwrap().servers[0].psk.clone().unwrap().expose_text().to_owned() }
    };
    assert_eq!(key(&world).await, format!("text:{SECRET}"));
    assert_eq!(world.patch(path, &json!({"psk": "hex:00112233445566778899aabbccddeeff"})).await.status, 200);
    assert_eq!(key(&world).await, "hex:00112233445566778899aabbccddeeff");
    let bare = world.patch("/v1/devices/meter", &json!({"psk": null})).await.json();
    assert_eq!(bare["secrets"], json!([]));
}

#[tokio::test]
async fn a_fleet_that_does_not_say_it_leaves_a_device_blocked() {
    let world = furnished().await;
    assert_eq!(world.patch("/v1/devices/meter", &json!({"state": "blocked"})).await.status, 200);
    for (state, left) in [(None, "blocked"), (Some(Value::Null), "blocked"), (Some(json!("enabled")), "enabled")] {
        let mut device = json!({"endpoint": "meter", "profile": "default"});
        if let Some(state) = state.clone() {
            device["state"] = state;
        }
        let answer = world.post("/v1/apply", &json!({"devices": [device]})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let shown = world.get("/v1/devices/meter").await.json();
        assert_eq!(shown.get("state").unwrap_or(&json!("enabled")), left, "{state:?}: {shown}");
    }
    let audit = world.get("/v1/audit?limit=2").await.json();
    let line = &audit["items"][1];
    assert_eq!((&line["verb"], &line["name"]), (&json!("unblock"), &json!("meter")), "{audit}");
}

#[tokio::test]
async fn there_is_one_import_at_a_time() {
    let world = furnished().await;
    let import = || world.ask("POST", "/v1/import/devices", "text/csv", "endpoint\nm2\n");
    let slot = world.service.slots.import().unwrap();
    for answer in [import().await, world.post("/v1/apply", &json!({})).await] {
        assert!(answer.status == 409 && answer.body.contains("another import or apply is under way"), "{answer:?}");
    }
    drop(slot);
    assert_eq!(import().await.status, 200);
    assert_eq!(world.post("/v1/apply", &json!({})).await.status, 200);
}

#[tokio::test]
async fn every_refusal_is_problem_details_and_changes_nothing() {
    let world = furnished().await;
    let before = world.store.read(|reader| reader.catalog()).await.unwrap();
    let (json, plain, patch) = ("application/json", "text/plain", "application/merge-patch+json");
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1 << 20));
    let cases = [
        ("GET", "/v1/nothing", plain, "", 404),
        ("GET", "/", plain, "", 404),
        ("GET", "/v1/servers/none", plain, "", 404),
        ("GET", "/v1/sessions/1", plain, "", 404),
        ("GET", "/v1/sessions/one", plain, "", 400),
        ("GET", "/v1/devices/%ff", plain, "", 400),
        ("GET", "/v1/devices?limit=-1", plain, "", 400),
        ("GET", "/v1/devices?colour=red", plain, "", 400),
        ("GET", "/v1/sessions?running=perhaps", plain, "", 400),
        ("PUT", "/v1/servers/eu", json, "{}", 405),
        ("DELETE", "/v1/status", plain, "", 405),
        ("GET", "/v1/reload", plain, "", 405),
        ("POST", "/v1/servers", plain, "{}", 415),
        ("POST", "/v1/servers", patch, "{}", 415),
        ("POST", "/v1/servers", json, &large, 413),
        ("POST", "/v1/servers", json, "{\"name\":", 400),
        ("POST", "/v1/servers", json, "[]", 400),
        ("POST", "/v1/servers", json, "{\"name\": \"x\", \"colour\": 1}", 422),
        ("POST", "/v1/servers", json, "{\"name\": \"12\", \"ssid\": 0}", 422),
        ("POST", "/v1/servers", json, "{\"name\": \"eu\", \"ssid\": 7, \"uri\": \"h\", \"security\": \"nosec\"}", 409),
        ("POST", "/v1/profiles", json, "{\"name\": \"p\", \"servers\": [\"none\"]}", 422),
        ("POST", "/v1/profiles", json, "{\"name\": \"p\", \"servers\": [\"eu\"], \"default\": true}", 409),
        ("POST", "/v1/devices", json, "{\"endpoint\": \"m2\", \"profile\": \"none\"}", 422),
        ("PATCH", "/v1/devices/none", patch, "{}", 404),
        ("PATCH", "/v1/servers/eu", patch, "{\"name\": \"us\"}", 409),
        ("PATCH", "/v1/servers/eu", patch, "{\"name\": null}", 422),
        ("PATCH", "/v1/servers/eu", patch, "{\"psk\": null}", 422),
        ("PATCH", "/v1/servers/eu", patch, "{\"type\": \"bootstrap\"}", 422),
        ("DELETE", "/v1/servers/eu", plain, "", 409),
        ("DELETE", "/v1/profiles/default", plain, "", 409),
    ];
    for (method, path, media_type, body, status) in cases {
        let answer = world.ask(method, path, media_type, body).await;
        let case = format!("{method} {path} {}", body.get(..60).unwrap_or(body));
        assert_eq!(answer.status, status, "{case}: {answer:?}");
        assert!(answer.head.contains("content-type: application/problem+json"), "{case}: {answer:?}");
        let problem = answer.json();
        assert_eq!(problem["status"], json!(status), "{case}");
        for member in ["type", "title", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{case}: {problem}");
        }
    }
    assert_eq!(world.store.read(|reader| reader.catalog()).await.unwrap(), before);
    assert_eq!(world.store.read(|reader| reader.counts()).await.unwrap().devices, 1);
}

#[tokio::test]
async fn the_checks_name_every_mistake_by_its_field() {
    let world = World::new().await;
    let answer = world.post("/v1/servers", &json!({"name": "12", "ssid": 0, "uri": "h", "security": "nosec"})).await;
    let problem = answer.json();
    let fields: Vec<&str> =
        problem["problems"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["name", "ssid"], "{problem}");
    assert!(problem["problems"].as_array().unwrap().iter().all(|one| one["message"].is_string()));
}

#[tokio::test]
async fn no_answer_ever_holds_a_key() {
    let world = furnished().await;
    let hidden = ["correct-horse", "battery", "636f72726563742d"];
    let mut answers = Vec::new();
    let session = [
        ("POST", "/v1/servers", "application/json", server("us", 102)),
        ("POST", "/v1/servers", "application/json", server("us", 102)),
        ("POST", "/v1/servers", "application/json", json!({"name": "x", "psk": SECRET})),
        ("POST", "/v1/servers", "application/json", json!({"name": "x", "psk": [SECRET]})),
        ("POST", "/v1/devices", "application/json", json!({"endpoint": "n", "psk": format!("hex:{SECRET}")})),
        ("PATCH", "/v1/servers/us", "application/json", json!({"psk": format!("text:{SECRET}"), "lifetime": 60})),
        ("PATCH", "/v1/devices/meter", "application/json", json!({"psk": SECRET})),
    ];
    for (method, path, media_type, body) in session {
        answers.push(world.ask(method, path, media_type, &body.to_string()).await);
    }
    for path in ["servers", "servers/eu", "profiles", "profiles/default", "devices", "devices/meter", "status", "audit"]
    {
        answers.push(world.get(&format!("/v1/{path}")).await);
    }
    for answer in answers {
        assert!(hidden.iter().all(|piece| !answer.body.contains(piece)), "{answer:?}");
        assert!(!answer.body.contains("\"psk\":"), "{answer:?}");
    }
}

#[tokio::test]
async fn what_the_file_defines_is_read_only_here() {
    let world = World::new().await;
    let definitions = FileDefinitions {
        servers: vec![ServerDefinition {
            name: "eu".to_owned(),
            ssid: Some(1),
            uri: Some("eu.example.com".to_owned()),
            psk: Some(AccountKey::parse("text:0123456789abcdef").unwrap()),
            ..ServerDefinition::default()
        }],
        ..FileDefinitions::default()
    };
    world.store.apply_file(UnixMillis(0), definitions, FileMode::Start).await.unwrap();
    assert_eq!(world.get("/v1/servers/eu").await.json()["origin"], json!("file"));
    assert_eq!(world.patch("/v1/servers/eu", &json!({"lifetime": 60})).await.status, 409);
    assert_eq!(world.ask("DELETE", "/v1/servers/eu", "text/plain", "").await.status, 409);
}

#[tokio::test]
async fn a_change_that_would_break_a_profile_is_refused_by_the_profile_it_breaks() {
    let world = furnished().await;
    assert_eq!(world.post("/v1/servers", &server("us", 102)).await.status, 201);
    let both = json!({"servers": ["eu", "us"]});
    assert_eq!(world.patch("/v1/profiles/default", &both).await.status, 200);
    let refusal = world.patch("/v1/servers/us", &json!({"ssid": 101})).await;
    assert_eq!(refusal.status, 422);
    assert_eq!(refusal.json()["problems"][0]["field"], json!("ssid"), "{refusal:?}");
    assert!(refusal.body.contains("`default`"), "{refusal:?}");
}

#[tokio::test]
async fn endpoints_of_any_characters_are_paged_and_found() {
    let world = furnished().await;
    let names = ["490154203237518", "a/b ?#%&=", "meter", "urn:imei:1", "ü"];
    for name in names.into_iter().filter(|name| *name != "meter") {
        let fields = json!({"endpoint": name}).as_object().unwrap().clone();
        world.client.create::<DeviceDefinition>(&fields).await.unwrap();
        assert_eq!(world.client.show::<DeviceDefinition>(name).await.unwrap().definition().endpoint, name);
    }
    let mut found = Vec::new();
    let mut query = DeviceQuery { limit: Some(3), ..DeviceQuery::default() };
    loop {
        let page = world.client.devices::<DeviceDefinition>(&query).await.unwrap();
        assert_eq!(page.total, Some(5));
        found.extend(page.items.iter().map(|entry| entry.definition().endpoint.clone()));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, names);
    let search = DeviceQuery { search: Some("imei".to_owned()), ..DeviceQuery::default() };
    assert_eq!(world.client.devices::<DeviceDefinition>(&search).await.unwrap().items.len(), 1);
    world.client.delete::<DeviceDefinition>("a/b ?#%&=").await.unwrap();
    assert!(matches!(
        world.client.show::<DeviceDefinition>("a/b ?#%&=").await,
        Err(ClientError::Problem(problem)) if problem.status == 404
    ));
}

#[tokio::test]
async fn every_change_leaves_an_audit_line_with_the_peers_uid() {
    let world = furnished().await;
    world.patch("/v1/servers/eu", &json!({"lifetime": 60})).await;
    let uid = std::fs::metadata(&world.socket).unwrap().uid();
    let lines = world.client.audit(Some(2)).await.unwrap().items;
    let told: Vec<_> = lines.iter().map(|line| (line.verb.as_str(), line.kind.as_str(), line.name.as_str())).collect();
    assert_eq!(told, [("change", "server", "eu"), ("add", "device", "meter")]);
    assert!(lines.iter().all(|line| line.uid == Some(uid) && line.actor == "admin socket"), "{lines:?}");
    assert_eq!(lines[0].fields, ["lifetime"]);
}

#[tokio::test]
async fn a_reload_is_asked_for_and_its_refusal_is_a_problem() {
    let mut world = World::new().await;
    let mut reloads = std::mem::replace(&mut world.reloads, tokio::sync::mpsc::channel(1).1);
    let daemon = tokio::spawn(async move {
        let summary = ReloadSummary { servers: 3, ..ReloadSummary::default() };
        reloads.recv().await.unwrap().send(Ok(summary)).unwrap();
        reloads.recv().await.unwrap().send(Err("line 3: no".to_owned())).unwrap();
    });
    assert_eq!(world.client.reload().await.unwrap().servers, 3);
    let Err(ClientError::Problem(problem)) = world.client.reload().await else { panic!("not refused") };
    assert_eq!(problem.status, 422);
    assert!(problem.detail.contains("line 3: no"), "{problem:?}");
    daemon.await.unwrap();
    let Err(ClientError::Problem(problem)) = world.client.reload().await else { panic!("nobody reloads") };
    assert_eq!(problem.status, 503);
}

#[tokio::test]
async fn status_counts_what_is_defined_and_says_why_it_is_degraded() {
    let world = furnished().await;
    world.degraded.write().unwrap().push("`eu` is defined twice".to_owned());
    let status = world.client.status().await.unwrap();
    assert_eq!((status.definitions.servers, status.definitions.profiles, status.definitions.devices), (1, 1, 1));
    assert_eq!(
        (status.version.as_str(), status.degraded.as_slice()),
        ("9.9.9", &["`eu` is defined twice".to_owned()][..])
    );
    assert!(world.client.sessions(SessionQuery::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn when_the_service_stops_its_socket_is_gone() {
    let world = World::new().await;
    let (socket, client) = (world.socket.clone(), world.client.clone());
    assert!(client.status().await.is_ok());
    let _scratch = world.stop().await;
    assert!(!socket.exists());
    assert!(matches!(client.status().await, Err(ClientError::Unreachable { .. })));
}
