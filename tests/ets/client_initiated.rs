//! Client Initiated Bootstrap: 1.0-int-0, 1.1-int-0, 1.1-int-1 and the part of 1.1-int-2 that is a bootstrap.
//!
//! The ETS writes, then discovers. We ask first, because what the client has decides where its accounts go; so what it
//! holds after the writes is seen in the Discover of its next bootstrap.

use bootstrapd::bootstrap::Outcome;
use bootstrapd::lwm2m::{DiscoverAnswer, Value, Version};
use bootstrapd::provision::AccountCredentials;
use bootstrapd::secret::Secret;
use bootstrapd::simulator::ClientConfiguration;

use crate::recording::{Recording, c1_provision, c13, c13_with_account, psk_sa, record, srv_min};

/// A bootstrap from C.13 to C.1.
const FROM_C13: [&str; 4] = ["GET / 2.05", "PUT /0/0 2.04", "PUT /1/0 2.04", "POST /bs 2.04"];
/// One of a client that has an account already.
const ONCE_MORE: [&str; 6] =
    ["GET / 2.05", "DELETE /0 2.02", "DELETE /1 2.02", "PUT /0/0 2.04", "PUT /1/0 2.04", "POST /bs 2.04"];

/// The links of instances with their Short Server IDs, as the ETS prints them.
fn links(answer: &DiscoverAnswer) -> Vec<String> {
    let link = |object, instance, ssid: Option<u16>| {
        let ssid = ssid.map(|ssid| format!(";ssid={ssid}")).unwrap_or_default();
        format!("</{object}/{instance}>{ssid}")
    };
    answer.instances.iter().map(|found| link(found.object, found.instance, found.short_server_id)).collect()
}

/// Steps 1 to 4 of int-0 with their pass criteria: the request is answered 2.04 first, the values of C.1 are written,
/// Discover and Finish are answered.
fn bootstraps_to_c1(version: Version, queries: &str, configuration: ClientConfiguration) -> Recording {
    let recording = record(configuration.clone(), c1_provision());
    let request = format!("POST /bs?{queries} 2.04");
    recording.assert_lines(&[&[request.as_str()][..], &FROM_C13].concat());
    assert_eq!(recording.written(0, 0), psk_sa());
    assert_eq!(recording.written(1, 0), srv_min());
    let finish = recording.exchange("POST /bs 2.04");
    assert!(finish.request.payload.is_empty() && finish.request.content_format().is_none());
    assert_eq!(recording.report.outcome, Outcome::Completed);
    // What the client held before, and what it holds now.
    assert_eq!(links(&recording.discovered()), ["</0/1>", "</3/0>"]);
    let stale = c13_with_account(version).stale_account;
    let again = record(ClientConfiguration { stale_account: stale, ..configuration }, c1_provision());
    again.assert_lines(&[&[request.as_str()][..], &ONCE_MORE].concat());
    let answer = again.discovered();
    assert_eq!(answer.version, Some(version));
    assert_eq!(links(&answer), ["</0/0>;ssid=1", "</0/1>", "</1/0>;ssid=1", "</3/0>"]);
    recording
}

#[test]
fn lightweightm2m_1_0_int_0_client_initiated_bootstrap() {
    let recording = bootstraps_to_c1(Version::V1_0, "ep=dev1", c13(Version::V1_0));
    // A client of 1.0 knows TLV alone of the formats that carry instances, and begins its links with a bare element.
    assert_eq!(recording.exchange("PUT /0/0 2.04").request.content_format(), Some(11542));
    let discover = recording.exchange("GET / 2.05");
    assert!(discover.response.payload.starts_with(b"lwm2m=\"1.0\","));
}

#[test]
fn lightweightm2m_1_1_int_0_client_initiated_bootstrap() {
    let configuration = ClientConfiguration { preferred_content_format: Some(110), ..c13(Version::V1_1) };
    let recording = bootstraps_to_c1(Version::V1_1, "ep=dev1&pct=110", configuration);
    assert_eq!(recording.exchange("PUT /0/0 2.04").request.content_format(), Some(110), "what the client prefers");
}

/// Step 5, the registration of int-401, is the client's and the LwM2M Server's: here the client must hold what it needs.
#[test]
fn lightweightm2m_1_1_int_1_client_initiated_bootstrap_full_psk() {
    let recording = bootstraps_to_c1(Version::V1_1, "ep=dev1", c13(Version::V1_1));
    let accounts = recording.provisioned().accounts();
    let [account] = &accounts[..] else { panic!("one account and not {}", accounts.len()) };
    assert_eq!((account.short_server_id, account.security_mode), (1, 0));
    assert_eq!(account.server_uri, "coaps://server.example.com:5684");
    assert_eq!((&account.identity[..], account.key.expose()), (&b"dev1@server"[..], crate::fixtures::PLANTED_KEY));
    assert_eq!((account.lifetime, account.binding.as_str(), account.store_notifications), (86400, "U", false));
}

/// The same with the values of a certificate account; of the registration of int-402 the same holds.
#[test]
fn lightweightm2m_1_1_int_2_client_initiated_bootstrap_full_certificate() {
    // As long as certificates and keys on P-256 are; what is in them is the client's and the server's matter.
    let (client, server, key) = ([0xC1; 380], [0x5E; 390], [0x7E; 138]);
    let mut provision = c1_provision();
    provision.accounts[0].credentials = AccountCredentials::Certificate {
        client: client.to_vec(),
        server: server.to_vec(),
        private_key: Secret::from(&key[..]),
    };
    let recording = record(c13(Version::V1_1), provision);
    recording.assert_lines(&[&["POST /bs?ep=dev1 2.04"][..], &FROM_C13].concat());
    let mut expected = psk_sa();
    for (resource, value) in &mut expected {
        match resource {
            2 => *value = Value::Integer(2),
            3 => *value = Value::opaque(&client),
            4 => *value = Value::opaque(&server),
            5 => *value = Value::opaque(&key),
            _ => {}
        }
    }
    assert_eq!(recording.written(0, 0), expected);
    assert_eq!(recording.written(1, 0), srv_min());
    assert_eq!(recording.provisioned().accounts()[0].key.expose(), key);
}
