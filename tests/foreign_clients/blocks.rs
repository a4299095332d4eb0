//! Certificates of several KB, in blocks (RFC 7959) that other people's code puts together.

use crate::foreign::{ForeignDevice, Report};
use crate::{Engine, Heavy, OPEN, SENML_CBOR, SENML_JSON, TLV};

on_each_engine!(
    libcoap_puts_blocks_together,
    tinydtls_carries_blocks_of_every_format,
    a_client_that_answers_with_a_smaller_size_is_sent_that,
    a_client_that_refuses_large_payloads_is_written_to_in_small_ones_and_later_at_once,
    blocks_fit_the_records_that_mbed_tls_asks_for,
    wolfssl_and_webrtc_carry_blocks,
);

/// What makes a device ask for a format, and the format.
const FORMATS: [(&[&str], u64); 3] =
    [(&[], TLV), (&["--lwm2m", "1.1", "--pct", "110"], SENML_JSON), (&["--lwm2m", "1.2", "--pct", "112"], SENML_CBOR)];

fn libcoap_puts_blocks_together(engine: Engine) {
    let heavy = Heavy::start(engine);
    for device in [ForeignDevice::Libcoap, ForeignDevice::LibcoapGnutls] {
        heavy.is_held(&heavy.fleet.proven(device, &[]));
    }
}

#[test]
fn aiocoap_puts_blocks_together_in_every_format() {
    for (options, format) in FORMATS {
        // Each on a daemon that knows nothing of the client yet.
        let heavy = Heavy::without_dtls();
        let report = heavy.fleet.open(options);
        heavy.is_held(&report);
        assert_eq!(report.payload("/0/1").0, format);
    }
}

fn tinydtls_carries_blocks_of_every_format(engine: Engine) {
    for (options, format) in FORMATS {
        let heavy = Heavy::start(engine);
        let report = heavy.fleet.proven(ForeignDevice::Aiocoap, options);
        heavy.is_held(&report);
        assert_eq!(report.payload("/0/1").0, format);
    }
}

fn a_client_that_answers_with_a_smaller_size_is_sent_that(engine: Engine) {
    let heavy = Heavy::start(engine);
    for device in [ForeignDevice::Libcoap, ForeignDevice::LibcoapGnutls] {
        let report = heavy.fleet.proven(device, &["--block-size", "64"]);
        heavy.is_held(&report);
        let (taken, largest) = report.blocks();
        assert!(taken > 40 && largest == 64, "{report:#?}");
    }
}

fn a_client_that_refuses_large_payloads_is_written_to_in_small_ones_and_later_at_once(engine: Engine) {
    let heavy = Heavy::start(engine);
    let small: [(ForeignDevice, &[&str]); 2] = [
        (ForeignDevice::Libcoap, &["--block-size", "64", "--refuse-larger"]),
        (ForeignDevice::LibcoapGnutls, &["--block-size", "64", "--refuse-larger"]),
    ];
    let refusals = |report: &Report| report.requests().iter().filter(|request| request.ends_with("-> 4.13")).count();
    let mut refused = Vec::new();
    for (device, options) in small {
        let report = heavy.fleet.proven(device, options);
        heavy.is_held(&report);
        let (taken, largest) = report.blocks();
        assert!(taken > 50 && largest == 64, "{report:#?}");
        refused.push(refusals(&report));
    }
    // What the client takes was learned from its first session.
    assert!(refused[0] > 0 && refused[1] == 0, "{refused:?}");
}

#[test]
fn nothing_is_learned_of_a_client_that_proves_nothing() {
    let heavy = Heavy::without_dtls();
    let report = ForeignDevice::Aiocoap.bootstrap(
        heavy.fleet.daemon.nosec,
        OPEN,
        None,
        &["--refuse-format", "11542", "--limit", "5"],
    );
    assert!(report.requests().iter().any(|request| request.ends_with("-> 4.15")), "{report:#?}");
    let report = heavy.fleet.open(&[]);
    heavy.is_held(&report);
    assert_eq!(report.payload("/0/1").0, TLV);
}

fn blocks_fit_the_records_that_mbed_tls_asks_for(engine: Engine) {
    let heavy = Heavy::start(engine);
    let usual = heavy.fleet.proven(ForeignDevice::Mbedtls, &[]);
    heavy.is_held(&usual);
    assert_eq!((usual.blocks().1, usual.agreed().0), (1024, None), "{usual:#?}");

    let short = heavy.fleet.proven(ForeignDevice::Mbedtls, &["--max-fragment-512"]);
    heavy.is_held(&short);
    // RFC 6066 section 4: 1 stands for 2^9.
    assert_eq!((short.blocks().1, short.agreed().0), (256, Some("01")), "{short:#?}");
    let (clear, protected) = short.largest_records();
    assert!(clear <= 512 && (256..=512).contains(&protected), "{short:#?}");

    let small = heavy.fleet.proven(ForeignDevice::Mbedtls, &["--block-size", "32", "--lwm2m", "1.1", "--pct", "112"]);
    heavy.is_held(&small);
    assert_eq!(small.blocks().1, 32, "{small:#?}");
}

fn wolfssl_and_webrtc_carry_blocks(engine: Engine) {
    let heavy = Heavy::start(engine);
    for device in [ForeignDevice::Wolfssl, ForeignDevice::Webrtc] {
        let report = heavy.fleet.proven(device, &[]);
        heavy.is_held(&report);
        assert_eq!(report.blocks().1, 1024, "{report:#?}");
    }
}
