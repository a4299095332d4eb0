//! The server's own certificate: what the config may say of it, what `status` shows, and how another takes its place.

use openssl::nid::Nid;
use serde_json::json;

use super::client::{Device, Proof, bootstrap};
use super::pki::{Holder, Wish};
use super::{CERTIFICATES, World, device};
use crate::harness::Daemon;

const P384_CERTIFICATE: &str = "in p384.pem: the key is EC P-384, and the native DTLS engine takes EC P-256 alone: make one of that kind, or write";
const OTHER_KEY: &str = "in other.key: the private key does not belong to the certificate: both are EC P-256, but of two different keys; name the key of server.pem here, or the certificate of this key as `certificate`";
const OTHER_CURVE: &str = "in p384.key: the private key does not belong to the certificate: it is EC P-384, the certificate holds EC P-256; name the key of server.pem here, or the certificate of this key as `certificate`";
const P384_KEY: &str = "in p384.key: the key is EC P-384, and the native DTLS engine takes EC P-256 alone";

fn served_by(daemon: &Daemon, proof: &Proof<'_>) -> String {
    let device = Device::connect(daemon.dtls, proof).unwrap();
    let certificate = device.server_certificate();
    let name = certificate.subject_name().entries().next().expect("it has a name");
    name.data().to_string().expect("it is text")
}

#[test]
fn a_renewed_certificate_takes_no_restart_and_a_bad_one_is_refused() {
    let world = World::new();
    let holder = world.certified(Wish::named("meter-7"));
    let proof = Proof::Certificate(&holder);
    let daemon = world.start(CERTIFICATES, &device("meter-7", ""));
    assert_eq!(served_by(&daemon, &proof), "bs.example.com");
    let mut old = Device::connect(daemon.dtls, &proof).unwrap();

    Wish::named("bs-2.example.com").self_signed().write(&world.site, "server");
    daemon.signal("HUP");
    daemon.await_log("reloaded: ");
    assert_eq!(served_by(&daemon, &proof), "bs-2.example.com");
    old.bootstrap("meter-7").served();

    // The key of another certificate, certificates out of their time, and one that is none: the second one stays.
    let third = Wish::named("bs-3.example.com").self_signed();
    world.site.file("server.pem", &third.pem());
    daemon.ctl(&["reload"]).ended_with(1).explaining(&["the private key does not belong to the certificate"]);
    Wish { days: (-20, -10), ..Wish::named("bs-4.example.com") }.self_signed().write(&world.site, "server");
    daemon.ctl(&["reload"]).ended_with(1).explaining(&["`bs-4.example.com` has expired", "stay as they were"]);
    Wish { days: (10, 20), ..Wish::named("bs-5.example.com") }.self_signed().write(&world.site, "server");
    daemon.ctl(&["reload"]).ended_with(1).explaining(&["`bs-5.example.com` is not valid yet", "stay as they were"]);
    world.site.file("server.pem", "nothing");
    daemon.ctl(&["reload"]).ended_with(1).explaining(&["server.pem", "must be PEM text"]);
    std::fs::remove_file(world.site.path("server.pem")).unwrap();
    daemon.ctl(&["reload"]).ended_with(1).explaining(&["server.pem", "No such file"]);
    assert_eq!(served_by(&daemon, &proof), "bs-2.example.com");

    third.write(&world.site, "server");
    daemon.ctl(&["reload"]).succeeded();
    assert_eq!(served_by(&daemon, &proof), "bs-3.example.com");
    bootstrap(daemon.dtls, "meter-7", &proof).served();
    assert!(!daemon.log().contains("PRIVATE KEY"), "{}", daemon.log());
}

