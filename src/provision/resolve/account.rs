//! One server account, resolved for one client.
//!
//! Spec sheet `objects.md`, sections 2, 3, 5 and 6.

use zeroize::Zeroizing;

use super::{Client, issued_for, values};
use crate::lwm2m::{Resource, Value};
use crate::provision::account_key::KeyEvaluationError;
use crate::provision::catalog::Catalog;
use crate::provision::check::MAX_PSK_IDENTITY_BYTES;
use crate::provision::definition::resource_values::Misfit;
use crate::provision::definition::{
    AccountType, CertificateUsage, MatchingType, SecurityMode, ServerDefinition, Transport,
};
use crate::provision::expression::{EvaluationError, ExpressionError, Template, Values};
use crate::provision::identity_text::evaluated_identity;
use crate::provision::issued::{IssueError, IssuedReference, IssuedValues, Made, Templates};
use crate::provision::key_text::{KeyTextError, decode};
use crate::provision::material_credentials::CredentialsError;
use crate::provision::provision::{AccountCredentials, AccountRole, ProvisionedAccount, ServerSettings};
use crate::provision::uri::{UriError, complete_uri};

/// Registration lifetime in seconds where the operator says none: the client's own default (LwM2M Core 1.2, E.2).
const DEFAULT_LIFETIME: u32 = 86_400;

/// Object ids of LwM2M Security and LwM2M Server.
const SECURITY: u16 = 0;
const SERVER: u16 = 1;

