//! What the plan does beyond one account: several servers, a bootstrap account, further instances, clients that refuse
//! part of it (spec sheets `bootstrap.md`, sections 8 to 10, `objects.md`, section 11, and `clients.md`, section 1).

use std::time::Duration;

use bootstrapd::bootstrap::Outcome;
use bootstrapd::coap::Code;
use bootstrapd::lwm2m::{ObjectInstance, Path, Resource, ResourceValue, Value};
use bootstrapd::provision::{AccessControl, AccountCredentials, IssuedReference, Provision, TimingOverride};

use super::beginnings::up_to_discover;
use crate::support::fixtures::*;
use crate::support::script::{CLIENT, Step};
use crate::support::world::World;

/// A client with this provision and this answer to Discover.
fn client(change: impl FnOnce(&mut Provision), discover: &'static str) -> World {
    let mut world = World::with(device(provision_with(change)));
    world.play(up_to_discover()).play([CLIENT.answers(Code::CONTENT, discover)]);
    world
}

fn written(paths: &[&'static str]) -> Vec<Step> {
    paths.iter().flat_map(|path| [CLIENT.is_written(path, TLV), CLIENT.says(Code::CHANGED)]).collect()
}

fn finished() -> [Step; 3] {
    [CLIENT.is_finished(), CLIENT.says(Code::CHANGED), CLIENT.ends(Outcome::Completed, "taken everything")]
}

fn with_note(step: usize, note: &'static str) -> [Step; 3] {
    let ends = CLIENT.ends_with(move |report| {
        let found = report.steps[step].note.as_deref().unwrap_or("nothing");
        assert!(found.contains(note), "step {step} says {found}");
        assert_eq!(report.outcome, Outcome::Completed);
    });
    [CLIENT.is_finished(), CLIENT.says(Code::CHANGED), ends]
}

fn instance(id: u16, resources: Vec<Resource>) -> ObjectInstance {
    ObjectInstance { id, resources }
}

const WITH_ACCESS_CONTROL: &str = "</>;lwm2m=1.1,</0/0>,</1>,</2>,</3/0>,</5/0>";

fn two(provision: &mut Provision) {
    provision.accounts.push(second_account());
}

#[test]
fn two_servers_get_their_own_instance_and_share_the_rest() {
    let rule = |object, instance, (ssid, rights), owner| {
        let entries = ResourceValue::Multiple(vec![(ssid, Value::Integer(rights))]);
        vec![
            Resource::single(0, Value::Integer(object)),
            Resource::single(1, Value::Integer(instance)),
            Resource { id: 2, value: entries },
            Resource::single(3, Value::Integer(owner)),
        ]
    };
    let mut world = client(two, WITH_ACCESS_CONTROL);
    world.play(written(&["/0/1", "/1/0", "/0/2", "/1/1"]));
    for (path, resources) in [
        ("/2/0", rule(1, 0, (101, 15), 101)),
        ("/2/1", rule(1, 1, (102, 15), 102)),
        ("/2/2", rule(3, 0, (0, 7), 101)),
        ("/2/3", rule(5, 0, (0, 7), 101)),
    ] {
        world.play([CLIENT.is_given(path, TLV, resources), CLIENT.says(Code::CHANGED)]);
    }
    world.play(finished());
}

#[test]
fn one_server_a_client_of_1_2_and_a_profile_that_forbids_it_need_no_access_control() {
    client(|_| {}, WITH_ACCESS_CONTROL).play(written(&["/0/1", "/1/0"])).play(finished());
    let answer = "</>;lwm2m=1.2,</0/0>,</1>,</2>,</3/0>";
    client(two, answer).play(written(&["/0/1", "/1/0", "/0/2", "/1/1"])).play(finished());
    let forbidden = |provision: &mut Provision| {
        two(provision);
        provision.writing.access_control = AccessControl::Never;
    };
    client(forbidden, WITH_ACCESS_CONTROL).play(written(&["/0/1", "/1/0", "/0/2", "/1/1"])).play(finished());
}

#[test]
fn a_client_without_object_2_is_spared_it_and_the_trace_says_so() {
    let mut world = client(two, "</>;lwm2m=1.1,</0/0>,</1>,</3/0>");
    world.play(written(&["/0/1", "/1/0", "/0/2", "/1/1"])).play(with_note(1, "the client does not have object 2"));
}

#[test]
fn a_client_that_refuses_access_control_goes_without_it() {
    for code in [Code::NOT_FOUND, Code::METHOD_NOT_ALLOWED, Code::BAD_REQUEST] {
        let mut world = client(two, "</0/0>,</3/0>");
        world.play(written(&["/0/1", "/1/0", "/0/2", "/1/1"]));
        world
            .play([CLIENT.is_written("/2/0", TLV), CLIENT.says(code)])
            .play(with_note(6, "goes without Access Control"));
    }
}

#[test]
fn access_control_of_servers_that_are_gone_is_emptied() {
    let answer = "</>;lwm2m=1.1,</0/0>,</1/0>;ssid=7,</2/0>,</2/4>,</3/0>";
    let mut world = client(two, answer);
    world.play([CLIENT.is_deleted("/1"), CLIENT.says(Code::DELETED)]);
    world.play([CLIENT.is_deleted("/2"), CLIENT.says(Code::DELETED)]);
    world.play(written(&["/0/1", "/1/0", "/0/2", "/1/1", "/2/0", "/2/1", "/2/2"])).play(finished());
}

#[test]
fn an_object_is_emptied_once_and_of_kept_access_control_nothing_is_overwritten() {
    let stated = |provision: &mut Provision| {
        two(provision);
        provision.writing.delete = vec![Path::Object(2), Path::Object(1)];
    };
    let mut world = client(stated, "</>;lwm2m=1.1,</0/0>,</1/0>;ssid=7,</2/0>,</3/0>,</23/0>");
    world.play([CLIENT.is_deleted("/2"), CLIENT.says(Code::DELETED)]);
    world.play([CLIENT.is_deleted("/1"), CLIENT.says(Code::DELETED)]);
    world.play(written(&["/0/1", "/1/0", "/0/2", "/1/1", "/2/0", "/2/1", "/2/2"])).play(finished());

    let incremental = |provision: &mut Provision| provision.writing.delete = Vec::new();
    let answer = "</>;lwm2m=1.1,</0/0>,</0/1>;ssid=7,</1/0>;ssid=7,</2/0>,</3/0>";
    let mut world = client(incremental, answer);
    world.play(written(&["/0/2", "/1/1", "/2/1"]));
    world.play(with_note(1, "keeps its 1 Access Control instances"));

    let known = |provision: &mut Provision| {
        two(provision);
        provision.writing.delete = Vec::new();
    };
    let answer = "</>;lwm2m=1.1,</0/0>,</0/1>;ssid=101,</1/0>;ssid=101,</2/0>,</3/0>";
    let mut world = client(known, answer);
    world.play(written(&["/0/1", "/1/0", "/0/2", "/1/1", "/2/1"]));
    world.play(with_note(1, "keeps its 1 Access Control instances"));
}

#[test]
fn what_the_operator_rules_is_not_ruled_again() {
    let ruled = |provision: &mut Provision| {
        two(provision);
        let entries = ResourceValue::Multiple(vec![(0, Value::Integer(1))]);
        let rule = vec![
            Resource::single(0, Value::Integer(3)),
            Resource::single(1, Value::Integer(0)),
            Resource { id: 2, value: entries },
            Resource::single(3, Value::Integer(101)),
        ];
        provision.writes = vec![(2, instance(0, rule))];
    };
    let answer = "</>;lwm2m=1.1,</0/0>,</1>,</2>,</3/0>";
    client(ruled, answer).play(written(&["/0/1", "/1/0", "/0/2", "/1/1", "/2/1", "/2/2", "/2/0"])).play(finished());
}

#[test]
fn link_targets_go_first_and_the_bootstrap_account_goes_last_into_its_own_instance() {
    let change = |provision: &mut Provision| {
        let opaque = |id, bytes: &[u8]| Resource::single(id, Value::opaque(bytes));
        let oscore = vec![opaque(0, b"secret"), opaque(1, b"a"), opaque(2, b"b")];
        let clock =
            vec![Resource::single(13, Value::Time(1_700_000_000)), Resource::single(14, Value::String("+01".into()))];
        provision.accounts.insert(0, bootstrap_account());
        provision.accounts[1].security_resources = vec![Resource::single(17, Value::ObjectLink(21, 4))];
        provision.writes = vec![(3, instance(0, clock)), (21, instance(4, oscore))];
    };
    let mut world = client(change, "</>;lwm2m=1.1,</0/1>,</1>,</3/0>,</21>");
    world.play(written(&["/21/4", "/0/0", "/1/0", "/3/0/13", "/3/0/14"]));
    world
        .play([CLIENT.is_written_with("/0/1", TLV, bootstrap_security()), CLIENT.says(Code::CHANGED)])
        .play(finished());
}

#[test]
fn a_bootstrap_account_without_a_known_place_is_not_written_anywhere() {
    let with_bootstrap = |provision: &mut Provision| provision.accounts.push(bootstrap_account());
    for answer in ["</>;lwm2m=1.1,</3/0>", "</0/0>,</0/1>,</1>"] {
        let words = "server account `ourselves` is to take the place of the client's bootstrap account";
        client(with_bootstrap, answer).play([CLIENT.ends(Outcome::InvalidProvision, words)]);
    }
    let elsewhere = |provision: &mut Provision| {
        with_bootstrap(provision);
        provision.writing.bootstrap_account_instance = Some(1);
    };
    let words = "keeps its bootstrap account at /0/1, and the client shows it elsewhere";
    client(elsewhere, "</0/0>,</1>").play([CLIENT.ends(Outcome::InvalidProvision, words)]);
    let mut world = client(elsewhere, "</0/0>,</0/1>,</1>");
    world.play([CLIENT.is_deleted("/0"), CLIENT.says(Code::DELETED)]);
    world.play(written(&["/0/2", "/1/0", "/0/1"])).play(finished());
}

#[test]
fn a_result_that_no_client_can_live_with_ends_the_session_before_anything_is_sent() {
    let half = |provision: &mut Provision| provision.writing.delete = vec![Path::Object(1)];
    let words = "/0/3 has Short Server ID 7, and no instance of object 1 would";
    client(half, "</0/0>,</0/3>;ssid=7,</1/0>;ssid=7").play([CLIENT.ends(Outcome::InvalidProvision, words)]);
}

#[test]
fn nothing_is_sent_where_two_things_would_go_to_one_place() {
    let name = || vec![Resource::single(1, Value::String("a".to_owned()))];
    type Row = (fn(&mut Provision, Vec<Resource>), &'static str);
    let table: [Row; 3] = [
        (|it, name| it.writes = vec![(5, instance(2, name.clone())), (5, instance(2, name))], "/5/2 would be written"),
        (
            |it, _| {
                let zone = || Resource::single(15, Value::String("UTC".to_owned()));
                it.writes = vec![(3, instance(0, vec![zone(), zone()]))];
            },
            "/3/0/15 would be written",
        ),
        (
            |it, name| {
                it.accounts.push(bootstrap_account());
                it.writes = vec![(0, instance(0, name))];
            },
            "/0/0 would be written twice: give the instance in `writes` of the profile another id",
        ),
    ];
    for (change, words) in table {
        client(|it| change(it, name()), "</>;lwm2m=1.1,</0/0>,</1>,</3/0>,</5>")
            .play([CLIENT.ends(Outcome::InvalidProvision, words)]);
    }
}

fn newer(provision: &mut Provision) {
    let suites = ResourceValue::Multiple(vec![(0, Value::Unsigned(49320))]);
    provision.accounts[0].security_resources = vec![Resource { id: 16, value: suites }];
    settings_of(&mut provision.accounts[0]).resources.push(Resource::single(17, Value::Unsigned(3)));
}

#[test]
fn a_client_of_1_0_is_not_sent_resources_of_later_versions() {
    client(newer, "lwm2m=\"1.0\",</0/0>,</1>,</3/0>")
        .play([CLIENT.is_written_with("/0/1", TLV, first_security()), CLIENT.says(Code::CHANGED)])
        .play([CLIENT.is_written_with("/1/0", TLV, first_server("UQ")), CLIENT.says(Code::CHANGED)])
        .play(with_note(2, "optional resources 16 left out"));
}

#[test]
fn what_a_client_refuses_is_written_once_more_without_later_resources() {
    for code in [Code::BAD_REQUEST, Code::NOT_FOUND, Code::METHOD_NOT_ALLOWED] {
        client(newer, "</0/0>,</1>,</3/0>")
            .play([CLIENT.is_written("/0/1", TLV), CLIENT.says(code)])
            .play([CLIENT.is_written_with("/0/1", TLV, first_security()), CLIENT.says(Code::CHANGED)])
            .play([CLIENT.is_written("/1/0", TLV), CLIENT.says(Code::CHANGED)])
            .play(with_note(2, "the client refused optional resources 16; written without them"));
        client(newer, "</0/0>,</1>,</3/0>")
            .play([CLIENT.is_written("/0/1", TLV), CLIENT.says(code), CLIENT.is_written("/0/1", TLV)])
            .play([CLIENT.says(code), CLIENT.ends(Outcome::WriteFailed, "Finish was not sent")]);
    }
}

#[test]
fn what_an_account_depends_on_is_never_left_out() {
    let pinned = |provision: &mut Provision| {
        let server = vec![7; 32];
        let (client, private_key) = (vec![1, 2, 3], vec![4, 5, 6].into());
        provision.accounts[0].credentials = AccountCredentials::Certificate { client, server, private_key };
        provision.accounts[0].security_resources = vec![Resource::single(13, Value::Unsigned(1))];
    };
    let words = "recognising a server by a digest (matching type) does not exist in LwM2M 1.0";
    client(pinned, "lwm2m=\"1.0\",</0/0>,</1>").play([CLIENT.ends(Outcome::InvalidProvision, words)]);
    client(pinned, "</0/0>,</1>")
        .play([CLIENT.is_written("/0/1", TLV), CLIENT.says(Code::BAD_REQUEST)])
        .play([CLIENT.ends(Outcome::WriteFailed, "Bootstrap-Write /0/1 with 4.00")]);
    for uri in ["coap+tcp://eu.example.com", "coaps+tcp://eu.example.com"] {
        let over_tcp = |provision: &mut Provision| provision.accounts[0].uri = uri.to_owned();
        let words = "CoAP over TCP does not exist in LwM2M 1.0";
        client(over_tcp, "lwm2m=\"1.0\",</0/0>,</1>").play([CLIENT.ends(Outcome::InvalidProvision, words)]);
    }
    for resource in [17, 26, 27] {
        let linked = |provision: &mut Provision| {
            provision.accounts[0].security_resources = vec![Resource::single(resource, Value::ObjectLink(21, 0))];
        };
        let words = "a link to an OSCORE, MQTT Server or COSE instance does not exist in LwM2M 1.0";
        client(linked, "lwm2m=\"1.0\",</0/0>,</1>").play([CLIENT.ends(Outcome::InvalidProvision, words)]);
    }
    let est = |provision: &mut Provision| {
        provision.accounts[0].credentials = AccountCredentials::Est { server: vec![7; 32] };
    };
    let words = "security mode 4 (EST) does not exist in LwM2M 1.0";
    client(est, "lwm2m=\"1.0\",</0/0>,</1>").play([CLIENT.ends(Outcome::InvalidProvision, words)]);
}

#[test]
fn new_credentials_of_which_something_was_written_stay_pending_when_the_client_is_lost() {
    let issued = |provision: &mut Provision| {
        provision.accounts[0].issued = Some(IssuedReference { id: 5, is_pending: true });
    };
    let ends = |words: bool| {
        CLIENT.ends_with(move |report| {
            assert_eq!(report.outcome, Outcome::ConnectionLost);
            assert_eq!(report.reason.contains("New credentials stay pending"), words, "{}", report.reason);
        })
    };
    let mut world = World::with(device(provision_with(issued)));
    world.play(up_to_discover()).play([CLIENT.disconnects(), ends(false)]);
    client(issued, "</>;lwm2m=1.1,</0/0>,</1>,</3/0>").play([
        CLIENT.is_written("/0/1", TLV),
        CLIENT.disconnects(),
        ends(true),
    ]);
}

#[test]
fn a_profile_for_a_slow_network_waits_longer_than_its_listener() {
    let slow = |provision: &mut Provision| {
        let ack_timeout = Some(Duration::from_secs(20));
        provision.writing.timing = TimingOverride { ack_timeout, max_retransmit: Some(1) };
    };
    let mut world = World::with(device(provision_with(slow)));
    world.play(up_to_discover());
    let first = world.pass_until_something_happens();
    assert!((20.0..=30.0).contains(&first.as_secs_f64()), "{first:?}");
    world.play([CLIENT.is_asked_again()]);
    assert_eq!(world.pass_until_something_happens(), first * 2, "one retransmission is all");
    world.play([CLIENT.ends(Outcome::TimedOut, "the client did not answer")]);
}

#[test]
fn a_profile_that_names_the_wait_alone_is_sent_again_as_often_as_fits() {
    // The listener's four repetitions of 20 to 30 s would take up to 930 s; one fits into 200.
    let slow = |provision: &mut Provision| {
        provision.writing.timing = TimingOverride { ack_timeout: Some(Duration::from_secs(20)), max_retransmit: None };
    };
    let mut world = World::with(device(provision_with(slow)));
    world.play(up_to_discover());
    let first = world.pass_until_something_happens();
    world.play([CLIENT.is_asked_again()]);
    assert_eq!(world.pass_until_something_happens(), first * 2);
    world.play([CLIENT.ends(Outcome::TimedOut, "the client did not answer")]);
}
