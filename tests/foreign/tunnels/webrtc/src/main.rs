//! The tunnel by webrtc-dtls: DTLS to the server on one side, pipes to the device on the other, as `tunnel.h` says.

use std::env;
use std::error::Error;
use std::fs;
use std::process::exit;
use std::sync::Arc;
use std::time::Duration;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Stdout, stdin, stdout};
use tokio::net::UdpSocket;
use tokio::select;
use webrtc_dtls::cipher_suite::CipherSuiteId;
use webrtc_dtls::config::{Config, ExtendedMasterSecretType};
use webrtc_dtls::conn::DTLSConn;
use webrtc_dtls::crypto::{Certificate, CryptoPrivateKey, CryptoPrivateKeyKind};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        exit(1);
    }
}

async fn run() -> Result<()> {
    let options: Vec<String> = env::args().skip(1).collect();
    let config = match option(&options, "psk-identity") {
        Ok(identity) => with_psk(identity, option(&options, "psk-file")?)?,
        Err(_) => with_certificate(&options)?,
    };
    let server = option(&options, "server")?;
    let udp = UdpSocket::bind(if server.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" }).await?;
    udp.connect(server).await?;
    let mut output = stdout();
    put_frame(&mut output, b'=', b"library webrtc-dtls 0.12.0").await?;
    let config = Config { flight_interval: Duration::from_secs(1), ..config };
    let association = DTLSConn::new(Arc::new(udp), config, true, None).await?;
    put_frame(&mut output, b'=', b"established yes").await?;
    pass_both_ways(&association, &mut output).await
}

async fn pass_both_ways(association: &DTLSConn, output: &mut Stdout) -> Result<()> {
    let mut input = stdin();
    let (mut data, mut head, mut taken) = (vec![0; 1 << 16], [0; 2], 0);
    loop {
        select! {
            length = association.read(&mut data, None) => {
                let length = length?;
                put_frame(output, b'>', &data[..length]).await?;
            }
            length = input.read(&mut head[taken..]) => {
                let length = length?;
                if length == 0 {
                    return Ok(association.close().await?);
                }
                taken = (taken + length) % head.len();
                if taken == 0 {
                    let mut frame = vec![0; usize::from(u16::from_be_bytes(head))];
                    input.read_exact(&mut frame).await?;
                    association.write(&frame, None).await?;
                }
            }
        }
    }
}

fn with_psk(identity: &str, key_file: &str) -> Result<Config> {
    let text = fs::read_to_string(key_file)?;
    let digits = text.trim().strip_prefix("hex:").ok_or("the key file holds no hex:")?;
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16);
    let key = (0..digits.len()).step_by(2).map(byte).collect::<std::result::Result<Vec<u8>, _>>()?;
    Ok(Config {
        cipher_suites: vec![CipherSuiteId::Tls_Psk_With_Aes_128_Ccm_8],
        extended_master_secret: ExtendedMasterSecretType::Require,
        psk: Some(Arc::new(move |_| Ok(key.clone()))),
        psk_identity_hint: Some(identity.as_bytes().to_vec()),
        ..Config::default()
    })
}

fn with_certificate(options: &[String]) -> Result<Config> {
    let chain = CertificateDer::pem_file_iter(option(options, "certificate")?)?;
    let key = PrivatePkcs8KeyDer::from_pem_file(option(options, "private-key")?)?;
    let serialized_der = key.secret_pkcs8_der().to_vec();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &serialized_der, &SystemRandom::new())
        .map_err(|rejected| rejected.to_string())?;
    let mut roots_cas = RootCertStore::empty();
    roots_cas.add(CertificateDer::from_pem_file(option(options, "trust-anchor")?)?)?;
    Ok(Config {
        cipher_suites: vec![CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Ccm_8],
        extended_master_secret: ExtendedMasterSecretType::Require,
        certificates: vec![Certificate {
            certificate: chain.collect::<std::result::Result<_, _>>()?,
            private_key: CryptoPrivateKey { kind: CryptoPrivateKeyKind::Ecdsa256(pair), serialized_der },
        }],
        roots_cas,
        server_name: option(options, "server-name")?.to_owned(),
        ..Config::default()
    })
}

/// The word after `--name`.
fn option<'a>(options: &'a [String], name: &str) -> Result<&'a str> {
    let mut pairs = options.iter().zip(options.iter().skip(1));
    let found = pairs.find(|(option, _)| option.strip_prefix("--") == Some(name));
    found.map(|(_, value)| value.as_str()).ok_or_else(|| format!("--{name} is missing").into())
}

async fn put_frame(output: &mut Stdout, kind: u8, content: &[u8]) -> Result<()> {
    let length = u16::try_from(content.len())?.to_be_bytes();
    output.write_all(&[&[kind, length[0], length[1]], content].concat()).await?;
    Ok(output.flush().await?)
}
