//! A device that proves itself by a certificate, a raw public key or a pre-shared key: OpenSSL on a socket, and the
//! simulated client behind it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bootstrapd::simulator::{Client, ClientConfiguration, Output};
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::X509;

use super::pki::Holder;
use crate::harness::PATIENCE;

/// What a device proves itself by.
pub enum Proof<'p> {
    Certificate(&'p Holder),
    RawPublicKey(&'p Holder),
    PreSharedKey(&'p str, &'p [u8]),
}

/// What a device met.
#[derive(Debug)]
pub enum Met {
    /// The handshake failed, with this alert if one came.
    NoAssociation(Option<i32>),
    /// The bootstrap failed; why.
    Refused(String),
    /// It was given accounts.
    Served,
}

impl Met {
    #[track_caller]
    pub fn served(self) {
        assert!(matches!(self, Met::Served), "{self:?}");
    }

    #[track_caller]
    pub fn refused(self, code: &str) {
        assert!(matches!(&self, Met::Refused(why) if why.contains(code)), "{self:?}");
    }

    #[track_caller]
    pub fn turned_away(self, alert: i32) {
        assert!(matches!(self, Met::NoAssociation(Some(found)) if found == alert), "{self:?}");
    }
}

/// An association.
pub struct Device {
    stream: SslStream<Datagrams>,
    /// How many it has tried.
    bootstraps: u8,
}

/// A connected socket that waits a little for what comes.
#[derive(Debug)]
struct Datagrams(UdpSocket);

impl Device {
    /// Shakes hands with the server.
    pub fn connect(server: SocketAddr, proof: &Proof<'_>) -> Result<Device, Met> {
        Device::connect_with(server, proof, SslOptions::empty())
    }

    /// The same without the extended master secret (RFC 7627), as old clients do.
    pub fn connect_without_extended_master_secret(server: SocketAddr, proof: &Proof<'_>) -> Result<Device, Met> {
        // openssl/ssl.h: # define SSL_OP_NO_EXTENDED_MASTER_SECRET SSL_OP_BIT(0)
        Device::connect_with(server, proof, SslOptions::from_bits_retain(1))
    }

    fn connect_with(server: SocketAddr, proof: &Proof<'_>, options: SslOptions) -> Result<Device, Met> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
        socket.connect(server).expect("an address of this machine");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("sockets have timeouts");
        let mut ssl = Ssl::new(&context(proof, options)).expect("OpenSSL works");
        ssl.set_mtu(1200).expect("that is an MTU");
        if let Proof::RawPublicKey(_) = proof {
            raw_public_keys::offer(&mut ssl);
        }
        let mut stream = SslStream::new(ssl, Datagrams(socket)).expect("OpenSSL works");
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            match stream.connect() {
                Ok(()) => return Ok(Device { stream, bootstraps: 0 }),
                Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => {}
                Err(error) => {
                    let reason = error.ssl_error().and_then(|stack| Some(stack.errors().first()?.reason_code()));
                    // OpenSSL reports an alert as a reason of 1000 and its number.
                    return Err(Met::NoAssociation(reason.map(|reason| reason - 1000).filter(|alert| *alert >= 0)));
                }
            }
        }
        Err(Met::NoAssociation(None))
    }

    /// The server's certificate.
    pub fn server_certificate(&self) -> X509 {
        self.stream.ssl().peer_certificate().expect("the server has shown one")
    }

    /// How many certificates the server has sent.
    pub fn server_chain_length(&self) -> usize {
        self.stream.ssl().peer_cert_chain().map_or(0, |chain| chain.len())
    }

    /// Bootstraps as `endpoint`.
    pub fn bootstrap(&mut self, endpoint: &str) -> Met {
        self.bootstrap_within(endpoint, PATIENCE / 2)
    }

    /// Bootstraps as `endpoint`, or gives up.
    pub fn bootstrap_within(&mut self, endpoint: &str, limit: Duration) -> Met {
        let configuration = ClientConfiguration { limit, ..ClientConfiguration::new(endpoint) };
        self.bootstraps += 1;
        // Message ids and tokens follow from it, and those of two bootstraps must not be the same.
        let mut client = Client::new(configuration, [self.bootstraps; 32]);
        client.start(Instant::now());
        let mut record = vec![0; 1 << 14];
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            while let Some(output) = client.poll_output() {
                match output {
                    Output::Datagram(message) => drop(self.stream.ssl_write(&message)),
                    Output::Finished(Ok(_)) => return Met::Served,
                    Output::Finished(Err(failure)) => return Met::Refused(failure.to_string()),
                }
            }
            match self.stream.ssl_read(&mut record) {
                Ok(length) => client.handle_datagram(Instant::now(), &record[..length]),
                Err(error) if error.code() == ErrorCode::WANT_READ => client.handle_timeout(Instant::now()),
                Err(error) => return Met::Refused(format!("the association broke: {error}")),
            }
        }
        panic!("the bootstrap of {endpoint} does not end");
    }
}

