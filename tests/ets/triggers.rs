//! Bootstraps that something else than a lack of accounts has led to: a management server (1.1-int-5), or a registration
//! that failed (1.1-int-7). For the Bootstrap-Server both are a request of a client that holds an account.

use bootstrapd::bootstrap::Outcome;
use bootstrapd::lwm2m::Version;

use crate::recording::{c1_provision, c13_with_account, psk_sa, record, srv_min};

/// Both must come to the end of int-0.
fn bootstraps_although_it_has_an_account(version: Version) {
    let recording = record(c13_with_account(version), c1_provision());
    recording.assert_lines(&[
        "POST /bs?ep=dev1 2.04",
        "GET / 2.05",
        "DELETE /0 2.02",
        "DELETE /1 2.02",
        "PUT /0/0 2.04",
        "PUT /1/0 2.04",
        "POST /bs 2.04",
    ]);
    assert_eq!(recording.written(0, 0), psk_sa());
    assert_eq!(recording.written(1, 0), srv_min());
    assert_eq!(recording.report.outcome, Outcome::Completed);
    let accounts = recording.provisioned().accounts();
    let uris: Vec<&str> = accounts.iter().map(|account| account.server_uri.as_str()).collect();
    assert_eq!(uris, ["coaps://server.example.com:5684"], "the account that the client had before is replaced");
}

/// Execute of /1/0/9 by the server that the client is registered to is answered 2.04 between those two; then the client
/// asks.
#[test]
fn lightweightm2m_1_1_int_5_server_initiated_bootstrap() {
    bootstraps_although_it_has_an_account(Version::V1_1);
}

/// The account of the simulated client leads to 192.0.2.1, where nobody answers (RFC 5737).
#[test]
fn lightweightm2m_1_1_int_7_fallback_to_bootstrap() {
    bootstraps_although_it_has_an_account(Version::V1_1);
}
