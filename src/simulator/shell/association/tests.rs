//! The association against OpenSSL as server, joined by queues; two tests wait for OpenSSL's real timer.

use std::time::{Duration, Instant};

use openssl::ssl::{Ssl, SslContext, SslMethod, SslOptions, SslStream};

use super::{Association, Datagrams, DtlsContext, MTU};
use crate::secret::Secret;
use crate::simulator::Failure;
use crate::simulator::shell::{CipherSuite, HANDSHAKE_LIMIT, Psk};

const KEY: &[u8] = b"0123456789abcdef";

fn server(suite: CipherSuite) -> SslStream<Datagrams> {
    let mut builder = SslContext::builder(SslMethod::dtls_server()).unwrap();
    builder.set_options(SslOptions::NO_QUERY_MTU);
    builder.set_cipher_list(&format!("{}:@SECLEVEL=0", suite.openssl_name())).unwrap();
    builder.set_psk_server_callback(|_, identity, key| {
        assert_eq!(identity, Some(&b"meter-1"[..]));
        key[..KEY.len()].copy_from_slice(KEY);
        Ok(KEY.len())
    });
    let mut ssl = Ssl::new(&builder.build()).unwrap();
    ssl.set_mtu(MTU).unwrap();
    SslStream::new(ssl, Datagrams::default()).unwrap()
}

fn client(key: &[u8], now: Instant) -> Association {
    let context = DtlsContext::new(&CipherSuite::ALL).unwrap();
    let psk = Psk { identity: "meter-1".into(), key: Secret::from(key) };
    Association::new(&context, psk, now, HANDSHAKE_LIMIT).unwrap()
}

/// Carries datagrams to and fro until neither side has any.
fn join(client: &mut Association, server: &mut SslStream<Datagrams>, now: Instant) -> Result<(), Failure> {
    client.advance(now)?;
    loop {
        let mut quiet = true;
        while let Some(datagram) = client.poll_datagram() {
            server.get_mut().incoming.push_back(datagram);
            quiet = false;
        }
        let _ = server.accept();
        while let Some(datagram) = server.get_mut().outgoing.pop_front() {
            client.push(&datagram);
            quiet = false;
        }
        if quiet {
            return Ok(());
        }
        client.advance(now)?;
    }
}

#[test]
fn each_suite_carries_messages_both_ways() {
    for suite in CipherSuite::ALL {
        let now = Instant::now();
        let (mut client, mut server) = (client(KEY, now), server(suite));
        join(&mut client, &mut server, now).unwrap();
        assert!(client.is_established(), "{}", suite.name());
        assert_eq!(client.poll_timeout(now), None);
        client.write(b"ping").unwrap();
        server.get_mut().incoming.extend(client.poll_datagram());
        let mut buffer = [0; 64];
        assert_eq!(server.ssl_read(&mut buffer).unwrap(), 4);
        server.ssl_write(b"pong!").unwrap();
        client.push(&server.get_mut().outgoing.pop_front().unwrap());
        assert_eq!(client.read(&mut buffer), Ok(Some(5)));
        assert_eq!(&buffer[..5], b"pong!");
        assert_eq!(client.read(&mut buffer), Ok(None));
        let _ = server.shutdown();
        client.push(&server.get_mut().outgoing.pop_front().unwrap());
        assert_eq!(client.read(&mut buffer), Err(Failure::AssociationClosed));
    }
}

#[test]
fn a_wrong_key_is_told_from_silence() {
    let now = Instant::now();
    let (mut client, mut server) = (client(b"another key 1234", now), server(CipherSuite::Aes128Ccm8));
    let failure = join(&mut client, &mut server, now).and_then(|()| {
        assert!(!client.is_established());
        client.advance(now + Duration::from_secs(7))
    });
    assert_eq!(failure, Err(Failure::KeyRejected));

    let mut lonely = self::client(KEY, now);
    assert_eq!(lonely.advance(now), Ok(()));
    assert_eq!(lonely.advance(now + Duration::from_secs(14)), Ok(()));
    let waited = Duration::from_secs(15);
    assert_eq!(lonely.advance(now + waited), Err(Failure::HandshakeUnanswered { waited }));
}

#[test]
fn no_common_suite_is_a_refusal() {
    let now = Instant::now();
    let context = DtlsContext::new(&[CipherSuite::Aes128Ccm8]).unwrap();
    let psk = Psk { identity: "meter-1".into(), key: Secret::from(KEY) };
    let mut client = Association::new(&context, psk, now, HANDSHAKE_LIMIT).unwrap();
    let failure = join(&mut client, &mut server(CipherSuite::Aes128GcmSha256), now).unwrap_err();
    assert_eq!(failure.cause(), "handshake_refused", "{failure}");
    assert!(failure.to_string().contains("handshake failure"), "{failure}");
}

#[test]
fn a_lost_flight_is_sent_again() {
    for lost in 1..=2 {
        let now = Instant::now();
        let (mut client, mut server) = (client(KEY, now), server(CipherSuite::Aes128Ccm8));
        client.advance(now).unwrap();
        if lost == 2 {
            while let Some(datagram) = client.poll_datagram() {
                server.get_mut().incoming.push_back(datagram);
            }
            let _ = server.accept();
            while let Some(datagram) = server.get_mut().outgoing.pop_front() {
                client.push(&datagram);
            }
            client.advance(now).unwrap();
        }
        while client.poll_datagram().is_some() {}
        client.advance(now).unwrap();
        assert_eq!(client.poll_datagram(), None, "sent again at once");
        std::thread::sleep(Duration::from_millis(1050));
        join(&mut client, &mut server, now).unwrap();
        assert!(client.is_established(), "flight {lost}");
    }
}
