//! The driver and TCP: what happens on connections goes to the bootstrap server as messages, as if it were datagrams.

use std::time::Instant;

use super::Driver;
use crate::bootstrap::{CoapEndpoint, Origin};
use crate::coap::Message;
use crate::driver::listener::Listener;
use crate::driver::streams::{StreamFront, StreamOutput};
use crate::net::UdpListener;
use crate::net::tcp::TcpEvent;
use crate::peer::Peer;

/// Events of connections that are taken before other things get their turn.
const EVENTS_PER_TURN: usize = 128;

impl Driver {
    /// Takes what has happened on the connections of a listener, and what else has happened meanwhile, but not for ever.
    pub(super) fn handle_stream_events(&mut self, first: Option<(usize, TcpEvent)>) -> std::io::Result<()> {
        let now = Instant::now();
        let mut result = Ok(());
        let waiting = std::iter::from_fn(|| self.stream_events.try_recv().ok());
        let events: Vec<(usize, TcpEvent)> = first.into_iter().chain(waiting.take(EVENTS_PER_TURN)).collect();
        for (index, event) in events {
            if let Some(streams) = self.listeners[index].socket.streams_mut() {
                result = streams.handle(now, event).and(result);
            }
            self.flush(now);
        }
        result
    }

    /// Carries out what the connections of a listener want done.
    pub(super) fn flush_streams(&mut self, now: Instant, index: usize) {
        while let Some(output) = self.listeners[index].socket.streams_mut().and_then(|streams| streams.poll_output()) {
            let endpoint = |number| CoapEndpoint::Association { listener: index, number };
            match output {
                StreamOutput::Message { number, route, message, largest_message } => {
                    self.datagrams_in += 1;
                    let (endpoint, largest_message) = (endpoint(number), Some(largest_message));
                    let origin = Origin { endpoint, route, peer: &Peer::Unauthenticated, largest_message };
                    self.server.handle_datagram(now, origin, &message.encode());
                }
                StreamOutput::Closed(number) => self.server.handle_closed(now, endpoint(number)),
            }
        }
    }

    /// TCP connections that were closed at once since the start, because there were too many.
    pub(super) fn refused_connections(&self) -> u64 {
        self.listeners.iter().filter_map(|listener| listener.socket.streams()).map(StreamFront::refused).sum()
    }

    /// Sends what the bootstrap server says to a connection.
    pub(super) fn send_on_stream(&mut self, now: Instant, listener: usize, number: u64, datagram: &[u8]) {
        let streams = self.listeners[listener].socket.streams_mut();
        if let (Some(streams), Ok(message)) = (streams, Message::decode(datagram)) {
            self.datagrams_out += 1;
            streams.send(now, number, &message);
        }
    }
}

/// The UDP sockets, and the index of the listener that each belongs to.
pub(super) fn udp_sockets(listeners: &[Listener]) -> (Vec<usize>, Vec<&UdpListener>) {
    let sockets = listeners.iter().enumerate();
    sockets.filter_map(|(index, listener)| Some((index, listener.socket.datagrams()?))).unzip()
}
