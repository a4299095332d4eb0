//! Issued credentials: what random expressions of one account made for one device.
//!
//! A random expression is evaluated once for each device and account, kept, and written again at later bootstraps until
//! it is rotated. What was made is *pending* until the client has answered Finish with 2.04 (for a bootstrap account:
//! until it has proven it in a handshake); until then what it had before is kept too, so that a device that lost the
//! last answer can still be helped. This room draws and chooses; keeping is the store's.

use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use super::definition::secrets::SecretText;
use super::definition::{AccountType, Rotation, SecurityMode, ServerDefinition};
use super::expression::{EvaluationError, ExpressionError, Template, Values};
use super::identity_text::evaluated_identity;
use super::key_text::KeyText;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Expressions and what they made, for those fields of one account that draw at random. Wholly secret: it serialises for
/// seals alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IssuedValues {
    /// PSK identity, if it draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk_identity: Option<Made>,
    /// Pre-shared key, if it draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk: Option<Made>,
    /// URI, if it draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Made>,
    /// What the account said of its URI then. An account of the same name that leads elsewhere is another one, and is not
    /// to be given the keys of its predecessor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_uri: Option<SecretText>,
}

/// One field: the expression, and its value for this device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The expression as it was when it was evaluated.
    pub from: SecretText,
    /// What it made.
    pub value: SecretText,
}

/// Issued credentials as they are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuedCredentials {
    /// Number of the record.
    pub id: i64,
    /// Name of the server account.
    pub server: String,
    /// When they were made, in milliseconds since 1970.
    pub issued: i64,
    /// When the client is known to have taken them, in milliseconds since 1970; none while they are pending.
    pub confirmed: Option<i64>,
    /// What was made.
    pub values: IssuedValues,
}

/// Issued credentials in a provision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuedReference {
    /// Number of the record.
    pub id: i64,
    /// Whether the client is not yet known to have taken them.
    pub is_pending: bool,
}

/// What is to be kept before it may be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCredentials {
    /// Name of the server account.
    pub server: String,
    /// What was made.
    pub values: IssuedValues,
    /// For a bootstrap account: the PSK identity and key by which the client will prove itself to us.
    pub bootstrap: Option<BootstrapCredentials>,
}

/// A PSK identity and its key, by which a client proves itself to us.
#[derive(Clone, Debug, PartialEq)]
pub struct BootstrapCredentials {
    /// Identity, in bytes.
    pub identity: Vec<u8>,
    /// Key.
    pub key: KeyText,
}

/// Why nothing could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// An expression that is none.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// An expression that has no value for this device.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// What was made is no identity or no key.
    #[error("what the expressions make is no identity or no key")]
    Unusable,
    /// New bootstrap credentials under the identity of the old ones.
    #[error(
        "its key is drawn at random and its identity is not: new bootstrap credentials need an identity of their own, \
         such as `psk_identity = \"${{device.endpointName}}-${{string.random(8)}}\"`"
    )]
    IdentityNotNew,
}

/// The fields of an account that may hold expressions.
pub(super) struct Templates {
    pub psk_identity: Option<Template>,
    pub uri: Option<Template>,
    psk_is_random: bool,
}

impl Templates {
    /// Reads them. In a mode without a PSK, identity and key play no part.
    pub(super) fn of(server: &ServerDefinition) -> Result<Templates, ExpressionError> {
        let read = |text: &Option<String>| text.as_deref().map(Template::parse).transpose();
        let is_psk = server.security == SecurityMode::Psk;
        Ok(Templates {
            psk_identity: if is_psk { read(&server.psk_identity)? } else { None },
            uri: read(&server.uri)?,
            psk_is_random: is_psk && server.psk.as_ref().is_some_and(|key| key.template().has_random()),
        })
    }

    /// Whether anything is drawn, so that it must be kept.
    pub(super) fn have_random(&self) -> bool {
        let random = |template: &Option<Template>| template.as_ref().is_some_and(Template::has_random);
        self.psk_is_random || random(&self.psk_identity) || random(&self.uri)
    }
}

