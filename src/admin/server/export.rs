//! Everything that is defined, as one answer: `/v1/export/devices` and `/v1/export`.
//!
//! An export goes out while it is read, on a thread and a connection to the database of its own, and is never in memory
//! as a whole. A reader that takes nothing for a while loses it.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use serde::Serialize;

use super::Shared;
use super::connection::PeerUid;
use super::definitions::{DevicesQuery, stamp};
use super::failure::Failure;
use super::table;
use crate::admin::api::CSV_MEDIA_TYPE;
use crate::provision::HoldsSecrets;
use crate::store::{DeviceQuery, Entry, Kind, Origin, Reader, StoreError};

/// Bytes that go out at once.
const CHUNK: usize = 64 << 10;
/// Chunks that wait to be sent.
const WAITING: usize = 16;
/// How long a reader may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);
/// Devices that are read at once.
const PAGE: u32 = 1000;

/// What is written goes out through this.
type Output<'s> = io::BufWriter<Outlet<'s>>;

/// Devices as a table, without keys.
pub async fn export_devices(
    State(service): State<Shared>,
    query: Result<Query<DevicesQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    table_of(&service, query?.0.read()?, false)
}

/// Devices as a table, with their keys; the audit line is durable before the first goes out.
pub async fn reveal_devices(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    query: Result<Query<DevicesQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let query = query?.0.read()?;
    let stamp = stamp(peer);
    service.store.note_export(stamp.actor, stamp.at, Kind::Device, "export of devices").await?;
    table_of(&service, query, true)
}

/// What the database defines, without secrets.
pub async fn export_fleet(State(service): State<Shared>) -> Result<Response, Failure> {
    stream(&service, "application/json", PATIENCE, |reader, output| write_fleet(reader, false, output))
}

/// What the database defines, with its secrets; the audit line is durable before they go out.
pub async fn reveal_fleet(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
) -> Result<Response, Failure> {
    let stamp = stamp(peer);
    for (kind, what) in [
        (Kind::Server, "export of servers"),
        (Kind::Profile, "export of profiles"),
        (Kind::Device, "export of devices"),
    ] {
        service.store.note_export(stamp.actor, stamp.at, kind, what).await?;
    }
    stream(&service, "application/json", PATIENCE, |reader, output| write_fleet(reader, true, output))
}

fn table_of(service: &Shared, query: DeviceQuery, keys: bool) -> Result<Response, Failure> {
    let query = DeviceQuery { after: None, limit: PAGE, ..query };
    stream(service, CSV_MEDIA_TYPE, PATIENCE, move |reader, output| {
        let names = reader.property_names()?;
        let mut writer = table::Writer::new(output, names, keys).map_err(gone)?;
        reader.each_device(&query, keys, |entry| writer.write(&entry.definition).map_err(gone))?;
        writer.flush().map_err(gone)
    })
}

