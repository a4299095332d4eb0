//! The shell against a small server of the tests' own, and against nobody.

use std::net::UdpSocket;
use std::time::Duration;

use super::scripted_server::{Script, ScriptedServer};
use super::{CipherSuite, Psk, Target, bootstrap};
use crate::coap::Timing;
use crate::secret::Secret;
use crate::simulator::{ClientConfiguration, Failure, Provisioned};

fn run(target: &Target, psk: Option<&Psk>, configuration: ClientConfiguration) -> Result<Provisioned, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bootstrap(target, psk, &CipherSuite::ALL, configuration))
}

fn psk() -> Psk {
    Psk { identity: "meter-1".into(), key: Secret::new(b"0123456789abcdef".to_vec()) }
}

#[test]
fn a_bootstrap_over_udp_gives_the_account() {
    let server = ScriptedServer::start(Script::Bootstrap);
    let provisioned = run(&server.target(), None, ClientConfiguration::new("meter-1")).unwrap();
    let accounts = provisioned.accounts();
    assert_eq!((accounts.len(), accounts[0].server_uri.as_str()), (1, "coap://eu.example.com"));
    assert_eq!(server.endpoints(), ["ep=meter-1"]);
}

#[test]
fn a_refusal_a_silence_and_a_closed_port_are_told_apart() {
    let server = ScriptedServer::start(Script::Refuse);
    let failure = run(&server.target(), None, ClientConfiguration::new("meter-1")).unwrap_err();
    assert_eq!(failure.cause(), "refused");

    let server = ScriptedServer::start(Script::Silence);
    let timing = Timing { ack_timeout: Duration::from_millis(20), max_retransmit: 2, ..Timing::default() };
    let hasty = ClientConfiguration { timing, ..ClientConfiguration::new("meter-1") };
    let failure = run(&server.target(), None, hasty).unwrap_err();
    assert!(matches!(failure, Failure::Unanswered { transmissions: 3, .. }), "{failure}");
    assert_eq!(server.endpoints().len(), 3);

    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = Target { secure: false, tcp: false, host: "127.0.0.1".into(), port };
    let failure = run(&nobody, None, ClientConfiguration::new("meter-1")).unwrap_err();
    assert_eq!(failure.to_string(), format!("nobody listens at 127.0.0.1:{port}"));
    let failure = run(&Target { secure: true, ..nobody }, Some(&psk()), ClientConfiguration::new("m")).unwrap_err();
    let expected = if cfg!(feature = "openssl") { "nobody_listens" } else { "no_dtls_client" };
    assert_eq!(failure.cause(), expected);
}

#[test]
#[cfg(feature = "openssl")]
fn an_unanswered_handshake_is_not_taken_for_a_wrong_key() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = format!("coaps://{}", silent.local_addr().unwrap()).parse().unwrap();
    let hasty = ClientConfiguration { limit: Duration::from_millis(300), ..ClientConfiguration::new("meter-1") };
    let failure = run(&target, Some(&psk()), hasty).unwrap_err();
    assert_eq!(failure.cause(), "handshake_unanswered");
}

#[test]
#[cfg(feature = "openssl")]
fn scheme_and_credentials_must_go_together() {
    let target = |text: &str| text.parse().unwrap();
    let configuration = || ClientConfiguration::new("meter-1");
    for (target, psk) in [
        (target("coap://127.0.0.1"), Some(psk())),
        (target("coaps://127.0.0.1"), None),
        (target("coaps://127.0.0.1"), Some(Psk { identity: String::new(), ..psk() })),
        (target("coaps://127.0.0.1"), Some(Psk { identity: "a\0b".into(), ..psk() })),
        (target("coaps://127.0.0.1"), Some(Psk { key: Secret::default(), ..psk() })),
    ] {
        let failure = run(&target, psk.as_ref(), configuration()).unwrap_err();
        assert_eq!(failure.cause(), "unusable_credentials", "{failure}");
    }
}
