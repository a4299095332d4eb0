//! Certificates against OpenSSL as server, joined by queues.

use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use super::ClientCertificate;
use crate::secret::Secret;
use crate::simulator::Failure;
use crate::simulator::shell::association::{Association, Datagrams, DtlsContext};

/// A self-signed certificate for `name`, and its key.
fn pair(name: &str) -> (X509, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    let subject = subject.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(4_000_000_000).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    let names = SubjectAlternativeName::new().dns(name).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

fn server(pair: &(X509, PKey<Private>), suite: &str) -> SslStream<Datagrams> {
    server_that(true, pair, suite)
}

/// One that believes any client, or none.
fn server_that(believes: bool, (certificate, key): &(X509, PKey<Private>), suite: &str) -> SslStream<Datagrams> {
    let mut builder = SslContext::builder(SslMethod::dtls_server()).unwrap();
    builder.set_options(SslOptions::NO_QUERY_MTU);
    builder.set_cipher_list(&format!("{suite}:@SECLEVEL=0")).unwrap();
    builder.set_certificate(certificate).unwrap();
    builder.set_private_key(key).unwrap();
    builder.set_verify_callback(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT, move |_, _| believes);
    let mut ssl = Ssl::new(&builder.build()).unwrap();
    ssl.set_mtu(1_200).unwrap();
    SslStream::new(ssl, Datagrams::default()).unwrap()
}

/// Whether a client that trusts `trust` gets through to `host`, and the server.
fn connect(
    (certificate, key): &(X509, PKey<Private>),
    trust: Option<&X509>,
    host: &str,
    mut server: SslStream<Datagrams>,
) -> (Result<bool, Failure>, SslStream<Datagrams>) {
    let key = Secret::new(key.private_key_to_pem_pkcs8().unwrap());
    let trust = trust.map(|trust| trust.to_pem().unwrap());
    let client = ClientCertificate::read(&certificate.to_der().unwrap(), &key, trust.as_deref()).unwrap();
    let context = DtlsContext::for_certificate(&client).unwrap();
    let now = Instant::now();
    let mut client = Association::with_certificate(&context, &client, host, now, Duration::from_secs(15)).unwrap();
    for _ in 0..6 {
        if let Err(failure) = client.advance(now) {
            return (Err(failure), server);
        }
        while let Some(datagram) = client.poll_datagram() {
            server.get_mut().incoming.push_back(datagram);
        }
        let _ = server.accept();
        while let Some(datagram) = server.get_mut().outgoing.pop_front() {
            client.push(&datagram);
        }
    }
    (Ok(client.is_established()), server)
}

#[test]
fn each_suite_proves_both_sides() {
    let (device, host) = (pair("meter-1"), pair("bs.example.com"));
    for suite in super::SUITES.split(':') {
        let (established, server) = connect(&device, Some(&host.0), "bs.example.com", server(&host, suite));
        assert_eq!(established, Ok(true), "{suite}");
        let shown = server.ssl().peer_certificate().unwrap();
        assert_eq!(shown.to_der().unwrap(), device.0.to_der().unwrap());
        assert_eq!(server.ssl().current_cipher().unwrap().name(), suite);
    }
}

#[test]
fn only_the_server_that_is_meant_is_believed() {
    let (device, host, other) = (pair("meter-1"), pair("bs.example.com"), pair("bs.example.com"));
    let suite = "ECDHE-ECDSA-AES128-CCM8";
    let other_name = Some("does not name the host that was asked for");
    let unknown = Some("leads to no trusted authority");
    for (trust, name, expected) in [
        (Some(&host.0), "bs.example.com", None),
        (Some(&host.0), "bs.example.org", other_name),
        (Some(&host.0), "192.0.2.1", other_name),
        (Some(&other.0), "bs.example.com", unknown),
        (Some(&other.0), "bs.example.org", unknown),
        (None, "bs.example.org", None),
        (None, "192.0.2.1", None),
    ] {
        let (established, _) = connect(&device, trust, name, server(&host, suite));
        match established {
            Ok(established) => assert!(established && expected.is_none(), "{name}"),
            Err(failure) => {
                assert!(failure.to_string().contains(expected.expect("it is believed")), "{name}: {failure}")
            }
        }
    }
}

#[test]
fn whom_the_server_does_not_believe_is_not_told_that_it_is_the_server() {
    let (device, host, suite) = (pair("meter-1"), pair("bs.example.com"), "ECDHE-ECDSA-AES128-CCM8");
    for trust in [None, Some(&host.0)] {
        let (established, _) = connect(&device, trust, "bs.example.com", server_that(false, &host, suite));
        let failure = established.expect_err("the server refuses the client").to_string();
        assert!(failure.contains("alert") && !failure.contains("server's certificate"), "{failure}");
    }
}

#[test]
fn files_that_do_not_go_together_are_told_apart() {
    let ((certificate, key), (_, other)) = (pair("meter-1"), pair("meter-2"));
    let (certificate, key) = (certificate.to_pem().unwrap(), Secret::new(key.private_key_to_der().unwrap()));
    let other = Secret::new(other.private_key_to_der().unwrap());
    assert!(ClientCertificate::read(&certificate, &key, Some(&certificate)).is_ok());
    for (certificate, key, trust, words) in [
        (&b"meter-1"[..], &key, None, "holds no X.509 certificate"),
        (&certificate, &key, Some(&b""[..]), "whom to trust"),
        (&certificate, &Secret::from(&b"key"[..]), None, "holds no private key"),
        (&certificate, &other, None, "does not belong"),
    ] {
        let failure = ClientCertificate::read(certificate, key, trust).unwrap_err();
        assert!(failure.to_string().contains(words), "{failure}");
    }
}