/// An answer that `write` writes, on a thread of its own, so that an export blocks no other list.
fn stream(
    service: &Shared,
    media_type: &'static str,
    patience: Duration,
    write: impl FnOnce(&mut Reader, &mut Output<'_>) -> Result<(), StoreError> + Send + 'static,
) -> Result<Response, Failure> {
    let slot = service.slots.export()?;
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(WAITING);
    let service = Shared::clone(service);
    tokio::task::spawn_blocking(move || {
        let mut output = io::BufWriter::with_capacity(CHUNK, Outlet { sender: &mut sender, patience, is_lost: false });
        let written = service.store.reader().and_then(|mut reader| write(&mut reader, &mut output));
        let written = written.and_then(|()| output.flush().map_err(gone));
        drop(output);
        // Whoever has read all of it may ask for the next.
        drop(slot);
        if let Err(error) = written {
            tracing::warn!(%error, "an export broke off");
            // Nothing but a connection that breaks tells a reader that it is not whole.
            sender.abort(io::Error::other("the export broke off"));
        }
    });
    Ok(([(header::CONTENT_TYPE, media_type)], Body::new(body)).into_response())
}

/// Whoever reads has gone away, or takes nothing.
fn gone<E>(_: E) -> StoreError {
    StoreError::Closed
}

/// Writes what the database defines as [`crate::admin::api::Fleet`] reads it.
fn write_fleet(reader: &mut Reader, secrets: bool, output: &mut Output<'_>) -> Result<(), StoreError> {
    fn own<D: HoldsSecrets>(entries: Vec<Entry<D>>, secrets: bool) -> Vec<D> {
        let own = entries.into_iter().filter(|entry| entry.origin == Origin::Database);
        own.map(|entry| if secrets { entry.definition } else { entry.definition.without_secrets() }).collect()
    }
    let servers = own(reader.servers_with_secrets()?, secrets);
    let profiles = own(reader.profiles_with_secrets()?, secrets);
    put(output, "{\"servers\":", &servers)?;
    put(output, ",\"profiles\":", &profiles)?;
    output.write_all(b",\"devices\":[").map_err(gone)?;
    let query = DeviceQuery { origin: Some(Origin::Database), limit: PAGE, ..DeviceQuery::default() };
    let mut before = "";
    reader.each_device(&query, secrets, |entry| put(output, std::mem::replace(&mut before, ","), &entry.definition))?;
    output.write_all(b"]}").map_err(gone)
}

fn put(output: &mut Output<'_>, before: &str, value: &impl Serialize) -> Result<(), StoreError> {
    output.write_all(before.as_bytes()).map_err(gone)?;
    serde_json::to_writer(output, value).map_err(gone)
}

/// Sends what is written, and waits a while where nobody takes it.
struct Outlet<'s> {
    sender: &'s mut Sender<Bytes, io::Error>,
    patience: Duration,
    /// What is written into a buffer is offered again when that is dropped: nobody is waited for twice.
    is_lost: bool,
}

impl Write for Outlet<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.is_lost {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let data = Bytes::copy_from_slice(buffer);
        let sent = tokio::runtime::Handle::current()
            .block_on(async { tokio::time::timeout(self.patience, self.sender.send_data(data)).await });
        self.is_lost = !matches!(sent, Ok(Ok(())));
        match sent {
            Ok(Ok(())) => Ok(buffer.len()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use http_body_util::BodyExt;
    use serde_json::json;

    use super::{CHUNK, CSV_MEDIA_TYPE, Output, PATIENCE, Shared, StoreError, gone, stream};
    use crate::admin::server::tests::world::World;

    fn endless(output: &mut Output<'_>) -> Result<(), StoreError> {
        loop {
            output.write_all(&[b'x'; CHUNK]).map_err(gone)?;
        }
    }

    fn start(service: &Shared, patience: Duration) -> axum::response::Response {
        stream(service, CSV_MEDIA_TYPE, patience, |_, output| endless(output)).unwrap()
    }

    /// Once all places are free.
    async fn all_are_free(world: &World) {
        let _all = world.service.slots.exports.acquire_many(4).await.unwrap();
    }

    #[tokio::test]
    async fn there_are_four_exports_at_a_time() {
        let world = World::new().await;
        let unread: Vec<_> = (0..4).map(|_| start(&world.service, PATIENCE)).collect();
        for path in ["/v1/export/devices", "/v1/export"] {
            for method in ["GET", "POST"] {
                let answer = world.ask(method, path, "text/plain", "").await;
                assert_eq!(answer.status, 429, "{answer:?}");
                assert!(answer.json()["detail"].as_str().unwrap().contains("4 exports are under way"), "{answer:?}");
            }
        }
        drop(unread);
        all_are_free(&world).await;
        for _ in 0..5 {
            assert_eq!(world.get("/v1/export").await.json(), json!({"servers": [], "profiles": [], "devices": []}));
        }
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_loses_the_export() {
        let world = World::new().await;
        let unread = start(&world.service, Duration::ZERO);
        all_are_free(&world).await;
        assert!(unread.into_body().collect().await.is_err(), "it must not be taken for whole");
    }
}
