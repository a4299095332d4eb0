//! Clients that take their time over Finish, and those whose Discover answer is written in an unusual way.

use std::time::Duration;

use bootstrapd::lwm2m::Version;
use bootstrapd::provision::{ClientKnowledge, Provision};
use bootstrapd::simulator::{
    Behaviour, ClientConfiguration, DiscoverForm, FinishAnswer, Head, Like, ObjectLinks, StaleAccount, UriAttribute,
};

use super::fixtures;
use super::outcome::{accounts, trouble_with};

fn check(what: &str, configuration: ClientConfiguration) {
    let provision = Provision { accounts: accounts(2), ..fixtures::provision() };
    let mut knowledge = ClientKnowledge::default();
    let trouble = trouble_with(&provision, &mut knowledge, configuration, None);
    assert!(trouble.is_none(), "{what}: {}", trouble.map(|it| it.words).unwrap_or_default());
}

#[test]
fn a_late_or_separate_answer_to_finish_is_waited_for() {
    let late = [0, 500, 3_000, 25_000].map(|milliseconds| FinishAnswer::Late(Duration::from_millis(milliseconds)));
    let separate =
        [0, 500, 3_000, 60_000].map(|milliseconds| FinishAnswer::Separate(Duration::from_millis(milliseconds)));
    for like in Like::ALL {
        for answer in late.into_iter().chain(separate) {
            let mut configuration = like.configuration(fixtures::ENDPOINT, Version::V1_1);
            configuration.behaviour.finish.answer = answer;
            check(&format!("{like} {answer:?}"), configuration);
        }
    }
}

#[test]
fn a_discover_answer_is_understood_in_every_form_that_was_seen() {
    let usual = Behaviour::default().discover;
    let heads = [Head::BareQuoted, Head::Bare, Head::LinkQuoted, Head::Link, Head::LinkAlwaysOld];
    let links = [ObjectLinks::None, ObjectLinks::Empty, ObjectLinks::All];
    let uris = [UriAttribute::Never, UriAttribute::Servers, UriAttribute::All];
    for (head, objects) in heads.into_iter().flat_map(|head| links.map(|links| (head, links))) {
        for (uri, (blanks, trailing_slashes)) in uris.into_iter().flat_map(|uri| {
            [(false, false), (false, true), (true, false), (true, true)].map(|spelling| (uri, spelling))
        }) {
            for version in [Version::V1_0, Version::V1_1, Version::V1_2] {
                let form = DiscoverForm { old_head: head, head, objects, uri, blanks, trailing_slashes, ..usual };
                let stale = StaleAccount { security_instance: 1, server_instance: 0, short_server_id: 7 };
                let mut configuration = ClientConfiguration {
                    lwm2m_version: version,
                    // Else nothing would tell a client of 1.1 that prints 1.0 from one of 1.0.
                    preferred_content_format: (version > Version::V1_0).then_some(112),
                    stale_account: Some(stale),
                    ..ClientConfiguration::new(fixtures::ENDPOINT)
                };
                configuration.behaviour.discover = form;
                // Small blocks, so that the answer comes in many of them.
                configuration.behaviour.blocks.largest = 1;
                check(&format!("{form:?} {version}"), configuration);
            }
        }
    }
}
