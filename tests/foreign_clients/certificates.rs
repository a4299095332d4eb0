//! X.509 certificates and raw public keys (RFC 7250), both ways, on every stack that knows them.

use std::path::PathBuf;

use crate::bad_link::IMPATIENT;
use crate::foreign::pki::Holder;
use crate::foreign::{ForeignDevice, Report};
use crate::harness::Site;
use crate::{DEFINITIONS, Engine, Fleet, SECURITY_OF_FLEET_EU, TLV, got_nothing, holds_both_accounts};

on_each_engine!(
    clients_prove_themselves_by_a_certificate_of_a_trusted_maker,
    mbed_tls_proves_itself_by_a_chain_with_records_of_any_length,
    a_chain_in_records_of_512_bytes_is_put_together,
    a_pinned_certificate_needs_no_authority,
    a_certificate_handshake_over_a_bad_link_succeeds,
    gnutls_proves_itself_by_a_raw_public_key,
    a_certificate_of_somebody_else_gets_no_association,
    the_endpoint_of_another_device_is_refused_whatever_was_proven,
    devices_believe_no_other_server,
);

/// All that have certificates.
const STACKS: [ForeignDevice; 6] = [
    ForeignDevice::Libcoap,
    ForeignDevice::LibcoapGnutls,
    ForeignDevice::Mbedtls,
    ForeignDevice::Mbedtls3,
    ForeignDevice::Webrtc,
    ForeignDevice::Wolfssl,
];

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

fn clients_prove_themselves_by_a_certificate_of_a_trusted_maker(engine: Engine) {
    let yard = Yard::open(engine);
    for device in STACKS {
        yard.holds(&yard.by_certificate(device, CERTIFIED, &yard.makers.certify(CERTIFIED, &[]), &[]));
    }
}

