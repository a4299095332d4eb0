//! What a sound file becomes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{SOUND, beside_shared_keys, parse, said};
use crate::config::{
    Config, DtlsEngine, Listener, ListenerCertificates, ListenerDtls, ListenerSecurity, Reference, UnknownClients,
    read_fleet,
};
use crate::provision::resolve::Client;
use crate::provision::{Catalog, DeviceDefinition, Provision, Resolution, Transport, resolve};

/// What a device whose accounts need nothing issued is to receive.
fn provision_of(device: &DeviceDefinition, catalog: &Catalog) -> Provision {
    let client = Client { device, id: None, issued: &[], rotation_requested: None, now: 0 };
    match resolve(&client, catalog).unwrap() {
        Resolution::Provision(provision) => *provision,
        Resolution::MustIssue(accounts) => panic!("{accounts:?} need credentials"),
    }
}

#[test]
fn a_minimal_file_has_the_documented_defaults() {
    let config = parse(SOUND).unwrap();
    assert_eq!(config.state_dir, Path::new("/var/lib/bootstrapd"));
    assert_eq!(config.sealing_key_file, None);
    assert_eq!(config.admin.socket, Path::new("/run/bootstrapd/admin.sock"));
    assert!(beside_shared_keys(&config.warnings).is_empty());
    assert_eq!(
        config.listeners,
        [Listener {
            bind: "[::]:5684".parse().unwrap(),
            security: ListenerSecurity::Dtls,
            transport: Transport::Udp,
            unknown: UnknownClients::Refuse,
            insecure_secrets: false,
            ack_timeout: Duration::from_secs(2),
            ack_random_factor: 1.5,
            max_retransmit: 4,
            certificates: ListenerCertificates::default(),
            dtls: ListenerDtls {
                engine: if cfg!(feature = "openssl") { DtlsEngine::OpenSsl } else { DtlsEngine::Native },
                connection_ids: !cfg!(feature = "openssl"),
                require_extended_master_secret: false,
                timeout: Duration::from_secs(1),
            },
        }]
    );
    let catalog = Catalog::new(config.servers.clone(), config.profiles.clone());
    let provision = provision_of(&config.devices[0], &catalog);
    assert_eq!(provision.management().next().unwrap().1.short_server_id, 101);
}

#[test]
fn listeners_say_what_they_need_in_whole_numbers_or_fractions() {
    let config = parse(
        "state_dir = \"state\"\nsealing_key_file = \"/run/key\"\n[admin]\nsocket = \"admin.sock\"\n\
         [[listen]]\nbind = \"127.0.0.1:0\"\nack_timeout = 3\nack_random_factor = 1\nmax_retransmit = 0\n\
         [[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"nosec\"\ninsecure_secrets = true\nack_timeout = 0.5\n\
         unknown = \"refuse\"\ntransport = \"udp\"\n",
    )
    .unwrap();
    assert_eq!(config.state_dir, Path::new("/etc/bootstrapd/state"));
    assert_eq!(config.sealing_key_file.as_deref(), Some(Path::new("/run/key")));
    assert_eq!(config.admin.socket, Path::new("/etc/bootstrapd/admin.sock"));
    let [dtls, nosec] = &config.listeners[..] else { panic!("two listeners") };
    assert_eq!((dtls.ack_timeout, dtls.ack_random_factor, dtls.max_retransmit), (Duration::from_secs(3), 1.0, 0));
    assert_eq!((nosec.security, nosec.insecure_secrets), (ListenerSecurity::NoSec, true));
    assert_eq!(nosec.ack_timeout, Duration::from_millis(500));
    let warned: Vec<_> = config.warnings.iter().map(|warning| warning.place.as_ref().unwrap().line).collect();
    assert_eq!(warned, [12, 13, 14]);
}

