//! Accepts connections, bounds them, and tells each request which user asks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::socket::AdminSocket;
use super::{Access, Service, router};

/// Connections at a time; more wait to be accepted.
const MAXIMUM_CONNECTIONS: usize = 64;
/// For a request's head to arrive, counted from the connection or from the last answer on it.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// For requests that are being answered when the service stops.
const GRACE: Duration = Duration::from_secs(5);
/// After an accept that failed, as for want of file descriptors: trying at once again would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The user at the other end, as the kernel tells it (SO_PEERCRED).
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerUid(pub Option<u32>);

/// Answers on `socket`, which has the routes of `access`, until `stop` is done; then lets running requests finish for at
/// most 5 s.
pub async fn serve(socket: AdminSocket, service: Arc<Service>, access: Access, stop: impl Future<Output = ()>) {
    let router = router(service, access);
    let slots = Arc::new(Semaphore::new(MAXIMUM_CONNECTIONS));
    let (stopping, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&socket, &slots) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let connection = converse(stream, router.clone(), stopping.subscribe());
                connections.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin socket cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    stopping.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::warn!("requests on the admin socket were cut short");
    }
}

/// The next connection, once there is a slot for it.
async fn accept(
    socket: &AdminSocket,
    slots: &Arc<Semaphore>,
) -> std::io::Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = socket.listener.accept().await?;
    Ok((stream, slot))
}

/// Answers the requests of one connection until it closes or the service stops.
async fn converse(stream: UnixStream, router: Router, mut stopping: watch::Receiver<bool>) {
    let uid = stream.peer_cred().ok().map(|credentials| credentials.uid());
    let service = TowerToHyperService::new(router.layer(Extension(PeerUid(uid))));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        // What the channel lends must not live on into the branch: it cannot cross threads.
        _ = async { stopping.wait_for(|stopping| *stopping).await.is_ok() } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the admin socket broke");
    }
}
