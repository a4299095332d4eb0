//! Whole bootstraps of clients of every version, with every value that is written (spec sheet `bootstrap.md`).

use bootstrapd::bootstrap::{LookupKey, Outcome};
use bootstrapd::coap::Code;
use bootstrapd::lwm2m::ContentFormat;

use crate::support::fixtures::*;
use crate::support::script::{CLIENT, looked_up, running};
use crate::support::world::World;

/// A fresh client that asks like this, says this of itself and is written to in this format with this binding.
fn fresh_client(queries: &'static str, discover: &'static str, format: ContentFormat, binding: &str) -> World {
    let mut world = World::with(device(provision()));
    world.play([
        CLIENT.requests(queries),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.answers(Code::CONTENT, discover),
        CLIENT.is_written_with("/0/1", format, first_security()),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written_with("/1/0", format, first_server(binding)),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
        CLIENT.says(Code::CHANGED),
        CLIENT.ends_after(
            Outcome::Completed,
            &[
                "Bootstrap-Request 2.04",
                "Bootstrap-Discover / 2.05",
                "Bootstrap-Write /0/1 2.04",
                "Bootstrap-Write /1/0 2.04",
                "Bootstrap-Finish 2.04",
            ],
        ),
        looked_up(1),
        running(0),
    ]);
    world
}

#[test]
fn a_client_of_1_0_is_written_to_in_tlv_and_keeps_q_in_its_binding() {
    let world = fresh_client("ep=dev1", "lwm2m=\"1.0\",</0/0>,</1>,</3/0>", TLV, "UQ");
    assert_eq!(world.lookups, [LookupKey::PskIdentity(IDENTITY.to_vec())]);
}

#[test]
fn a_client_of_1_1_that_prefers_senml_cbor_gets_it_and_no_q() {
    fresh_client("ep=dev1&pct=112", "</>;lwm2m=1.1,</0/0>,</1>,</3/0>", SENML_CBOR, "U");
}

#[test]
fn a_client_of_1_1_that_prefers_senml_json_gets_it() {
    fresh_client("pct=110&ep=dev1", "</>;lwm2m=1.1,</0/0>,</1>,</3/0>", SENML_JSON, "U");
}

#[test]
fn a_client_of_1_2_that_prefers_lwm2m_cbor_gets_it() {
    fresh_client("ep=dev1&pct=11544", "</>;lwm2m=1.2,</0/0>,</1>,</3/0>", LWM2M_CBOR, "U");
}

#[test]
fn the_number_of_tlv_before_1_0_1_means_tlv() {
    fresh_client("ep=dev1&pct=1542", "</>;lwm2m=1.1,</0/0>,</1>,</3/0>", TLV, "U");
    fresh_client("ep=dev1&pct=11542", "</>;lwm2m=1.1,</0/0>,</1>,</3/0>", TLV, "U");
}

#[test]
fn a_client_with_pct_that_calls_itself_1_0_is_still_known_to_be_newer() {
    fresh_client("ep=dev1&pct=112", "</>;lwm2m=1.0,</0/0>,</1>,</3/0>", SENML_CBOR, "U");
}

#[test]
fn unknown_queries_are_ignored() {
    fresh_client("x=y&ep=dev1&b=U&lwm2m=1.0", "lwm2m=\"1.0\",</0/0>,</1>,</3/0>", TLV, "UQ");
}

#[test]
fn the_report_says_who_was_served_with_what() {
    let mut world = World::with(device(provision()));
    world.play([CLIENT.requests("ep=dev1&pct=11544"), CLIENT.gets(Code::CHANGED), CLIENT.is_discovered()]);
    let now = world.now();
    let running: Vec<_> = world.server.running_reports(now).collect();
    assert_eq!(running.len(), 1);
    assert_eq!(running[0].reason, "Under way: Bootstrap-Discover /.");
    world.play([
        CLIENT.answers(Code::CONTENT, "</0/0>"),
        CLIENT.is_written("/0/1", LWM2M_CBOR),
        CLIENT.resets(),
        CLIENT.ends_with(|report| {
            assert_eq!(report.id, 1);
            assert_eq!(report.endpoint.as_deref(), Some(ENDPOINT));
            assert_eq!(report.profile.as_deref(), Some("default"));
            assert_eq!(report.remote, "192.0.2.1:5683");
            assert_eq!(report.identity, "PSK identity `identity-of-dev1`");
            assert_eq!(report.lwm2m_version.as_deref(), Some("1.2"));
            assert_eq!(report.content_format.as_deref(), Some("LwM2M CBOR"));
        }),
    ]);
}

#[test]
fn several_accounts_are_written_in_their_order_each_as_two_instances() {
    let provision = provision_with(|provision| provision.accounts.push(second_account()));
    World::with(device(provision)).play([
        CLIENT.requests("ep=dev1&pct=112"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.answers(Code::CONTENT, "</>;lwm2m=1.1,</0/1>,</1>,</3/0>"),
        CLIENT.is_written_with("/0/0", SENML_CBOR, first_security()),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written_with("/1/0", SENML_CBOR, first_server("U")),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written_with("/0/2", SENML_CBOR, second_security()),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written_with("/1/1", SENML_CBOR, second_server()),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
        CLIENT.says(Code::CHANGED),
        CLIENT.ends(Outcome::Completed, "taken everything"),
    ]);
}

#[test]
fn a_device_without_keys_is_served_over_nosec() {
    let provision = provision_with(|provision| provision.accounts = vec![second_account()]);
    let mut world = World::nosec(device_without_credentials(provision));
    world.play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.answers(Code::CONTENT, "lwm2m=\"1.0\",</0/0>,</1>"),
        CLIENT.is_written_with("/0/1", TLV, second_security()),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written_with("/1/0", TLV, second_server()),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
        CLIENT.says(Code::CHANGED),
        CLIENT.ends(Outcome::Completed, "taken everything"),
    ]);
    assert_eq!(world.lookups, [LookupKey::EndpointName(ENDPOINT.to_owned())]);
}

#[test]
fn a_binding_that_a_1_0_client_cannot_have_ends_the_session_before_anything_is_written() {
    let provision = provision_with(|provision| settings_of(&mut provision.accounts[0]).binding = "UT".to_owned());
    World::with(device(provision)).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.answers(Code::CONTENT, "lwm2m=\"1.0\",</0/0>,</1>"),
        CLIENT.ends(Outcome::InvalidProvision, "the binding `UT` does not exist in LwM2M 1.0"),
    ]);
}

#[test]
fn a_binding_with_letters_of_1_1_goes_to_a_1_1_client_as_it_is() {
    let provision = provision_with(|provision| settings_of(&mut provision.accounts[0]).binding = "UTQ".to_owned());
    World::with(device(provision)).play([
        CLIENT.requests("ep=dev1&pct=112"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.answers(Code::CONTENT, "</>;lwm2m=1.1,</0/0>"),
        CLIENT.is_written("/0/1", SENML_CBOR),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written_with("/1/0", SENML_CBOR, first_server("UT")),
    ]);
}