#[test]
fn a_listener_chooses_its_dtls_engine_and_how_that_goes() {
    for (lines, connection_ids, require_extended_master_secret, milliseconds) in [
        ("", true, false, 1_000),
        ("dtls_timeout = 9", true, false, 9_000),
        ("connection_ids = true\nrequire_extended_master_secret = true\ndtls_timeout = 2.5", true, true, 2_500),
        ("connection_ids = false\nrequire_extended_master_secret = false\ndtls_timeout = 60", false, false, 60_000),
    ] {
        let config = parse(&format!("[[listen]]\nbind = \"[::]:1\"\nengine = \"native\"\n{lines}\n")).unwrap();
        assert_eq!(
            config.listeners[0].dtls,
            ListenerDtls {
                engine: DtlsEngine::Native,
                connection_ids,
                require_extended_master_secret,
                timeout: Duration::from_millis(milliseconds),
            },
            "{lines}"
        );
        assert_eq!(config.warnings.iter().count(), 0, "{lines}: {:?}", config.warnings);
    }
}

#[test]
#[cfg(feature = "openssl")]
fn openssl_is_served_without_connection_ids_and_that_is_said_to_whoever_wants_them() {
    for (lines, warned) in [
        ("engine = \"openssl\"", None),
        ("engine = \"openssl\"\nconnection_ids = false", None),
        ("engine = \"openssl\"\nconnection_ids = true", Some("4:18: warning: OpenSSL has no connection ids")),
        ("connection_ids = true", Some("3:18: warning: OpenSSL has no connection ids")),
    ] {
        let text = format!("[[listen]]\nbind = \"[::]:1\"\n{lines}\n");
        let dtls = parse(&text).unwrap().listeners.remove(0).dtls;
        assert_eq!((dtls.engine, dtls.connection_ids), (DtlsEngine::OpenSsl, false), "{lines}");
        let said = said(&text);
        let is_as_expected = match warned {
            Some(warned) => said.len() == 1 && said[0].starts_with(warned),
            None => said.is_empty(),
        };
        assert!(is_as_expected, "{lines}: {said:#?}");
    }
}

#[test]
fn what_works_and_should_be_known_is_warned_of() {
    let short = SOUND.replace("0123456789abcdef", "0123");
    assert_eq!(said(&short), ["9:7: warning: the key has only 4 bytes: use 16 or more random ones"]);
    let no_key = SOUND.replace("psk = \"hex:000102030405060708090a0b0c0d0e0f\"", "");
    assert_eq!(
        said(&no_key),
        ["16:1: warning: the device has no key, and no listener is `nosec`: it cannot be served until it gets a `psk`"]
    );
}

#[test]
fn the_socket_path_fits_a_unix_address() {
    let path = |length: usize| format!("[admin]\nsocket = \"/{}\"\n{SOUND}", "s".repeat(length - 1));
    assert!(parse(&path(107)).is_ok());
    assert_eq!(said(&path(108)), ["2:10: error: the path has 108 bytes, and a socket's path at most 107"]);
}

/// A directory with a key file of this content and mode, and a device that names it.
fn with_key_file(content: &[u8], mode: u32) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("meter.key");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let text = SOUND.replace("psk = \"hex:000102030405060708090a0b0c0d0e0f\"", "psk_file = \"meter.key\"");
    Config::parse(&text, directory.path(), "test.toml").map_err(|diagnostics| diagnostics.to_string())
}

#[test]
fn a_key_file_is_relative_to_the_file_and_holds_one_line() {
    for content in ["hex:30313233343536373839616263646566", "text:0123456789abcdef\r\n", " text:0123456789abcdef \n\n"]
    {
        let config = with_key_file(content.as_bytes(), 0o600).unwrap();
        assert_eq!(config.devices[0].psk.as_ref().unwrap().key().expose(), b"0123456789abcdef");
        assert!(beside_shared_keys(&config.warnings).is_empty());
    }
}

#[test]
fn a_key_file_that_everyone_can_read_is_warned_of() {
    let config = with_key_file(b"text:0123456789abcdef", 0o644).unwrap();
    let warnings = beside_shared_keys(&config.warnings);
    assert_eq!(warnings, ["test.toml:18:12: warning: everyone can read this key file: `chmod o-r` it"]);
}

