//! The first lines of many tables.

use bootstrapd::coap::Code;

use crate::support::fixtures::TLV;
use crate::support::script::{CLIENT, Step};

/// What a client of 1.1 with a factory-fresh memory answers to Discover.
pub const FRESH: &str = "</>;lwm2m=1.1,</0/0>,</1>,</3/0>";

/// Up to the outstanding Discover.
pub fn up_to_discover() -> Vec<Step> {
    vec![CLIENT.requests("ep=dev1"), CLIENT.gets(Code::CHANGED), CLIENT.is_discovered()]
}

/// Up to the outstanding Delete of `/0`.
pub fn up_to_delete() -> Vec<Step> {
    let mut steps = up_to_discover();
    steps.push(CLIENT.answers(Code::CONTENT, "</>;lwm2m=1.1,</0/0>,</0/1>;ssid=7,</1/0>;ssid=7,</3/0>"));
    steps.push(CLIENT.is_deleted("/0"));
    steps
}

/// Up to the outstanding write of the Security instance of a fresh client.
pub fn up_to_security() -> Vec<Step> {
    let mut steps = up_to_discover();
    steps.push(CLIENT.answers(Code::CONTENT, FRESH));
    steps.push(CLIENT.is_written("/0/1", TLV));
    steps
}

/// Up to the outstanding write of the Server instance of a fresh client.
pub fn up_to_server() -> Vec<Step> {
    let mut steps = up_to_security();
    steps.extend([CLIENT.says(Code::CHANGED), CLIENT.is_written("/1/0", TLV)]);
    steps
}

/// Up to the outstanding Finish of a fresh client.
pub fn up_to_finish() -> Vec<Step> {
    let mut steps = up_to_server();
    steps.extend([CLIENT.says(Code::CHANGED), CLIENT.is_finished()]);
    steps
}

/// From any outstanding answer to the first write of a fresh client up to the end.
pub fn rest_of_a_fresh_client() -> Vec<Step> {
    use bootstrapd::bootstrap::Outcome;
    vec![
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written("/1/0", TLV),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
        CLIENT.says(Code::CHANGED),
        CLIENT.ends(Outcome::Completed, "taken everything"),
    ]
}
