//! [`AccountKey`]: the pre-shared key of a server account, written out or made by an expression.
//!
//! `hex:...`, `base64:...` or `text:...` says how it is written; what follows may hold expressions, and is read after
//! they have been evaluated: `hex:${device.property.key}`. A text that begins with an expression needs no prefix:
//! `${string.secureRandom(32)}` makes 32 characters, and the key is their ASCII bytes.

use std::fmt;

use rand::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::expression::{EvaluationError, ExpressionError, Template, Values};
use super::key_text::{KeyTextError, decode, prefix_of};
use crate::secret::Secret;

/// A key in the operator's own form. Neither `Debug` nor an error ever shows it.
#[derive(Clone)]
pub struct AccountKey {
    text: Zeroizing<String>,
    template: Template,
}

/// What is wrong with the text of a key; never holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountKeyError {
    /// Not in one of the three forms.
    #[error(transparent)]
    Text(#[from] KeyTextError),
    /// An expression that is none.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
}

/// Why an expression made no key; never holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyEvaluationError {
    /// The expression has no value for this device.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// Its value is no key.
    #[error("what the expression makes is no key: {0}")]
    Text(#[from] KeyTextError),
}

impl AccountKey {
    /// Reads the operator's form.
    ///
    /// # Errors
    /// [`AccountKeyError`], which says what a key must look like, or where the expression is wrong.
    pub fn parse(text: &str) -> Result<AccountKey, AccountKeyError> {
        let template = Template::parse(text)?;
        match template.literal() {
            Some(literal) => drop(decode(literal)?),
            None if has_prefix(text) || text.starts_with("${") => {}
            None => return Err(KeyTextError::NoPrefix.into()),
        }
        Ok(AccountKey { text: Zeroizing::new(text.to_owned()), template })
    }

    /// The expressions in it.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The key, where it is written out.
    pub fn literal(&self) -> Option<Secret> {
        decode(self.template.literal()?).ok()
    }

    /// The key of one device.
    ///
    /// # Errors
    /// [`KeyEvaluationError`], which never shows what was evaluated.
    pub fn evaluate(&self, values: &Values<'_>, random: &mut impl CryptoRng) -> Result<Secret, KeyEvaluationError> {
        let text = self.template.evaluate(values, random)?;
        Ok(self.read(&text)?)
    }

    /// The key that an evaluated text stands for.
    ///
    /// # Errors
    /// [`KeyTextError`].
    pub fn read(&self, evaluated: &str) -> Result<Secret, KeyTextError> {
        if has_prefix(&self.text) {
            return decode(evaluated);
        }
        if evaluated.is_empty() {
            return Err(KeyTextError::Empty);
        }
        Ok(Secret::from(evaluated.as_bytes()))
    }

    /// The key that an evaluated text stands for, as `hex:...`; as secret as the key.
    ///
    /// # Errors
    /// [`KeyTextError`].
    pub fn read_as_hex(&self, evaluated: &str) -> Result<Zeroizing<String>, KeyTextError> {
        let key = self.read(evaluated)?;
        Ok(Zeroizing::new(format!("hex:{}", data_encoding::HEXLOWER.encode(key.expose()))))
    }

    /// The operator's form; as secret as the key.
    pub fn expose_text(&self) -> &str {
        &self.text
    }
}

/// Whether the text says how the key is written.
fn has_prefix(text: &str) -> bool {
    prefix_of(text).is_some()
}

/// Equal where it was entered alike.
impl PartialEq for AccountKey {
    fn eq(&self, other: &AccountKey) -> bool {
        Secret::from(self.text.as_bytes()) == Secret::from(other.text.as_bytes())
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AccountKey(..)")
    }
}

impl<'de> Deserialize<'de> for AccountKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AccountKey, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        AccountKey::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Serialises as the operator's form: only for seals, for requests to the admin socket and for what was asked to be
/// revealed.
impl Serialize for AccountKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
