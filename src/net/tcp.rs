//! TCP: a listener whose connections each have a task, and one queue of events for whoever owns them all.
//!
//! Everything that a peer can make grow is bounded: connections at all, those of one source, bytes that wait to be
//! written, and events that wait to be taken (then connections are not read).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener as AcceptingSocket, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::BindError;
use crate::route::Route;

/// Connections of one listener at one time.
pub const MOST_CONNECTIONS: usize = 10_000;

/// Connections of one source at one time; a source is an IPv4 address or the first half of an IPv6 address. Behind the
/// address of a carrier there may be many clients.
pub const MOST_CONNECTIONS_OF_ONE_SOURCE: usize = 512;

/// Bytes that may wait to be written on one connection.
const LARGEST_BACKLOG: usize = 64 << 10;

/// Bytes that a chunk takes beside what is in it: many small ones must not fit where few large ones do.
const CHUNK_OVERHEAD: usize = 128;

/// How long the kernel may take no byte of what is to be written.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// How long a closed connection lingers, so that what was written last is read and not lost to a reset.
const LINGER: Duration = Duration::from_secs(2);

/// How long the end of a listener waits for all of that.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long not to accept when accepting fails, as it does for want of file descriptors.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(100);

/// Connections that the kernel completes before they are accepted.
const ACCEPT_QUEUE: i32 = 1024;

/// Bytes that are read at once.
const READ_SIZE: usize = 4096;

/// What happens on the connections of a listener, in order for each of them.
#[derive(Debug)]
pub enum TcpEvent {
    /// A connection with a number of its own. It is closed when the writer is dropped, after all has been written.
    Accepted(u64, Route, TcpWriter),
    /// Bytes have come.
    Received(u64, Zeroizing<Vec<u8>>),
    /// The connection is gone or cannot be written to; whatever the reason, nothing follows.
    Closed(u64),
    /// A connection was closed at once, because there are too many.
    Refused,
    /// No connection could be accepted for a while.
    Failed(io::Error),
}

/// Where bytes go into a connection.
#[derive(Debug)]
pub struct TcpWriter {
    chunks: mpsc::UnboundedSender<Zeroizing<Vec<u8>>>,
    waiting: Arc<AtomicUsize>,
    stopped: Arc<Notify>,
}

/// The peer does not read, or is gone: the connection is to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection takes no more bytes")]
pub struct Stalled;

impl TcpWriter {
    /// Has bytes written after those before.
    ///
    /// # Errors
    ///
    /// [`Stalled`] if too many bytes wait already.
    pub fn write(&self, bytes: Zeroizing<Vec<u8>>) -> Result<(), Stalled> {
        let length = bytes.len() + CHUNK_OVERHEAD;
        if self.waiting.fetch_add(length, Ordering::Relaxed) + length > LARGEST_BACKLOG {
            // What waits is not worth its memory any more.
            self.stopped.notify_one();
            return Err(Stalled);
        }
        self.chunks.send(bytes).map_err(|_| Stalled)
    }
}

/// A TCP socket that accepts clients.
pub struct TcpListener {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    /// Ends when the last connection has.
    alive: mpsc::Receiver<()>,
}

/// Where a listener tells what happens, and under which index.
#[derive(Clone)]
struct Telling {
    index: usize,
    events: mpsc::Sender<(usize, TcpEvent)>,
}

impl Telling {
    /// False if nobody listens any more.
    async fn tell(&self, event: TcpEvent) -> bool {
        self.events.send((self.index, event)).await.is_ok()
    }
}

impl TcpListener {
    /// Binds and begins to accept; what happens is told to `events` under `index`. An address of `[::]` serves IPv4 too;
    /// port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`BindError`] names the address and what the kernel said. Must be called within a tokio runtime.
    pub fn bind(
        address: SocketAddr,
        index: usize,
        events: mpsc::Sender<(usize, TcpEvent)>,
    ) -> Result<TcpListener, BindError> {
        let open = || {
            let socket = open(address)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, bound) = open().map_err(|error| BindError { address, transport: "TCP", error })?;
        let (lives, alive) = mpsc::channel(1);
        let accepting = tokio::spawn(accept(socket, bound, Telling { index, events }, lives));
        Ok(TcpListener { address: bound, accepting, alive })
    }

    /// Where it is bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more, and waits a moment for the connections whose writers have been dropped to write what is left.
    pub async fn finish(mut self) {
        self.accepting.abort();
        let _ = timeout(FAREWELL, self.alive.recv()).await;
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn open(address: SocketAddr) -> io::Result<AcceptingSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Connections of the process before us may still be waiting for their last packets.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_QUEUE)?;
    AcceptingSocket::from_std(socket.into())
}

