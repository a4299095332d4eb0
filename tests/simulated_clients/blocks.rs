//! Clients with every habit about blocks, and an account whose certificates have several KB.

use bootstrapd::coap::Code;
use bootstrapd::lwm2m::{ContentFormat, Version};
use bootstrapd::provision::{ClientKnowledge, Level, Provision, Writing};
use bootstrapd::simulator::{Blocks, ClientConfiguration, Like, Oversized};

use super::fixtures;
use super::outcome::{certified_account, trouble_with};

const FORMATS: [Option<ContentFormat>; 4] =
    [None, Some(ContentFormat::Tlv), Some(ContentFormat::SenmlCbor), Some(ContentFormat::SenmlJson)];

fn provision(level: Level, format: Option<ContentFormat>) -> Provision {
    let accounts = vec![certified_account(), fixtures::first_account()];
    let writing = Writing { level, format, ..fixtures::provision().writing };
    Provision { accounts, writing, ..fixtures::provision() }
}

/// Bootstraps twice at every level in every format, and names the first that fails.
fn check(what: &str, configuration: &ClientConfiguration) {
    for level in [Level::Instance, Level::Object, Level::Resource] {
        for format in FORMATS {
            let provision = provision(level, format);
            let mut knowledge = ClientKnowledge::default();
            for time in ["first", "second"] {
                let trouble = trouble_with(&provision, &mut knowledge, configuration.clone(), None);
                if let Some(trouble) = trouble {
                    panic!(
                        "{what}, {level:?}, {format:?}, the {time} time: {}\n{:#?}",
                        trouble.words, configuration.behaviour.blocks
                    );
                }
            }
        }
    }
}

fn with_blocks(change: impl FnOnce(&mut Blocks)) -> ClientConfiguration {
    let mut configuration = ClientConfiguration::new(fixtures::ENDPOINT);
    change(&mut configuration.behaviour.blocks);
    configuration
}

#[test]
fn blocks_of_every_size_are_agreed_on_early_late_and_by_refusal() {
    let habits = [
        Oversized::Negotiated(1),
        Oversized::Negotiated(2),
        Oversized::Negotiated(5),
        Oversized::Refused,
        Oversized::RefusedWithoutSize,
    ];
    for largest in 0..=6 {
        for oversized in habits {
            for takes_long_payloads in [false, true] {
                let configuration = with_blocks(|blocks| {
                    *blocks = Blocks { largest, oversized, takes_long_payloads, ..*blocks };
                });
                check("blocks", &configuration);
            }
        }
    }
}

#[test]
fn a_client_without_blocks_takes_what_fits_a_datagram() {
    for code in [Code::REQUEST_ENTITY_TOO_LARGE, Code::BAD_OPTION, Code::INTERNAL_SERVER_ERROR] {
        check("no blocks", &with_blocks(|blocks| blocks.refused = Some(code)));
    }
}

#[test]
fn every_preset_takes_its_certificates_in_small_blocks() {
    for like in Like::ALL {
        for largest in 0..=6 {
            // Zephyr takes the size of the first block, whatever it is, and what comes in one message.
            let takes_any = like == Like::Zephyr;
            if takes_any && largest < 6 {
                continue;
            }
            for takes_long_payloads in [false, true] {
                let mut configuration = like.configuration(fixtures::ENDPOINT, Version::V1_1);
                let blocks = configuration.behaviour.blocks;
                let takes_long_payloads = takes_long_payloads || takes_any;
                configuration.behaviour.blocks = Blocks { largest, takes_long_payloads, ..blocks };
                check(like.name(), &configuration);
            }
        }
    }
}
