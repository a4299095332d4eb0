//! [`KNOWN_CLIENTS`]: what is known of clients that many devices run, before any of them was met.
//!
//! Spec sheets `clients.md`, section 1, and `bootstrap.md`, section 16. Only what is true of all versions stands in the
//! knowledge; what depends on the version, or on the application around the client, is said in the note and left to be
//! learned.

use super::ClientKnowledge;
use crate::lwm2m::ContentFormat;
use crate::lwm2m::objects::{SECURITY, SERVER};
use crate::lwm2m::path::ResourceId;

/// A client that many devices run.
#[derive(Debug)]
pub struct KnownClient {
    /// The word for it in `client` of a model.
    pub name: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What depends on the version or on the application, and what cannot be said as knowledge; sentences.
    pub note: &'static str,
    /// How it is known.
    pub source: &'static str,
    knowledge: fn() -> ClientKnowledge,
}

impl KnownClient {
    /// What holds of all its versions.
    pub fn knowledge(&self) -> ClientKnowledge {
        (self.knowledge)()
    }
}

/// The known client of this name.
pub fn builtin(name: &str) -> Option<&'static KnownClient> {
    KNOWN_CLIENTS.iter().find(|client| client.name == name)
}

/// Every known client.
pub const KNOWN_CLIENTS: [KnownClient; 5] = [
    KnownClient {
        name: "anjay",
        title: "Anjay",
        note: "Which of the later formats it takes depends on version and build: TLV alone as LwM2M 1.0, SenML from 1.1, \
               LwM2M CBOR from 1.2. Where the bootstrap account lies is the application's choice, and /0/1 in its own \
               demo; Discover shows it.",
        source: "observed with the running client, 3.14",
        knowledge: || ClientKnowledge { bootstrap_account_instance: Some(1), ..ClientKnowledge::default() },
    },
    KnownClient {
        name: "anjay-lite",
        title: "Anjay Lite",
        note: "It refuses several instances in one write of an object, which is never sent to it by instances.",
        source: "read in the client's source",
        knowledge: ClientKnowledge::default,
    },
    KnownClient {
        name: "wakaama",
        title: "Wakaama",
        note: "Built for LwM2M 1.0 it refuses SenML and Bootstrap-Read as well; built for 1.1 it takes them. Of the \
               resources 13 to 23 of the Server Object it refuses some, and all are left out where the account allows \
               it. It silently drops a datagram of more than 2048 bytes. Where the bootstrap account lies is the \
               application's choice, and /0/0 in its own example; Discover shows it.",
        source: "observed with the running client, 2025-11",
        knowledge: wakaama,
    },
    KnownClient {
        name: "zephyr",
        title: "Zephyr",
        note: "It knows no LwM2M CBOR; which of the other formats it takes depends on its build, and it says the best of \
               them by `pct`. It takes no SenML JSON \
               in blocks, which the other formats are not concerned by. It answers 2.04 to Finish whatever it was given.",
        source: "read in the client's source",
        knowledge: || ClientKnowledge { refused_formats: vec![ContentFormat::Lwm2mCbor], ..ClientKnowledge::default() },
    },
    KnownClient {
        name: "leshan",
        title: "Leshan client",
        note: "It says LwM2M 1.0 in its Discover answer even where it speaks 1.1, and answers Discover of / and of objects \
               only. Which formats it takes depends on its version.",
        source: "read in the client's source",
        knowledge: ClientKnowledge::default,
    },
];

fn wakaama() -> ClientKnowledge {
    let security = [13, 14, 16].map(|resource: ResourceId| (SECURITY, resource));
    let server = (13..=23).map(|resource: ResourceId| (SERVER, resource));
    ClientKnowledge {
        refused_formats: vec![ContentFormat::Lwm2mCbor],
        renumbers_instances: true,
        bootstrap_account_instance: Some(0),
        refused_resources: security.into_iter().chain(server).collect(),
        ..ClientKnowledge::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{KNOWN_CLIENTS, builtin};
    use crate::lwm2m::ContentFormat;
    use crate::provision::check_name;

    #[test]
    fn every_known_client_is_found_by_its_name() {
        for client in &KNOWN_CLIENTS {
            assert_eq!(builtin(client.name).map(|found| found.title), Some(client.title));
            assert_eq!(check_name("client", client.name), []);
            assert!(client.note.ends_with('.') && !client.source.is_empty(), "{}", client.name);
        }
        assert!(builtin("Anjay").is_none() && builtin("").is_none());
    }

    /// The table of the sheet `clients.md`, section 1.
    #[test]
    fn what_is_known_is_what_was_observed() {
        let wakaama = builtin("wakaama").unwrap().knowledge();
        assert!(wakaama.renumbers_instances && !builtin("anjay").unwrap().knowledge().renumbers_instances);
        assert_eq!(wakaama.bootstrap_account_instance, Some(0));
        assert_eq!(builtin("anjay").unwrap().knowledge().bootstrap_account_instance, Some(1));
        for refused in [(0, 13), (0, 14), (0, 16), (1, 13), (1, 22), (1, 23)] {
            assert!(wakaama.refused_resources.contains(&refused), "{refused:?}");
        }
        for mandatory in [(0, 0), (0, 1), (0, 2), (0, 10), (1, 0), (1, 1), (1, 6), (1, 7)] {
            assert!(!wakaama.refused_resources.contains(&mandatory), "{mandatory:?}");
        }
        for client in &KNOWN_CLIENTS {
            let known = client.knowledge();
            assert!(!known.refused_formats.contains(&ContentFormat::Tlv), "{}", client.name);
            assert!(!known.refuses_discover, "{}: all of them answer Discover", client.name);
        }
    }
}
