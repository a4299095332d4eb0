//! Over DTLS with a pre-shared key, on four stacks.

use serde_json::json;

use crate::foreign::ForeignDevice;
use crate::{Fleet, SECURITY_OF_FLEET_EU, SENML_CBOR, SENML_JSON, TLV, holds_both_accounts, wrote_all_in};

#[test]
fn a_client_on_tinydtls_is_bootstrapped() {
    let report = Fleet::start().proven(ForeignDevice::Aiocoap, &[]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
}

#[test]
fn a_client_on_tinydtls_is_given_the_format_it_prefers() {
    let fleet = Fleet::start();
    let options = ["--lwm2m", "1.2", "--pct", "112", "--big-discover", "--slow", "0.4"];
    let report = fleet.proven(ForeignDevice::Aiocoap, &options);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_CBOR, &report);
}

#[test]
fn a_client_on_libcoap_is_bootstrapped() {
    let report = Fleet::start().proven(ForeignDevice::Libcoap, &["--bootstrap-instance", "1"]);
    holds_both_accounts(&report, ["/0/0", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.payload("/0/0"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
}

#[test]
fn a_client_without_extended_master_secret_is_bootstrapped_with_every_cipher_suite() {
    let fleet = Fleet::start();
    let suites = [
        ("TLS_PSK_WITH_AES_128_CCM_8", "c0a8"),
        ("TLS_PSK_WITH_AES_128_CCM", "c0a4"),
        ("TLS_PSK_WITH_AES_128_GCM_SHA256", "00a8"),
        ("TLS_PSK_WITH_AES_128_CBC_SHA256", "00ae"),
    ];
    for (suite, number) in suites {
        let report = fleet.proven(ForeignDevice::Node, &["--cipher", suite]);
        assert_eq!(report.client_hello(), &json!({"cipher_suites": [number], "extensions": []}), "{suite}");
        holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
        assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()), "{suite}");
    }
}

#[test]
fn a_client_on_node_is_given_the_format_it_prefers() {
    let report = Fleet::start().proven(ForeignDevice::Node, &["--lwm2m", "1.1", "--pct", "110"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_JSON, &report);
}

#[test]
fn a_client_on_libcoap_over_gnutls_is_bootstrapped() {
    let report = Fleet::start().proven(ForeignDevice::LibcoapGnutls, &["--bootstrap-instance", "1"]);
    holds_both_accounts(&report, ["/0/0", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.payload("/0/0"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
}

#[test]
fn a_client_on_mbed_tls_is_bootstrapped_with_records_of_any_length() {
    let fleet = Fleet::start();
    for (options, agreed) in [(&[][..], None), (&["--max-fragment-512"], Some("01"))] {
        let report = fleet.proven(ForeignDevice::Mbedtls, options);
        assert_eq!(report.agreed(), (agreed, Some("TLS-PSK-WITH-AES-128-CCM-8")), "{report:#?}");
        holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
        assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
    }
}

#[test]
fn a_client_on_mbed_tls_is_given_the_format_it_prefers() {
    let fleet = Fleet::start();
    for (version, number, format) in [("1.1", "110", SENML_JSON), ("1.2", "112", SENML_CBOR)] {
        let report = fleet.proven(ForeignDevice::Mbedtls, &["--lwm2m", version, "--pct", number]);
        holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
        wrote_all_in(format, &report);
    }
}
