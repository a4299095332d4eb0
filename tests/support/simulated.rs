//! The whole server and one simulated client, in invented time: everything that they say to each other, until both are
//! done.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bootstrapd::bootstrap::{CoapEndpoint, Limits, ListenerPolicy, Lookup, Origin, Output, Server, SessionReport};
use bootstrapd::coap::Timing;
use bootstrapd::peer::Peer;
use bootstrapd::provision::{ClientKnowledge, Provision};
use bootstrapd::route::Route;
use bootstrapd::simulator::{self, Client, ClientConfiguration, Failure, Provisioned};

use super::fixtures;

/// No bootstrap takes longer: EXCHANGE_LIFETIME of the client and what a server waits before it gives a message up.
const LONGEST: Duration = Duration::from_secs(247 + 93);

/// No bootstrap of these tests has more datagrams either way: some KB in blocks of 16 bytes.
const MOST_DATAGRAMS: usize = 3000;

/// How a bootstrap ended on both sides.
#[derive(Debug)]
pub struct Ended {
    /// What the server says of its last session; none if it saw none.
    pub report: Option<SessionReport>,
    /// What the client says.
    pub result: Result<Provisioned, Failure>,
    /// What the server has learned of the client.
    pub learned: Option<ClientKnowledge>,
}

/// Lets a client of this configuration bootstrap, and gives it `provision`.
pub fn bootstrap(provision: &Provision, knowledge: &ClientKnowledge, configuration: ClientConfiguration) -> Ended {
    let begin = Instant::now();
    let mut now = begin;
    let policy = ListenerPolicy {
        timing: Timing::default(),
        insecure_secrets: false,
        certificate_name: bootstrapd::provision::material::CertificateName::Cn,
    };
    let mut server = Server::new(vec![policy], Limits::default(), [7; 32]);
    let mut client = Client::new(configuration, [3; 32]);
    let endpoint = CoapEndpoint::Association { listener: 0, number: 1 };
    let route = Route::to(SocketAddr::from(([192, 0, 2, 1], 5683)));
    let peer = Peer::PskIdentity(fixtures::IDENTITY.to_vec());
    let origin = Origin { endpoint, route, peer: &peer, largest_message: None };
    let (mut report, mut learned, mut result) = (None, None, None);
    let mut datagrams = 0;
    client.start(now);
    loop {
        let mut is_quiet = true;
        while let Some(output) = client.poll_output() {
            is_quiet = false;
            match output {
                simulator::Output::Datagram(bytes) => {
                    datagrams += 1;
                    assert!(datagrams < MOST_DATAGRAMS, "there is no end to it");
                    server.handle_datagram(now, origin, &bytes);
                }
                simulator::Output::Finished(ended) => result = Some(ended),
            }
        }
        while let Some(output) = server.poll_output() {
            is_quiet = false;
            match output {
                Output::Datagram { bytes, .. } => client.handle_datagram(now, &bytes),
                Output::Resolve { session, .. } | Output::Issue { session, .. } => {
                    let _ = server.handle_lookup(now, session, known(provision, knowledge));
                }
                Output::Ended { report: ended, learned: newly, .. } => {
                    report = Some(*ended);
                    learned = newly.or(learned);
                }
            }
        }
        if !is_quiet {
            continue;
        }
        let deadline = [server.poll_timeout(), client.poll_timeout()].into_iter().flatten().min();
        match (deadline, result) {
            (_, Some(result)) if report.is_some() => {
                return Ended { report, result, learned };
            }
            (Some(deadline), kept) if now - begin < LONGEST => {
                result = kept;
                now = now.max(deadline);
                server.handle_timeout(now);
                client.handle_timeout(now);
            }
            (_, Some(result)) => return Ended { report, result, learned },
            (_, None) => panic!("the client has come to no end: {report:#?}"),
        }
    }
}

fn known(provision: &Provision, knowledge: &ClientKnowledge) -> Lookup {
    match fixtures::device(provision.clone()) {
        Lookup::Known(mut device) => {
            device.knowledge = knowledge.clone();
            Lookup::Known(device)
        }
        other => other,
    }
}
