//! Sockets: bytes in, bytes out. This room knows neither CoAP nor DTLS nor LwM2M.
//!
//! One [`UdpListener`] serves any number of clients. Datagrams are received in batches with one system call, and an
//! answer leaves from the address that was asked (IP_PKTINFO; a wildcard socket would else answer from the address of
//! its route). [`tcp`] has the connections of a TCP port. Errors of a socket are transient: they are counted by the caller and never end a listener.

pub mod tcp;

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::route::Route;

/// Datagrams taken from the kernel by one system call.
const BATCH: usize = 16;

/// Size of one receive buffer: where the kernel coalesces datagrams of one sender, up to 64 KiB arrive at once.
const BUFFER_SIZE: usize = 65_535;

/// Bytes of kernel memory asked for each direction of a socket, so that a burst of clients is queued and not dropped.
/// The kernel may grant less (`net.core.rmem_max`).
const KERNEL_BUFFER: usize = 8 << 20;

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({transport}): {error}")]
pub struct BindError {
    address: SocketAddr,
    transport: &'static str,
    #[source]
    error: io::Error,
}

/// A UDP socket that serves many clients.
pub struct UdpListener {
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
}

impl UdpListener {
    /// Binds. An address of `[::]` serves IPv4 too; port 0 takes a free one, which [`UdpListener::address`] tells.
    ///
    /// # Errors
    /// [`BindError`] names the address and what the kernel said. Must be called within a tokio runtime.
    pub fn bind(address: SocketAddr) -> Result<UdpListener, BindError> {
        UdpListener::open(address).map_err(|error| BindError { address, transport: "UDP", error })
    }