#[test]
fn a_trust_anchor_that_is_taken_away_vouches_for_nobody() {
    let world = World::new();
    let holder = world.certified(Wish::named("meter-7"));
    let other = Wish::authority("Other CA").self_signed();
    let daemon = world.start(CERTIFICATES, &device("meter-7", ""));
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&holder)).served();
    // Both may stand in one file.
    world.site.file("ca.pem", &(other.pem() + &world.authority.pem()));
    daemon.ctl(&["reload"]).succeeded();
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&holder)).served();
    let second = Wish::named("meter-7").issued_by(&other);
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&second)).served();
    let mut believed = Device::connect(daemon.dtls, &Proof::Certificate(&holder)).unwrap();
    believed.bootstrap("meter-7").served();
    world.site.file("ca.pem", &other.pem());
    daemon.ctl(&["reload"]).succeeded();
    believed.bootstrap("meter-7").refused("the association broke");
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&holder)).turned_away(super::UNKNOWN_CA);
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&second)).served();
}

#[test]
fn status_shows_the_certificate_and_warns_before_it_ends() {
    let world = World::new();
    let listener = || {
        let daemon = world.start(CERTIFICATES, "");
        let status = daemon.ctl_json(&["status"]);
        (status["listeners"][0]["certificate"].clone(), status["degraded"].clone())
    };
    let (certificate, degraded) = listener();
    assert_eq!(certificate["subject"], "bs.example.com");
    assert!([json!(399), json!(400)].contains(&certificate["days_left"]), "{certificate}");
    assert_eq!(degraded, json!([]));
    for (days, warning) in [(29, "expires in 2"), (-3, "expired at")] {
        Wish { days: (-400, days), ..Wish::named("bs.example.com") }.self_signed().write(&world.site, "server");
        let (certificate, degraded) = listener();
        assert!(degraded[0].as_str().is_some_and(|reason| reason.contains(warning)), "{certificate} {degraded}");
    }
}

#[test]
fn the_root_is_left_out_and_what_stands_between_is_sent() {
    let world = World::new();
    let root = Wish::authority("Root").self_signed();
    let between = Wish::authority("Between").issued_by(&root);
    Wish::named("bs.example.com").issued_by(&between).write(&world.site, "server");
    let daemon = world.start(CERTIFICATES, "");
    daemon.await_log("the last certificate is the root, which clients have: it is left out");
    let holder = world.certified(Wish::named("meter-7"));
    let device = Device::connect(daemon.dtls, &Proof::Certificate(&holder)).unwrap();
    assert_eq!(device.server_chain_length(), 2);
}

#[test]
fn what_cannot_be_used_is_named_with_its_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let other = Wish::named("other").self_signed();
    other.write(&world.site, "other");
    Wish::named("rsa").self_signed_with_rsa(2048).write(&world.site, "rsa");
    Wish::named("p384").self_signed_on_p384().write(&world.site, "p384");
    let chain = Wish::named("leaf").issued_by(&Wish::authority("One").self_signed());
    let mixed = Holder { chain: vec![chain.chain[0].clone(), other.chain[0].clone(), chain.chain[0].clone()], ..chain };
    mixed.write(&world.site, "mixed");
    for (listener, expected) in [
        ("certificate = \"server.pem\"", "`key` is missing: name the file with the private key of `certificate`"),
        ("key = \"server.key\"", "`certificate` is missing"),
        ("raw_public_keys = true", "`key` is missing"),
        ("trust_anchors = [\"ca.pem\"]", "`certificate` is missing"),
        ("endpoint_name = \"cn\"", "`endpoint_name` says which name"),
        ("endpoint_name = \"dns\"", "`endpoint_name` must be one of `cn`, `san-dns`, `san-uri`"),
        ("certificate = \"server.pem\"\nkey = \"server.key\"\ntrust_anchors = []", "`trust_anchors` is empty"),
        ("certificate = \"server.pem\"\nkey = \"other.key\"", OTHER_KEY),
        ("certificate = \"server.pem\"\nkey = \"p384.key\"", OTHER_CURVE),
        // The key that is wanted is another one, whichever engine there is.
        ("engine = \"native\"\ncertificate = \"server.pem\"\nkey = \"p384.key\"", OTHER_CURVE),
        ("engine = \"native\"\ncertificate = \"p384.pem\"\nkey = \"server.key\"", P384_CERTIFICATE),
        ("certificate = \"rsa.pem\"\nkey = \"rsa.key\"", "in rsa.pem: the key is RSA 2048"),
        ("certificate = \"server.key\"\nkey = \"server.key\"", "in server.key: this field wants a certificate"),
        ("certificate = \"server.pem\"\nkey = \"server.pem\"", "in server.pem: this field wants a private key"),
        ("certificate = \"server.pem\"\nkey = \"gone.key\"", "gone.key: cannot read the file: No such file"),
        ("certificate = \"mixed.pem\"\nkey = \"mixed.key\"", "certificate 1 does not name certificate 2 as its issuer"),
        ("unknown = \"pending\"", "`pending` works on listeners with"),
        ("engine = \"native\"\ncertificate = \"p384.pem\"\nkey = \"p384.key\"", P384_CERTIFICATE),
        ("engine = \"native\"\nraw_public_keys = true\nkey = \"p384.key\"", P384_KEY),
    ] {
        world.configure(listener, "");
        let refused = world.site.check().ended_with(1).explaining(&[expected, "error"]);
        // One remedy: the other would not help.
        assert!(expected != OTHER_CURVE || !refused.stderr.contains("openssl"), "{}", refused.stderr);
    }
    world.configure("certificate = \"p384.pem\"\nkey = \"p384.key\"", "");
    world.site.check().succeeded().saying(&["EC P-256 is what clients are sure to take"]);
    world.configure(CERTIFICATES, "");
    world.site.check().succeeded();
    let key = world.site.path("server.key");
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).unwrap();
    world.site.check().succeeded().saying(&["everyone can read this key file: `chmod o-r` it"]);
    world.site.configure("[[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"nosec\"\nraw_public_keys = true\n", "");
    world.site.check().ended_with(1).explaining(&["`raw_public_keys` belongs to listeners with `security = \"dtls\"`"]);
}

