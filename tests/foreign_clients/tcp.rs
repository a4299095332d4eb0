//! CoAP over TCP (RFC 8323) without protection.

use crate::foreign::ForeignDevice;
use crate::{Fleet, Heavy, SECURITY_OF_FLEET_EU, SENML_JSON, TLV, got_nothing, holds_both_accounts, wrote_all_in};

const DEVICES: [ForeignDevice; 3] = [ForeignDevice::Aiocoap, ForeignDevice::Libcoap, ForeignDevice::LibcoapGnutls];

/// What makes the device speak TCP; libcoap does without credentials anyway.
fn over_tcp(device: ForeignDevice) -> &'static [&'static str] {
    if matches!(device, ForeignDevice::Aiocoap) { &["--tcp"] } else { &[] }
}

#[test]
fn clients_are_bootstrapped_over_tcp() {
    let fleet = Fleet::without_dtls();
    for device in DEVICES {
        let report = fleet.open_over_tcp(device, over_tcp(device));
        holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
        assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()), "{device:?}");
        assert_eq!(report.requests().last(), Some(&"POST /bs -> 2.04"), "{device:?}");
    }
}

#[test]
fn a_client_over_tcp_is_given_the_format_it_prefers_and_may_answer_in_blocks() {
    let options = ["--tcp", "--lwm2m", "1.2", "--pct", "110", "--big-discover", "--slow", "0.2"];
    let report = Fleet::without_dtls().open_over_tcp(ForeignDevice::Aiocoap, &options);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_JSON, &report);
}

#[test]
fn certificates_of_several_kilobytes_go_over_tcp() {
    let heavy = Heavy::without_dtls();
    for device in DEVICES {
        heavy.is_held(&heavy.fleet.open_over_tcp(device, over_tcp(device)));
    }
}

#[test]
fn an_endpoint_that_nobody_knows_is_refused_over_tcp() {
    let fleet = Fleet::without_dtls();
    for device in DEVICES {
        let report = device.bootstrap(fleet.daemon.tcp, "urn:dev:os:nobody", None, over_tcp(device));
        got_nothing(&report, Some("/bs was answered 4.00"));
    }
}
