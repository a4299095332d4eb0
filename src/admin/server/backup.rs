//! `/v1/backup`: a copy of the live database.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};

use super::Shared;
use super::connection::PeerUid;
use super::failure::Failure;
use crate::admin::api::{BACKUP_DEVICES, BACKUP_MEDIA_TYPE};
use crate::store::{Actor, Backup, UnixMillis};

pub async fn backup(State(service): State<Shared>, Extension(peer): Extension<PeerUid>) -> Result<Response, Failure> {
    let actor = Actor::admin_socket(peer.0);
    let backup = service.store.backup(actor, UnixMillis::from(SystemTime::now())).await?;
    let head = [
        (header::CONTENT_TYPE.as_str(), BACKUP_MEDIA_TYPE.to_owned()),
        (header::CACHE_CONTROL.as_str(), "no-store".to_owned()),
        (BACKUP_DEVICES, backup.devices.to_string()),
    ];
    let left = backup.length;
    Ok((head, Body::new(CopyBody { backup, left })).into_response())
}

/// The copy as a body of known length, so that whoever takes it knows when it is whole.
struct CopyBody {
    backup: Backup,
    left: u64,
}

impl hyper::body::Body for CopyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.backup.chunks.poll_recv(context).map(|chunk| match chunk {
            Some(Ok(chunk)) => {
                self.left = self.left.saturating_sub(chunk.len() as u64);
                Some(Ok(Frame::data(Bytes::from(chunk))))
            }
            Some(Err(error)) => {
                tracing::error!(%error, "a backup broke off");
                Some(Err(error))
            }
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
