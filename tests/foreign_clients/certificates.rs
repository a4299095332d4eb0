//! X.509 certificates and raw public keys (RFC 7250), both ways, on three stacks.

use std::path::PathBuf;

use crate::bad_link::IMPATIENT;
use crate::foreign::pki::Holder;
use crate::foreign::{ForeignDevice, Report};
use crate::harness::Site;
use crate::{DEFINITIONS, Fleet, SECURITY_OF_FLEET_EU, TLV, got_nothing, holds_both_accounts};

/// A listener for everybody; files as [`Yard`] writes them.
const LISTENER: &str = r#"
[[listen]]
bind = "127.0.0.1:0"
security = "dtls"
certificate = "server.pem"
key = "server.key"
trust_anchors = ["makers.pem"]
raw_public_keys = true
"#;

const DEVICES: &str = r#"
[[device]]
endpoint = "urn:dev:os:certified-1"
certificate_name = "urn:dev:os:certified-1"

[[device]]
endpoint = "urn:dev:os:pinned-1"
certificate_file = "pinned.pem"

[[device]]
endpoint = "urn:dev:os:raw-1"
public_key_file = "raw.pub"
"#;

const SERVER_NAME: &str = "bootstrap.example.com";
const CERTIFIED: &str = "urn:dev:os:certified-1";
const PINNED: &str = "urn:dev:os:pinned-1";
const RAW: &str = "urn:dev:os:raw-1";
const CCM_8: &str = "TLS-ECDHE-ECDSA-WITH-AES-128-CCM-8";

#[test]
fn libcoap_proves_itself_by_a_certificate_of_a_trusted_maker() {
    let yard = Yard::open();
    for device in [ForeignDevice::Libcoap, ForeignDevice::LibcoapGnutls] {
        yard.holds(&yard.by_certificate(device, CERTIFIED, &yard.makers.certify(CERTIFIED, &[]), &[]));
    }
}

#[test]
fn mbed_tls_proves_itself_by_a_chain_with_records_of_any_length() {
    let yard = Yard::open();
    let works = yard.makers.authority("works of the maker");
    let names: Vec<String> = (0..40).map(|number| format!("name-{number}.of.one.device.example.com")).collect();
    let issuer = yard.file("works.pem", &works.pem());
    let issuer = ["--certificate", issuer.to_str().expect("a path of the test")];
    for (options, agreed) in [(&[][..], None), (&["--max-fragment-512"], Some("01"))] {
        let options = [&issuer, options].concat();
        let report =
            yard.by_certificate(ForeignDevice::Mbedtls, CERTIFIED, &works.certify(CERTIFIED, &names), &options);
        yard.holds(&report);
        assert_eq!(report.agreed(), (agreed, Some(CCM_8)), "{report:#?}");
        let (clear, protected) = report.largest_records();
        assert!(agreed.is_none() || clear <= 512 && protected <= 512, "{report:#?}");
    }
}

#[test]
fn a_pinned_certificate_needs_no_authority() {
    let yard = Yard::open();
    for device in [ForeignDevice::Libcoap, ForeignDevice::LibcoapGnutls, ForeignDevice::Mbedtls] {
        yard.holds(&yard.by_certificate(device, PINNED, &yard.pinned, &[]));
    }
}

#[test]
fn a_certificate_handshake_over_a_bad_link_succeeds() {
    let yard = Yard::with(&DEFINITIONS.replace("default = true\n", IMPATIENT));
    let holder = yard.makers.certify(CERTIFIED, &[]);
    for seed in ["1", "2", "3"] {
        let link = ["--lost", "20", "--doubled", "10", "--reordered", "10", "--max-fragment-512"];
        let options = [&link[..], &["--seed", seed, "--patience", "0.1", "--linger", "1", "--limit", "60"]].concat();
        yard.holds(&yard.by_certificate(ForeignDevice::Mbedtls, CERTIFIED, &holder, &options));
    }
}

#[test]
fn gnutls_proves_itself_by_a_raw_public_key() {
    let yard = Yard::open();
    yard.holds(&yard.by_raw_public_key(RAW, &yard.raw, &yard.server));
}

#[test]
fn a_certificate_of_somebody_else_gets_no_association() {
    let yard = Yard::open();
    let stranger = Holder::root("another maker").certify(CERTIFIED, &[]);
    for device in [ForeignDevice::Libcoap, ForeignDevice::LibcoapGnutls, ForeignDevice::Mbedtls] {
        got_nothing(&yard.by_certificate(device, CERTIFIED, &stranger, &["--limit", "4"]), None);
    }
    got_nothing(&yard.by_raw_public_key(RAW, &stranger, &yard.server), None);
}

