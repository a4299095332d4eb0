//! Devices that prove themselves by certificates and raw public keys, and the certificate of the server itself.

pub mod client;
pub mod pki;
mod server;

use std::sync::Arc;
use std::time::Duration;

use self::client::{Device, Met, Proof, bootstrap};
use self::pki::{Holder, Wish};
use crate::harness::{Daemon, Site};
use crate::{METER_KEY, PROVEN, without_devices};

/// Alerts (RFC 5246 section 7.2).
const HANDSHAKE_FAILURE: i32 = 40;
const CERTIFICATE_EXPIRED: i32 = 45;
const UNKNOWN_CA: i32 = 48;

/// What a listener says of certificates; the files of [`World`] are meant.
const CERTIFICATES: &str = "certificate = \"server.pem\"\nkey = \"server.key\"\ntrust_anchors = [\"ca.pem\"]\n";

/// A site with a server certificate and an authority that certifies devices.
struct World {
    site: Arc<Site>,
    authority: Holder,
}

impl World {
    fn new() -> World {
        let site = Site::new("");
        let (authority, own) = (Wish::authority("Device CA").self_signed(), Wish::authority("Server CA").self_signed());
        site.file("ca.pem", &authority.pem());
        Wish::named("bs.example.com").issued_by(&own).write(&site, "server");
        World { site, authority }
    }

    /// A daemon whose DTLS listener says `listener`, with the accounts of [`PROVEN`] and these devices.
    fn start(&self, listener: &str, devices: &str) -> Daemon {
        self.configure(listener, devices);
        self.site.start()
    }

    fn configure(&self, listener: &str, devices: &str) {
        let listener = format!("[[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"dtls\"\n{listener}");
        self.site.configure(&listener, &format!("{}{devices}", without_devices(PROVEN)));
    }

    fn certified(&self, wish: Wish<'_>) -> Holder {
        wish.issued_by(&self.authority)
    }
}

fn device(endpoint: &str, further: &str) -> String {
    format!("[[device]]\nendpoint = \"{endpoint}\"\n{further}\n")
}

#[track_caller]
fn last_outcome(daemon: &Daemon) -> (String, String) {
    let sessions = daemon.ctl_json(&["session", "list", "--limit", "1"]);
    let text = |field: &str| sessions["items"][0][field].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("identity"))
}

#[test]
fn a_verified_certificate_is_that_of_the_device_with_its_name() {
    let world = World::new();
    let devices = device("meter-7", "") + &device("meter-8", "certificate_name = \"serial 8\"") + PROVEN_DEVICE;
    let daemon = world.start(CERTIFICATES, &devices);
    let holder = world.certified(Wish::named("meter-7"));
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&holder)).served();
    let (outcome, identity) = last_outcome(&daemon);
    assert_eq!(outcome, "completed");
    let fingerprint = &holder.fingerprint()[..23];
    assert_eq!(identity, format!("certificate CN `meter-7`, {fingerprint}... (verified)"));

    let mapped = world.certified(Wish::named("serial 8"));
    bootstrap(daemon.dtls, "meter-8", &Proof::Certificate(&mapped)).served();
    // Its own name is not enough where another is on record, and neither is the name of whom has a key to prove.
    bootstrap(daemon.dtls, "meter-8", &Proof::Certificate(&world.certified(Wish::named("meter-8")))).refused("4.00");
    bootstrap(daemon.dtls, "meter-1", &Proof::Certificate(&world.certified(Wish::named("meter-1")))).refused("4.00");
    assert_eq!(last_outcome(&daemon).0, "refused_identity");
    bootstrap(daemon.dtls, "meter-8", &Proof::Certificate(&holder)).refused("4.00");
    assert_eq!(last_outcome(&daemon).0, "refused_identity");
    bootstrap(daemon.dtls, "stranger", &Proof::Certificate(&world.certified(Wish::named("stranger")))).refused("4.00");
    assert_eq!(last_outcome(&daemon).0, "refused_unknown");

    // Pre-shared keys go on on the same listener.
    let key = METER_KEY.trim().trim_start_matches("text:").as_bytes();
    bootstrap(daemon.dtls, "meter-1", &Proof::PreSharedKey("meter-1", key)).served();
}

/// The device of [`PROVEN`].
const PROVEN_DEVICE: &str = "[[device]]\nendpoint = \"meter-1\"\npsk = \"text:the-key-of-meter-1\"\n";

