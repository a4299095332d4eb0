//! The file, put in force: at start, and again on SIGHUP or when the admin socket asks.

use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::{error, info, warn};

use super::check;
use crate::admin::api::ReloadSummary;
use crate::coap::Timing;
use crate::config::{self, Config, Diagnostic};
use crate::driver::{
    Certificates, DtlsSettings, EngineKind, Handle, Identity, Limits, ListenerConfiguration, Security,
    ShownCertificate, UnknownClients,
};
use crate::store::{FileApplied, FileDefinitions, FileMode, Store, StoreError};

/// Why the daemon is not all it should be, as sentences; `status` shows them.
pub(super) type Degraded = Arc<RwLock<Vec<String>>>;

/// Begins the reason that a refused reload leaves in `status`.
const RELOAD_REFUSED: &str = "The last reload was refused and the old file stays in force";

/// What the file says of listeners, in the driver's words.
pub(super) fn listeners(config: &Config) -> Vec<ListenerConfiguration> {
    config.listeners.iter().map(listener).collect()
}

fn listener(listener: &config::Listener) -> ListenerConfiguration {
    let security = match listener.security {
        config::ListenerSecurity::NoSec => Security::NoSec,
        config::ListenerSecurity::Dtls => Security::Dtls,
    };
    let timing = Timing {
        ack_timeout: listener.ack_timeout,
        ack_random_factor: listener.ack_random_factor,
        max_retransmit: listener.max_retransmit,
    };
    ListenerConfiguration {
        bind: listener.bind,
        transport: listener.transport,
        security,
        insecure_secrets: listener.insecure_secrets,
        timing,
        unknown: match &listener.unknown {
            config::UnknownClients::Refuse => UnknownClients::Refuse,
            config::UnknownClients::Pending => UnknownClients::Pending,
            config::UnknownClients::Accept { profile } => UnknownClients::Accept { profile: Some(profile.clone()) },
        },
        certificates: certificates(&listener.certificates),
        dtls: DtlsSettings {
            engine: match listener.dtls.engine {
                // Where it is not built in, the file was refused.
                config::DtlsEngine::OpenSsl => EngineKind::default(),
                config::DtlsEngine::Native => EngineKind::Native,
            },
            connection_ids: listener.dtls.connection_ids,
            require_extended_master_secret: listener.dtls.require_extended_master_secret,
            initial_timeout: listener.dtls.timeout,
        },
    }
}

fn certificates(from_files: &config::ListenerCertificates) -> Certificates {
    let config::ListenerCertificates { chain, private_key, trust_anchors, raw_public_keys, endpoint_name, certificate } =
        from_files.clone();
    let shown = certificate.map(|certificate| ShownCertificate {
        subject: certificate.subject_common_name().unwrap_or("without a CN").to_owned(),
        not_before: UNIX_EPOCH + Duration::from_secs(certificate.not_before()),
        not_after: UNIX_EPOCH + Duration::from_secs(certificate.not_after()),
    });
    let identity = private_key.map(|private_key| Identity { chain, private_key });
    Certificates { identity, trust_anchors, raw_public_keys, name: endpoint_name, shown }
}

/// Certificates that the DTLS engine takes, and that are worth taking the place of those in force.
fn check_certificates(old: &Config, new: &Config) -> Result<(), String> {
    let now = SystemTime::now();
    for (at, listener) in new.listeners.iter().enumerate() {
        let configuration = self::listener(listener);
        let refused =
            |why: String| format!("The certificates of the listener {} stay as they were: {why}.", listener.bind);
        configuration.check_certificates().map_err(|error| refused(error.to_string()))?;
        let was = old.listeners.get(at).map(|listener| &listener.certificates.chain);
        let is_new = was != Some(&listener.certificates.chain);
        let Some(shown) = configuration.certificates.shown.filter(|_| is_new) else { continue };
        let fault = if shown.not_after < now { "has expired" } else { "is not valid yet" };
        if shown.not_after < now || now < shown.not_before {
            return Err(refused(format!("the new certificate `{}` {fault}: give one that is valid", shown.subject)));
        }
    }
    Ok(())
}

/// What the file says of limits, and the server's own where it says nothing.
pub(super) fn limits(config: &Config) -> Limits {
    let (stated, default) = (&config.limits, Limits::default());
    Limits {
        sessions: stated.sessions.unwrap_or(default.sessions),
        queue: stated.queue.unwrap_or(default.queue),
        network_share: stated.network_share.unwrap_or(default.network_share),
        remembered_requests: default.remembered_requests,
        loop_sessions: stated.loop_sessions.unwrap_or(default.loop_sessions),
        loop_window: stated.loop_window.unwrap_or(default.loop_window),
        loop_longest_silence: stated.loop_longest_silence.unwrap_or(default.loop_longest_silence),
    }
}