#[test]
fn what_is_no_key_file_is_refused_without_showing_it() {
    let long = [b"text:", "hunter2".repeat(200).as_bytes()].concat();
    for (content, part) in [
        (&b"hunter2"[..], "in the key file: a key must say how it is written"),
        (b"", "in the key file: a key must say"),
        (b"hex:hunter2", "in the key file: what follows `hex:`"),
        (b"text:hunter2\ntext:hunter2", "more than one line"),
        (b"text:hunter2\xff", "the key file is no text"),
        (&long, "it has more than 1024 bytes"),
    ] {
        let said = with_key_file(content, 0o600).unwrap_err();
        assert!(said.contains(part) && said.contains("test.toml:18:12: error"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let directory = SOUND.replace("psk = \"hex:000102030405060708090a0b0c0d0e0f\"", "psk_file = \"/tmp/.\"");
    assert!(parse(&directory).unwrap_err().to_string().contains("it is not a regular file"));
}

#[test]
fn a_file_is_loaded_or_it_is_said_why_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bootstrapd.toml");
    let load = |content: &[u8], mode: u32| {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Config::load(&path)
    };
    let config = load(SOUND.as_bytes(), 0o640).unwrap();
    assert_eq!((&config.path, beside_shared_keys(&config.warnings).is_empty()), (&path, true));
    let config = load(SOUND.as_bytes(), 0o644).unwrap();
    assert!(config.warnings.to_string().contains("everyone can read it"));
    assert!(load(b"a = \"\xff\"", 0o640).unwrap_err().to_string().contains("cannot read the file"));
    let missing = Config::load(&directory.path().join("none.toml")).unwrap_err().to_string();
    assert!(missing.contains("none.toml: error: cannot read the file: No such file"), "{missing}");
}

#[test]
fn every_example_file_parses() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let files: Vec<PathBuf> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files.into_iter().filter(|file| !file.ends_with("fleet-example.toml")) {
        let text = fs::read_to_string(&file).unwrap();
        let config = Config::parse(&text, &directory, &file.display().to_string())
            .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        assert!(beside_shared_keys(&config.warnings).is_empty(), "{}", config.warnings);
        assert!(config.listeners.iter().all(|listener| listener.security == ListenerSecurity::Dtls));
    }
}

#[test]
fn the_example_of_a_fleet_file_is_one() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("example.toml"), include_str!("../../../config/fleet-example.toml")).unwrap();
    let fleet = read_fleet(directory.path()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert!(fleet.warnings.is_empty(), "{}", fleet.warnings);
    assert!(!fleet.servers.is_empty() && !fleet.profiles.is_empty() && !fleet.devices.is_empty());
}

#[test]
fn what_the_packaged_file_shows_in_comments_parses_too_and_gives_the_defaults() {
    let text = include_str!("../../../config/bootstrapd.toml");
    let plain = Config::parse(text, Path::new("/etc/bootstrapd"), "bootstrapd.toml").unwrap();
    assert_eq!((plain.servers.len(), plain.profiles.len(), plain.devices.len()), (0, 0, 0));
    let shown: String = text
        .lines()
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '['))
                .unwrap_or(line)
        })
        .filter(|line| {
            !["psk_file", "certificate", "key", "trust_anchors", "endpoint_name"]
                .iter()
                .any(|file| line.starts_with(file))
        })
        .flat_map(|line| {
            if line.starts_with("psk_identity") { vec![line, "psk = \"text:0123456789abcdef\""] } else { vec![line] }
        })
        .collect::<Vec<_>>()
        .join("\n");
    let full = Config::parse(&shown, Path::new("/etc/bootstrapd"), "bootstrapd.toml")
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert_eq!(full.listeners, plain.listeners);
    let catalog = Catalog::new(full.servers.clone(), full.profiles.clone());
    let shown = provision_of(&full.devices[0], &catalog);
    let mut sparse = full.profiles[0].clone();
    (sparse.format, sparse.discover, sparse.delete) = (None, None, None);
    let catalog = Catalog::new(full.servers, [sparse]);
    assert_eq!(provision_of(&full.devices[0], &catalog), shown);
}

#[test]
fn the_demo_file_resolves_its_device() {
    let text = include_str!("../../../config/demo.toml");
    let config = Config::parse(text, Path::new("/tmp"), "demo.toml").unwrap();
    let catalog = Catalog::new(config.servers, config.profiles);
    let provision = provision_of(&config.devices[0], &catalog);
    assert_eq!(provision.endpoint, "demo-device");
    assert_eq!(provision.accounts[0].name, "demo-server");
    assert!(provision.carries_secrets());
}

