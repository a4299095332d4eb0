//! Bootstrap via Bootstrap-Pack-Request: 1.2-int-12.

use bootstrapd::bootstrap::Outcome;
use bootstrapd::lwm2m::{self, ContentFormat, Object, ObjectInstance, Path, Resource, Version};
use bootstrapd::provision::Pack;
use bootstrapd::simulator::{ClientConfiguration, PackRequest};

use crate::recording::{c1_provision, c13, psk_sa, record, srv_min};

fn instance(resources: crate::fixtures::Resources) -> ObjectInstance {
    let resources = resources.into_iter().map(|(id, value)| Resource::single(id, value)).collect();
    ObjectInstance { id: 0, resources }
}

/// The ETS prints 2.04 for the pack; it must be 2.05.
#[test]
fn lightweightm2m_1_2_int_12_bootstrap_via_bootstrap_pack_request() {
    for accept in [ContentFormat::SenmlCbor, ContentFormat::SenmlJson, ContentFormat::Lwm2mCbor] {
        let pack = Some(PackRequest { accept, names_own_instances: true });
        let recording = record(ClientConfiguration { pack, ..c13(Version::V1_2) }, c1_provision());
        recording.assert_lines(&["GET /bspack?ep=dev1&acc=</0/1> 2.05"]);
        let response = &recording.exchanges[0].response;
        assert_eq!(response.content_format(), Some(accept.number()));
        let written = lwm2m::decode(accept, &Path::Root, &response.payload).expect("the pack can be read");
        let expected = [(0, psk_sa()), (1, srv_min())];
        assert_eq!(written, expected.map(|(id, resources)| Object { id, instances: vec![instance(resources)] }));
        assert_eq!(recording.provisioned().objects, written, "and the client holds it");
        // There is no Finish, so that the server cannot know.
        assert_eq!(recording.report.outcome, Outcome::ProbablyCompleted);
    }
}

/// LwM2M Core 1.2 section 6.1.7.7: a server without packs answers 5.01, one that wants a request 4.05, and the client goes
/// on with a request.
#[test]
fn a_client_that_gets_no_pack_is_bootstrapped_by_request() {
    for (pack, code) in [(Pack::Never, "5.01"), (Pack::Redirect, "4.05")] {
        let mut provision = c1_provision();
        provision.writing.pack = pack;
        let asks = Some(PackRequest { accept: ContentFormat::SenmlCbor, names_own_instances: false });
        let recording = record(ClientConfiguration { pack: asks, ..c13(Version::V1_2) }, provision);
        let lines = recording.lines();
        assert_eq!(lines[0], format!("GET /bspack?ep=dev1 {code}"));
        assert_eq!(lines[1], "POST /bs?ep=dev1 2.04");
        assert_eq!(lines.last().map(String::as_str), Some("POST /bs 2.04"));
        assert_eq!(recording.provisioned().accounts().len(), 1);
    }
}