    fn open(address: SocketAddr) -> io::Result<UdpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // A smaller buffer than asked for is no reason not to serve.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let socket = UdpSocket::from_std(socket.into())?;
        let address = socket.local_addr()?;
        Ok(UdpListener { socket, state, address })
    }

    /// Where it is bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether datagrams may be waiting; wakes the task when some arrive.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_recv_ready(context)
    }

    /// Takes one batch of datagrams and hands each to `each`. Returns whether more may be waiting.
    ///
    /// # Errors
    /// What the kernel said; the listener stays usable.
    pub fn receive(&self, buffers: &mut Buffers, mut each: impl FnMut(Route, &[u8])) -> io::Result<bool> {
        let mut metadata = [RecvMeta::default(); BATCH];
        let mut slices: Vec<IoSliceMut<'_>> = buffers.0.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let mut count = 0;
        let received = self.socket.try_io(Interest::READABLE, || {
            count = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metadata)?;
            // A short batch has emptied the socket: saying so now spares the system call that would find it empty.
            if count < BATCH { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match received {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for (slice, meta) in slices.iter().zip(&metadata).take(count) {
            let route = Route { remote: meta.addr, local: self.answering_address(meta.dst_ip) };
            slice[..meta.len].chunks(meta.stride.max(1)).for_each(|datagram| each(route, datagram));
        }
        Ok(count == BATCH)
    }

    /// Sends one datagram. A full socket buffer drops it, as the network may: retransmission makes good for it.
    ///
    /// # Errors
    /// What the kernel said; the listener stays usable.
    pub fn send(&self, route: &Route, bytes: &[u8]) -> io::Result<()> {
        let transmit =
            Transmit { destination: route.remote, ecn: None, contents: bytes, segment_size: None, src_ip: route.local };
        self.socket.try_io(Interest::WRITABLE, || self.state.try_send(UdpSockRef::from(&self.socket), &transmit))
    }

    /// The address that was asked matters only where the socket is bound to all of them.
    fn answering_address(&self, asked: Option<IpAddr>) -> Option<IpAddr> {
        asked.filter(|_| self.address.ip().is_unspecified())
    }
}

/// Waits until one of `listeners` may be read, and says which. The search begins behind `last`, so that a flood on one
/// of them starves no other.
pub async fn any_readable(listeners: &[&UdpListener], last: usize) -> usize {
    poll_fn(|context| {
        let in_turn = (1..=listeners.len()).map(|step| (last + step) % listeners.len());
        for index in in_turn {
            if listeners[index].poll_readable(context).is_ready() {
                return Poll::Ready(index);
            }
        }
        Poll::Pending
    })
    .await
}

/// Memory that datagrams are received into; one set serves all listeners of a thread.
pub struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    /// A fresh set. Only what is used becomes resident.
    pub fn new() -> Buffers {
        Buffers((0..BATCH).map(|_| vec![0; BUFFER_SIZE]).collect())
    }
}

impl Default for Buffers {
    fn default() -> Buffers {
        Buffers::new()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket as StdSocket};
    use std::time::Duration;

    use super::{Buffers, UdpListener, any_readable};
    use crate::route::Route;

    /// How long a datagram may take over the loopback of a busy machine.
    const PATIENCE: Duration = Duration::from_secs(10);

    async fn receive(listener: &UdpListener, count: usize) -> Vec<(Route, Vec<u8>)> {
        let (mut buffers, mut received) = (Buffers::new(), Vec::new());
        while received.len() < count {
            let listeners = [listener];
            let readable = tokio::time::timeout(PATIENCE, any_readable(&listeners, 0));
            readable.await.expect("datagrams arrive");
            listener.receive(&mut buffers, |route, bytes| received.push((route, bytes.to_vec()))).expect("no error");
        }
        received
    }

    fn client(server: SocketAddr) -> StdSocket {
        let local: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 8], 0).into() };
        let socket = StdSocket::bind(local).expect("a socket");
        // A connected socket hears only the address that it asked.
        socket.connect(server).expect("the loopback");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        socket
    }

    #[tokio::test]
    async fn more_datagrams_than_a_batch_holds_arrive_whole_and_in_order() {
        let listener = UdpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let client = client(listener.address());
        let sent: Vec<Vec<u8>> = (0..40u8).map(|number| vec![number; 1 + usize::from(number)]).collect();
        sent.iter().for_each(|datagram| assert_eq!(client.send(datagram).expect("sent"), datagram.len()));
        let received = receive(&listener, 40).await;
        assert!(received.iter().all(|(route, _)| Some(route.remote) == client.local_addr().ok()));
        assert_eq!(received.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), sent);
    }

    #[tokio::test]
    async fn an_answer_leaves_from_the_address_that_was_asked() {
        for wildcard in [SocketAddr::from(([0, 0, 0, 0], 0)), SocketAddr::from(([0u16; 8], 0))] {
            let listener = UdpListener::bind(wildcard).expect("a port");
            let asked = SocketAddr::from(([127, 0, 0, 2], listener.address().port()));
            let client = client(asked);
            client.send(b"question").expect("sent");
            let [(route, _)] = receive(&listener, 1).await.try_into().expect("one datagram");
            assert_eq!(route.local.map(|address| address.to_canonical()), Some(asked.ip()), "{wildcard}");
            listener.send(&route, b"answer").expect("sent");
            let mut buffer = [0; 16];
            let length = client.recv(&mut buffer).unwrap_or_else(|error| panic!("{wildcard}: {error}"));
            assert_eq!(&buffer[..length], b"answer");
        }
    }

    #[tokio::test]
    async fn every_listener_gets_its_turn_while_all_are_busy() {
        let listeners = [(); 3].map(|()| UdpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port"));
        let clients = listeners.each_ref().map(|listener| client(listener.address()));
        let all = listeners.each_ref();
        let (mut served, mut last) = (Vec::new(), 0);
        for _ in 0..6 {
            clients.iter().for_each(|client| drop(client.send(b"flood")));
            for listener in all {
                any_readable(&[listener], 0).await;
            }
            last = any_readable(&all, last).await;
            served.push(last);
        }
        assert_eq!(served, [1, 2, 0, 1, 2, 0]);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let first = UdpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let error = UdpListener::bind(first.address()).err().expect("it is taken").to_string();
        assert!(error.contains(&first.address().to_string()), "{error}");
    }
}
