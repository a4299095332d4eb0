//! What each client checks at Finish, and what it makes of a repetition.

use super::{security, server, usual, with, without};
use crate::coap::Code;
use crate::lwm2m::{Resource, Value};
use crate::simulator::client::tests::bench::message;
use crate::simulator::{Failure, Like, Output};

/// clients.md 1, "Finish refused" and "Finish 2.04 but unusable result"; bootstrap.md 10 and 16, "Finish check".
#[test]
fn finish() {
    let full = || vec![(0, security()), (1, server())];
    let rpk = with(security(), Resource::single(2, Value::Integer(1)));
    let reserved = with(security(), Resource::single(10, Value::Integer(65_535)));
    let insecure = with(security(), Resource::single(0, Value::String("coap://eu.example.com".into())));
    let other = with(server(), Resource::single(0, Value::Integer(102)));
    let certificate = without(with(security(), Resource::single(2, Value::Integer(2))), 5);
    // What is written, and for Anjay, Wakaama, Zephyr and Leshan's client: Finish taken (and is the result of use)?
    let table = [
        ("everything", full(), [Some(true), Some(true), Some(true), Some(true)]),
        ("nothing", vec![], [Some(false), Some(false), Some(false), None]),
        ("Security alone", vec![(0, security())], [Some(false), Some(false), Some(false), None]),
        ("Server alone", vec![(1, server())], [Some(false), Some(false), Some(false), None]),
        ("another SSID", vec![(0, security()), (1, other)], [Some(false); 4]),
        ("no URI", vec![(0, without(security(), 0)), (1, server())], [None, Some(true), Some(true), Some(true)]),
        ("no mode", vec![(0, without(security(), 2)), (1, server())], [None, Some(true), Some(true), Some(true)]),
        ("no SSID", vec![(0, without(security(), 10)), (1, server())], [None, None, Some(false), Some(false)]),
        ("no lifetime", vec![(0, security()), (1, without(server(), 1))], [None, Some(true), Some(true), Some(true)]),
        ("no storing", vec![(0, security()), (1, without(server(), 6))], [None, Some(true), Some(true), Some(true)]),
        ("no binding", vec![(0, security()), (1, without(server(), 7))], [None, None, Some(true), Some(true)]),
        ("raw public key", vec![(0, rpk), (1, server())], [None, Some(true), Some(true), Some(true)]),
        ("SSID 65535", vec![(0, reserved), (1, server())], [None, Some(false), Some(false), Some(false)]),
        ("insecure URI", vec![(0, insecure), (1, server())], [None, Some(true), Some(true), Some(true)]),
        ("no private key", vec![(0, certificate), (1, server())], [Some(true), Some(true), Some(true), None]),
    ];
    for (what, written, expected) in table {
        let clients = [Like::Anjay, Like::Wakaama, Like::Zephyr, Like::Leshan];
        for (like, expected) in clients.into_iter().zip(expected) {
            let mut bench = usual(like);
            for (object, resources) in &written {
                let instance = if *object == 0 { 3 } else { 0 };
                assert_eq!(bench.write_instance(*object, instance, resources.clone()), Code::CHANGED);
            }
            let finish = bench.request(Code::POST, "/bs");
            let outputs = bench.hand(&finish.encode());
            let code = message(outputs.iter().rfind(|it| matches!(it, Output::Datagram(_))).unwrap()).code;
            match expected {
                None => assert_eq!(code, Code::NOT_ACCEPTABLE, "{like}: {what}"),
                Some(of_use) => {
                    assert_eq!(code, Code::CHANGED, "{like}: {what}");
                    let Some(Output::Finished(ended)) = outputs.last() else { panic!("{like}: {what}") };
                    let unusable = matches!(ended, Err(Failure::Unusable { .. }));
                    assert_eq!((ended.is_ok(), unusable), (of_use, !of_use), "{like}: {what}");
                }
            }
        }
    }
}

/// clients.md 1, "Finish refused" (second bootstrap account).
#[test]
fn a_second_bootstrap_account_is_taken_by_anjay_and_refused_at_finish() {
    let mut bench = usual(Like::Anjay);
    let second = without(with(security(), Resource::single(1, Value::Boolean(true))), 10);
    assert_eq!(bench.write_instance(0, 0, second.clone()), Code::CHANGED);
    bench.write_instance(0, 3, security());
    bench.write_instance(1, 0, server());
    assert_eq!(bench.simple(Code::POST, "/bs").code, Code::NOT_ACCEPTABLE);
    assert_eq!(usual(Like::Leshan).write_instance(0, 3, second), Code::BAD_REQUEST);
}

/// clients.md 3, item 8.
#[test]
fn a_repeated_finish_is_ignored_by_wakaama_and_anjay() {
    for like in Like::ALL {
        let mut bench = usual(like);
        bench.write_instance(0, 3, security());
        bench.write_instance(1, 0, server());
        let finish = bench.request(Code::POST, "/bs").encode();
        assert_eq!(bench.hand(&finish).len(), 2, "{like}: the answer and the result");
        let repeated = bench.hand(&finish);
        assert_eq!(repeated.is_empty(), matches!(like, Like::Anjay | Like::Wakaama), "{like}");
    }
}