#[test]
fn what_cannot_prove_a_device_is_named() {
    let world = World::new();
    let rsa = Wish::named("rsa").self_signed_with_rsa(2048);
    rsa.write(&world.site, "rsa");
    world.site.file("rsa.pub", &rsa.public_key_pem());
    let pin = format!("certificate = \"sha256:{}\"", "ab".repeat(32));
    for (devices, expected) in [
        (device("d", "certificate = \"sha256:abc\""), "64 hexadecimal digits"),
        (
            device("d", "certificate_file = \"rsa.pem\""),
            "the key is RSA 2048, and clients prove themselves with EC P-256",
        ),
        (device("d", "public_key_file = \"rsa.pub\""), "the key is RSA 2048"),
        (device("d", "certificate_file = \"server.key\""), "this field wants a certificate"),
        (device("d", "public_key_file = \"server.pem\""), "this field wants a public key"),
        (device("d", "certificate_name = \"\""), "`certificate_name` is empty"),
        (device("d", &format!("{pin}\ncertificate_name = \"n\"")), "remove one of them"),
        (device("d", &pin) + &device("e", &pin), "is that of device `d` already"),
        (
            device("d", "certificate_name = \"n\"") + &device("e", "certificate_name = \"n\""),
            "the certificate name `n` is that of device `d` already",
        ),
    ] {
        world.configure(CERTIFICATES, &devices);
        world.site.check().ended_with(1).explaining(&[expected, "error"]);
    }
}

#[test]
fn status_says_whether_raw_public_keys_are_taken_and_follows_a_reload() {
    let world = World::new();
    let daemon = world.start("key = \"server.key\"\nraw_public_keys = true\n", "");
    let shown = || daemon.ctl_json(&["status"])["listeners"][0]["dtls"]["raw_public_keys"].clone();
    assert_eq!(shown(), json!(true));
    daemon.ctl(&["status"]).succeeded().saying(&["raw_public_keys on"]);
    world.configure(CERTIFICATES, "");
    daemon.ctl(&["reload"]).succeeded();
    assert_eq!(shown(), json!(false));
    daemon.ctl(&["status"]).succeeded().saying(&["raw_public_keys off"]);
}