/// Takes the definitions out of the config: once they are in the store, their keys have no business in memory.
pub(super) fn take_definitions(config: &mut Config) -> FileDefinitions {
    FileDefinitions {
        servers: std::mem::take(&mut config.servers),
        profiles: std::mem::take(&mut config.profiles),
        devices: std::mem::take(&mut config.devices),
        models: std::mem::take(&mut config.models),
    }
}

/// Moves the definitions of the file into the store and notes what is not as it should be.
pub(super) async fn apply(
    config: &mut Config,
    store: &Store,
    mode: FileMode,
    degraded: &Degraded,
) -> Result<FileApplied, StoreError> {
    let applied = store.apply_file(SystemTime::now().into(), take_definitions(config), mode).await?;
    // The store knows better what leads nowhere: it has seen both origins.
    config.unresolved = Vec::new();
    let reasons: Vec<String> = degradations(&applied).collect();
    for reason in &reasons {
        warn!("degraded: {reason}");
    }
    for warning in config.warnings.iter() {
        // The line of the log says how severe it is.
        warn!("{}", warning.remark());
    }
    // Dangling references are looked up when somebody asks, since an operator may mend them without a reload.
    set_degraded(degraded, applied.conflicts.iter().map(|conflict| format!("{conflict}.")).collect());
    Ok(applied)
}

fn set_degraded(degraded: &Degraded, reasons: Vec<String>) {
    *degraded.write().unwrap_or_else(std::sync::PoisonError::into_inner) = reasons;
}

fn degradations(applied: &FileApplied) -> impl Iterator<Item = String> {
    let conflicts = applied.conflicts.iter().map(|conflict| format!("{conflict}."));
    conflicts.chain(applied.dangling.iter().map(|dangling| format!("{dangling}.")))
}

/// Reads the file again and puts it in force; a broken one leaves the old one as it is.
pub(super) async fn reload(
    file: Option<&Path>,
    old: &mut Config,
    store: &Store,
    driver: &Handle,
    degraded: &Degraded,
) -> Result<ReloadSummary, String> {
    let result = try_reload(file, old, store, driver, degraded).await;
    match &result {
        Ok(summary) => info!("{summary}"),
        Err(reason) => {
            let first = reason.lines().next().unwrap_or_default();
            let mut reasons = degraded.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            reasons.retain(|reason| !reason.starts_with(RELOAD_REFUSED));
            reasons.push(format!("{RELOAD_REFUSED}: {first}"));
            error!("the config file was not reloaded and the old one stays in force:\n{reason}");
        }
    }
    result
}

async fn try_reload(
    file: Option<&Path>,
    old: &mut Config,
    store: &Store,
    driver: &Handle,
    degraded: &Degraded,
) -> Result<ReloadSummary, String> {
    let file = file.ok_or("The daemon runs on an embedded config, which cannot change.")?;
    let mut new = check::load(file).map_err(|diagnostics| diagnostics.to_string())?;
    if let Some(what) = needs_restart(old, &new) {
        return Err(format!("{what} has changed, which takes a restart."));
    }
    check_certificates(old, &new)?;
    let (servers, profiles, devices) = (new.servers.len(), new.profiles.len(), new.devices.len());
    let applied = apply(&mut new, store, FileMode::Reload, degraded).await.map_err(|error| format!("{error}."))?;
    driver.reconfigure(listeners(&new)).await;
    driver.limit(limits(&new)).await;
    let summary = ReloadSummary {
        servers,
        profiles,
        devices,
        warnings: new.warnings.iter().map(Diagnostic::remark).chain(degradations(&applied)).collect(),
    };
    *old = new;
    Ok(summary)
}

/// What cannot change while the process runs.
fn needs_restart(old: &Config, new: &Config) -> Option<String> {
    let sockets = |config: &Config| -> Vec<_> {
        config.listeners.iter().map(|listener| (listener.bind, listener.transport, listener.security)).collect()
    };
    // What one engine began, another cannot go on with.
    let mut listeners = old.listeners.iter().zip(&new.listeners);
    let other_engine = listeners.find(|(old, new)| old.dtls.engine != new.dtls.engine);
    let what = if old.state_dir != new.state_dir {
        "state_dir"
    } else if old.sealing_key_file != new.sealing_key_file {
        "sealing_key_file"
    } else if old.admin != new.admin {
        "admin"
    } else if sockets(old) != sockets(new) {
        "bind, transport and security of [[listen]]"
    } else {
        return other_engine.map(|(listener, _)| format!("`engine` of the listener {}", listener.bind));
    };
    Some(format!("`{what}`"))
}