#[test]
fn the_listener_says_which_name_counts() {
    let world = World::new();
    let (urn, host) = ("urn:imei:490154203237518", "meter-9.example.com");
    let wish = Wish { uri: Some(urn), dns: Some(host), ..Wish::named("somebody") };
    let holder = world.certified(wish);
    for (rule, endpoint) in [("san-uri", urn), ("san-dns", host), ("cn", "somebody")] {
        let listener = format!("{CERTIFICATES}endpoint_name = \"{rule}\"\n");
        let daemon = world.start(&listener, &(device(urn, "") + &device(host, "") + &device("somebody", "")));
        for other in [urn, host, "somebody"] {
            let met = bootstrap(daemon.dtls, other, &Proof::Certificate(&holder));
            if other == endpoint { met.served() } else { met.refused("4.00") }
        }
        let nameless = world.certified(Wish::named("somebody"));
        if rule != "cn" {
            bootstrap(daemon.dtls, "somebody", &Proof::Certificate(&nameless)).refused("4.00");
            daemon.await_log("does not say who it is");
        }
        daemon.stop();
    }
}

#[test]
fn a_pinned_certificate_serves_its_device_and_no_other() {
    let world = World::new();
    // Not even its dates are looked at.
    let pinned = Wish { days: (-20, -10), ..Wish::named("meter-7") }.self_signed();
    let by_fingerprint = Wish::named("anything").self_signed();
    pinned.write(&world.site, "pinned");
    let devices = device("meter-7", "certificate_file = \"pinned.pem\"")
        + &device("meter-8", &format!("certificate = \"{}\"", by_fingerprint.fingerprint()));
    let daemon = world.start(CERTIFICATES, &devices);
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&pinned)).served();
    bootstrap(daemon.dtls, "meter-8", &Proof::Certificate(&by_fingerprint)).served();
    bootstrap(daemon.dtls, "meter-8", &Proof::Certificate(&pinned)).refused("4.00");
    // A pin is exclusive: what an authority says does not take its place.
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&world.certified(Wish::named("meter-7")))).refused("4.00");
    assert_eq!(last_outcome(&daemon).0, "refused_identity");
    let stranger = Wish::named("meter-7").self_signed();
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&stranger)).turned_away(UNKNOWN_CA);
    daemon.await_log("is self-signed and on record of no device");

    let shown = daemon.ctl_json(&["device", "show", "meter-7"]);
    assert_eq!(shown["certificate_fingerprint"], pinned.fingerprint());
    assert_eq!(
        (&shown["certificate_subject"], &shown["bootstrap_credentials"]),
        (&"meter-7".into(), &"defined".into())
    );
}

#[test]
fn a_pin_that_is_taken_away_ends_the_association() {
    let world = World::new();
    let holder = Wish::named("meter-7").self_signed();
    let (file, _) = holder.write(&world.site, "pinned");
    let daemon = world.start(CERTIFICATES, "");
    let file = file.to_str().unwrap();
    daemon.ctl(&["device", "add", "meter-7", "--certificate-file", file]).succeeded();
    let mut association = Device::connect(daemon.dtls, &Proof::Certificate(&holder)).unwrap();
    association.bootstrap("meter-7").served();
    daemon.ctl(&["device", "set", "meter-7", "--unset", "certificate", "--certificate-name", "meter-7"]).succeeded();
    association.bootstrap("meter-7").refused("");
    assert_eq!(last_outcome(&daemon).0, "refused_identity");
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_to_the_client_and_in_the_log() {
    let world = World::new();
    let daemon = world.start(CERTIFICATES, &device("meter-7", ""));
    let stranger = Wish::authority("Another CA").self_signed();
    let untrusted = Wish::named("meter-7").issued_by(&stranger);
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&untrusted)).turned_away(UNKNOWN_CA);
    daemon.await_log("leads to no trust anchor");
    let expired = world.certified(Wish { days: (-20, -10), ..Wish::named("meter-7") });
    bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&expired)).turned_away(CERTIFICATE_EXPIRED);
    daemon.await_log("certificate CN `meter-7`, sha256:");
    daemon.await_log("has expired");
    daemon.await_log("(it is valid from 20");
}

#[test]
fn a_raw_public_key_is_found_by_what_it_is() {
    let world = World::new();
    let holder = Wish::named("unseen").self_signed();
    world.site.file("meter-7.pub", &holder.public_key_pem());
    let devices = device("meter-7", "public_key_file = \"meter-7.pub\"") + PROVEN_DEVICE;
    let daemon = world.start(&format!("{CERTIFICATES}raw_public_keys = true\n"), &devices);
    bootstrap(daemon.dtls, "meter-7", &Proof::RawPublicKey(&holder)).served();
    assert!(last_outcome(&daemon).1.starts_with("raw public key sha256:"), "{:?}", last_outcome(&daemon));
    bootstrap(daemon.dtls, "meter-1", &Proof::RawPublicKey(&holder)).refused("4.00");
    let stranger = Wish::named("meter-7").self_signed();
    bootstrap(daemon.dtls, "meter-7", &Proof::RawPublicKey(&stranger)).turned_away(HANDSHAKE_FAILURE);
    daemon.await_log("no device has this raw public key");
    daemon.stop();

    // A server may have a key and no certificate at all.
    let daemon = world.start("key = \"server.key\"\nraw_public_keys = true\n", &devices);
    bootstrap(daemon.dtls, "meter-7", &Proof::RawPublicKey(&holder)).served();
}

