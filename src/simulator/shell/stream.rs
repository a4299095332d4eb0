//! One bootstrap over TCP (`coap+tcp`, RFC 8323).
//!
//! The client goes on speaking datagrams; [`Connection`] makes frames of them.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use rand::TryRng;
use rand::rngs::SysRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::{Alarm, socket_failure};
use crate::coap::stream::{self, Connection};
use crate::coap::{Message, Timing};
use crate::simulator::{Client, Failure, Output, Provisioned};

/// Bytes that are read at once.
const READ_SIZE: usize = 4096;

/// A client and its connection, both without a socket.
struct Session {
    client: Client,
    connection: Connection,
    outgoing: Vec<Zeroizing<Vec<u8>>>,
    result: Option<Result<Provisioned, Failure>>,
}

/// Connects to `address` and runs `client` to its end; then the connection is released.
pub(super) async fn bootstrap(address: SocketAddr, client: Client, timing: &Timing) -> Result<Provisioned, Failure> {
    let mut stream = TcpStream::connect(address).await.map_err(|error| socket_failure(&error, address))?;
    // Without it the connection works too, but slower.
    let _ = stream.set_nodelay(true);
    let mut first_id = [0; 2];
    SysRng.try_fill_bytes(&mut first_id).map_err(|error| Failure::NoRandomness { reason: error.to_string() })?;
    let connection = Connection::new(Instant::now(), timing, u16::from_be_bytes(first_id));
    let mut session = Session { client, connection, outgoing: Vec::new(), result: None };
    session.client.start(Instant::now());
    let result = drive(&mut stream, address, &mut session).await;
    session.connection.release(None);
    session.collect(Instant::now());
    // The client has what it came for, or will not get it; whether the server hears the goodbye changes nothing.
    let _ = session.write(&mut stream).await;
    let _ = stream.shutdown().await;
    result
}

async fn drive(stream: &mut TcpStream, address: SocketAddr, session: &mut Session) -> Result<Provisioned, Failure> {
    let mut alarm = Alarm::new();
    let mut buffer = Zeroizing::new(vec![0; READ_SIZE]);
    loop {
        session.collect(Instant::now());
        if let Err(error) = session.write(stream).await {
            session.client.handle_transport_failure(lost(&error, address));
            session.collect(Instant::now());
        }
        if let Some(result) = session.result.take() {
            return result;
        }
        let deadline = session.client.poll_timeout().into_iter().chain(session.connection.deadline()).min();
        tokio::select! {
            biased;
            received = stream.read(&mut buffer) => match received {
                Ok(0) => session.client.handle_transport_failure(closed("the server closed it".to_owned())),
                Ok(length) => session.connection.handle_bytes(Instant::now(), &buffer[..length]),
                Err(error) => session.client.handle_transport_failure(lost(&error, address)),
            },
            () = alarm.wait_until(deadline) => {
                session.client.handle_timeout(Instant::now());
                session.connection.handle_timeout(Instant::now());
            }
        }
    }
}

impl Session {
    /// Carries messages between client and connection until neither has anything to say.
    fn collect(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.client.poll_output() {
                match output {
                    Output::Finished(result) => self.result = Some(result),
                    Output::Datagram(datagram) => self.send(now, &datagram),
                }
            } else if let Some(output) = self.connection.poll_output() {
                match output {
                    stream::Output::Bytes(bytes) => self.outgoing.push(bytes),
                    stream::Output::Message(message) => self.client.handle_datagram(now, &message.encode()),
                    stream::Output::Close(reason) => {
                        self.client.handle_transport_failure(closed(reason.to_string()));
                    }
                }
            } else {
                return;
            }
        }
    }

    fn send(&mut self, now: Instant, datagram: &[u8]) {
        let Ok(message) = Message::decode(datagram) else { return };
        if let Err(refusal) = self.connection.send(now, &message) {
            self.client.handle_transport_failure(closed(refusal.to_string()));
        }
    }

    async fn write(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        for bytes in self.outgoing.drain(..) {
            stream.write_all(&bytes).await?;
        }
        Ok(())
    }
}

fn closed(reason: String) -> Failure {
    Failure::ConnectionClosed { reason }
}

/// A connection that was there is gone, which is something else than a server that was not.
fn lost(error: &io::Error, address: SocketAddr) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => closed("the server reset it".to_owned()),
        _ => socket_failure(error, address),
    }
}
