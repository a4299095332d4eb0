//! Connections over the loopback: bytes both ways, the end from either side, and every bound.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream as StdStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{
    CHUNK_OVERHEAD, LARGEST_BACKLOG, MOST_CONNECTIONS_OF_ONE_SOURCE, Slot, Slots, Stalled, TcpEvent, TcpListener,
    TcpWriter,
};
use crate::route::Route;

/// How long anything may take over the loopback of a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

type Events = mpsc::Receiver<(usize, TcpEvent)>;

fn listener(address: SocketAddr) -> (TcpListener, Events) {
    let (sender, events) = mpsc::channel(16);
    (TcpListener::bind(address, 7, sender).expect("a port"), events)
}

fn loopback() -> (TcpListener, Events) {
    listener(([127, 0, 0, 1], 0).into())
}

async fn next(events: &mut Events) -> TcpEvent {
    let (index, event) = timeout(PATIENCE, events.recv()).await.expect("something happens").expect("it is there");
    assert_eq!(index, 7);
    event
}

fn client(server: SocketAddr) -> StdStream {
    let stream = StdStream::connect(server).expect("the loopback");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream
}

async fn accepted(events: &mut Events) -> (u64, Route, TcpWriter) {
    match next(events).await {
        TcpEvent::Accepted(number, route, writer) => (number, route, writer),
        other => panic!("{other:?}"),
    }
}

/// What arrives on a connection until the server has ended it.
async fn read_to_end(mut client: StdStream) -> Vec<u8> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).expect("an orderly end");
        bytes
    });
    reading.await.expect("it reads")
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_server_may_end_it() {
    let (listener, mut events) = loopback();
    let mut client = client(listener.address());
    let (number, route, writer) = accepted(&mut events).await;
    assert_eq!(route, Route::to(client.local_addr().expect("an address")));
    client.write_all(b"question").expect("sent");
    let TcpEvent::Received(from, bytes) = next(&mut events).await else { panic!("bytes") };
    assert_eq!((from, &bytes[..]), (number, &b"question"[..]));
    writer.write(b"ans".to_vec().into()).expect("room");
    writer.write(b"wer".to_vec().into()).expect("room");
    drop(writer);
    assert_eq!(read_to_end(client).await, b"answer");
    while !matches!(next(&mut events).await, TcpEvent::Closed(gone) if gone == number) {}
}

#[tokio::test]
async fn a_client_that_has_said_all_still_gets_its_answer() {
    let (listener, mut events) = loopback();
    let mut client = client(listener.address());
    let (number, _, writer) = accepted(&mut events).await;
    client.write_all(b"last words").expect("sent");
    client.shutdown(Shutdown::Write).expect("it is open");
    assert!(matches!(next(&mut events).await, TcpEvent::Received(..)));
    assert!(matches!(next(&mut events).await, TcpEvent::Closed(gone) if gone == number));
    writer.write(b"answer".to_vec().into()).expect("room");
    drop(writer);
    assert_eq!(read_to_end(client).await, b"answer");
}

/// The kernel resets a connection that is closed while bytes wait to be read, and then what was written may be lost.
#[tokio::test]
async fn bytes_that_nobody_reads_do_not_cost_a_client_its_answer() {
    let (listener, mut events) = loopback();
    let mut client = client(listener.address());
    let (number, _, writer) = accepted(&mut events).await;
    let (closed, is_closed) = std::sync::mpsc::channel();
    let talking = tokio::task::spawn_blocking(move || {
        client.write_all(&vec![0; 1 << 20]).expect("somebody takes it");
        is_closed.recv_timeout(PATIENCE).expect("the server has closed it");
        client.write_all(b"more").expect("it is not reset");
        let mut said = Vec::new();
        client.read_to_end(&mut said).expect("an orderly end");
        said
    });
    // The queue of events is full then.
    timeout(PATIENCE, async {
        while events.len() < 16 {
            tokio::task::yield_now().await
        }
    })
    .await
    .expect("it sends");
    writer.write(b"answer".to_vec().into()).expect("room");
    drop(writer);
    while !matches!(next(&mut events).await, TcpEvent::Closed(gone) if gone == number) {}
    closed.send(()).expect("it waits");
    assert_eq!(talking.await.expect("it is no panic"), b"answer");
}

#[tokio::test]
async fn a_wildcard_serves_both_families_and_tells_who_was_asked() {
    let (listener, mut events) = listener(([0_u16; 8], 0).into());
    let asked: IpAddr = [127, 0, 0, 2].into();
    let _client = client((asked, listener.address().port()).into());
    let (_, route, _writer) = accepted(&mut events).await;
    assert_eq!(route.local.map(|local| local.to_canonical()), Some(asked));
}

#[tokio::test]
async fn what_a_peer_does_not_read_is_bounded() {
    let (listener, mut events) = loopback();
    let _client = client(listener.address());
    let (number, _, writer) = accepted(&mut events).await;
    // Nothing is written meanwhile: this runtime has one thread, and it is here.
    for _ in 0..LARGEST_BACKLOG / (1024 + CHUNK_OVERHEAD) {
        assert_eq!(writer.write(vec![0; 1024].into()), Ok(()));
    }
    assert_eq!(writer.write(vec![0; 1024].into()), Err(Stalled));
    // What is given up is closed, whatever still waits.
    assert!(matches!(next(&mut events).await, TcpEvent::Closed(closed) if closed == number));
    // Small chunks cost memory, too.
    let _other = client(listener.address());
    let (_, _, writer) = accepted(&mut events).await;
    let taken = (0..LARGEST_BACKLOG).take_while(|_| writer.write(vec![0; 2].into()).is_ok()).count();
    assert_eq!(taken, LARGEST_BACKLOG / (2 + CHUNK_OVERHEAD));
}

#[tokio::test]
async fn the_end_of_the_listener_waits_for_what_is_on_the_way() {
    let (listener, mut events) = loopback();
    let address = listener.address();
    let client = client(address);
    let (_, _, writer) = accepted(&mut events).await;
    writer.write(b"goodbye".to_vec().into()).expect("room");
    drop((writer, events));
    let (said, ()) = tokio::join!(read_to_end(client), listener.finish());
    assert_eq!(said, b"goodbye");
    assert!(StdStream::connect(address).is_err(), "it accepts no more");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let (first, _events) = loopback();
    let error = TcpListener::bind(first.address(), 0, mpsc::channel(1).0).err().expect("it is taken").to_string();
    assert!(error.contains(&first.address().to_string()) && error.contains("TCP"), "{error}");
}

#[test]
fn one_source_cannot_take_all_connections() {
    let slots = Arc::new(Mutex::new(Slots::default()));
    let v6 = |text: &str| text.parse::<IpAddr>().expect("an address");
    let mut held: Vec<Slot> =
        (0..MOST_CONNECTIONS_OF_ONE_SOURCE).map(|_| Slot::take(&slots, v6("2001:db8::1")).expect("room")).collect();
    assert!(Slot::take(&slots, v6("2001:db8:0:0:ffff::2")).is_none(), "the same subscriber");
    let others = ["2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.1"].map(|text| Slot::take(&slots, v6(text)));
    assert!(others.iter().all(Option::is_some));
    assert_eq!(slots.lock().expect("it is whole").by_source.len(), 3, "a mapped address is the IPv4 address");
    held.pop();
    assert!(Slot::take(&slots, v6("2001:db8::1")).is_some());
    drop((held, others));
    let slots = slots.lock().expect("it is whole");
    assert_eq!((slots.all, slots.by_source.len()), (0, 0));
}
