//! Over DTLS with a pre-shared key, on every stack.

use serde_json::json;

use crate::foreign::ForeignDevice;
use crate::{
    Engine, Fleet, Heavy, SECURITY_OF_FLEET_EU, SENML_CBOR, SENML_JSON, TLV, got_nothing, holds_both_accounts,
    wrote_all_in,
};

on_each_engine!(
    a_client_on_tinydtls_is_bootstrapped,
    a_client_on_tinydtls_is_given_the_format_it_prefers,
    a_client_on_libcoap_is_bootstrapped,
    a_client_without_extended_master_secret_is_bootstrapped_with_every_cipher_suite,
    a_client_on_node_is_given_the_format_it_prefers,
    a_client_on_libcoap_over_gnutls_is_bootstrapped,
    a_client_on_mbed_tls_is_bootstrapped_with_records_of_any_length,
    a_client_on_mbed_tls_is_given_the_format_it_prefers,
    clients_on_mbed_tls_3_wolfssl_and_webrtc_are_bootstrapped,
    records_of_512_bytes_are_kept_to_for_mbed_tls_3_and_wolfssl,
);

fn a_client_on_tinydtls_is_bootstrapped(engine: Engine) {
    let report = Fleet::start(engine).proven(ForeignDevice::Aiocoap, &[]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
}

fn a_client_on_tinydtls_is_given_the_format_it_prefers(engine: Engine) {
    let fleet = Fleet::start(engine);
    let options = ["--lwm2m", "1.2", "--pct", "112", "--big-discover", "--slow", "0.4"];
    let report = fleet.proven(ForeignDevice::Aiocoap, &options);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_CBOR, &report);
}

fn a_client_on_libcoap_is_bootstrapped(engine: Engine) {
    let report = Fleet::start(engine).proven(ForeignDevice::Libcoap, &["--bootstrap-instance", "1"]);
    holds_both_accounts(&report, ["/0/0", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.payload("/0/0"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
}

fn a_client_without_extended_master_secret_is_bootstrapped_with_every_cipher_suite(engine: Engine) {
    let fleet = Fleet::start(engine);
    let suites = [
        ("TLS_PSK_WITH_AES_128_CCM_8", "c0a8"),
        ("TLS_PSK_WITH_AES_128_CCM", "c0a4"),
        ("TLS_PSK_WITH_AES_128_GCM_SHA256", "00a8"),
        ("TLS_PSK_WITH_AES_128_CBC_SHA256", "00ae"),
    ];
    for (suite, number) in suites {
        if engine == Engine::Native && suite.contains("CBC") {
            let refused = fleet.attempt(ForeignDevice::Node, &["--cipher", suite, "--limit", "4"]);
            got_nothing(&refused, None);
            continue;
        }
        let report = fleet.proven(ForeignDevice::Node, &["--cipher", suite]);
        assert_eq!(report.client_hello(), &json!({"cipher_suites": [number], "extensions": []}), "{suite}");
        holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
        assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()), "{suite}");
    }
}

fn a_client_on_node_is_given_the_format_it_prefers(engine: Engine) {
    let report = Fleet::start(engine).proven(ForeignDevice::Node, &["--lwm2m", "1.1", "--pct", "110"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_JSON, &report);
}

fn a_client_on_libcoap_over_gnutls_is_bootstrapped(engine: Engine) {
    let report = Fleet::start(engine).proven(ForeignDevice::LibcoapGnutls, &["--bootstrap-instance", "1"]);
    holds_both_accounts(&report, ["/0/0", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.payload("/0/0"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
}

fn a_client_on_mbed_tls_is_bootstrapped_with_records_of_any_length(engine: Engine) {
    let fleet = Fleet::start(engine);
    for (options, agreed) in [(&[][..], None), (&["--max-fragment-512"], Some("01"))] {
        let report = fleet.proven(ForeignDevice::Mbedtls, options);
        assert_eq!(report.agreed(), (agreed, Some("TLS-PSK-WITH-AES-128-CCM-8")), "{report:#?}");
        holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
        assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
    }
}

fn a_client_on_mbed_tls_is_given_the_format_it_prefers(engine: Engine) {
    let fleet = Fleet::start(engine);
    for (version, number, format) in [("1.1", "110", SENML_JSON), ("1.2", "112", SENML_CBOR)] {
        let report = fleet.proven(ForeignDevice::Mbedtls, &["--lwm2m", version, "--pct", number]);
        holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
        wrote_all_in(format, &report);
    }
}

fn clients_on_mbed_tls_3_wolfssl_and_webrtc_are_bootstrapped(engine: Engine) {
    let fleet = Fleet::start(engine);
    for device in [ForeignDevice::Mbedtls3, ForeignDevice::Wolfssl, ForeignDevice::Webrtc] {
        let report = fleet.proven(device, &["--bootstrap-instance", "1"]);
        holds_both_accounts(&report, ["/0/0", "/1/0", "/0/2", "/1/1"], "UQ");
        assert_eq!(report.payload("/0/0"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()), "{device:?}");
        let report = fleet.proven(device, &["--lwm2m", "1.2", "--pct", "112"]);
        holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
        wrote_all_in(SENML_CBOR, &report);
    }
}

fn records_of_512_bytes_are_kept_to_for_mbed_tls_3_and_wolfssl(engine: Engine) {
    for device in [ForeignDevice::Mbedtls3, ForeignDevice::Wolfssl] {
        // Each on a daemon that has learned nothing of the client yet.
        let heavy = Heavy::start(engine);
        let usual = heavy.fleet.proven(device, &[]);
        heavy.is_held(&usual);
        assert!(usual.largest_record() > 1024, "{usual:#?}");
        let short = heavy.fleet.proven(device, &["--max-fragment-512"]);
        heavy.is_held(&short);
        // Nonce and tag of CCM_8 stand around the content (RFC 6655 section 3).
        assert!((256..=512 + 16).contains(&short.largest_record()), "{short:#?}");
    }
}
