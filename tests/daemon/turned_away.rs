//! What the log says of DTLS clients that get nowhere: on which listener, who, and why, with either engine.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use crate::certificates::client::{Device, Proof};
use crate::certificates::pki::Wish;
use crate::harness::{Daemon, PATIENCE, Site};
use crate::puppet::record::ALERT;
use crate::puppet::{Profile, Puppet};
use crate::{PROVEN, without_devices};

const ENGINES: [&str; 2] = ["openssl", "native"];

/// A listener with this engine and a certificate, and no device.
fn start(engine: &str) -> Daemon {
    let site: Arc<Site> = Site::new("");
    Wish::named("bs.example.com").self_signed().write(&site, "server");
    let listener = format!(
        "[[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"dtls\"\nengine = \"{engine}\"\ncertificate = \"server.pem\"\n\
         key = \"server.key\"\n"
    );
    site.configure(&listener, without_devices(PROVEN));
    site.start()
}

/// A client that asks, with a port of its own.
struct Stranger(UdpSocket);

impl Stranger {
    fn new(server: SocketAddr) -> Stranger {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
        socket.connect(server).expect("an address of this machine");
        socket.set_read_timeout(Some(PATIENCE)).expect("sockets have timeouts");
        Stranger(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }

    /// Sends two ClientHellos of this version, the second with the cookie; the first datagram that then comes back.
    fn greet(&self, seed: u64, version: [u8; 2]) -> (Puppet, Vec<u8>) {
        let mut puppet = Puppet::new(Profile::psk(b"nobody", b"0123456789abcdef"), seed);
        let mut answer = Vec::new();
        for _ in 0..2 {
            let mut hello = puppet.client_hello();
            hello.body[..2].copy_from_slice(&version);
            let datagram = puppet.send(&hello, 0);
            self.0.send(&datagram).expect("the daemon is there");
            let mut buffer = [0; 2048];
            let length = self.0.recv(&mut buffer).expect("the daemon answers");
            answer = buffer[..length].to_vec();
            puppet.hear(&answer);
        }
        (puppet, answer)
    }
}

const DTLS_1_0: [u8; 2] = [0xfe, 0xff];
const DTLS_1_2: [u8; 2] = [0xfe, 0xfd];

#[test]
fn a_client_that_does_not_trust_the_listener_is_told_with_its_alert() {
    for engine in ENGINES {
        let daemon = start(engine);
        let stranger = Stranger::new(daemon.dtls);
        let (mut puppet, _) = stranger.greet(1, DTLS_1_2);
        let alert = puppet.record(ALERT, 0, &[2, 48]);
        stranger.0.send(&alert).expect("the daemon is there");
        // The native engine waits whether the client goes on all the same, until it begins anew.
        stranger.greet(2, DTLS_1_2);
        let (listener, client) = (daemon.dtls, stranger.address());
        daemon.await_log(&format!(
            "handshake failed on listener {listener} ({engine}): a client from {client}: the client, or somebody in \
             its name, sent the alert unknown_ca (48): it does not trust the certificate of this listener, if it was shown one"
        ));
    }
}

#[test]
fn a_client_of_dtls_1_0_is_refused_and_told() {
    for engine in ENGINES {
        let daemon = start(engine);
        let stranger = Stranger::new(daemon.dtls);
        let (_, answer) = stranger.greet(1, DTLS_1_0);
        assert_eq!((answer[0], &answer[answer.len() - 2..]), (ALERT, &[2, 70][..]), "protocol_version");
        let (listener, client) = (daemon.dtls, stranger.address());
        daemon.await_log(&format!(
            "on listener {listener} ({engine}): a client from {client}: the client speaks DTLS 1.0 only, and this server \
             speaks 1.2"
        ));
    }
}

#[test]
fn a_raw_public_key_where_none_are_allowed_is_refused_and_told() {
    for engine in ENGINES {
        let daemon = start(engine);
        let holder = Wish::named("meter-7").self_signed();
        let Err(met) = Device::connect(daemon.dtls, &Proof::RawPublicKey(&holder)) else { panic!("{engine}") };
        met.turned_away(43);
        daemon.await_log(&format!("on listener {} ({engine}): a client from 127.0.0.1:", daemon.dtls));
        daemon.await_log("the client takes raw public keys only");
        daemon.await_log("write `raw_public_keys = true`");
    }
}

#[test]
fn a_full_listener_says_that_handshakes_make_room_and_not_for_each() {
    let daemon = start("openssl");
    let full = "it made room for a newer one, because this listener has 1024 handshakes under way, which is its limit";
    // More than there is room for, since a port may come twice.
    for seed in 0..1_200 {
        Stranger::new(daemon.dtls).greet(seed, DTLS_1_2);
    }
    daemon.await_log(full);
    let evicted = daemon.ctl_json(&["status"])["listeners"][0]["dtls"]["evicted"].as_u64().unwrap_or_default();
    let lines = daemon.log().lines().filter(|line| line.contains(full)).count() as u64;
    assert!(lines < evicted, "{lines} lines of {evicted}");
}

#[test]
fn one_datagram_over_and_over_is_told_once_and_counted_within_a_second() {
    let daemon = start("native");
    let stranger = Stranger::new(daemon.dtls);
    let mut puppet = Puppet::new(Profile::psk(b"nobody", b"0123456789abcdef"), 1);
    let mut datagram = Vec::new();
    for _ in 0..2 {
        let mut hello = puppet.client_hello();
        hello.body[..2].copy_from_slice(&DTLS_1_0);
        datagram = puppet.send(&hello, 0);
        stranger.0.send(&datagram).expect("the daemon is there");
        let mut buffer = [0; 2048];
        let length = stranger.0.recv(&mut buffer).expect("the daemon answers");
        puppet.hear(&buffer[..length]);
    }
    for _ in 0..20 {
        stranger.0.send(&datagram).expect("the daemon is there");
    }
    // Nothing else comes that would bring it about.
    let listener = daemon.dtls;
    daemon.await_log(&format!(
        "more failed handshakes on listener {listener} (native) were not logged in the last second"
    ));
    assert!(daemon.log().lines().filter(|line| line.contains("speaks DTLS 1.0 only")).count() < 10, "{}", daemon.log());
}

#[test]
fn plain_coap_at_a_dtls_listener_is_told() {
    for engine in ENGINES {
        let daemon = start(engine);
        let stranger = Stranger::new(daemon.dtls);
        // POST, message 1, Uri-Path `bs` (RFC 7252, section 3).
        stranger.0.send(&[0x40, 2, 0, 1, 0xb2, b'b', b's']).expect("the daemon is there");
        let (listener, client) = (daemon.dtls, stranger.address());
        daemon.await_log(&format!("plain CoAP from {client} at the DTLS listener {listener} ({engine}) is dropped"));
    }
}