async fn accept(socket: AcceptingSocket, bound: SocketAddr, telling: Telling, lives: mpsc::Sender<()>) {
    let slots = Arc::new(Mutex::new(Slots::default()));
    for number in 0.. {
        let told = match socket.accept().await {
            Err(error) => {
                tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
                telling.tell(TcpEvent::Failed(error)).await
            }
            Ok((stream, remote)) => match Slot::take(&slots, remote.ip()) {
                None => telling.tell(TcpEvent::Refused).await,
                Some(slot) => {
                    prepare(&stream);
                    let local = stream.local_addr().ok().map(|local| local.ip());
                    let route = Route { remote, local: local.filter(|_| bound.ip().is_unspecified()) };
                    let (chunks, outgoing) = mpsc::unbounded_channel();
                    let waiting = Arc::new(AtomicUsize::new(0));
                    let stopped = Arc::new(Notify::new());
                    let writer = TcpWriter { chunks, waiting: Arc::clone(&waiting), stopped: Arc::clone(&stopped) };
                    let told = telling.tell(TcpEvent::Accepted(number, route, writer)).await;
                    let (telling, lives) = (telling.clone(), lives.clone());
                    tokio::spawn(async move {
                        serve(stream, number, telling, outgoing, (waiting, stopped)).await;
                        drop((slot, lives));
                    });
                    told
                }
            },
        };
        if !told {
            return;
        }
    }
}

/// CoAP messages are small and each one is waited for; and a peer that is gone without a word should be noticed.
fn prepare(stream: &TcpStream) {
    // Without these the connection works too.
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(30));
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

/// Moves bytes both ways until either side ends it.
async fn serve(
    stream: TcpStream,
    number: u64,
    telling: Telling,
    outgoing: mpsc::UnboundedReceiver<Zeroizing<Vec<u8>>>,
    (waiting, stopped): (Arc<AtomicUsize>, Arc<Notify>),
) {
    let (mut reader, writer) = stream.into_split();
    let writing = write(writer, outgoing, waiting);
    tokio::pin!(writing);
    let peer_ended = tokio::select! {
        () = read(&mut reader, number, &telling) => true,
        () = &mut writing => false,
        () = stopped.notified() => {
            telling.tell(TcpEvent::Closed(number)).await;
            return;
        }
    };
    telling.tell(TcpEvent::Closed(number)).await;
    if peer_ended {
        // It may have ended its own direction only; what was on the way to it is still written.
        let _ = timeout(LINGER, writing).await;
    } else {
        let _ = timeout(LINGER, discard(&mut reader)).await;
    }
}

async fn read(reader: &mut OwnedReadHalf, number: u64, telling: &Telling) {
    loop {
        let mut bytes = Zeroizing::new(vec![0; READ_SIZE]);
        match reader.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(length) => bytes.truncate(length),
        }
        if !telling.tell(TcpEvent::Received(number, bytes)).await {
            return;
        }
    }
}

/// Writes what comes until no more can come, and ends our direction; or until the peer takes nothing.
async fn write(
    mut writer: OwnedWriteHalf,
    mut outgoing: mpsc::UnboundedReceiver<Zeroizing<Vec<u8>>>,
    waiting: Arc<AtomicUsize>,
) {
    while let Some(bytes) = outgoing.recv().await {
        if !matches!(timeout(WRITE_STALL, writer.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
        waiting.fetch_sub(bytes.len() + CHUNK_OVERHEAD, Ordering::Relaxed);
    }
    let _ = writer.shutdown().await;
}

async fn discard(reader: &mut OwnedReadHalf) {
    let mut bytes = Zeroizing::new(vec![0; READ_SIZE]);
    while !matches!(reader.read(&mut bytes).await, Ok(0) | Err(_)) {}
}

/// Connections that are there, by source.
#[derive(Default)]
struct Slots {
    all: usize,
    by_source: HashMap<IpAddr, usize>,
}

/// The right of one connection to be there; given back on drop.
struct Slot {
    slots: Arc<Mutex<Slots>>,
    source: IpAddr,
}

impl Slot {
    fn take(slots: &Arc<Mutex<Slots>>, address: IpAddr) -> Option<Slot> {
        let source = source(address);
        let mut held = slots.lock().unwrap_or_else(PoisonError::into_inner);
        let of_source = held.by_source.get(&source).copied().unwrap_or(0);
        if held.all >= MOST_CONNECTIONS || of_source >= MOST_CONNECTIONS_OF_ONE_SOURCE {
            return None;
        }
        held.all += 1;
        held.by_source.insert(source, of_source + 1);
        Some(Slot { slots: Arc::clone(slots), source })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= 1;
        match held.by_source.get_mut(&self.source) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                held.by_source.remove(&self.source);
            }
        }
    }
}

/// An IPv4 address, or the first 64 bits of an IPv6 address: what one subscriber is usually given.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests;