#[test]
fn unknown_devices_with_a_verified_certificate_wait_or_are_taken_in() {
    let world = World::new();
    let holder = world.certified(Wish::named("new-1"));
    let daemon = world.start(&format!("{CERTIFICATES}unknown = \"accept\"\nprofile = \"default\"\n"), "");
    bootstrap(daemon.dtls, "new-1", &Proof::Certificate(&holder)).served();
    let shown = daemon.ctl_json(&["device", "show", "new-1"]);
    assert_eq!(shown["certificate_name"], "new-1", "whoever comes next has to have such a certificate: {shown}");
    daemon.stop();

    let daemon = world.start(&format!("{CERTIFICATES}unknown = \"pending\"\n"), "");
    let holder = world.certified(Wish::named("new-2"));
    let mut association = Device::connect(daemon.dtls, &Proof::Certificate(&holder)).unwrap();
    // It meets silence, so that it comes again.
    association.bootstrap_within("new-2", Duration::from_secs(1)).refused("");
    assert_eq!(daemon.ctl_json(&["device", "pending"])["items"][0]["verified"], true);
    daemon.ctl(&["device", "approve", "new-2"]).succeeded();
    association.bootstrap("new-2").served();
    assert_eq!(daemon.ctl_json(&["device", "show", "new-2"])["certificate_name"], "new-2");
}

#[test]
fn a_device_with_a_certificate_is_not_served_without_it() {
    let world = World::new();
    let devices = device("meter-7", "certificate_name = \"meter-7\"");
    world.site.configure(crate::harness::site::LISTENERS, &format!("{}{devices}", without_devices(PROVEN)));
    let daemon = world.site.start();
    let server = format!("coap://{}", daemon.nosec);
    daemon.ctl(&["simulate", "--server", &server, "meter-7"]).ended_with(1).explaining(&["4.00"]);
    assert_eq!(last_outcome(&daemon).0, "refused_identity");
}

#[test]
fn an_association_without_any_certificate_is_told_apart() {
    let world = World::new();
    let daemon = world.start("", &device("meter-7", ""));
    let holder = world.certified(Wish::named("meter-7"));
    let met = bootstrap(daemon.dtls, "meter-7", &Proof::Certificate(&holder));
    assert!(matches!(met, Met::NoAssociation(Some(HANDSHAKE_FAILURE))), "{met:?}");
    daemon.await_log("what it offers for certificates takes `certificate` and `key` of the listener");
}

#[test]
fn many_simulated_devices_may_show_certificates_of_their_own_or_one_and_the_same() {
    let world = World::new();
    for number in 1..=4 {
        world.certified(Wish::named(&format!("load-{number}"))).write(&world.site, &format!("load-{number}"));
    }
    let devices: String = (1..=4).map(|number| device(&format!("load-{number}"), "")).collect();
    let daemon = world.start(CERTIFICATES, &devices);
    let server = format!("coaps://{}", daemon.dtls);
    let simulate = |endpoint: &str, file: &str, more: &[&str]| {
        let [certificate, key] = ["pem", "key"].map(|ending| world.site.path(format!("{file}.{ending}")));
        let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
        let words = ["simulate", "--server", &server, endpoint, "--certificate", certificate, "--key", key];
        daemon.ctl(&[&words[..], more].concat())
    };
    let own = simulate("load-{n}", "load-{n}", &["--count", "4", "--concurrency", "2"]).succeeded();
    assert!(!own.stderr.contains("warning"), "{}", own.stderr);
    own.saying(&["4 of 4"]);
    let sessions = daemon.ctl_json(&["session", "list"]);
    let endpoint = |session: &serde_json::Value| session["endpoint"].as_str().unwrap_or_default().to_owned();
    let mut served: Vec<String> = sessions["items"].as_array().unwrap().iter().map(endpoint).collect();
    served.sort_unstable();
    assert_eq!(served, ["load-1", "load-2", "load-3", "load-4"]);

    let same = simulate("load-1", "load-1", &["--count", "3"]).succeeded();
    assert!(!same.stderr.contains("warning"), "{}", same.stderr);
    same.saying(&["3 of 3"]);
    for (endpoint, more) in
        [("load-{n}", &["--count", "2"][..]), ("load-1", &["--count", "2", "--concurrency", "2", "--timeout", "1"])]
    {
        simulate(endpoint, "load-1", more).explaining(&["warning: all clients show the same certificate", "{n}"]);
    }
    let missing = simulate("load-{n}", "load-{n}", &["--count", "5"]).ended_with(1);
    missing.explaining(&["load-5.pem"]);
}
