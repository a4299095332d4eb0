//! The writer: one thread that owns the one writing connection, and group commit.
//!
//! Jobs that wait together share one transaction and one sync of the disk; each has a savepoint of its own, so that one
//! that fails takes nothing of the others with it. A job is acknowledged only after COMMIT returned.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::task::{Context, Poll};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::error::StoreError;
use super::sealing::Sealer;

/// How many waiting jobs share one COMMIT at most: enough to spare the disk, few enough to bound what one fault undoes.
const GROUP: usize = 128;

/// The answer to a job that is on its way: `.await` it, or [`Pending::wait`] where there is no runtime.
#[must_use = "only the answer says whether it was done"]
pub struct Pending<T, E = StoreError> {
    answer: oneshot::Receiver<Result<T, E>>,
}

impl<T, E: From<StoreError>> Pending<T, E> {
    /// Blocks the thread until the answer is there.
    ///
    /// # Errors
    /// The job's own, or [`StoreError::Closed`].
    ///
    /// # Panics
    /// On a thread that drives asynchronous tasks, as tokio demands.
    pub fn wait(self) -> Result<T, E> {
        self.answer.blocking_recv().unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// An answer, and where to put it.
    pub(super) fn new() -> (oneshot::Sender<Result<T, E>>, Pending<T, E>) {
        let (sender, answer) = oneshot::channel();
        (sender, Pending { answer })
    }
}

impl<T, E: From<StoreError>> Future for Pending<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        let answer = Pin::new(&mut self.answer).poll(context);
        answer.map(|answer| answer.unwrap_or_else(|_| Err(StoreError::Closed.into())))
    }
}

/// What a job works with, inside its transaction.
pub(super) struct Work<'c> {
    pub connection: &'c Connection,
    pub sealer: &'c Sealer,
    /// Set by whatever changes servers, profiles or models.
    pub catalog_changed: Cell<bool>,
}

/// A job: does its work and says how to acknowledge it, or answers at once why it cannot be begun.
pub(super) type Job = Box<dyn FnOnce(Result<&Work<'_>, StoreError>) -> Option<Done> + Send>;

/// What a job left behind.
pub(super) struct Done {
    /// Whether its changes are to stay.
    keep: bool,
    /// Called once the transaction has ended.
    acknowledge: Acknowledge,
}

/// Takes nothing if the transaction is durable, else what went wrong.
type Acknowledge = Box<dyn FnOnce(Option<StoreError>)>;

/// Puts `work` into the queue of the writer.
pub(super) fn submit<T, E>(
    queue: &Sender<Job>,
    work: impl FnOnce(&Work<'_>) -> Result<T, E> + Send + 'static,
) -> Pending<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (sender, pending) = Pending::new();
    // Whoever asked may have gone away when the answer is sent; what was done is done.
    let job: Job = Box::new(move |begun| match begun {
        Err(error) => {
            let _ = sender.send(Err(error.into()));
            None
        }
        Ok(context) => {
            let result = work(context);
            let keep = result.is_ok();
            let acknowledge = Box::new(move |fault: Option<StoreError>| {
                let answer = match fault {
                    Some(fault) if keep => Err(fault.into()),
                    _ => result,
                };
                let _ = sender.send(answer);
            });
            Some(Done { keep, acknowledge })
        }
    });
    // A queue without a writer drops the job and with it the sender, which answers `Closed`.
    let _ = queue.send(job);
    pending
}

/// Runs until every [`Sender`] of the queue is gone and the queue is empty.
pub(super) fn run(mut connection: Connection, sealer: &Sealer, generation: &AtomicU64, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let jobs = std::iter::once(first).chain(queue.try_iter()).take(GROUP);
        let mut done = Vec::new();
        let outcome = commit_group(&mut connection, sealer, jobs, &mut done);
        if let Ok(true) = outcome {
            generation.fetch_add(1, Ordering::Release);
        }
        let fault = outcome.err();
        for acknowledge in done {
            acknowledge(fault.clone());
        }
    }
}

/// One transaction for `jobs`; says whether servers or profiles changed.
///
/// On an error nothing of the group stays, whatever its jobs thought: SQLite may have undone the whole transaction in
/// the midst of one of them (a full disk), and then its savepoint is gone and cannot be released.
fn commit_group(
    connection: &mut Connection,
    sealer: &Sealer,
    mut jobs: impl Iterator<Item = Job>,
    done: &mut Vec<Acknowledge>,
) -> Result<bool, StoreError> {
    let mut catalog_changed = false;
    let mut transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            let error = StoreError::from(error);
            // The first job alone: those behind it stay in the queue, and each tries again.
            jobs.next().and_then(|job| job(Err(error.clone())));
            return Err(error);
        }
    };
    for job in jobs {
        let savepoint = match transaction.savepoint() {
            Ok(savepoint) => savepoint,
            Err(error) => {
                let error = StoreError::from(error);
                job(Err(error.clone()));
                return Err(error);
            }
        };
        let work = Work { connection: &savepoint, sealer, catalog_changed: Cell::new(false) };
        let Some(Done { keep, acknowledge }) = job(Ok(&work)) else { continue };
        done.push(acknowledge);
        let changed = work.catalog_changed.get();
        if keep {
            savepoint.commit()?;
            catalog_changed |= changed;
        } else {
            savepoint.finish()?;
        }
    }
    transaction.commit()?;
    Ok(catalog_changed)
}
