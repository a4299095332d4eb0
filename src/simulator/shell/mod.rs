//! The simulated client on a real socket: one bootstrap over UDP, DTLS or TCP.
//!
//! DTLS takes OpenSSL (cargo feature `openssl`); without it, whoever wants DTLS is refused with a sentence.
//!
//! `bootstrapctl simulate` and the demo call [`bootstrap`]; the load generator uses [`Session`] and `drive` for each of
//! its many. This is where clock, sockets and the system's randomness come in.

#[cfg(feature = "openssl")]
mod association;
#[cfg(feature = "openssl")]
mod certificate;
mod psk;
mod session;
mod stream;
mod target;
#[cfg(not(feature = "openssl"))]
mod without_dtls;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::time::{Duration, Instant};

use rand::TryRng;
use rand::rngs::SysRng;
use tokio::net::UdpSocket;
use tokio::time::{Sleep, sleep_until};

#[cfg(feature = "openssl")]
pub use association::{Association, DtlsContext};
#[cfg(feature = "openssl")]
pub use certificate::ClientCertificate;
pub use psk::{CipherSuite, Psk, UnknownCipherSuite};
pub use session::Session;
pub use target::{Target, TargetError};
#[cfg(not(feature = "openssl"))]
pub use without_dtls::{Association, ClientCertificate, DtlsContext};

use super::{Client, ClientConfiguration, Failure, Provisioned};

/// How long a handshake may go without any answer: four flights of OpenSSL's timer (1, 2, 4 and 8 s).
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);

/// Longest datagram that is read; a record of DTLS or a CoAP message is never longer.
const LARGEST_DATAGRAM: usize = (1 << 14) + 256;

/// Bootstraps one client against `target` and says what it was given.
///
/// `psk` is needed for a `coaps` target and must be absent for a `coap` one; `suites` are offered in their order. Where
/// the host has several addresses, the next one is tried if nobody listens at the one before. When the bootstrap has
/// succeeded, the DTLS association is closed.
///
/// # Errors
///
/// [`Failure`] says, for the operator, why the client got nothing.
pub async fn bootstrap(
    target: &Target,
    psk: Option<&Psk>,
    suites: &[CipherSuite],
    configuration: ClientConfiguration,
) -> Result<Provisioned, Failure> {
    let security = security(target, psk, suites)?;
    let limit = HANDSHAKE_LIMIT.min(configuration.limit);
    bootstrap_over(target, configuration, || {
        let made =
            security.as_ref().map(|(context, psk)| Association::new(context, (*psk).clone(), Instant::now(), limit));
        made.transpose()
    })
    .await
}

/// The same for a client that proves itself by a certificate. The server must be a `coaps` one.
///
/// # Errors
///
/// [`Failure`] says, for the operator, why the client got nothing.
pub async fn bootstrap_with_certificate(
    target: &Target,
    certificate: &ClientCertificate,
    configuration: ClientConfiguration,
) -> Result<Provisioned, Failure> {
    if !target.secure {
        return Err(Failure::UnusableCredentials(
            "a certificate is of no use without DTLS: the server must be coaps://",
        ));
    }
    let context = DtlsContext::for_certificate(certificate)?;
    let limit = HANDSHAKE_LIMIT.min(configuration.limit);
    bootstrap_over(target, configuration, || {
        Association::with_certificate(&context, certificate, &target.host, Instant::now(), limit).map(Some)
    })
    .await
}

/// Tries the addresses of the host, with an association for each where there is to be one.
async fn bootstrap_over(
    target: &Target,
    configuration: ClientConfiguration,
    associate: impl Fn() -> Result<Option<Association>, Failure>,
) -> Result<Provisioned, Failure> {
    let mut result = Err(Failure::UnknownHost { host: target.host.clone(), reason: "no address".to_owned() });
    for address in target.resolve().await? {
        let client = Client::new(configuration.clone(), fresh_seed()?);
        result = if target.tcp {
            stream::bootstrap(address, client, &configuration.timing).await
        } else {
            run(address, &mut Session::new(client, associate()?)).await
        };
        if !matches!(result, Err(Failure::NobodyListens { .. } | Failure::Unreachable { .. })) {
            break;
        }
    }
    result
}