#[test]
fn what_devices_have_on_record_and_no_listener_takes_is_warned_of() {
    let world = World::new();
    let holder = Wish::named("p384").self_signed_on_p384();
    holder.write(&world.site, "p384");
    world.site.file("p384.pub", &holder.public_key_pem());
    let own = "certificate = \"server.pem\"\nkey = \"server.key\"\n";
    let raw = "raw_public_keys = true\nkey = \"server.key\"\n";
    let native = |lines: &str| format!("engine = \"native\"\n{lines}");
    let beside = format!("{}[[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"dtls\"\n{own}", native(own));
    let (certificate, key) = ("certificate_file = \"p384.pem\"", "public_key_file = \"p384.pub\"");
    let fingerprint = format!("certificate = \"sha256:{}\"", "ab".repeat(32));
    let curve = |proof: &str| {
        format!(
            "warning: the device `d` has a {proof} on record whose key is EC P-384, and all listeners that take a {proof} \
             have the native DTLS engine, which takes EC P-256 alone: give the device a key of that kind, or write \
             `engine = \"openssl\"` on one"
        )
    };
    let none = |proof: &str, remedy: &str| {
        format!("warning: the device `d` has a {proof} on record, and no listener takes any: {remedy}")
    };
    let unverified =
        "warning: the device `d` has a certificate name on record, and no listener verifies certificates: name \
                      `trust_anchors` on one, beside `certificate` and `key`"
            .to_owned();
    for (listener, line, expected) in [
        (native(own), certificate, Some(curve("certificate"))),
        (native(own), fingerprint.as_str(), None),
        (own.to_owned(), certificate, None),
        (beside, certificate, None),
        (String::new(), certificate, Some(none("certificate", "name a `certificate` and a `key` on one"))),
        (native(raw), key, Some(curve("raw public key"))),
        (raw.to_owned(), key, None),
        (own.to_owned(), key, Some(none("raw public key", "write `raw_public_keys = true` on one, and name a `key`"))),
        // A client may prove itself by a certificate where the server shows a raw public key.
        (raw.to_owned(), certificate, None),
        (native(raw), certificate, Some(curve("certificate"))),
        (own.to_owned(), "certificate_name = \"SN-1\"", Some(unverified.clone())),
        (raw.to_owned(), "certificate_name = \"SN-1\"", Some(unverified)),
        (CERTIFICATES.to_owned(), "certificate_name = \"SN-1\"", None),
    ] {
        world.configure(&listener, &device("d", line));
        let checked = world.site.check().succeeded();
        let said: Vec<&str> = checked.stdout.lines().filter(|line| line.contains("on record")).collect();
        match expected {
            Some(expected) => assert!(said.len() == 1 && said[0].contains(&expected), "{listener}{line}: {said:#?}"),
            None => assert_eq!(said, Vec::<&str>::new(), "{listener}{line}"),
        }
    }
    // The remedy is one.
    let daemon = world.start(own, &device("d", certificate));
    bootstrap(daemon.dtls, "d", &Proof::Certificate(&holder)).served();
}

#[test]
fn what_devices_of_the_database_have_on_record_is_looked_at_too() {
    let world = World::new();
    Wish::named("p384").self_signed_on_p384().write(&world.site, "p384");
    Wish::named("p256").self_signed().write(&world.site, "p256");
    let listener = |engine: &str| format!("engine = \"{engine}\"\n{CERTIFICATES}");
    let daemon = world.start(&listener("openssl"), "");
    for name in ["p384", "p256"] {
        let path = world.site.path(format!("{name}.pem"));
        daemon.ctl(&["device", "add", name, "--certificate-file", path.to_str().unwrap()]).succeeded();
    }
    let said = |engine: &str| -> Vec<String> {
        world.configure(&listener(engine), "");
        let checked = world.site.check().succeeded();
        checked.stdout.lines().filter(|line| line.contains("on record")).map(str::to_owned).collect()
    };
    assert_eq!(said("openssl"), Vec::<String>::new());
    let warnings = said("native");
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].contains("warning: in the database: the device `p384` has a certificate on record"));

    // One that proves itself by a name, and one in whose place the file's will stand.
    daemon.ctl(&["device", "add", "named", "--certificate-name", "SN-1"]).succeeded();
    world.configure("", &device("p384", &format!("certificate = \"sha256:{}\"", "ab".repeat(32))));
    let checked = world.site.check().ended_with(1).explaining(&["device `p384` is also in the database"]);
    let said: Vec<_> = checked.stderr.lines().filter(|line| line.contains("warning: in the database: ")).collect();
    let named = |name: &str| said.iter().filter(|line| line.contains(&format!("the device `{name}` has a "))).count();
    assert_eq!(["p384", "p256", "named"].map(named), [0, 1, 1], "{said:#?}");
}