/// Shakes hands and bootstraps as `endpoint`.
pub fn bootstrap(server: SocketAddr, endpoint: &str, proof: &Proof<'_>) -> Met {
    match Device::connect(server, proof) {
        Ok(mut device) => device.bootstrap(endpoint),
        Err(met) => met,
    }
}

fn context(proof: &Proof<'_>, options: SslOptions) -> SslContext {
    let mut builder = SslContext::builder(SslMethod::dtls_client()).expect("OpenSSL works");
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2)).expect("OpenSSL knows DTLS 1.2");
    builder.set_options(SslOptions::NO_QUERY_MTU | options);
    builder.set_verify(SslVerifyMode::NONE);
    let ciphers = match proof {
        Proof::Certificate(holder) | Proof::RawPublicKey(holder) => {
            // Of which only the key goes out where that is raw.
            let (own, above) = holder.chain.split_first().expect("a holder has a certificate");
            builder.set_certificate(own).expect("it is a certificate");
            above.iter().for_each(|above| builder.add_extra_chain_cert(above.clone()).expect("it is a certificate"));
            builder.set_private_key(&holder.key).expect("it is its key");
            "ECDHE-ECDSA-AES128-CCM8"
        }
        Proof::PreSharedKey(identity, key) => {
            let (identity, key) = (identity.as_bytes().to_vec(), key.to_vec());
            builder.set_psk_client_callback(move |_, _, identity_room, key_room| {
                identity_room[..identity.len()].copy_from_slice(&identity);
                identity_room[identity.len()] = 0;
                key_room[..key.len()].copy_from_slice(&key);
                Ok(key.len())
            });
            "PSK-AES128-CCM8"
        }
    };
    builder.set_cipher_list(&format!("{ciphers}:@SECLEVEL=0")).expect("OpenSSL has it");
    builder.build()
}

/// What the crate does not bind.
mod raw_public_keys {
    #![allow(unsafe_code)]

    use std::ffi::c_int;

    use foreign_types_shared::ForeignTypeRef as _;
    use openssl::ssl::SslRef;

    unsafe extern "C" {
        // openssl/ssl.h: int SSL_set1_client_cert_type(SSL *s, const unsigned char *val, size_t len), and for the server.
        fn SSL_set1_client_cert_type(ssl: *mut openssl_sys::SSL, types: *const u8, length: usize) -> c_int;
        fn SSL_set1_server_cert_type(ssl: *mut openssl_sys::SSL, types: *const u8, length: usize) -> c_int;
    }

    /// Raw public keys and nothing else, both ways (RFC 7250).
    pub fn offer(ssl: &mut SslRef) {
        // SAFETY: the pointer is valid, and OpenSSL copies the byte.
        let set = unsafe {
            (
                SSL_set1_client_cert_type(ssl.as_ptr(), [2].as_ptr(), 1),
                SSL_set1_server_cert_type(ssl.as_ptr(), [2].as_ptr(), 1),
            )
        };
        assert_eq!(set, (1, 1), "OpenSSL offers raw public keys");
    }
}

impl Read for Datagrams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.recv(buffer) {
            // A closed port shows so; the server is not there yet, or no more.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(io::ErrorKind::WouldBlock.into()),
            other => other,
        }
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.0.send(datagram)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
