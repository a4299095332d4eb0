//! Asks for many definitions at once: import, export, apply.
//!
//! The answers may be long and take their time, so that they are handed on while they come.

use std::io::Write;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Response};
use serde_json::Value;

use super::{ANSWER_LIMIT, Client, ClientError, Connection, DeviceQuery};
use crate::admin::api::{CSV_MEDIA_TYPE, Fleet, FleetSummary, ImportLine, ImportSummary, StatedDevice, query_of};

/// Between two parts of a long answer: the checks of a million rows stand in between.
const PATIENCE: Duration = Duration::from_secs(600);

impl Client {
    /// Writes the devices of a table, all or none; `progress` is told how many rows of how many are written.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 422 names the rows that cannot be written.
    pub async fn import_devices(
        &self,
        table: Vec<u8>,
        dry_run: bool,
        update: bool,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<ImportSummary, ClientError> {
        let flag = |set: bool| set.then(|| "true".to_owned());
        let query = query_of(&[("dry_run", flag(dry_run)), ("update", flag(update))]);
        let body = Some((CSV_MEDIA_TYPE, Bytes::from(table)));
        let (answer, _connection) =
            self.open_patiently(Method::POST, &format!("/v1/import/devices{query}"), body).await?;
        let mut answer = successful(answer).await?;
        let mut rest = Vec::new();
        while let Some(data) = next(&mut answer).await? {
            rest.extend_from_slice(&data);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                match serde_json::from_slice(&line).map_err(|error| ClientError::Protocol(error.to_string()))? {
                    ImportLine::Progress { written, of } => progress(written, of),
                    ImportLine::Imported(summary) => return Ok(summary),
                    ImportLine::Failed(problem) => return Err(ClientError::Problem(problem)),
                }
            }
        }
        Err(ClientError::Protocol("it broke off: nothing may have been imported".to_owned()))
    }

    /// Writes devices as a table to `output`, page by page in whatever order `query` says; with keys, which is audited,
    /// where `reveal` says so.
    ///
    /// # Errors
    /// [`ClientError`], and [`ClientError::Output`] where `output` takes no more.
    pub async fn export_devices(
        &self,
        query: &DeviceQuery,
        reveal: bool,
        output: &mut impl Write,
    ) -> Result<(), ClientError> {
        let method = if reveal { Method::POST } else { Method::GET };
        let (answer, _connection) =
            self.open_patiently(method, &format!("/v1/export/devices{}", query.to_text()), None).await?;
        let mut answer = successful(answer).await?;
        while let Some(data) = next(&mut answer).await? {
            output.write_all(&data).map_err(ClientError::Output)?;
        }
        output.flush().map_err(ClientError::Output)
    }

    /// What the database defines; with its secrets, which is audited, where `reveal` says so.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn export_fleet(&self, reveal: bool) -> Result<Fleet, ClientError> {
        self.exchange(if reveal { Method::POST } else { Method::GET }, "/v1/export", None).await
    }

    /// Makes the database say what `fleet` says, with `prune` nothing else; `deletions` is how many entries were agreed to
    /// be deleted.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 422 names everything that stands in the way, 409 says that other entries would
    /// be deleted.
    pub async fn apply(
        &self,
        fleet: &Fleet<StatedDevice>,
        dry_run: bool,
        prune: bool,
        deletions: Option<u64>,
    ) -> Result<FleetSummary, ClientError> {
        let flag = |set: bool| set.then(|| "true".to_owned());
        let deletions = deletions.map(|count| count.to_string());
        let query = query_of(&[("dry_run", flag(dry_run)), ("prune", flag(prune)), ("deletions", deletions)]);
        let body = serde_json::to_vec(fleet).map_err(|error| ClientError::Protocol(error.to_string()))?;
        let (answer, _connection) = self
            .open_patiently(Method::POST, &format!("/v1/apply{query}"), Some(("application/json", body.into())))
            .await?;
        let answer = Limited::new(successful(answer).await?, ANSWER_LIMIT).collect().await;
        let answer = answer.map_err(|error| ClientError::Protocol(error.to_string()))?.to_bytes();
        serde_json::from_slice(&answer).map_err(|error| ClientError::Protocol(error.to_string()))
    }
}

impl Client {
    async fn open_patiently(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<(Response<Incoming>, Connection), ClientError> {
        tokio::time::timeout(PATIENCE, self.open(method, path, body)).await.map_err(|_| ClientError::TimedOut)?
    }
}

/// The body of a success, or what the problem is.
async fn successful(answer: Response<Incoming>) -> Result<Incoming, ClientError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer.into_body());
    }
    let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await.map(|body| body.to_bytes());
    match body.ok().and_then(|body| serde_json::from_slice::<Value>(&body).ok()).map(serde_json::from_value) {
        Some(Ok(problem)) => Err(ClientError::Problem(problem)),
        _ => Err(ClientError::Protocol(format!("status {status} without problem details"))),
    }
}

/// The next part of a body; none at its end.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, ClientError> {
    loop {
        match tokio::time::timeout(PATIENCE, body.frame()).await.map_err(|_| ClientError::TimedOut)? {
            None => return Ok(None),
            Some(Err(error)) => return Err(ClientError::Protocol(format!("it broke off: {error}"))),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