#[test]
fn an_authority_whose_key_is_too_weak_is_named() {
    let world = World::new();
    let beside = Wish::authority("Sound CA").self_signed();
    for (weak, kind) in [
        (Wish::authority("Weak CA").self_signed_with_rsa(1024), Some("RSA 1024")),
        (Wish::authority("Weak CA").self_signed_on(Nid::X9_62_PRIME192V1), Some("EC P-192")),
        (Wish::authority("Weak CA").self_signed_with_rsa(2048), None),
        (Wish::authority("Weak CA").self_signed_on(Nid::SECP224R1), None),
    ] {
        world.site.file("ca.pem", &(beside.pem() + &weak.pem()));
        world.configure(CERTIFICATES, "");
        let checked = world.site.check().succeeded();
        let said: Vec<_> = checked.stdout.lines().filter(|line| line.contains("authority `")).collect();
        let Some(kind) = kind else {
            assert_eq!(said, Vec::<&str>::new());
            continue;
        };
        let line = world.site.line_of("trust_anchors");
        let place = format!("bootstrapd.toml:{line}:");
        let words = format!("warning: in ca.pem: the key of the authority `Weak CA` is {kind}, which is too weak");
        assert!(said.len() == 1 && said[0].contains(&place) && said[0].contains(&words), "{said:#?}");
        // And so it is: whoever it has certified is refused.
        for engine in ["openssl", "native"] {
            let daemon = world.start(&format!("engine = \"{engine}\"\n{CERTIFICATES}"), "");
            let holder = Wish::named("d").issued_by(&weak);
            assert!(Device::connect(daemon.dtls, &Proof::Certificate(&holder)).is_err(), "{engine}, {kind}");
        }
    }
}

#[test]
fn of_a_certificate_out_of_its_time_the_check_says_what_becomes_of_it() {
    let world = World::new();
    for (days, fault, is_refused) in [
        ((-20, -10), "the certificate expired at ", true),
        ((10, 20), "the certificate is not valid before ", true),
        ((-20, 10), "in less than 30 days", false),
    ] {
        Wish { days, ..Wish::named("bs.example.com") }.self_signed().write(&world.site, "server");
        world.configure(CERTIFICATES, "");
        let checked = world.site.check().succeeded().saying(&[fault]);
        let line = checked.stdout.lines().find(|line| line.contains(fault)).expect("it is said");
        let outlook = "; a start serves it all the same, a reload that brings it is refused";
        assert_eq!(line.ends_with(outlook), is_refused, "{line}");
    }
}

#[test]
fn of_many_devices_in_the_database_ten_are_named_and_the_others_counted() {
    let world = World::new();
    let daemon = world.start(CERTIFICATES, "");
    for number in 10..22 {
        let fingerprint = world.site.path(format!("d{number}"));
        std::fs::write(&fingerprint, format!("sha256:{}", number.to_string().repeat(32))).unwrap();
        let file = ["--certificate-file", fingerprint.to_str().unwrap()];
        daemon.ctl(&[&["device", "add", &format!("d{number}")][..], &file].concat()).succeeded();
    }
    world.configure("", "");
    let checked = world.site.check().succeeded().saying(&["in the database: the same is true of 2 more"]);
    assert_eq!(checked.stdout.lines().filter(|line| line.contains("on record")).count(), 10);
}