#[test]
fn the_endpoint_of_another_device_is_refused_whatever_was_proven() {
    let yard = Yard::open();
    let certified = yard.makers.certify(CERTIFIED, &[]);
    for device in [ForeignDevice::Libcoap, ForeignDevice::LibcoapGnutls, ForeignDevice::Mbedtls] {
        got_nothing(&yard.by_certificate(device, RAW, &certified, &[]), Some("/bs was answered 4.00"));
    }
    got_nothing(&yard.by_raw_public_key(PINNED, &yard.raw, &yard.server), Some("/bs was answered 4.00"));
}

#[test]
fn devices_believe_no_other_server() {
    let yard = Yard::open();
    let other = Holder::root("root of another server");
    let anchor = yard.file("other.pem", &other.pem());
    let anchor = ["--trust-anchor", anchor.to_str().expect("a path of the test"), "--limit", "4"];
    let certified = yard.makers.certify(CERTIFIED, &[]);
    // libcoap 4.3.1 over GnuTLS believes every chain.
    for device in [ForeignDevice::Libcoap, ForeignDevice::Mbedtls] {
        got_nothing(&yard.by_certificate(device, CERTIFIED, &certified, &anchor), None);
    }
    got_nothing(&yard.by_raw_public_key(RAW, &yard.raw, &other), None);
}

/// A daemon with a certificate of its own, and those who may prove themselves to it.
struct Yard {
    fleet: Fleet,
    server: Holder,
    makers: Holder,
    pinned: Holder,
    raw: Holder,
}

impl Yard {
    fn open() -> Yard {
        Yard::with(DEFINITIONS)
    }

    fn with(definitions: &str) -> Yard {
        let root = Holder::root("root of the server");
        let server = root.certify(SERVER_NAME, &[SERVER_NAME.to_owned()]);
        let (makers, raw) = (Holder::root("makers of devices"), Holder::root("a raw key"));
        let pinned = Holder::root("somebody").certify("a name that says nothing", &[]);
        let site = Site::with_listeners(LISTENER, &(definitions.to_owned() + DEVICES));
        let files = [
            ("root.pem", root.pem()),
            ("server.pem", server.pem()),
            ("server.key", server.key_pem()),
            ("makers.pem", makers.pem()),
            ("pinned.pem", pinned.pem()),
            ("raw.pub", raw.public_key_pem()),
        ];
        for (name, content) in files {
            site.file(name, &content);
        }
        Yard { fleet: Fleet::on(&site), server, makers, pinned, raw }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        self.fleet.daemon.file(name, content)
    }

    /// Bootstraps a device that has a certificate; of two options that contradict each other the later one counts.
    fn by_certificate(&self, device: ForeignDevice, endpoint: &str, holder: &Holder, options: &[&str]) -> Report {
        let certificate = self.file("device.pem", &holder.pem());
        let key = self.file("device.key", &holder.key_sec1_pem());
        let anchor = self.fleet.daemon.site().path("root.pem");
        let paths = [&certificate, &key, &anchor].map(|path| path.to_str().expect("a path of the test"));
        let usual = ["--certificate", paths[0], "--private-key", paths[1], "--trust-anchor", paths[2]];
        let options = [&usual, &["--server-name", SERVER_NAME][..], options].concat();
        device.bootstrap(self.fleet.daemon.dtls, endpoint, None, &options)
    }

    /// Bootstraps a device on GnuTLS that has a raw public key, and knows that of `server`.
    fn by_raw_public_key(&self, endpoint: &str, holder: &Holder, server: &Holder) -> Report {
        let public = self.file("device.pub", &holder.public_key_pem());
        let key = self.file("device.key", &holder.key_sec1_pem());
        let expected = self.fleet.daemon.site().path("server.spki");
        std::fs::write(&expected, server.public_key_der()).expect("the scratch directory can be written");
        let paths = [&public, &key, &expected].map(|path| path.to_str().expect("a path of the test"));
        let usual = ["--raw-public-key", paths[0], "--private-key", paths[1], "--server-public-key", paths[2]];
        let options = [&usual, &["--server-name", SERVER_NAME, "--limit", "8"][..]].concat();
        ForeignDevice::LibcoapGnutls.bootstrap(self.fleet.daemon.dtls, endpoint, None, &options)
    }

    fn holds(&self, report: &Report) {
        assert_eq!(report.failure(), None, "{report:#?}\n{}", self.fleet.daemon.log());
        holds_both_accounts(report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
        assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
    }
}
