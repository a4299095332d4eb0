//! What is no Bootstrap-Request (RFC 7252 sections 4 and 5; spec sheets `transport.md`, section 1, and `bootstrap.md`,
//! sections 3 and 11).

use bootstrapd::bootstrap::Outcome;
use bootstrapd::coap::options::number;
use bootstrapd::coap::{Code, Message, MessageType};

use super::beginnings::up_to_discover;
use crate::support::fixtures::*;
use crate::support::script::*;
use crate::support::world::World;

fn world() -> World {
    World::with(device(provision()))
}

fn nonconfirmable(message: &mut Message) {
    message.message_type = MessageType::NonConfirmable;
}

#[test]
fn a_ping_is_answered_by_reset() {
    world().play([CLIENT.sends_bytes(&[0x40, 0, 0x12, 0x34]), CLIENT.is_reset(), CLIENT.repeats(), CLIENT.is_reset()]);
}

#[test]
fn a_malformed_confirmable_message_is_reset_and_anything_else_malformed_is_ignored() {
    let mut world = world();
    world.play([
        // A marker without payload, a reserved token length, a reserved code class.
        CLIENT.sends_bytes(&[0x40, 0x02, 0x12, 0x34, 0xFF]),
        CLIENT.is_reset(),
        CLIENT.sends_bytes(&[0x49, 0x02, 0x12, 0x35, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        CLIENT.is_reset(),
        CLIENT.sends_bytes(&[0x40, 0x20, 0x12, 0x36]),
        CLIENT.is_reset(),
        // The same non-confirmable, another version, noise, nothing.
        CLIENT.sends_bytes(&[0x50, 0x02, 0x12, 0x37, 0xFF]),
        CLIENT.sends_bytes(&[0x80, 0x02, 0x12, 0x38]),
        CLIENT.sends_bytes(&[0xDE, 0xAD, 0xBE, 0xEF]),
        CLIENT.sends_bytes(&[0x40, 0x02, 0x12]),
        CLIENT.sends_bytes(&[]),
        looked_up(0),
    ]);
    assert_eq!(world.server.statistics().malformed, 8);
}

#[test]
fn a_critical_option_that_is_not_understood_is_answered_4_02_if_confirmable_and_else_ignored() {
    let if_match = |message: &mut Message| {
        add_query(message, "ep=dev1");
        message.options.add(number::IF_MATCH, b"x").unwrap();
    };
    let elective = |message: &mut Message| {
        add_query(message, "ep=dev1");
        message.options.add(2048, b"x").unwrap();
    };
    world().play([
        CLIENT.sends_a(Code::POST, "bs", "If-Match", if_match),
        CLIENT.gets(Code::BAD_OPTION),
        CLIENT.repeats(),
        CLIENT.gets(Code::BAD_OPTION),
        CLIENT.sends_a(Code::POST, "bs", "Block1", |message| {
            message.options.add(number::BLOCK1, &[0x0E]).unwrap();
        }),
        CLIENT.gets(Code::BAD_OPTION),
        CLIENT.sends_a(Code::GET, "nowhere", "Proxy-Uri", |message| {
            message.options.add(number::PROXY_URI, b"coap://x").unwrap();
        }),
        CLIENT.gets(Code::BAD_OPTION),
        CLIENT.sends_a(Code::POST, "bs", "If-Match in a NON", move |message| {
            if_match(message);
            nonconfirmable(message);
        }),
        nothing(),
        looked_up(0),
        CLIENT.sends_request("an elective option", elective),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
    ]);
}

#[test]
fn each_path_and_method_has_its_code() {
    let table = [
        (Code::POST, "bspack", Code::METHOD_NOT_ALLOWED),
        (Code::GET, "bs", Code::METHOD_NOT_ALLOWED),
        (Code::PUT, "bs", Code::METHOD_NOT_ALLOWED),
        (Code::DELETE, "bs", Code::METHOD_NOT_ALLOWED),
        (Code::FETCH, "bs", Code::METHOD_NOT_ALLOWED),
        (Code::POST, "", Code::NOT_FOUND),
        (Code::POST, "rd", Code::NOT_FOUND),
        (Code::POST, "bs/bs", Code::NOT_FOUND),
        (Code::POST, "BS", Code::NOT_FOUND),
        (Code::GET, ".well-known/core", Code::NOT_FOUND),
    ];
    for (method, path, code) in table {
        world().play([
            CLIENT.sends_a(method, path, format!("{method} /{path}"), |_| {}),
            CLIENT.gets(code),
            CLIENT.repeats(),
            CLIENT.gets(code),
            looked_up(0),
            running(0),
        ]);
    }
}

#[test]
fn a_nonconfirmable_bootstrap_request_is_answered_4_00_in_kind() {
    world().play([
        CLIENT.sends_request("NON POST /bs", nonconfirmable),
        CLIENT.gets_separately(MessageType::NonConfirmable, Code::BAD_REQUEST),
        looked_up(0),
    ]);
}

#[test]
fn host_and_port_may_be_there() {
    world().play([
        CLIENT.sends_request("with Uri-Host and Uri-Port", |message| {
            message.options.add(number::URI_HOST, b"bootstrap.example.com").unwrap();
            message.options.add(number::URI_PORT, &5684_u16.to_be_bytes()).unwrap();
            add_query(message, "ep=dev1");
        }),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
    ]);
}

#[test]
fn the_same_message_id_with_other_bytes_is_a_new_request() {
    // A client that rebooted counts its message ids from the start.
    world().play(up_to_discover()).play([
        CLIENT.sends_request("the same message id with another token", |message| {
            message.id -= 1;
            add_query(message, "ep=dev1");
        }),
        CLIENT.ends(Outcome::Superseded, "a new Bootstrap-Request"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        looked_up(2),
    ]);
}

#[test]
fn the_same_bytes_of_another_endpoint_are_no_repetition() {
    use crate::support::world::over_udp;
    let open = device_without_credentials(provision_with(|it| it.accounts = vec![second_account()]));
    let mut world = World::nosec(open).client(over_udp(2));
    world.play([CLIENT.requests("ep=dev1"), CLIENT.gets(Code::CHANGED), CLIENT.is_discovered()]);
    let bytes = world.clients[0].sent.clone();
    world.send(1, bytes);
    world.play([looked_up(2)]);
}
