//! [`Store`]: the way to the one writer, from any thread.
//!
//! Every method that changes something returns a [`Pending`], whose answer comes after COMMIT. Lookups go through a
//! [`Reader`] of one's own, or through [`Store::read`] where blocking on a file is not wanted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use super::admin;
use super::audit::{self, Stamp, Verb};
use super::backup::{self, Backup};
use super::blocking::{self, StatesChanged};
use super::bulk::{self, DeviceRow, Import, ImportError, Imported};
use super::cascade::{self, Hanging};
use super::devices::Devices;
use super::entry::{
    Actor, DeviceCredentials, DeviceEntry, DeviceLearned, DeviceOutcome, Entry, Key, ProfileEntry, ServerEntry,
    UnixMillis,
};
use super::error::{ChangeError, Kind, OpenError, StoreError};
use super::file::{self, FileApplied, FileDefinitions, FileMode};
use super::fleet::{self, Apply, FleetApplied, FleetError, FleetFiles};
use super::issued;
use super::knowledge;
use super::models;
use super::noun::Noun;
use super::open::{self, Lock};
use super::outcomes;
use super::profiles::Profiles;
use super::reader::Reader;
use super::sealing::Sealer;
use super::sealing_key::SealingKey;
use super::servers::Servers;
use super::writer::{self, Job, Pending, Work};
use crate::provision::{DeviceDefinition, DeviceState, NewCredentials, ProfileDefinition, ServerDefinition};

/// The open store. Clones share one writer; when the last one is dropped, what waits is written and the files closed.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// None only while dropping.
    queue: Option<Sender<Job>>,
    /// None only while dropping.
    questions: Option<Sender<Question>>,
    /// The writer last: whoever closes a database last tidies its log away, and only it may write.
    threads: [Option<JoinHandle<()>>; 2],
    database: PathBuf,
    sealer: Sealer,
    generation: Arc<AtomicU64>,
    /// Held as long as anything may still write.
    _lock: Lock,
}

type Question = Box<dyn FnOnce(&mut Reader) + Send>;