/// Checks that scheme and credentials go together, and prepares DTLS where it is needed.
fn security<'a>(
    target: &Target,
    psk: Option<&'a Psk>,
    suites: &[CipherSuite],
) -> Result<Option<(DtlsContext, &'a Psk)>, Failure> {
    match (target.secure, psk) {
        (false, None) => Ok(None),
        (false, Some(_)) => {
            Err(Failure::UnusableCredentials("a key is of no use without DTLS; the server must be coaps:// for it"))
        }
        (true, None) => Err(Failure::UnusableCredentials("coaps:// needs a key; give one, or use coap://")),
        (true, Some(psk)) => Ok(Some((DtlsContext::new(suites)?, psk))),
    }
}

async fn run(address: SocketAddr, session: &mut Session) -> Result<Provisioned, Failure> {
    let socket = connected_socket(address).await.map_err(|error| socket_failure(&error, address))?;
    let mut alarm = Alarm::new();
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    let result = drive(&socket, address, session, &mut alarm, &mut buffer).await;
    if result.is_ok() {
        say_goodbye(&socket, session).await;
    }
    result
}

/// A socket of its own that takes datagrams of `address` only.
pub(super) async fn connected_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let any = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(address).await?;
    Ok(socket)
}

/// Runs `session` on `socket` to its end. `alarm` and `buffer` may be used again for the next one.
pub(super) async fn drive(
    socket: &UdpSocket,
    address: SocketAddr,
    session: &mut Session,
    alarm: &mut Alarm,
    buffer: &mut [u8],
) -> Result<Provisioned, Failure> {
    session.start(Instant::now());
    loop {
        while let Some(datagram) = session.poll_datagram() {
            if let Err(error) = socket.send(&datagram).await {
                session.handle_transport_failure(socket_failure(&error, address));
                break;
            }
        }
        if let Some(result) = session.take_result() {
            return result;
        }
        let deadline = session.poll_timeout(Instant::now());
        tokio::select! {
            biased;
            received = socket.recv(buffer) => match received {
                Ok(length) => session.handle_datagram(Instant::now(), &buffer[..length]),
                Err(error) => session.handle_transport_failure(socket_failure(&error, address)),
            },
            () = alarm.wait_until(deadline) => session.handle_timeout(Instant::now()),
        }
    }
}

/// Closes the DTLS association, if there is one.
pub(super) async fn say_goodbye(socket: &UdpSocket, session: &mut Session) {
    session.close();
    while let Some(datagram) = session.poll_datagram() {
        // The client has what it came for; whether the server hears the goodbye changes nothing.
        let _ = socket.send(&datagram).await;
    }
}

fn socket_failure(error: &io::Error, address: SocketAddr) -> Failure {
    let target = address.to_string();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::NobodyListens { target },
        _ => Failure::Unreachable { target, reason: error.to_string() },
    }
}

/// A timer that is moved as rarely as possible, because nearly every deadline of a bootstrap passes unneeded.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    /// Must be called within a tokio runtime.
    pub(super) fn new() -> Alarm {
        Alarm { sleep: Box::pin(sleep_until(Instant::now().into())) }
    }

    /// Ends at `deadline` or at some moment before it, never later; an early end does no harm to a session.
    async fn wait_until(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return std::future::pending().await };
        let armed = self.sleep.deadline();
        if self.sleep.is_elapsed() || armed > deadline.into() {
            self.sleep.as_mut().reset(deadline.into());
        }
        self.sleep.as_mut().await;
    }
}

/// 32 bytes from the operating system.
///
/// # Errors
///
/// [`Failure::NoRandomness`].
pub(super) fn fresh_seed() -> Result<[u8; 32], Failure> {
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).map_err(|error| Failure::NoRandomness { reason: error.to_string() })?;
    Ok(seed)
}

#[cfg(test)]
pub(super) mod scripted_server;
#[cfg(test)]
mod tests;