fn mbed_tls_proves_itself_by_a_chain_with_records_of_any_length(engine: Engine) {
    let yard = Yard::open(engine);
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

fn a_chain_in_records_of_512_bytes_is_put_together(engine: Engine) {
    let yard = Yard::open(engine);
    for device in [ForeignDevice::Mbedtls3, ForeignDevice::Wolfssl] {
        let report = yard.by_chain(device, &["--max-fragment-512"]);
        yard.holds(&report);
        assert!(report.largest_record() <= 512 + 16, "{report:#?}");
    }
}

fn a_pinned_certificate_needs_no_authority(engine: Engine) {
    let yard = Yard::open(engine);
    for device in STACKS {
        yard.holds(&yard.by_certificate(device, PINNED, &yard.pinned, &[]));
    }
}

fn a_certificate_handshake_over_a_bad_link_succeeds(engine: Engine) {
    let yard = Yard::with(engine, &DEFINITIONS.replace("default = true\n", IMPATIENT));
    let holder = yard.makers.certify(CERTIFIED, &[]);
    for seed in ["1", "2", "3"] {
        let link = ["--lost", "20", "--doubled", "10", "--reordered", "10", "--max-fragment-512"];
        let options = [&link[..], &["--seed", seed, "--patience", "0.1", "--linger", "1", "--limit", "60"]].concat();
        yard.holds(&yard.by_certificate(ForeignDevice::Mbedtls, CERTIFIED, &holder, &options));
    }
}

fn gnutls_proves_itself_by_a_raw_public_key(engine: Engine) {
    let yard = Yard::open(engine);
    yard.holds(&yard.by_raw_public_key(RAW, &yard.raw, &yard.server, &[]));
}

fn a_certificate_of_somebody_else_gets_no_association(engine: Engine) {
    let yard = Yard::open(engine);
    let stranger = Holder::root("another maker").certify(CERTIFIED, &[]);
    for device in STACKS {
        got_nothing(&yard.by_certificate(device, CERTIFIED, &stranger, &["--limit", "4"]), None);
    }
    got_nothing(&yard.by_raw_public_key(RAW, &stranger, &yard.server, &["--limit", "4"]), None);
}

fn the_endpoint_of_another_device_is_refused_whatever_was_proven(engine: Engine) {
    let yard = Yard::open(engine);
    let certified = yard.makers.certify(CERTIFIED, &[]);
    for device in STACKS {
        got_nothing(&yard.by_certificate(device, RAW, &certified, &[]), Some("/bs was answered 4.00"));
    }
    got_nothing(&yard.by_raw_public_key(PINNED, &yard.raw, &yard.server, &[]), Some("/bs was answered 4.00"));
}

fn devices_believe_no_other_server(engine: Engine) {
    let yard = Yard::open(engine);
    let other = Holder::root("root of another server");
    let anchor = yard.file("other.pem", &other.pem());
    let anchor = ["--trust-anchor", anchor.to_str().expect("a path of the test"), "--limit", "4"];
    let certified = yard.makers.certify(CERTIFIED, &[]);
    // libcoap 4.3.1 over GnuTLS believes every chain.
    for device in STACKS.into_iter().filter(|device| !matches!(device, ForeignDevice::LibcoapGnutls)) {
        got_nothing(&yard.by_certificate(device, CERTIFIED, &certified, &anchor), None);
    }
    got_nothing(&yard.by_raw_public_key(RAW, &yard.raw, &other, &["--limit", "4"]), None);
}

/// A daemon with a certificate of its own, and those who may prove themselves to it.
pub struct Yard {
    fleet: Fleet,
    server: Holder,
    makers: Holder,
    pinned: Holder,
    raw: Holder,
}

impl Yard {
    pub fn open(engine: Engine) -> Yard {
        Yard::with(engine, DEFINITIONS)
    }

    fn with(engine: Engine, definitions: &str) -> Yard {
        let root = Holder::root("root of the server");
        // With its issuer it is more than one record holds for those who ask for short ones.
        let issuer = root.authority("issuer of servers");
        let server = issuer.certify(SERVER_NAME, &[SERVER_NAME.to_owned()]);
        let (makers, raw) = (Holder::root("makers of devices"), Holder::root("a raw key"));
        let pinned = Holder::root("somebody").certify("a name that says nothing", &[]);
        let site = Site::with_listeners(&engine.on(LISTENER), &(definitions.to_owned() + DEVICES));
        let files = [
            ("root.pem", root.pem()),
            ("server.pem", server.pem() + &issuer.pem()),
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
        let key = match device {
            ForeignDevice::Webrtc => holder.key_pem(),
            _ => holder.key_sec1_pem(),
        };
        let key = self.file("device.key", &key);
        let anchor = self.fleet.daemon.site().path("root.pem");
        let paths = [&certificate, &key, &anchor].map(|path| path.to_str().expect("a path of the test"));
        let usual = ["--certificate", paths[0], "--private-key", paths[1], "--trust-anchor", paths[2]];
        let options = [&usual, &["--server-name", SERVER_NAME][..], options].concat();
        device.bootstrap(self.fleet.daemon.dtls, endpoint, None, &options)
    }

    /// The same with a certificate of several KB, and its issuer in the same file.
    pub fn by_chain(&self, device: ForeignDevice, options: &[&str]) -> Report {
        let works = self.makers.authority("works of the maker");
        let names: Vec<String> = (0..40).map(|number| format!("name-{number}.of.one.device.example.com")).collect();
        let holder = works.certify(CERTIFIED, &names);
        let chain = self.file("chain.pem", &(holder.pem() + &works.pem()));
        let options = [&["--certificate", chain.to_str().expect("a path of the test")], options].concat();
        self.by_certificate(device, CERTIFIED, &holder, &options)
    }

    /// Bootstraps a device on GnuTLS that has a raw public key, and knows that of `server`.
    fn by_raw_public_key(&self, endpoint: &str, holder: &Holder, server: &Holder, options: &[&str]) -> Report {
        let public = self.file("device.pub", &holder.public_key_pem());
        let key = self.file("device.key", &holder.key_sec1_pem());
        let expected = self.fleet.daemon.site().path("server.spki");
        std::fs::write(&expected, server.public_key_der()).expect("the scratch directory can be written");
        let paths = [&public, &key, &expected].map(|path| path.to_str().expect("a path of the test"));
        let usual = ["--raw-public-key", paths[0], "--private-key", paths[1], "--server-public-key", paths[2]];
        let options = [&usual, &["--server-name", SERVER_NAME][..], options].concat();
        ForeignDevice::LibcoapGnutls.bootstrap(self.fleet.daemon.dtls, endpoint, None, &options)
    }

    pub fn holds(&self, report: &Report) {
        assert_eq!(report.failure(), None, "{report:#?}\n{}", self.fleet.daemon.log());
        holds_both_accounts(report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
        assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
    }
}
