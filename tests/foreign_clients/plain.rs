//! Over plain UDP, by aiocoap: formats, versions, instances, blocks of what the client answers.

use std::collections::BTreeSet;

use crate::{
    Fleet, SECURITY_OF_FLEET_EU, SECURITY_OF_SPARE, SENML_CBOR, SENML_JSON, SERVER_OF_FLEET_EU, SERVER_OF_SPARE,
};
use crate::{TLV, holds_both_accounts, wrote_all_in};

#[test]
fn a_1_0_client_on_aiocoap_is_given_tlv_byte_for_byte() {
    let report = Fleet::without_dtls().open(&[]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.payload("/0/1"), (TLV, SECURITY_OF_FLEET_EU.concat().as_str()));
    assert_eq!(report.payload("/1/0"), (TLV, SERVER_OF_FLEET_EU.concat().as_str()));
    assert_eq!(report.payload("/0/2"), (TLV, SECURITY_OF_SPARE.concat().as_str()));
    assert_eq!(report.payload("/1/1"), (TLV, SERVER_OF_SPARE.concat().as_str()));
    assert_eq!(report.requests().first(), Some(&"GET / -> 2.05"));
    assert_eq!(report.requests().last(), Some(&"POST /bs -> 2.04"));
}

#[test]
fn a_client_that_prefers_senml_cbor_is_given_it_and_no_queue_mode_in_the_binding() {
    let report = Fleet::without_dtls().open(&["--lwm2m", "1.1", "--pct", "112"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_CBOR, &report);
}

#[test]
fn a_client_that_prefers_senml_json_is_given_it() {
    let report = Fleet::without_dtls().open(&["--lwm2m", "1.2", "--pct", "110"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_JSON, &report);
}

#[test]
fn another_format_is_tried_where_the_first_is_refused() {
    let report = Fleet::without_dtls().open(&["--lwm2m", "1.1", "--refuse-format", "11542", "--refuse-format", "110"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "U");
    wrote_all_in(SENML_CBOR, &report);
    let refused = report.requests().iter().filter(|request| request.ends_with("-> 4.15")).count();
    assert!(refused >= 1, "nothing was refused: {report:?}");
}

#[test]
fn a_client_that_keeps_its_bootstrap_account_in_the_second_instance_keeps_it() {
    let report = Fleet::without_dtls().open(&["--bootstrap-instance", "1"]);
    holds_both_accounts(&report, ["/0/0", "/1/0", "/0/2", "/1/1"], "UQ");
    assert_eq!(report.instance("/0/1")["1"], true);
}

#[test]
fn accounts_start_at_instance_2_where_discover_is_refused() {
    let report = Fleet::without_dtls().open(&["--no-discover"]);
    // Nobody knows where the bootstrap account lies in Object 0; Object 1 holds nothing of it.
    let server = |ssid: u64| {
        let held = |path: &&&str| path.starts_with("/1/") && report.instance(path)["0"] == ssid;
        *report.paths().iter().find(held).unwrap_or_else(|| panic!("no server {ssid}: {report:?}"))
    };
    holds_both_accounts(&report, ["/0/2", server(101), "/0/3", server(300)], "UQ");
}

#[test]
fn a_discover_answer_in_blocks_is_fetched_whole() {
    // The bootstrap account stands in the last block: whoever stops before writes over it.
    let report = Fleet::without_dtls().open(&["--big-discover"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
}

#[test]
fn a_known_account_keeps_its_instances_and_an_unknown_one_goes() {
    let report = Fleet::without_dtls().open(&["--account", "300:3:4", "--account", "999:1:0"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/3", "/1/4"], "UQ");
}

#[test]
fn answers_that_come_separately_are_waited_for() {
    let report = Fleet::without_dtls().open(&["--slow", "0.4"]);
    holds_both_accounts(&report, ["/0/1", "/1/0", "/0/2", "/1/1"], "UQ");
    // Two accounts of two instances each; what else is written, such as Access Control, is written once too.
    let requests = report.requests();
    let writes: Vec<_> = requests.iter().filter(|request| request.starts_with("PUT")).collect();
    let of_accounts =
        writes.iter().filter(|write| write.starts_with("PUT /0/") || write.starts_with("PUT /1/")).count();
    let distinct: BTreeSet<_> = writes.iter().collect();
    assert_eq!((of_accounts, distinct.len()), (4, writes.len()), "a write was repeated: {report:?}");
}