impl Store {
    /// Opens the database in `state_dir`, making both where they are missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`]: in use by another process, wrong key, later schema, or not usable. Nothing was changed then.
    pub fn open(state_dir: &Path, key: SealingKey) -> Result<Store, OpenError> {
        let open::Opened { connection, database, lock, sealer } = open::open(state_dir, &key)?;
        let generation = Arc::new(AtomicU64::new(0));
        let mut reader = Reader::open(&database, sealer.clone(), Arc::clone(&generation))
            .map_err(|source| OpenError::Database { path: database.clone(), source })?;
        let (queue, jobs) = mpsc::channel::<Job>();
        let (questions, asked) = mpsc::channel::<Question>();
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
            thread.map_err(|source| OpenError::Io { action: "start a thread for", path: database.clone(), source })
        };
        let (writer_sealer, writer_generation) = (sealer.clone(), Arc::clone(&generation));
        let write = move || writer::run(connection, &writer_sealer, &writer_generation, &jobs);
        let read = move || asked.iter().for_each(|question| question(&mut reader));
        let writer = spawn("store-writer", Box::new(write))?;
        let threads = [Some(spawn("store-reader", Box::new(read))?), Some(writer)];
        let (queue, questions) = (Some(queue), Some(questions));
        Ok(Store { inner: Arc::new(Inner { queue, questions, threads, database, sealer, generation, _lock: lock }) })
    }

    /// Number of committed changes to servers, profiles and models since the store was opened: as long as it stays, a
    /// [`super::CatalogRows`] that was read after it is current.
    pub fn generation(&self) -> u64 {
        self.inner.generation.load(Ordering::Acquire)
    }

    /// A read-only connection for the calling thread.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn reader(&self) -> Result<Reader, StoreError> {
        let Inner { database, sealer, generation, .. } = &*self.inner;
        Ok(Reader::open(database, sealer.clone(), Arc::clone(generation))?)
    }

    /// Runs `question` on the store's own reading thread, so that a long list blocks nobody else.
    pub fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<T> {
        let (sender, pending) = Pending::new();
        let question: Question = Box::new(move |reader| {
            // Whoever asked may have gone away.
            let _ = sender.send(question(reader));
        });
        if let Some(questions) = &self.inner.questions {
            // Without a thread the question is dropped, which answers `Closed`.
            let _ = questions.send(question);
        }
        pending
    }

    /// Adds a server account.
    ///
    /// # Errors
    /// [`StoreError::Exists`].
    pub fn add_server(&self, actor: Actor, at: UnixMillis, definition: ServerDefinition) -> Pending<ServerEntry> {
        self.add::<Servers>(Stamp { actor, at }, definition)
    }

    /// Replaces a server account by what `change` makes of it. `change` is given the definition with its key, so that
    /// leaving the key alone keeps it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::DefinedInFile`], [`StoreError::Renamed`], or what `change` refuses.
    pub fn update_server<E: Send + 'static>(
        &self,
        actor: Actor,
        at: UnixMillis,
        key: Key,
        change: impl FnOnce(&ServerDefinition) -> Result<ServerDefinition, E> + Send + 'static,
    ) -> Pending<ServerEntry, ChangeError<E>> {
        self.update::<Servers, E>(Stamp { actor, at }, key, change)
    }

    /// Deletes a server account.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::DefinedInFile`], [`StoreError::InUse`] by profiles.
    pub fn delete_server(&self, actor: Actor, at: UnixMillis, key: Key) -> Pending<()> {
        self.delete::<Servers>(Stamp { actor, at }, key)
    }

    /// A server account with its key; the audit line is durable before the answer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Seal`].
    pub fn reveal_server(&self, actor: Actor, at: UnixMillis, key: Key) -> Pending<ServerEntry> {
        self.reveal::<Servers>(Stamp { actor, at }, key)
    }

    /// Adds a profile.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::UnknownReference`] to a server, [`StoreError::SecondDefault`].
    pub fn add_profile(&self, actor: Actor, at: UnixMillis, definition: ProfileDefinition) -> Pending<ProfileEntry> {
        self.add::<Profiles>(Stamp { actor, at }, definition)
    }

    /// Replaces a profile by what `change` makes of it.
    ///
    /// # Errors
    /// As for [`Store::add_profile`] and [`Store::update_server`].
    pub fn update_profile<E: Send + 'static>(
        &self,
        actor: Actor,
        at: UnixMillis,
        key: Key,
        change: impl FnOnce(&ProfileDefinition) -> Result<ProfileDefinition, E> + Send + 'static,
    ) -> Pending<ProfileEntry, ChangeError<E>> {
        self.update::<Profiles, E>(Stamp { actor, at }, key, change)
    }

    /// Deletes a profile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::DefinedInFile`], [`StoreError::InUse`] by devices: those that name it,
    /// and for the default profile those that name none.
    pub fn delete_profile(&self, actor: Actor, at: UnixMillis, key: Key) -> Pending<()> {
        self.delete::<Profiles>(Stamp { actor, at }, key)
    }

    /// A profile with the secrets of its writes; the audit line is durable before the answer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Seal`].
    pub fn reveal_profile(&self, actor: Actor, at: UnixMillis, key: Key) -> Pending<ProfileEntry> {
        self.reveal::<Profiles>(Stamp { actor, at }, key)
    }

    /// Adds a device.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::IdentityTaken`], [`StoreError::UnknownReference`] to a profile.
    pub fn add_device(&self, actor: Actor, at: UnixMillis, definition: DeviceDefinition) -> Pending<DeviceEntry> {
        writer::submit(self.queue(), move |work: &Work<'_>| {
            let entry = admin::add::<Devices>(work, Stamp { actor, at }, definition)?;
            outcomes::with_last(work.connection, entry)
        })
    }

    /// Replaces a device by what `change` makes of it, as [`Store::update_server`] does.
    ///
    /// # Errors
    /// As for [`Store::add_device`] and [`Store::update_server`].
    pub fn update_device<E: Send + 'static>(
        &self,
        actor: Actor,
        at: UnixMillis,
        key: Key,
        change: impl FnOnce(&DeviceDefinition) -> Result<DeviceDefinition, E> + Send + 'static,
    ) -> Pending<DeviceEntry, ChangeError<E>> {
        writer::submit(self.queue(), move |work: &Work<'_>| {
            let entry = admin::update::<Devices, E>(work, Stamp { actor, at }, &key, change)?;
            Ok(outcomes::with_last(work.connection, entry)?)
        })
    }

    /// Deletes a device and its last outcome.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::DefinedInFile`].
    pub fn delete_device(&self, actor: Actor, at: UnixMillis, key: Key) -> Pending<()> {
        self.delete::<Devices>(Stamp { actor, at }, key)
    }

    /// A device with its key; the audit line is durable before the answer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Seal`].
    pub fn reveal_device(&self, actor: Actor, at: UnixMillis, key: Key) -> Pending<DeviceEntry> {
        writer::submit(self.queue(), move |work: &Work<'_>| {
            let entry = admin::reveal::<Devices>(work, Stamp { actor, at }, &key)?;
            outcomes::with_last(work.connection, entry)
        })
    }

    /// Writes many devices, all or none; `progress` is told now and then how many have been written. While it works no
    /// other change is made (`benches/fleet.rs` says for how long).
    ///
    /// # Errors
    /// [`ImportError::Rows`] names every row that cannot be written.
    pub fn import_devices(
        &self,
        actor: Actor,
        at: UnixMillis,
        rows: Vec<DeviceRow>,
        import: Import,
        progress: impl Fn(u64) + Send + 'static,
    ) -> Pending<Imported, ImportError> {
        writer::submit(self.queue(), move |work: &Work<'_>| {
            on_trial(work, import.dry_run, || {
                let stamp = Stamp { actor, at };
                let changes = bulk::write_devices(work, stamp, rows, import.update, &progress)?;
                let imported = bulk::summary(&changes);
                let counted = format!("{} added, {} changed", imported.added, imported.changed);
                audit::write_many(work.connection, stamp, Verb::Import, Devices::KIND, &counted)?;
                Ok(imported)
            })
        })
    }

    /// Makes the database say what `fleet` says, all or nothing.
    ///
    /// # Errors
    /// [`FleetError::Problems`] names everything that stands in the way.
    pub fn apply_fleet(
        &self,
        actor: Actor,
        at: UnixMillis,
        fleet: FleetFiles,
        apply: Apply,
    ) -> Pending<FleetApplied, FleetError> {
        writer::submit(self.queue(), move |work: &Work<'_>| {
            on_trial(work, apply.dry_run, || fleet::apply(work, Stamp { actor, at }, fleet, apply))
        })
    }

    /// Deletes a server account with the profiles that name it and the devices that name these, if that are `agreed`
    /// entries.
    ///
    /// # Errors
    /// As for [`Store::delete_server`]; [`StoreError::FileDepends`], [`StoreError::OtherDependents`].
    pub fn delete_server_cascading(&self, actor: Actor, at: UnixMillis, key: Key, agreed: u64) -> Pending<Hanging> {
        writer::submit(self.queue(), move |work| cascade::delete_server(work, Stamp { actor, at }, &key, agreed))
    }

    /// Deletes a profile with the devices that name it, if that are `agreed` entries.
    ///
    /// # Errors
    /// As for [`Store::delete_server_cascading`].
    pub fn delete_profile_cascading(&self, actor: Actor, at: UnixMillis, key: Key, agreed: u64) -> Pending<Hanging> {
        writer::submit(self.queue(), move |work| cascade::delete_profile(work, Stamp { actor, at }, &key, agreed))
    }

    /// Leaves the audit line of an export with keys; durable before the answer, and so before the first key goes out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn note_export(&self, actor: Actor, at: UnixMillis, kind: Kind, what: &'static str) -> Pending<()> {
        writer::submit(self.queue(), move |work: &Work<'_>| {
            audit::write_many(work.connection, Stamp { actor, at }, Verb::Reveal, kind, what)
        })
    }

    /// Keeps what was drawn for the device of this number. Nothing of it may be sent before the answer is there.
    ///
    /// # Errors
    /// [`StoreError::IssuedIdentityTaken`]: draw again; [`StoreError::NotFound`]: the device has been deleted.
    pub fn issue(&self, device: i64, at: UnixMillis, drawn: Vec<NewCredentials>) -> Pending<()> {
        writer::submit(self.queue(), move |work: &Work<'_>| issued::keep(work, device, at, &drawn))
    }

    /// The client has taken the issued credentials of these numbers; older ones of the same accounts are dropped.
    pub fn confirm_issued(&self, ids: Vec<i64>, at: UnixMillis) -> Pending<()> {
        writer::submit(self.queue(), move |work: &Work<'_>| issued::confirm(work.connection, &ids, at))
    }

    /// The client has proven the issued credentials of this number to us: they are confirmed, older ones are dropped, and
    /// the credentials of the device's definition are good no more.
    pub fn prove_issued(&self, id: i64, at: UnixMillis) -> Pending<()> {
        writer::submit(self.queue(), move |work: &Work<'_>| issued::prove(work.connection, id, at))
    }

    /// Has new credentials issued at the device's next bootstrap, for every account that draws any.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn request_rotation(&self, actor: Actor, at: UnixMillis, key: Key) -> Pending<()> {
        writer::submit(self.queue(), move |work: &Work<'_>| issued::request_rotation(work, Stamp { actor, at }, &key))
    }

    /// The issued credentials of a device, to be shown; the audit line is durable before the answer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Seal`].
    pub fn reveal_credentials(&self, actor: Actor, at: UnixMillis, key: Key) -> Pending<DeviceCredentials> {
        writer::submit(self.queue(), move |work: &Work<'_>| issued::reveal(work, Stamp { actor, at }, &key))
    }

    /// Blocks or unblocks every device of `endpoints`, or none of them. `reason` stands in the audit lines.
    ///
    /// # Errors
    /// [`StoreError::Batch`] with one error for each device that cannot be changed.
    pub fn set_states(
        &self,
        actor: Actor,
        at: UnixMillis,
        endpoints: Vec<String>,
        state: DeviceState,
        reason: Option<String>,
    ) -> Pending<StatesChanged> {
        writer::submit(self.queue(), move |work: &Work<'_>| {
            blocking::set_state(work, Stamp { actor, at }, &endpoints, state, reason.as_deref())
        })
    }

    /// Records a client that a listener takes in, tagged `accepted`, unless `limit` of them are on record.
    ///
    /// # Errors
    /// [`StoreError::TooManyAccepted`], and as for [`Store::add_device`].
    pub fn accept_device(&self, at: UnixMillis, definition: DeviceDefinition, limit: u64) -> Pending<DeviceEntry> {
        let stamp = Stamp { actor: Actor::listener(), at };
        writer::submit(self.queue(), move |work: &Work<'_>| blocking::accept(work, stamp, definition, limit))
    }

    /// Puts the definitions of the config file in place of those it had before, in one transaction. What is equal is
    /// not touched, and an entry that stays keeps its number.
    ///
    /// # Errors
    /// [`StoreError::FileContradiction`]; for [`FileMode::Reload`] also [`StoreError::FileConflicts`].
    pub fn apply_file(&self, at: UnixMillis, definitions: FileDefinitions, mode: FileMode) -> Pending<FileApplied> {
        let stamp = Stamp { actor: Actor::config_file(), at };
        writer::submit(self.queue(), move |work: &Work<'_>| file::apply(work, stamp, &definitions, mode))
    }

    /// A consistent copy of the whole database as of now. The audit line is durable before the answer, and stands in
    /// the copy. Made by a thread of its own, which keeps neither writer nor readers waiting.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Backup`] where the state directory has no room.
    pub fn backup(&self, actor: Actor, at: UnixMillis) -> Pending<Backup> {
        let audited = writer::submit(self.queue(), move |work: &Work<'_>| {
            audit::write_backup(work.connection, Stamp { actor, at }, open::DATABASE_FILE)
        });
        backup::begin(self.inner.database.clone(), audited)
    }

    /// Notes what sessions have shown of clients, and what their models have shown with it.
    pub fn record_knowledge(&self, learned: Vec<DeviceLearned>) -> Pending<()> {
        writer::submit(self.queue(), move |work: &Work<'_>| knowledge::record(work, &learned))
    }

    /// Forgets what is known of the client of a device.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn forget_device(&self, actor: Actor, at: UnixMillis, key: Key) -> Pending<()> {
        writer::submit(self.queue(), move |work: &Work<'_>| knowledge::forget_device(work, Stamp { actor, at }, &key))
    }

    /// Forgets what was learned of a model. What its devices have shown counts for it no more; of each of them it stays
    /// known.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn forget_model(&self, actor: Actor, at: UnixMillis, name: String) -> Pending<()> {
        writer::submit(self.queue(), move |work: &Work<'_>| models::forget(work, Stamp { actor, at }, &name))
    }

    /// Notes how sessions ended, in one transaction and without audit lines. May be lost in a crash until answered.
    pub fn record_outcomes(&self, outcomes: Vec<DeviceOutcome>) -> Pending<()> {
        writer::submit(self.queue(), move |work: &Work<'_>| outcomes::record(work.connection, &outcomes))
    }

    fn add<N: Noun>(&self, stamp: Stamp, definition: N::Definition) -> Pending<Entry<N::Definition>> {
        writer::submit(self.queue(), move |work: &Work<'_>| admin::add::<N>(work, stamp, definition))
    }

    fn update<N: Noun, E: Send + 'static>(
        &self,
        stamp: Stamp,
        key: Key,
        change: impl FnOnce(&N::Definition) -> Result<N::Definition, E> + Send + 'static,
    ) -> Pending<Entry<N::Definition>, ChangeError<E>> {
        writer::submit(self.queue(), move |work: &Work<'_>| admin::update::<N, E>(work, stamp, &key, change))
    }

    fn delete<N: Noun>(&self, stamp: Stamp, key: Key) -> Pending<()> {
        writer::submit(self.queue(), move |work: &Work<'_>| admin::delete::<N>(work, stamp, &key))
    }

    fn reveal<N: Noun>(&self, stamp: Stamp, key: Key) -> Pending<Entry<N::Definition>> {
        writer::submit(self.queue(), move |work: &Work<'_>| admin::reveal::<N>(work, stamp, &key))
    }

    fn queue(&self) -> &Sender<Job> {
        self.inner.queue.as_ref().expect("the queue is taken away only when the last handle is dropped")
    }
}

/// Does `change`, and undoes it where it was only to be tried.
fn on_trial<T, E: From<StoreError>>(
    work: &Work<'_>,
    dry_run: bool,
    change: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let sql = |sql: &str| work.connection.execute_batch(sql).map_err(|error| E::from(StoreError::from(error)));
    if !dry_run {
        return change();
    }
    sql("SAVEPOINT trial")?;
    let tried = change();
    // Without this the trial would be for real; the job fails with it, which undoes everything.
    sql("ROLLBACK TO trial; RELEASE trial")?;
    work.catalog_changed.set(false);
    tried
}

impl Drop for Inner {
    fn drop(&mut self) {
        let [reader, writer] = &mut self.threads;
        self.questions = None;
        join(reader.take());
        self.queue = None;
        join(writer.take());
    }
}

/// Waits for a thread that has nothing left to do.
fn join(thread: Option<JoinHandle<()>>) {
    // The last handle may be dropped by a job's own answer, on the very thread that would be waited for.
    if let Some(thread) = thread.filter(|it| it.thread().id() != std::thread::current().id()) {
        // A thread that panicked has said so on its own; there is nothing left to tell.
        let _ = thread.join();
    }
}
