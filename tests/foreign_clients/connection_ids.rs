//! Connection ids (RFC 9146): a device whose UDP port changes while it is bootstrapped is known by them.

use crate::certificates::Yard;
use crate::foreign::{ForeignDevice, Report};
use crate::harness::Site;
use crate::{DEFINITIONS, Engine, Fleet, Heavy, LISTENERS, SECURITY_OF_FLEET_EU, TLV, holds_both_accounts};

on_each_engine!(
    a_device_is_known_from_every_port,
    a_device_with_a_certificate_is_known_from_every_port,
    blocks_go_to_wherever_the_device_is,
    a_device_without_connection_ids_is_lost_with_its_port,
);

const STACKS: [ForeignDevice; 2] = [ForeignDevice::Mbedtls3, ForeignDevice::Wolfssl];

/// Bytes of the ids that the native engine wants to be addressed by.
const SERVERS: u64 = 8;

fn a_device_is_known_from_every_port(engine: Engine) {
    let fleet = Fleet::start(engine);
    for device in STACKS {
        for own in ["0", "5"] {
            let report = fleet.proven(device, &["--connection-id", own, "--moves", "1"]);
            holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
            assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
            moved(engine, &report, own);
        }
    }
}

fn a_device_with_a_certificate_is_known_from_every_port(engine: Engine) {
    let yard = Yard::open(engine);
    for device in STACKS {
        let options = ["--connection-id", "5", "--moves", "2", "--max-fragment-512"];
        let report = yard.by_chain(device, &options);
        yard.holds(&report);
        moved(engine, &report, "5");
        // Nonce and tag of CCM_8 stand around the content, the real type inside it (RFC 9146 section 5.2).
        assert!(report.largest_record() <= 512 + 16 + 1, "{report:#?}");
    }
}

fn blocks_go_to_wherever_the_device_is(engine: Engine) {
    let heavy = Heavy::start(engine);
    for device in STACKS {
        let report = heavy.fleet.proven(device, &["--connection-id", "0", "--moves", "1", "--lwm2m", "1.1"]);
        heavy.is_held(&report);
        moved(engine, &report, "0");
    }
}

fn a_device_without_connection_ids_is_lost_with_its_port(engine: Engine) {
    let fleet = Fleet::start(engine);
    for device in STACKS {
        let report = fleet.attempt(device, &["--moves", "1", "--limit", "4"]);
        assert!(report.failure().is_some_and(|failure| failure.starts_with("no Finish")), "{report:#?}");
        assert_eq!((report.connection_id(), report.ports()), (None, 2), "{report:#?}");
        assert_eq!(report.requests(), ["GET / -> 2.05"], "{report:#?}");
        assert_eq!(report.paths(), ["/0/0", "/3/0"], "{report:#?}");
    }
}

#[test]
fn a_listener_may_have_no_connection_ids() {
    let listeners = Engine::Native.on(LISTENERS).replace("\nengine", "\nconnection_ids = false\nengine");
    let fleet = Fleet::on(&Site::with_listeners(&listeners, DEFINITIONS));
    for device in STACKS {
        let report = fleet.proven(device, &["--connection-id", "5", "--moves", "1"]);
        assert_eq!((report.connection_id(), report.records_with_id(), report.ports()), (None, 0, 1), "{report:#?}");
    }
}

/// Holds when the device used another port again and again, by an id of the server's; or none and no other port where
/// the engine knows no connection ids. Each side's records carry the other's id, unless that is empty.
fn moved(engine: Engine, report: &Report, own: &str) {
    match engine {
        Engine::Native => {
            assert_eq!(report.connection_id(), Some(SERVERS), "{report:#?}");
            assert!(report.ports() >= 4, "{report:#?}");
            assert_eq!(report.records_with_id() > 0, own != "0", "{report:#?}");
        }
        Engine::OpenSsl => {
            assert_eq!((report.connection_id(), report.ports()), (None, 1), "{report:#?}");
            assert_eq!(report.records_with_id(), 0, "{report:#?}");
        }
    }
}
