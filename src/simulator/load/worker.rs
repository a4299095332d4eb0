//! One loop of the load generator: a socket, and one client after the other on it.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::{LoadError, Shared};
use crate::simulator::shell::{
    Alarm, Association, ClientCertificate, HANDSHAKE_LIMIT, Psk, Session, connected_socket, drive, say_goodbye,
};
use crate::simulator::{Client, ClientConfiguration, Failure, Traffic};

/// Bootstraps from one port. Each takes one message id of 65,536, and a server remembers them for 247 s.
const USES_OF_A_PORT: u16 = 60_000;

/// A start that comes later than this after its time counts as late; tokio's timers have a grain of 1 ms.
const LATE: Duration = Duration::from_millis(10);

/// No client begins later than this, in seconds, so that no rate can overflow a clock: about three years.
const LATEST_START: f64 = 1e8;

/// Longest datagram that is read: far more than a bootstrap's operations have.
const BUFFER: usize = 4096;

/// How often each local port has been used, so that message ids go on where they were when one comes again.
#[derive(Default)]
pub(super) struct Ports(HashMap<u16, u16>);

impl Ports {
    /// The next message id for this port; none when it has been used up.
    fn next_message_id(&mut self, port: u16) -> Option<u16> {
        let used = self.0.entry(port).or_default();
        // Ports start at different ids, so that nothing depends on one of them.
        (*used < USES_OF_A_PORT).then(|| {
            *used += 1;
            used.wrapping_add(port)
        })
    }
}

/// Opens the sockets and begins.
///
/// # Errors
///
/// [`LoadError::Sockets`] if there are not enough of them.
pub(super) async fn spawn(shared: &Rc<Shared>) -> Result<JoinSet<io::Result<()>>, LoadError> {
    let wanted = u64::try_from(shared.configuration.concurrency).unwrap_or(u64::MAX);
    let concurrency = wanted.min(shared.configuration.count);
    let mut loops = JoinSet::new();
    for _ in 0..concurrency {
        let socket = connected_socket(shared.address)
            .await
            .map_err(|source| LoadError::Sockets { concurrency: shared.configuration.concurrency, source })?;
        loops.spawn_local(run(Rc::clone(shared), socket));
    }
    Ok(loops)
}

/// Takes numbers until there are none left.
async fn run(shared: Rc<Shared>, mut socket: UdpSocket) -> io::Result<()> {
    let mut alarm = Alarm::new();
    let mut buffer = vec![0; BUFFER];
    let mut reusable = true;
    while let Some(number) = shared.take_number() {
        shared.wait_for_turn(number).await;
        // DTLS: a port of its own for each client. NoSec: after a failure, nothing late may reach the next client.
        if !reusable {
            socket = connected_socket(shared.address).await?;
        }
        let message_id = match shared.dtls {
            Some(_) => None,
            None => Some(shared.message_id(&mut socket).await?),
        };
        let succeeded = shared.bootstrap(number, message_id, &socket, &mut alarm, &mut buffer).await;
        reusable = succeeded && shared.dtls.is_none();
    }
    Ok(())
}

impl Shared {
    fn take_number(&self) -> Option<u64> {
        let number = self.next.get();
        (number < self.configuration.count).then(|| {
            self.next.set(number + 1);
            number
        })
    }

    /// With a rate, client `number` begins at its own time, however long the ones before it took.
    async fn wait_for_turn(&self, number: u64) {
        let Some(rate) = self.configuration.rate else { return };
        let due = self.begin + Duration::from_secs_f64((number as f64 / rate).min(LATEST_START));
        sleep_until(due.into()).await;
        if due.elapsed() > LATE {
            self.tally.borrow_mut().late_starts += 1;
        }
    }

    /// A message id that this port has not used for long; the socket is replaced if its port has none left.
    async fn message_id(&self, socket: &mut UdpSocket) -> io::Result<u16> {
        loop {
            let port = socket.local_addr()?.port();
            let id = self.ports.borrow_mut().next_message_id(port);
            match id {
                Some(id) => return Ok(id),
                None => *socket = connected_socket(self.address).await?,
            }
        }
    }

    /// Runs one client and counts it; tells whether it came to a good end.
    async fn bootstrap(
        &self,
        number: u64,
        message_id: Option<u16>,
        socket: &UdpSocket,
        alarm: &mut Alarm,
        buffer: &mut [u8],
    ) -> bool {
        let begin = Instant::now();
        let mut session = match self.session(number, message_id, begin) {
            Ok(session) => session,
            Err(failure) => {
                self.tally.borrow_mut().add(Err(failure), begin.elapsed(), Traffic::default());
                return false;
            }
        };
        let result = drive(socket, self.address, &mut session, alarm, buffer).await;
        let latency = begin.elapsed();
        let succeeded = result.is_ok();
        if succeeded && self.configuration.close_associations {
            say_goodbye(socket, &mut session).await;
        }
        self.tally.borrow_mut().add(result, latency, session.traffic());
        succeeded
    }

    fn session(&self, number: u64, message_id: Option<u16>, now: Instant) -> Result<Session, Failure> {
        let template = &self.configuration.client;
        let configuration = ClientConfiguration {
            endpoint: numbered(&template.endpoint, number),
            first_message_id: message_id,
            clock: template.clock + now.saturating_duration_since(self.begin).as_secs(),
            ..template.clone()
        };
        let limit = HANDSHAKE_LIMIT.min(configuration.limit);
        let association = match (&self.dtls, &self.configuration.psk, self.certificate_of(number)) {
            (Some(context), Some(psk), _) => {
                let psk = Psk { identity: numbered(&psk.identity, number), key: psk.key.clone() };
                Some(Association::new(context, psk, now, limit)?)
            }
            (Some(context), None, Some(certificate)) => {
                let host = &self.configuration.target.host;
                Some(Association::with_certificate(context, certificate, host, now, limit)?)
            }
            _ => None,
        };
        Ok(Session::new(Client::new(configuration, self.seed_of(number)), association))
    }

    fn certificate_of(&self, number: u64) -> Option<&ClientCertificate> {
        let certificates = &self.configuration.certificates;
        let at = number.checked_rem(certificates.len() as u64)?;
        certificates.get(usize::try_from(at).ok()?)
    }

    /// A seed for each client from the one of the run; neither token nor jitter needs to be unpredictable here.
    fn seed_of(&self, number: u64) -> [u8; 32] {
        let mut seed = self.seed;
        seed[..8].iter_mut().zip(number.to_le_bytes()).for_each(|(byte, mixed)| *byte ^= mixed);
        seed
    }
}

/// Puts the number of the client, counted from 1, in place of `{n}`.
fn numbered(template: &str, number: u64) -> String {
    template.replace("{n}", &(number + 1).to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Ports, USES_OF_A_PORT, numbered};

    #[test]
    fn clients_are_numbered_from_one() {
        assert_eq!(numbered("meter-{n}/{n}", 0), "meter-1/1");
        assert_eq!(numbered("meter", 41), "meter");
    }

    #[test]
    fn a_port_never_repeats_a_message_id_and_is_used_up_in_the_end() {
        let mut ports = Ports::default();
        let mut seen = HashSet::new();
        while let Some(id) = ports.next_message_id(50_000) {
            assert!(seen.insert(id));
        }
        assert_eq!(seen.len(), usize::from(USES_OF_A_PORT));
        assert!(ports.next_message_id(50_001).is_some());
    }
}