#[test]
fn what_the_file_does_not_define_is_kept_aside_and_refuses_nothing() {
    let text = SOUND
        .replace("default = true\n", "")
        .replace("servers = [\"fleet-eu\"]", "servers = [\"fleet-eu\", \"fleet-uk\"]")
        + "[[device]]\nendpoint = \"m2\"\nprofile = \"elsewhere\"\npsk = \"text:123456789abcdef0\"\n\
           [[device]]\nendpoint = \"m3\"\npsk = \"text:23456789abcdef01\"\n";
    let config = parse(&text).unwrap();
    assert_eq!(
        (config.profiles.len(), config.devices.len(), beside_shared_keys(&config.warnings).is_empty()),
        (1, 3, true)
    );
    let kept: Vec<_> = config.unresolved.iter().map(|one| (&one.reference, one.diagnostic.headline())).collect();
    assert_eq!(
        kept,
        [
            (
                &Reference::Server("fleet-uk".into()),
                "test.toml:13:24: error: no server `fleet-uk`: did you mean `fleet-eu`?".into()
            ),
            (
                &Reference::DefaultProfile,
                "test.toml:15:1: error: `profile` is missing, no rule of a profile fits, and no profile is the default: \
                 name one, or set `default = true` in one"
                    .into()
            ),
            (
                &Reference::Profile("elsewhere".into()),
                "test.toml:20:11: error: no profile `elsewhere`: define it, or leave `profile` out for the one \
                 of a rule, or the default"
                    .into()
            ),
        ]
    );
}

#[test]
fn a_refusal_keeps_the_same_aside_and_says_where_the_database_is() {
    let text = format!("state_dir = \"here\"\ncolour = 1\n{}", SOUND.replace("[\"fleet-eu\"]", "[\"fleet-uk\"]"));
    let refusal = parse(&text).unwrap_err();
    assert_eq!((refusal.diagnostics.error_count(), refusal.unresolved.len()), (1, 1));
    assert_eq!(refusal.state_dir.as_deref(), Some(Path::new("/etc/bootstrapd/here")));
    assert!(refusal.to_string().ends_with("test.toml: 2 errors, 1 warning"), "{refusal}");
    assert_eq!(parse(&text.replace("state_dir", "statedir")).unwrap_err().state_dir, None);
}

#[test]
fn models_are_kept_in_their_order_as_they_were_said() {
    let model = "[[model]]\nname = \"pump\"\nclient = \"anjay-lite\"\n[[model.rules]]\nendpoint = \"p-*\"\n\
                 [model.rules.property]\nsite = \"north\"\n[[model]]\nname = \"a\"\nrules = [{ tag = \"x\" }, { tag = \"y\" }]\n";
    let config = parse(&format!("{SOUND}{model}")).unwrap();
    let found: Vec<_> = config
        .models
        .iter()
        .map(|model| (model.name.as_str(), model.client.as_deref(), model.rules.len(), model.rules[0].properties.len()))
        .collect();
    assert_eq!(found, [("pump", Some("anjay-lite"), 1, 1), ("a", None, 2, 0)]);
    assert!(beside_shared_keys(&config.warnings).is_empty());
}

#[test]
fn mistakes_in_models_are_named_where_they_stand() {
    for (model, place, sentence) in [
        ("[[model]]\nrules = [{ tag = \"x\" }]\n", 1, "`name`"),
        ("[[model]]\nname = \"a\"\nrules = []\n", 3, "no device is of this model"),
        ("[[model]]\nname = \"a\"\nrules = [{ tag = \"x\" }]\nclient = \"anjai\"\n", 4, "did you mean `anjay`?"),
        ("[[model]]\nname = \"a\"\nrules = [{ tag = \"x\" }]\nrule = 1\n", 4, "did you mean `rules`?"),
        (
            "[[model]]\nname = \"a\"\nrules = [{ tag = \"x\" }]\n[[model]]\nname = \"a\"\nrules = [{ tag = \"y\" }]\n",
            5,
            "defined twice: remove or rename one",
        ),
    ] {
        let text = format!("{SOUND}\n{model}");
        let line = SOUND.lines().count() + 1 + place;
        let told = said(&text);
        let expected = format!("{line}:");
        assert!(told.iter().any(|told| told.starts_with(&expected) && told.contains(sentence)), "{model}: {told:#?}");
    }
}