/// Why one account cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// No Short Server ID, or a reserved one.
    #[error("it has no ssid of 1 to 65534")]
    NoShortServerId,
    /// No URI.
    #[error("it has no uri")]
    NoUri,
    /// A URI that does not fit.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// No key.
    #[error("its security mode is psk and it has no key")]
    NoKey,
    /// An identity that no client need take.
    #[error("its PSK identity has {0} bytes for this device, and 1 to {MAX_PSK_IDENTITY_BYTES} are possible")]
    IdentityLength(usize),
    /// An identity that is no text.
    #[error("its PSK identity is not UTF-8 for this device")]
    IdentityNotUtf8,
    /// An identity that cannot be read.
    #[error("its PSK identity cannot be read: {0}")]
    Identity(KeyTextError),
    /// An expression that is none.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// An expression without a value for this device.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// An expression that makes no key.
    #[error(transparent)]
    Key(#[from] KeyEvaluationError),
    /// Nothing can be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A resource that cannot have the value that is given.
    #[error("resource {} of the object {object}: {}", .misfit.resource, .misfit.message)]
    Resource {
        /// 0 or 1.
        object: u16,
        /// What is wrong.
        misfit: Misfit,
    },
    /// A certificate or key that is missing or cannot be written.
    #[error(transparent)]
    Material(#[from] CredentialsError),
    /// Bytes that cannot be read.
    #[error("its `{field}` cannot be read: {error}")]
    Bytes {
        /// The field.
        field: &'static str,
        /// Why.
        error: KeyTextError,
    },
}

/// The account for this client; none where credentials must be issued first.
pub(super) fn resolve(
    server: &ServerDefinition,
    client: &Client<'_>,
    catalog: &Catalog,
) -> Result<Option<ProvisionedAccount>, AccountError> {
    let templates = Templates::of(server)?;
    let issued = if templates.have_random() {
        let Some(current) = issued_for(server, &templates, client) else { return Ok(None) };
        Some(current)
    } else {
        None
    };
    let none = IssuedValues::default();
    let made = issued.map_or(&none, |issued| &issued.values);
    let values = values(client, server);
    let uri = field(templates.uri.as_ref().ok_or(AccountError::NoUri)?, made.uri.as_ref(), &values)?;
    Ok(Some(ProvisionedAccount {
        name: server.name.clone(),
        uri: complete_uri(&uri, server.transport, server.security)?,
        credentials: credentials(server, &templates, made, &values, catalog)?,
        security_resources: security_resources(server)?,
        role: match server.account_type {
            AccountType::Management => AccountRole::Management(settings(server)?),
            AccountType::Bootstrap => AccountRole::Bootstrap,
        },
        issued: issued.map(|issued| IssuedReference { id: issued.id, is_pending: issued.confirmed.is_none() }),
    }))
}

/// What a field says for this client: what was made of it before, or its expressions evaluated now.
fn field(template: &Template, made: Option<&Made>, values: &Values<'_>) -> Result<Zeroizing<String>, EvaluationError> {
    match made {
        Some(made) => Ok(Zeroizing::new(made.value.expose().to_owned())),
        None => template.evaluate_fixed(values),
    }
}

fn credentials(
    server: &ServerDefinition,
    templates: &Templates,
    made: &IssuedValues,
    values: &Values<'_>,
    catalog: &Catalog,
) -> Result<AccountCredentials, AccountError> {
    match server.security {
        SecurityMode::NoSec => Ok(AccountCredentials::NoSec),
        SecurityMode::Psk => {
            let key = server.psk.as_ref().ok_or(AccountError::NoKey)?;
            let text = field(key.template(), made.psk.as_ref(), values)?;
            let key = key.read(&text).map_err(KeyEvaluationError::Text)?;
            Ok(AccountCredentials::Psk { identity: identity(server, templates, made, values)?, key })
        }
        SecurityMode::Rpk | SecurityMode::Certificate | SecurityMode::Est => Ok(catalog.credentials_of(server)?),
    }
}

/// The PSK identity: the endpoint name where nothing is said. UTF-8 of 1 to 128 bytes (LwM2M Transport 1.2, section
/// 5.2.9.1).
fn identity(
    server: &ServerDefinition,
    templates: &Templates,
    made: &IssuedValues,
    values: &Values<'_>,
) -> Result<Vec<u8>, AccountError> {
    let identity = match &templates.psk_identity {
        Some(template) => {
            let text = field(template, made.psk_identity.as_ref(), values)?;
            let written = server.psk_identity.as_deref().unwrap_or_default();
            evaluated_identity(written, &text).map_err(AccountError::Identity)?
        }
        None => values.endpoint_name.as_bytes().to_vec(),
    };
    if !(1..=MAX_PSK_IDENTITY_BYTES).contains(&identity.len()) {
        return Err(AccountError::IdentityLength(identity.len()));
    }
    std::str::from_utf8(&identity).map_err(|_| AccountError::IdentityNotUtf8)?;
    Ok(identity)
}

/// The optional resources of the Security Object instance.
fn security_resources(server: &ServerDefinition) -> Result<Vec<Resource>, AccountError> {
    let seconds = |seconds: Option<u32>| seconds.map(|seconds| Value::Integer(seconds.into()));
    let unsigned = |number: Option<u8>| number.map(|number| Value::Unsigned(number.into()));
    let has_server_key = matches!(server.security, SecurityMode::Rpk | SecurityMode::Certificate | SecurityMode::Est);
    let has_certificate = has_server_key && server.security != SecurityMode::Rpk;
    let matching_type = server.matching_type.filter(|_| has_server_key).map(MatchingType::number);
    let usage = server.certificate_usage.filter(|_| has_certificate).map(CertificateUsage::number);
    let sms = server.sms == Some(true);
    let parameters = server.sms_binding_key_parameters.as_deref().filter(|_| sms).map(decode).transpose();
    let parameters = parameters.map_err(|error| AccountError::Bytes { field: "sms_binding_key_parameters", error })?;
    let keys = server.sms_binding_secret_keys.as_ref().filter(|_| sms).map(|keys| keys.key().clone());
    let fields = [
        (6, server.sms_security.filter(|_| sms).map(|security| Value::Integer(security.number().into()))),
        (7, parameters.map(Value::Opaque)),
        (8, keys.map(Value::Opaque)),
        (9, server.sms_number.clone().filter(|_| sms).map(Value::String)),
        (11, seconds(server.client_hold_off_time)),
        (12, seconds(server.bootstrap_server_account_timeout)),
        (13, unsigned(matching_type)),
        (14, server.sni.clone().filter(|_| server.security != SecurityMode::NoSec).map(Value::String)),
        (15, unsigned(usage)),
    ];
    merge(SECURITY, fields, server)
}

/// What the Server Object instance says.
fn settings(server: &ServerDefinition) -> Result<ServerSettings, AccountError> {
    let ssid = server.ssid.and_then(|ssid| u16::try_from(ssid).ok());
    let short_server_id = ssid.filter(|ssid| (1..=65534).contains(ssid)).ok_or(AccountError::NoShortServerId)?;
    let default_binding = match server.transport {
        Transport::Udp => "U",
        Transport::Tcp => "T",
    };
    let integer = |number: Option<u32>| number.map(|number| Value::Integer(number.into()));
    let unsigned = |number: Option<u32>| number.map(|number| Value::Unsigned(number.into()));
    let boolean = |value: Option<bool>| value.map(Value::Boolean);
    let fields = [
        (2, integer(server.default_minimum_period)),
        (3, integer(server.default_maximum_period)),
        (5, integer(server.disable_timeout)),
        (13, unsigned(server.registration_priority_order)),
        (14, unsigned(server.initial_registration_delay_timer)),
        (15, boolean(server.registration_failure_block)),
        (16, boolean(server.bootstrap_on_registration_failure)),
        (17, unsigned(server.communication_retry_count)),
        (18, unsigned(server.communication_retry_timer)),
        (19, unsigned(server.communication_sequence_delay_timer)),
        (20, unsigned(server.communication_sequence_retry_count)),
        (21, boolean(server.trigger)),
        (22, server.preferred_transport.clone().map(Value::String)),
        (23, boolean(server.mute_send)),
    ];
    Ok(ServerSettings {
        short_server_id,
        lifetime: server.lifetime.unwrap_or(DEFAULT_LIFETIME),
        binding: server.binding.clone().unwrap_or_else(|| default_binding.to_owned()),
        store_notifications: server.store_notifications.unwrap_or(true),
        resources: merge(SERVER, fields, server)?,
    })
}

/// Fields with a name and resources without one, ascending by id.
fn merge<const N: usize>(
    object: u16,
    fields: [(u16, Option<Value>); N],
    server: &ServerDefinition,
) -> Result<Vec<Resource>, AccountError> {
    let further = if object == SECURITY { &server.security_resources } else { &server.server_resources };
    let further = further.resources_of(object).map_err(|misfits| {
        let misfit = misfits.into_iter().next().unwrap_or(Misfit { resource: 0, message: String::new() });
        AccountError::Resource { object, misfit }
    })?;
    let named = fields.into_iter().filter_map(|(id, value)| Some(Resource::single(id, value?)));
    let mut resources: Vec<Resource> = named.chain(further).collect();
    resources.sort_by_key(|resource| resource.id);
    Ok(resources)
}
