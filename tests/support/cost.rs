//! What one bootstrap costs on the wire: round trips, datagrams and bytes of CoAP, for each format and version.
//!
//! The device is fresh from the factory, names its preferred format where its version can, and gets one account with a
//! pre-shared key. Nothing is lost.

use std::fmt::Write;
use std::time::Instant;

use bootstrapd::bootstrap::Lookup;
use bootstrapd::lwm2m::{ContentFormat, Version};
use bootstrapd::peer::Peer;
use bootstrapd::provision::AccountCredentials;
use bootstrapd::secret::Secret;
use bootstrapd::simulator::{Client, ClientConfiguration, PackRequest};

use crate::fixtures;
use crate::link::{Direction, Site, Weather};

const ENDPOINT: &str = "urn:imei:490154203237518";
const LATER: [ContentFormat; 3] = [ContentFormat::Tlv, ContentFormat::SenmlJson, ContentFormat::SenmlCbor];

/// Datagrams and bytes, in one direction.
#[derive(Clone, Copy, Default)]
struct Load {
    datagrams: usize,
    bytes: usize,
}

/// The table in Markdown, with a row for each version, format and way.
pub fn table() -> String {
    let mut text =
        "| LwM2M | Format | Round trips | Datagrams to the client | Bytes | Datagrams to the server | Bytes |\n\
                    |---|---|---:|---:|---:|---:|---:|\n"
            .to_owned();
    let mut add = |version: Version, name: String, configuration: ClientConfiguration| {
        let (round_trips, [to_server, to_client]) = measure(configuration);
        let Load { datagrams, bytes } = to_client;
        let (ours, theirs) =
            (format!("{datagrams} | {bytes}"), format!("{} | {}", to_server.datagrams, to_server.bytes));
        writeln!(text, "| {version} | {name} | {round_trips} | {ours} | {theirs} |").expect("a string takes it");
    };
    add(Version::V1_0, "TLV".to_owned(), client(Version::V1_0));
    for (version, formats) in
        [(Version::V1_1, &LATER[..]), (Version::V1_2, &[&LATER[..], &[ContentFormat::Lwm2mCbor]].concat())]
    {
        for format in formats {
            let preferred_content_format = Some(format.number());
            add(version, name(*format).to_owned(), ClientConfiguration { preferred_content_format, ..client(version) });
        }
    }
    for accept in [ContentFormat::SenmlJson, ContentFormat::SenmlCbor, ContentFormat::Lwm2mCbor] {
        let pack = Some(PackRequest { accept, names_own_instances: true });
        let configuration = ClientConfiguration { pack, ..client(Version::V1_2) };
        add(Version::V1_2, format!("{}, as a pack", name(accept)), configuration);
    }
    text
}

fn name(format: ContentFormat) -> &'static str {
    match format {
        ContentFormat::Tlv => "TLV",
        ContentFormat::SenmlJson => "SenML JSON",
        ContentFormat::SenmlCbor => "SenML CBOR",
        ContentFormat::Lwm2mCbor => "LwM2M CBOR",
        other => unreachable!("{other} carries no instances"),
    }
}

fn client(version: Version) -> ClientConfiguration {
    ClientConfiguration { lwm2m_version: version, ..ClientConfiguration::new(ENDPOINT) }
}

fn lookup() -> Lookup {
    let provision = fixtures::provision_with(|provision| {
        provision.endpoint = ENDPOINT.to_owned();
        let account = &mut provision.accounts[0];
        account.uri = "coaps://lwm2m.example.com:5684".to_owned();
        let key = Secret::from(&[0x1C; 16][..]);
        account.credentials = AccountCredentials::Psk { identity: ENDPOINT.as_bytes().to_vec(), key };
        let settings = fixtures::settings_of(account);
        settings.binding = "U".to_owned();
        settings.resources.clear();
    });
    match fixtures::device(provision) {
        Lookup::Known(mut device) => {
            device.endpoint = ENDPOINT.to_owned();
            Lookup::Known(device)
        }
        other => other,
    }
}

/// Round trips, the client's own request included, and what went to the server and to the client.
fn measure(configuration: ClientConfiguration) -> (u32, [Load; 2]) {
    let mut site = Site::new(lookup(), Peer::PskIdentity(fixtures::IDENTITY.to_vec()), [7; 32]);
    let mut client = Client::new(configuration, [3; 32]);
    let mut loads = [Load::default(); 2];
    let mut observe = |direction: Direction, datagram: &[u8]| {
        let load = &mut loads[direction as usize];
        load.datagrams += 1;
        load.bytes += datagram.len();
    };
    let attempt = site.attempt(Instant::now(), 1, &mut client, (&Weather::PERFECT, 0), &mut observe);
    let provisioned = attempt.result.expect("nothing is lost");
    assert_eq!(provisioned.accounts().len(), 1, "the account has arrived");
    (provisioned.traffic.exchanges, loads)
}
