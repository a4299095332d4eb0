//! Single operations of the bootstrap interface: Delete (1.1-int-4), Read (1.1-int-8) and a Finish that the client
//! refuses (1.1-int-9).

use std::cell::Cell;
use std::rc::Rc;

use bootstrapd::bootstrap::Outcome;
use bootstrapd::coap::{Code, Message};
use bootstrapd::lwm2m::{self, ContentFormat, Object, ObjectInstance, Path, Resource, ResourceValue, Value, Version};
use bootstrapd::provision::{Mode, Provision};

use crate::fixtures;
use crate::recording::{c1_provision, c13, c13_with_account, psk_sa, record, record_with, srv_min};

/// The ETS deletes and writes anew in one session; so does a profile that reads what is there and deletes it first.
#[test]
fn lightweightm2m_1_1_int_4_bootstrap_delete() {
    // Steps 1 and 2: the flow of int-0.
    let first = record(c13(Version::V1_1), c1_provision());
    assert_eq!(first.report.outcome, Outcome::Completed);
    // Steps 3 to 6 with a client that holds the account.
    let mut provision = c1_provision();
    provision.writing.mode = Mode::Incremental;
    let recording = record(c13_with_account(Version::V1_1), provision);
    recording.assert_lines(&[
        "POST /bs?ep=dev1 2.04",
        "GET / 2.05",
        "GET /1 2.05",
        "DELETE /0 2.02",
        "DELETE /1 2.02",
        "PUT /0/0 2.04",
        "PUT /1/0 2.04",
        "POST /bs 2.04",
    ]);
    // Discover and Read show the instance of the first bootstrap.
    assert_eq!(recording.discovered().instances_of(1).map(|found| found.instance).collect::<Vec<_>>(), [0]);
    let read = recording.exchange("GET /1 2.05");
    let shown = read.content(Path::Object(1), read.response.content_format(), &read.response.payload);
    assert!(shown.contains(&(0, Value::Integer(1))), "{shown:?}");
    // What was deleted is gone, and what was written is there; a client whose bootstrap account were gone as well would
    // refuse Finish.
    assert_eq!(recording.written(0, 0), psk_sa());
    assert_eq!(recording.written(1, 0), srv_min());
    let held = &recording.provisioned().objects;
    assert_eq!(held.iter().map(|object| object.instances.len()).collect::<Vec<_>>(), [1, 1]);
}

/// The Access Control instance of int-8: the whole of Object 3, instance 0, with all rights for the Short Server ID 0.
fn access_control() -> ObjectInstance {
    let rights = ResourceValue::Multiple(vec![(0, Value::Integer(31))]);
    let resources = vec![
        Resource::single(0, Value::Integer(3)),
        Resource::single(1, Value::Integer(0)),
        Resource { id: 2, value: rights },
        Resource::single(3, Value::Integer(65535)),
    ];
    ObjectInstance { id: 0, resources }
}

fn with_access_control() -> Provision {
    let mut provision = c1_provision();
    provision.writes = vec![(2, access_control())];
    provision
}

/// The ETS writes and reads in one session. We read to write less, so the reads come with the next bootstrap, for which
/// the client's answers about /2, which the simulated client has no instance of at first, are given in its stead.
#[test]
fn lightweightm2m_1_1_int_8_bootstrap_read() {
    let first = record(c13(Version::V1_1), with_access_control());
    first.assert_lines(&[
        "POST /bs?ep=dev1 2.04",
        "GET / 2.05",
        "PUT /0/0 2.04",
        "PUT /1/0 2.04",
        "PUT /2/0 2.04",
        "POST /bs 2.04",
    ]);
    assert_eq!(first.written(0, 0), psk_sa());
    assert_eq!(first.written(1, 0), srv_min());
    let write = first.exchange("PUT /2/0 2.04");
    let format = write.request.content_format().and_then(ContentFormat::from_number).expect("a format that is known");
    let written = lwm2m::decode(format, &Path::ObjectInstance(2, 0), &write.request.payload).expect("it can be read");
    assert_eq!(written, [Object { id: 2, instances: vec![access_control()] }]);

    let mut provision = with_access_control();
    provision.writing.mode = Mode::Incremental;
    provision.writing.delete = Vec::new();
    let held = first.provisioned().objects.clone();
    let second = record_with(c13_with_account(Version::V1_1), provision, Box::new(move |bytes| answer(bytes, &held)));
    second.assert_lines(&[
        "POST /bs?ep=dev1 2.04",
        "GET / 2.05",
        "GET /1 2.05",
        "GET /2 2.05",
        "PUT /0/0 2.04",
        "POST /bs 2.04",
    ]);
    assert_eq!(second.report.outcome, Outcome::Completed);
}

