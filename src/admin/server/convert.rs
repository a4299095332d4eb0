//! What the store says, as types of the API; its errors, as problem details.

use axum::http::StatusCode;
use data_encoding::HEXLOWER;

use super::failure::Failure;
use crate::admin::api::{
    AuditLine, BootstrapCredentials, Entry, FieldProblem, LastSession, Origin, Record, Resource, Timestamp,
};
use crate::provision::material::PinnedCertificate;
use crate::provision::{DeviceDefinition, Problem};
use crate::store::{self, ChangeError, StoreError, UnixMillis};

/// An entry of the store without its key.
pub fn entry<D: Resource>(stored: store::Entry<D>) -> Entry<D> {
    let origin = match stored.origin {
        store::Origin::File => Origin::File,
        store::Origin::Database => Origin::Database,
    };
    let record = Record {
        id: stored.id,
        origin,
        shadowed: stored.shadowed,
        secrets: stored.secrets,
        created: timestamp(stored.created),
        changed: timestamp(stored.changed),
        last_session: None,
        bootstrap_credentials: None,
        certificate_fingerprint: None,
        certificate_subject: None,
        public_key_fingerprint: None,
        knowledge: None,
    };
    Entry::of(record, stored.definition)
}

/// A device with the end of its last session.
pub fn device(stored: store::DeviceEntry) -> Entry<DeviceDefinition> {
    let definition = &stored.entry.definition;
    let has_any = stored.entry.secrets.iter().any(|field| field == "psk") || definition.has_bootstrap_credentials();
    let pinned = definition.certificate.as_deref().and_then(|text| PinnedCertificate::parse(text).ok());
    let shown = |fingerprint: [u8; 32]| format!("sha256:{}", HEXLOWER.encode(&fingerprint));
    let public_key_fingerprint = definition.public_key_fingerprint().map(shown);
    let mut entry = entry(stored.entry);
    entry.record.certificate_fingerprint = pinned.as_ref().map(|pinned| shown(pinned.fingerprint()));
    let certificate = pinned.as_ref().and_then(PinnedCertificate::certificate);
    entry.record.certificate_subject =
        certificate.and_then(|certificate| certificate.subject_common_name()).map(str::to_owned);
    entry.record.public_key_fingerprint = public_key_fingerprint;
    entry.record.bootstrap_credentials = match (stored.retired, has_any) {
        (true, _) => Some(BootstrapCredentials::Issued),
        (false, true) => Some(BootstrapCredentials::Defined),
        (false, false) => None,
    };
    entry.record.last_session = stored.last.map(|last| LastSession {
        outcome: last.outcome,
        reason: last.reason,
        ended: timestamp(last.at),
        sessions: last.sessions,
    });
    entry
}

/// A line of the audit trail.
pub fn audit_line(line: store::AuditLine) -> AuditLine {
    AuditLine {
        id: line.id,
        time: timestamp(line.at),
        uid: line.uid,
        actor: line.actor,
        verb: line.verb,
        kind: line.kind,
        name: line.name,
        fields: line.fields,
        reason: line.reason,
    }
}

/// A mistake that the checks found; an element of a list is counted from 0, as in JSON.
pub fn field_problem(problem: Problem) -> FieldProblem {
    let field = match problem.element {
        None => problem.field.to_owned(),
        Some(element) => format!("{}[{element}]", problem.field),
    };
    FieldProblem { field, message: problem.message }
}

/// The API knows no time before 1970, and neither does a daemon.
pub(super) fn timestamp(time: UnixMillis) -> Timestamp {
    Timestamp::from_milliseconds(u64::try_from(time.0).unwrap_or(0))
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let status = match &error {
            StoreError::NotFound { .. } => StatusCode::NOT_FOUND,
            StoreError::NoSuchPlace => StatusCode::BAD_REQUEST,
            StoreError::Batch(errors) if errors.iter().all(|error| matches!(error, StoreError::NotFound { .. })) => {
                StatusCode::NOT_FOUND
            }
            StoreError::UnknownReference { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            StoreError::Exists { .. }
            | StoreError::IdentityTaken { .. }
            | StoreError::DefinedInFile { .. }
            | StoreError::InUse { .. }
            | StoreError::FileDepends { .. }
            | StoreError::OtherDependents { .. }
            | StoreError::SecondDefault { .. }
            | StoreError::Renamed { .. }
            | StoreError::Batch(_)
            | StoreError::IssuedIdentityTaken
            | StoreError::TooManyAccepted(_)
            | StoreError::FileConflicts(_)
            | StoreError::FileContradiction(_) => StatusCode::CONFLICT,
            StoreError::Closed => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::Seal { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Database(_)
            | StoreError::Backup { .. } => {
                tracing::error!(%error, "the store failed a request on the admin socket");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Failure::new(status, error.to_string())
    }
}

impl From<ChangeError<Failure>> for Failure {
    fn from(error: ChangeError<Failure>) -> Failure {
        match error {
            ChangeError::Store(error) => error.into(),
            ChangeError::Refused(failure) => failure,
        }
    }
}
