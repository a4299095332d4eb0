//! Clients that ask for a Bootstrap-Pack first: with every format, every size of block, and what they say of their own
//! account.

use bootstrapd::lwm2m::{ContentFormat, Version};
use bootstrapd::provision::{ClientKnowledge, Pack, Provision, Writing};
use bootstrapd::simulator::{ClientConfiguration, PackRequest, StaleAccount};

use super::fixtures;
use super::outcome::{accounts, trouble_with};

fn provision(pack: Pack, number: usize) -> Provision {
    let writing = Writing { pack, ..fixtures::provision().writing };
    Provision { accounts: accounts(number), writing, ..fixtures::provision() }
}

fn asking(accept: ContentFormat, names_own_instances: bool, own: u16, largest: u8) -> ClientConfiguration {
    let mut configuration = ClientConfiguration {
        lwm2m_version: Version::V1_2,
        bootstrap_account_instance: own,
        pack: Some(PackRequest { accept, names_own_instances }),
        stale_account: Some(StaleAccount { security_instance: 5, server_instance: 0, short_server_id: 7 }),
        ..ClientConfiguration::new(fixtures::ENDPOINT)
    };
    configuration.behaviour.blocks.largest = largest;
    configuration
}

#[test]
fn a_pack_is_had_in_every_format_and_in_blocks_of_every_size() {
    for accept in [ContentFormat::SenmlCbor, ContentFormat::SenmlJson, ContentFormat::Lwm2mCbor] {
        for (number, largest) in (1..=3).flat_map(|number| (0..=6).map(move |largest| (number, largest))) {
            for (own, names_own_instances) in [(0, false), (0, true), (1, false), (1, true), (7, true)] {
                let configuration = asking(accept, names_own_instances, own, largest);
                let mut knowledge = ClientKnowledge::default();
                let provision = provision(Pack::Allow, number);
                let trouble = trouble_with(&provision, &mut knowledge, configuration.clone(), Some(true));
                if let Some(trouble) = trouble {
                    panic!("{accept}, {number} accounts: {}\n{configuration:#?}", trouble.words);
                }
            }
        }
    }
}

#[test]
fn without_a_pack_an_ordinary_bootstrap_follows() {
    for pack in [Pack::Redirect, Pack::Never] {
        for accept in [ContentFormat::SenmlCbor, ContentFormat::Tlv, ContentFormat::PlainText] {
            let mut knowledge = ClientKnowledge::default();
            let configuration = asking(accept, true, 0, 6);
            let trouble = trouble_with(&provision(pack, 2), &mut knowledge, configuration, Some(false));
            assert!(trouble.is_none(), "{pack:?} {accept}: {}", trouble.map(|it| it.words).unwrap_or_default());
        }
    }
    // There is no pack in TLV.
    let mut knowledge = ClientKnowledge::default();
    let configuration = asking(ContentFormat::Tlv, true, 0, 6);
    let trouble = trouble_with(&provision(Pack::Allow, 2), &mut knowledge, configuration, Some(false));
    assert!(trouble.is_none(), "TLV: {}", trouble.map(|it| it.words).unwrap_or_default());
}