/// How the client that holds these objects answers Discover and Read.
fn answer(bytes: &[u8], held: &[Object]) -> Option<Vec<u8>> {
    let request = Message::decode(bytes).ok().filter(|message| message.code == Code::GET)?;
    let mut response = Message::piggybacked_response(&request, Code::CONTENT);
    let path = request.uri_path().ok()?.join("/");
    let format = ContentFormat::from_number(request.accept()?)?;
    response.set_content_format(format.number());
    let payload = match path.as_str() {
        "" => b"</>;lwm2m=1.1,</0/0>;ssid=1,</0/1>,</1/0>;ssid=1,</2/0>,</3/0>".to_vec(),
        object => {
            let id = object.parse().ok()?;
            let content = held.iter().find(|object| object.id == id)?.clone();
            lwm2m::encode(format, &Path::Object(id), &[content]).ok()?.to_vec()
        }
    };
    Some(response.with_payload(payload).encode().to_vec())
}

/// A client must refuse what the ETS writes here: a default minimum period and no account. We do not send what every
/// client must refuse: the operator is told before anything is written. A client that finds fault with a whole account
/// all the same answers Finish with 4.06, and then the bootstrap has failed, whatever was written.
#[test]
fn lightweightm2m_1_1_int_9_bootstrap_and_configuration_consistency() {
    let mut provision = c1_provision();
    provision.accounts.clear();
    let lone = ObjectInstance { id: 0, resources: vec![Resource::single(5, Value::Integer(86400))] };
    provision.writes = vec![(1, lone)];
    let peer = bootstrapd::peer::Peer::PskIdentity(fixtures::IDENTITY.to_vec());
    let mut site = crate::link::Site::new(fixtures::device(provision), peer, [7; 32]);
    let mut client = bootstrapd::simulator::Client::new(c13(Version::V1_1), [3; 32]);
    let weather = (&crate::link::Weather::PERFECT, 0);
    let attempt = site.attempt(std::time::Instant::now(), 1, &mut client, weather, &mut |_, _| ());
    let report = attempt.report.expect("the server gives up");
    assert_eq!(report.outcome, Outcome::InvalidProvision, "{report:#?}");
    assert!(report.steps.iter().all(|step| !step.operation.contains("Write")), "{report:#?}");

    let refusals = Rc::new(Cell::new(0));
    let counted = Rc::clone(&refusals);
    let refuse_finish = move |bytes: &[u8]| {
        let request = Message::decode(bytes).ok().filter(|it| it.code == Code::POST && it.uri_path_is(&["bs"]))?;
        counted.set(counted.get() + 1);
        Some(Message::piggybacked_response(&request, Code::NOT_ACCEPTABLE).encode().to_vec())
    };
    let recording = record_with(c13(Version::V1_1), c1_provision(), Box::new(refuse_finish));
    assert!(recording.lines().contains(&"PUT /1/0 2.04".to_owned()), "{:?}", recording.lines());
    assert_eq!(recording.lines().last().map(String::as_str), Some("POST /bs 4.06"));
    assert_eq!(recording.report.outcome, Outcome::FinishRejected);
    assert!((1..=2).contains(&refusals.get()), "Finish was sent {} times", refusals.get());
}
