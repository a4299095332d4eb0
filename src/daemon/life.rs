//! From start to end: bind, then load, then ready; signals; the drain.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::reload::{self, Degraded};
use super::{rekey, supervisor};
use crate::admin::server::{Access, AdminSocket, ReloadRequest, Service, Slots, SocketError, serve};
use crate::config::Config;
use crate::counted::counted;
use crate::driver::{self, DriverError, Handle, ListenerName};
use crate::store::{FileMode, OpenError, SealingKey, SealingKeyError, Store, StoreError};

/// How long running sessions may go on after SIGTERM.
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The sealing key.
    #[error("{0}.")]
    SealingKey(#[from] SealingKeyError),
    /// The database.
    #[error("{0}.")]
    Open(#[from] OpenError),
    /// A write into it.
    #[error("{0}.")]
    Store(#[from] StoreError),
    /// Listeners.
    #[error("{0}.")]
    Driver(#[from] DriverError),
    /// The admin socket.
    #[error("{0}.")]
    Admin(#[from] SocketError),
    /// Signals.
    #[error("signals cannot be received: {0}.")]
    Signals(#[from] std::io::Error),
}

/// A daemon that serves.
pub struct Running {
    config: Config,
    file: Option<PathBuf>,
    store: Store,
    driver: Handle,
    degraded: Degraded,
    reloads: mpsc::Receiver<ReloadRequest>,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    listeners: Vec<SocketAddr>,
    admin: JoinHandle<()>,
    stop_admin: oneshot::Sender<()>,
}

/// Opens the store, puts the config in force, binds every socket and serves. `file` is where the config came from and is read again
/// on reload; none for an embedded one.
///
/// # Errors
/// [`DaemonError`]; a failed start leaves no socket behind.
pub async fn start(mut config: Config, file: Option<PathBuf>) -> Result<Running, DaemonError> {
    let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let hang_up = signal(SignalKind::hangup())?;
    let credentials = rekey::credentials_directory();
    let key =
        SealingKey::load_or_create(&config.state_dir, config.sealing_key_file.as_deref(), credentials.as_deref())?;
    let store = Store::open(&config.state_dir, key)?;
    let degraded = Degraded::default();
    let admin = AdminSocket::bind(&config.admin.socket)?;
    let read_only = config.admin.read_only_socket.as_deref().map(AdminSocket::bind).transpose()?;
    reload::apply(&mut config, &store, FileMode::Start, &degraded).await?;
    let driver = driver::start(reload::listeners(&config), store.clone())?;
    driver.limit(reload::limits(&config)).await;
    let (reload, reloads) = mpsc::channel(1);
    let service = Service {
        store: store.clone(),
        driver: driver.clone(),
        reload,
        version: env!("CARGO_PKG_VERSION"),
        started: SystemTime::now(),
        clock: Instant::now(),
        config: file.clone(),
        degraded: Arc::clone(&degraded),
        slots: Slots::default(),
    };
    let (stop_admin, stopped) = oneshot::channel::<()>();
    let service = Arc::new(service);
    let (stop_reading, reading_stopped) = oneshot::channel::<()>();
    let read_only = read_only.map(|socket| {
        tokio::spawn(serve(socket, Arc::clone(&service), Access::ReadOnly, async {
            let _ = reading_stopped.await;
        }))
    });
    let admin = tokio::spawn(async move {
        serve(admin, service, Access::Full, async {
            // Dropped or used, both mean the end.
            let _ = stopped.await;
        })
        .await;
        drop(stop_reading);
        if let Some(read_only) = read_only {
            // A panic there has been said by the thread that had it.
            let _ = read_only.await;
        }
    });
    let mut listeners = Vec::new();
    for listener in driver.status().await.listeners {
        info!("listening on {}", said(listener.name));
        listeners.push(listener.name.address);
    }
    if let Some(socket) = &config.admin.read_only_socket {
        info!("read-only socket at {}", socket.display());
    }
    info!("admin socket at {}", config.admin.socket.display());
    supervisor::ready("Serving.");
    Ok(Running {
        config,
        file,
        store,
        driver,
        degraded,
        reloads,
        terminate,
        interrupt,
        hang_up,
        listeners,
        admin,
        stop_admin,
    })
}

/// The listener with all by which a start is watched: address, security, and engine or transport.
fn said(name: ListenerName) -> String {
    let engine = name.engine.map(|engine| format!(", {engine}")).unwrap_or_default();
    let transport = if name.transport() == "tcp" { ", TCP" } else { "" };
    format!("{} ({}{engine}{transport})", name.address, name.security())
}

impl Running {
    /// Where clients reach it, in the order of the file.
    pub fn listeners(&self) -> &[SocketAddr] {
        &self.listeners
    }

    /// Serves until SIGTERM or SIGINT, then lets running sessions finish.
    pub async fn until_stopped(mut self) {
        let watchdog = supervisor::watchdog_interval();
        let mut alive = tokio::time::interval(watchdog.unwrap_or(Duration::from_secs(3600)));
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hang_up.recv() => {
                    self.reload().await.ok();
                }
                Some(request) = self.reloads.recv() => {
                    let answer = self.reload().await;
                    // Whoever asked may have gone away.
                    let _ = request.send(answer);
                }
                _ = alive.tick(), if watchdog.is_some() => self.prove_alive().await,
            }
        }
        self.stop().await;
    }

    async fn reload(&mut self) -> Result<crate::admin::api::ReloadSummary, String> {
        supervisor::reloading();
        let result =
            reload::reload(self.file.as_deref(), &mut self.config, &self.store, &self.driver, &self.degraded).await;
        supervisor::ready("Serving.");
        result
    }

    /// The watchdog is fed only while the driver answers: a driver that hangs is restarted.
    async fn prove_alive(&self) {
        let answered = tokio::time::timeout(Duration::from_secs(5), self.driver.status()).await;
        if answered.is_ok_and(|status| !status.listeners.is_empty()) {
            supervisor::alive();
        }
    }

    /// Takes no new sessions, lets those running finish, and ends everything.
    pub async fn stop(self) {
        supervisor::stopping();
        // Whoever asks for a reload from now on is told at once that it is too late.
        drop(self.reloads);
        info!("stopping: no new sessions; those running may take up to {} s", DRAIN_PATIENCE.as_secs());
        let cut_off = self.driver.drain(DRAIN_PATIENCE).await;
        if cut_off > 0 {
            warn!("{} cut off; such clients come again", counted(cut_off as u64, "session"));
        }
        // It answered until now, so that an operator could watch the drain.
        let _ = self.stop_admin.send(());
        if let Err(error) = self.admin.await {
            warn!(%error, "the admin socket ended badly");
        }
        info!("stopped");
    }
}
