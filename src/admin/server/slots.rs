//! How many long requests are answered at a time: each holds a thread, a view of the database or much memory.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure::Failure;

/// Exports at a time. Each keeps a view of the database, beside which the write-ahead log only grows.
const EXPORTS: usize = 4;

/// Places for requests that take long.
#[derive(Clone, Debug)]
pub struct Slots {
    pub(super) exports: Arc<Semaphore>,
    pub(super) imports: Arc<Semaphore>,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots { exports: Arc::new(Semaphore::new(EXPORTS)), imports: Arc::new(Semaphore::new(1)) }
    }
}

impl Slots {
    /// A place for an export.
    ///
    /// # Errors
    /// A failure of status 429: all are taken.
    pub(super) fn export(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.exports).try_acquire_owned().map_err(|_| {
            let detail = format!("{EXPORTS} exports are under way: try again when one has ended");
            Failure::new(StatusCode::TOO_MANY_REQUESTS, detail)
        })
    }

    /// The place for an import or an apply.
    ///
    /// # Errors
    /// A failure of status 409: it is taken.
    pub(super) fn import(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.imports).try_acquire_owned().map_err(|_| {
            Failure::new(StatusCode::CONFLICT, "another import or apply is under way: try again when it has ended")
        })
    }
}