impl IssuedValues {
    /// Whether they were made from what the account says now.
    fn fit(&self, server: &ServerDefinition, templates: &Templates) -> bool {
        let fits = |made: &Option<Made>, random: bool, text: Option<&str>| match made {
            Some(made) => random && text == Some(made.from.expose()),
            None => !random,
        };
        let random = |template: &Option<Template>| template.as_ref().is_some_and(Template::has_random);
        let leads = self.server_uri.as_ref().map(SecretText::expose);
        leads == server.uri.as_deref()
            && fits(&self.psk_identity, random(&templates.psk_identity), server.psk_identity.as_deref())
            && fits(&self.uri, random(&templates.uri), server.uri.as_deref())
            && fits(&self.psk, templates.psk_is_random, server.psk.as_ref().map(|key| key.expose_text()))
    }
}

/// Which of the credentials of one device is to be written for `server`; none where new ones are due.
///
/// Those last issued count, pending or not: a device that took them and lost the answer has them. `rotation_requested`
/// and `now` are milliseconds since 1970.
pub(super) fn current<'i>(
    server: &ServerDefinition,
    templates: &Templates,
    issued: &'i [IssuedCredentials],
    rotation_requested: Option<i64>,
    now: i64,
) -> Option<&'i IssuedCredentials> {
    let last = issued.iter().filter(|it| it.server == server.name).max_by_key(|it| it.id)?;
    let is_due = match server.rotate.unwrap_or_default() {
        Rotation::Never => false,
        Rotation::EveryBootstrap => last.confirmed.is_some(),
        Rotation::Days(days) => now.saturating_sub(last.issued) >= i64::from(days) * DAY,
    };
    let is_revoked = rotation_requested.is_some_and(|requested| last.issued <= requested);
    (!is_due && !is_revoked && last.values.fit(server, templates)).then_some(last)
}

/// Draws new credentials for an account.
///
/// # Errors
/// [`IssueError`], which shows nothing of what was drawn.
pub fn issue(
    server: &ServerDefinition,
    values: &Values<'_>,
    random: &mut impl CryptoRng,
) -> Result<NewCredentials, IssueError> {
    let templates = Templates::of(server)?;
    let mut make = |text: &str, template: &Template| -> Result<Option<Made>, IssueError> {
        if !template.has_random() {
            return Ok(None);
        }
        let value = SecretText::new(template.evaluate(values, random)?.to_string());
        Ok(Some(Made { from: SecretText::new(text.to_owned()), value }))
    };
    let mut made = |text: Option<&str>, template: Option<&Template>| match (text, template) {
        (Some(text), Some(template)) => make(text, template),
        _ => Ok(None),
    };
    let key = server.psk.as_ref().filter(|_| server.security == SecurityMode::Psk);
    let issued = IssuedValues {
        psk_identity: made(server.psk_identity.as_deref(), templates.psk_identity.as_ref())?,
        psk: made(key.map(|key| key.expose_text()), key.map(|key| key.template()))?,
        uri: made(server.uri.as_deref(), templates.uri.as_ref())?,
        server_uri: server.uri.clone().map(SecretText::new),
    };
    let bootstrap = bootstrap_credentials(server, &issued)?;
    Ok(NewCredentials { server: server.name.clone(), values: issued, bootstrap })
}

/// What a bootstrap account makes of its client: one that will come to us with new credentials.
///
/// They take an identity of their own, so that the old ones stay good until the new ones are proven.
fn bootstrap_credentials(
    server: &ServerDefinition,
    issued: &IssuedValues,
) -> Result<Option<BootstrapCredentials>, IssueError> {
    let Some(Made { value, .. }) = issued.psk.as_ref().filter(|_| server.account_type == AccountType::Bootstrap) else {
        return Ok(None);
    };
    let identity = issued.psk_identity.as_ref().ok_or(IssueError::IdentityNotNew)?;
    let identity =
        evaluated_identity(identity.from.expose(), identity.value.expose()).map_err(|_| IssueError::Unusable)?;
    let text = server.psk.as_ref().and_then(|key| key.read_as_hex(value.expose()).ok()).ok_or(IssueError::Unusable)?;
    let key = KeyText::parse(&text).map_err(|_| IssueError::Unusable)?;
    Ok(Some(BootstrapCredentials { identity, key }))
}
