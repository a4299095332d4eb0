//! Which content format is written, and what a 4.15 changes (spec sheet `bootstrap.md`, section 8).

use bootstrapd::bootstrap::Outcome;
use bootstrapd::coap::Code;

use crate::support::fixtures::*;
use crate::support::script::{CLIENT, Step};
use crate::support::world::World;

fn begun(queries: &'static str, discover: &'static str) -> Vec<Step> {
    vec![
        CLIENT.requests(queries),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.answers(Code::CONTENT, discover),
    ]
}

const REFUSED: Code = Code::UNSUPPORTED_CONTENT_FORMAT;

#[test]
fn after_4_15_the_same_write_is_tried_in_each_other_format_and_what_was_taken_is_kept() {
    World::with(device(provision())).play(begun("ep=dev1&pct=11544", "</0/0>")).play([
        CLIENT.is_written_with("/0/1", LWM2M_CBOR, first_security()),
        CLIENT.says(REFUSED),
        CLIENT.is_written_with("/0/1", SENML_CBOR, first_security()),
        CLIENT.says(REFUSED),
        CLIENT.is_written_with("/0/1", SENML_JSON, first_security()),
        CLIENT.says(REFUSED),
        CLIENT.is_written_with("/0/1", TLV, first_security()),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written_with("/1/0", TLV, first_server("U")),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
        CLIENT.says(Code::CHANGED),
        CLIENT.ends_after(
            Outcome::Completed,
            &[
                "Bootstrap-Request 2.04",
                "Bootstrap-Discover / 2.05",
                "Bootstrap-Write /0/1 4.15",
                "Bootstrap-Write /0/1 4.15",
                "Bootstrap-Write /0/1 4.15",
                "Bootstrap-Write /0/1 2.04",
                "Bootstrap-Write /1/0 2.04",
                "Bootstrap-Finish 2.04",
            ],
        ),
    ]);
}

#[test]
fn each_format_is_tried_once_and_then_the_session_ends_without_finish() {
    World::with(device(provision())).play(begun("ep=dev1", "</>;lwm2m=1.1,</0/0>")).play([
        CLIENT.is_written("/0/1", TLV),
        CLIENT.says(REFUSED),
        CLIENT.is_written("/0/1", SENML_CBOR),
        CLIENT.says(REFUSED),
        CLIENT.is_written("/0/1", SENML_JSON),
        CLIENT.says(REFUSED),
        CLIENT.ends(Outcome::WriteFailed, "takes none of the formats that were tried: TLV, SenML CBOR, SenML JSON."),
    ]);
}

#[test]
fn a_client_of_1_0_knows_no_other_format_than_tlv() {
    World::with(device(provision())).play(begun("ep=dev1", "lwm2m=\"1.0\",</0/0>")).play([
        CLIENT.is_written("/0/1", TLV),
        CLIENT.says(REFUSED),
        CLIENT.ends(Outcome::WriteFailed, "takes none of the formats that were tried: TLV."),
    ]);
}

#[test]
fn a_format_that_the_profile_fixes_is_used_against_the_clients_wish_and_not_changed() {
    let fixed = device(provision_with(|provision| provision.writing.format = Some(SENML_JSON)));
    World::with(fixed).play(begun("ep=dev1&pct=112", "</0/0>")).play([
        CLIENT.is_written("/0/1", SENML_JSON),
        CLIENT.says(REFUSED),
        CLIENT.ends(Outcome::WriteFailed, "The profile allows no other: set its format to `auto`."),
    ]);
}

#[test]
fn a_4_15_to_a_later_write_ends_the_session_without_finish() {
    World::with(device(provision())).play(begun("ep=dev1&pct=112", "</0/0>")).play([
        CLIENT.is_written("/0/1", SENML_CBOR),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written("/1/0", SENML_CBOR),
        CLIENT.says(REFUSED),
        CLIENT.ends(Outcome::WriteFailed, "Bootstrap-Write /1/0 with 4.15; Finish was not sent"),
    ]);
}
