//! `/v1/devices/{endpoint}/explain`: what a device would receive, and why, without a device.
//!
//! It resolves as the driver does. Where credentials would have to be issued, some are drawn that nobody keeps: their
//! lengths are right, and no value is shown.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Deserialize;

use super::Shared;
use super::failure::Failure;
use super::knowledge;
use crate::admin::api::{Check, DeviceExplanation, IssuedAccount};
use crate::bootstrap::explain::{Question, explain as explain_provision};
use crate::provision::{
    Catalog, Client, DeviceDefinition, DeviceState, IssuedCredentials, Problem, Provision, Resolution, ResolveError,
    check_certificate_dates, check_device, check_device_in, check_profile, check_profile_in, check_server, issue,
    resolve,
};
use crate::store::{CatalogRows, DeviceRecord, Key, Reader, StoreError};

/// Query of the explanation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainQuery {
    lwm2m: Option<String>,
    pct: Option<u32>,
    discover: Option<String>,
}

pub async fn explain(
    State(service): State<Shared>,
    endpoint: Result<Path<String>, PathRejection>,
    query: Result<Query<ExplainQuery>, QueryRejection>,
) -> Result<Json<DeviceExplanation>, Failure> {
    let (endpoint, Query(query)) = (endpoint?.0, query?);
    let question = Question::read(query.lwm2m.as_deref(), query.pct, query.discover.as_deref())
        .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(Json(service.store.read(move |reader| explain_device(reader, &endpoint, &question)).await?))
}

/// What the device `endpoint` would receive, as the route answers.
///
/// # Errors
/// [`StoreError::NotFound`] where no such device is on record, and those of reading.
pub fn explain_device(
    reader: &mut Reader,
    endpoint: &str,
    question: &Question,
) -> Result<DeviceExplanation, StoreError> {
    let Some(record) = reader.device_by_endpoint(endpoint)? else {
        return Err(reader.device(&Key::Name(endpoint.to_owned())).err().unwrap_or(StoreError::Closed));
    };
    let issued = reader.issued(&record.definition.endpoint)?;
    let CatalogRows { servers, profiles } = reader.catalog()?;
    let knowledge = knowledge::of_device(reader, &record.definition)?;
    // What is asked of a client that is not the device's own is asked with what is known of it.
    let known = knowledge.as_ref().map(|known| known.together.clone()).unwrap_or_default();
    let question = Question { knowledge: question.knowledge.clone().or(&known), ..question.clone() };
    let explained = answer(&record, issued, &Catalog::new(servers, profiles), &question);
    Ok(DeviceExplanation { knowledge, ..explained })
}

fn answer(
    record: &DeviceRecord,
    issued: Vec<IssuedCredentials>,
    catalog: &Catalog,
    question: &Question,
) -> DeviceExplanation {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (resolved, accounts) = resolve_for_show(record, issued, catalog, now.as_millis() as i64);
    let (bootstrap, refused) = match resolved {
        Ok(_) if record.definition.state == DeviceState::Blocked => (None, Some("it is blocked".to_owned())),
        Ok(provision) => (Some(explain_provision(&provision, question)), None),
        Err(error) => (None, Some(error.to_string())),
    };
    DeviceExplanation {
        endpoint: record.definition.endpoint.clone(),
        refused,
        knowledge: None,
        checks: checks(&record.definition, catalog, now.as_secs()),
        issued: accounts,
        bootstrap,
    }
}

/// Resolves as at a bootstrap; what would be issued is drawn and forgotten.
fn resolve_for_show(
    record: &DeviceRecord,
    mut issued: Vec<IssuedCredentials>,
    catalog: &Catalog,
    now: i64,
) -> (Result<Provision, ResolveError>, Vec<IssuedAccount>) {
    let mut accounts: Vec<IssuedAccount> = Vec::new();
    let due = match resolve(&client(record, &issued, now), catalog) {
        Ok(Resolution::MustIssue(due)) => due,
        Ok(Resolution::Provision(provision)) => {
            let kept = provision.accounts.iter().filter(|account| account.issued.is_some());
            accounts.extend(kept.map(|account| IssuedAccount { server: account.name.clone(), new: false }));
            return (Ok(*provision), accounts);
        }
        Err(error) => return (Err(error), accounts),
    };
    // Numbers that stand for what they draw: nothing of it is kept or shown.
    let mut random = StdRng::from_seed([0; 32]);
    for server in due {
        match issue(&client(record, &issued, now), catalog, &server, &mut random) {
            Ok(new) => issued.push(IssuedCredentials {
                id: i64::MAX,
                server: new.server,
                issued: i64::MAX,
                confirmed: None,
                values: new.values,
            }),
            Err(error) => return (Err(error), accounts),
        }
        accounts.push(IssuedAccount { server, new: true });
    }
    match resolve(&client(record, &issued, now), catalog) {
        Ok(Resolution::Provision(provision)) => {
            let is_kept = |name: &str| !accounts.iter().any(|account| account.server == name);
            let kept = provision.accounts.iter().filter(|account| account.issued.is_some() && is_kept(&account.name));
            let kept: Vec<_> = kept.map(|account| IssuedAccount { server: account.name.clone(), new: false }).collect();
            accounts.extend(kept);
            (Ok(*provision), accounts)
        }
        Ok(Resolution::MustIssue(servers)) => {
            // What was just drawn is as new as can be; that it is due again cannot be.
            let server = servers.into_iter().next().unwrap_or_default();
            (Err(ResolveError::UnknownServer { profile: String::new(), server }), accounts)
        }
        Err(error) => (Err(error), accounts),
    }
}

fn client<'a>(record: &'a DeviceRecord, issued: &'a [IssuedCredentials], now: i64) -> Client<'a> {
    let (device, id) = (&record.definition, Some(record.id));
    Client { device, id, issued, rotation_requested: record.rotation_requested, now }
}

/// What the checks say of the device, its profile and the accounts of that.
fn checks(device: &DeviceDefinition, catalog: &Catalog, now: u64) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |subject: String, problems: Vec<Problem>| {
        checks.extend(problems.into_iter().map(|problem| Check {
            subject: subject.clone(),
            field: problem.field.to_owned(),
            rule: problem.rule,
            severity: problem.severity,
            message: problem.message,
        }));
    };
    // The key was left where it is; that it is there was checked when it was saved.
    let known_by_key = |problem: &Problem| problem.field != "psk";
    add(format!("device `{}`", device.endpoint), check_device(device).into_iter().filter(known_by_key).collect());
    add(format!("device `{}`", device.endpoint), check_device_in(device, catalog));
    let Ok((profile, _)) = catalog.choose(device) else { return checks };
    add(format!("profile `{}`", profile.name), check_profile(profile));
    add(format!("profile `{}`", profile.name), check_profile_in(profile, catalog));
    for server in profile.servers.iter().filter_map(|name| catalog.server(name)) {
        add(format!("server `{}`", server.name), check_server(server));
        add(format!("server `{}`", server.name), check_certificate_dates(server, now));
    }
    checks
}
