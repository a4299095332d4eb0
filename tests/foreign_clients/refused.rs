//! Who is refused, and is given nothing.

use crate::foreign::{Credentials, ForeignDevice};
use crate::harness::Site;
use crate::{DEFINITIONS, Engine, Fleet, IDENTITY, LISTENERS, OPEN, PROVEN, got_nothing};

on_each_engine!(
    the_endpoint_of_another_device_is_refused_whatever_the_stack,
    a_wrong_key_gets_no_association_whatever_the_stack,
);

const STACKS: [ForeignDevice; 8] = [
    ForeignDevice::Aiocoap,
    ForeignDevice::Libcoap,
    ForeignDevice::LibcoapGnutls,
    ForeignDevice::Node,
    ForeignDevice::Mbedtls,
    ForeignDevice::Mbedtls3,
    ForeignDevice::Webrtc,
    ForeignDevice::Wolfssl,
];

#[test]
fn an_endpoint_that_nobody_knows_is_refused() {
    let fleet = Fleet::without_dtls();
    let report = ForeignDevice::Aiocoap.bootstrap(fleet.daemon.nosec, "urn:dev:os:nobody", None, &[]);
    got_nothing(&report, Some("/bs was answered 4.00"));
}

#[test]
fn a_device_with_credentials_is_not_served_without_them() {
    let fleet = Fleet::without_dtls();
    let report = ForeignDevice::Aiocoap.bootstrap(fleet.daemon.nosec, PROVEN, None, &["--limit", "5"]);
    got_nothing(&report, Some("/bs was answered 4.00"));
}

fn the_endpoint_of_another_device_is_refused_whatever_the_stack(engine: Engine) {
    let fleet = Fleet::start(engine);
    for device in STACKS {
        let report = device.bootstrap(fleet.daemon.dtls, OPEN, Some(fleet.credentials()), &[]);
        got_nothing(&report, Some("/bs was answered 4.00"));
    }
}

fn a_wrong_key_gets_no_association_whatever_the_stack(engine: Engine) {
    let fleet = Fleet::start(engine);
    let key_file = fleet.daemon.file("wrong.hex", "hex:ffffffffffffffffffffffffffffffff");
    for device in STACKS {
        let credentials = Credentials { identity: IDENTITY, key_file: &key_file };
        let report = device.bootstrap(fleet.daemon.dtls, PROVEN, Some(credentials), &["--limit", "3"]);
        got_nothing(&report, None);
        // And the failure of one handshake stands in nobody's way.
        fleet.proven(device, &[]);
    }
}

#[test]
fn a_client_without_extended_master_secret_is_refused_where_that_is_demanded() {
    let listeners = Engine::Native.on(LISTENERS).replace("\nengine", "\nrequire_extended_master_secret = true\nengine");
    let fleet = Fleet::on(&Site::with_listeners(&listeners, DEFINITIONS));
    got_nothing(&fleet.attempt(ForeignDevice::Node, &["--limit", "4"]), None);
    for device in STACKS.into_iter().filter(|device| !matches!(device, ForeignDevice::Node)) {
        fleet.proven(device, &[]);
    }
}
