//! The secret values of a definition: which they are, and how they are taken out and put back.
//!
//! A definition travels without its secrets wherever they have no business: into the clear columns of the database, into
//! answers of the admin socket, into logs. [`HoldsSecrets`] is the one place that says which fields are secret.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::resource_values::ResourceValues;
use super::{DeviceDefinition, ProfileDefinition, ServerDefinition};
use crate::provision::account_key::AccountKey;
use crate::provision::key_text::KeyText;

/// A secret as the operator wrote it. Neither `Debug` nor an error ever shows it.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Keeps `text`.
    pub fn new(text: String) -> SecretText {
        SecretText(Zeroizing::new(text))
    }

    /// The operator's words.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &SecretText) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText(..)")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
        String::deserialize(deserializer).map(SecretText::new)
    }
}

/// Serialises as the secret itself: only for seals, for requests to the admin socket and for what was asked to be
/// revealed.
impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The secrets of one definition, by the place where they belong: `psk`, `security_resources.8`, `writes.0.3`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretFields(BTreeMap<String, SecretText>);

/// Secrets that do not belong to the definition they were put into.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no place for the secret `{0}`")]
pub struct NoSuchPlace(pub String);

impl SecretFields {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The places, in order.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The fields of which they are the value, or part of it: `psk`, `security_resources`, `writes`; each once.
    pub fn fields(&self) -> Vec<String> {
        let mut fields: Vec<String> = self.places().map(|place| field_of(place).to_owned()).collect();
        fields.dedup();
        fields
    }

    /// The secret at this place.
    pub fn at(&self, place: &str) -> Option<&SecretText> {
        self.0.get(place)
    }

    /// Adds a secret.
    pub fn insert(&mut self, place: impl Into<String>, secret: SecretText) {
        self.0.insert(place.into(), secret);
    }

    /// The fields in which these secrets differ from `others`, be it that only one of them has any.
    pub fn fields_other_than(&self, others: &SecretFields) -> Vec<String> {
        let places = self.0.keys().chain(others.0.keys());
        let different = places.filter(|place| self.0.get(*place) != others.0.get(*place));
        let mut fields: Vec<String> = different.map(|place| field_of(place).to_owned()).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Forgets the secrets of a field.
    pub fn remove_field(&mut self, field: &str) {
        self.0.retain(|place, _| field_of(place) != field);
    }
}

impl IntoIterator for SecretFields {
    type Item = (String, SecretText);
    type IntoIter = std::collections::btree_map::IntoIter<String, SecretText>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The field to which a place belongs: what stands before the first dot.
fn field_of(place: &str) -> &str {
    place.split_once('.').map_or(place, |(field, _)| field)
}

/// A definition that may hold secrets.
pub trait HoldsSecrets: Clone {
    /// The fields whose whole value is a secret.
    const SECRET_FIELDS: &'static [&'static str];

    /// The fields that say of a value that it is withheld.
    fn withholding(&self) -> Vec<&'static str>;

    /// The fields that may have had a secret and say nothing of it now: those that are left out, and those that withhold
    /// a value.
    fn without_their_secrets(&self) -> Vec<&'static str> {
        let given = self.secrets();
        let left_out = Self::SECRET_FIELDS.iter().copied().filter(|field| given.at(field).is_none());
        left_out.chain(self.withholding()).collect()
    }

    /// Takes every secret out. What had one says afterwards that it is withheld, or is left out.
    fn take_secrets(&mut self) -> SecretFields;

    /// Puts secrets back to where they were taken from.
    ///
    /// # Errors
    /// [`NoSuchPlace`] where the definition has no such place, or what is put there is nothing that can stand there.
    fn put_secrets(&mut self, secrets: SecretFields) -> Result<(), NoSuchPlace>;

    /// Puts those secrets back that still have a place: where the definition says that one is withheld, or says nothing.
    fn keep_secrets(&mut self, secrets: SecretFields) {
        for (place, secret) in secrets {
            let mut one = SecretFields::default();
            one.insert(place, secret);
            // Its place is gone, or has a new value: then it is to be forgotten.
            let _ = self.put_secrets(one);
        }
    }

    /// The secrets, which stay where they are too.
    fn secrets(&self) -> SecretFields {
        self.clone().take_secrets()
    }

    /// The definition without its secrets.
    fn without_secrets(&self) -> Self {
        let mut clear = self.clone();
        drop(clear.take_secrets());
        clear
    }
}

impl HoldsSecrets for ServerDefinition {
    const SECRET_FIELDS: &'static [&'static str] = &["psk", "private_key", "sms_binding_secret_keys"];

    fn withholding(&self) -> Vec<&'static str> {
        let values = [("security_resources", &self.security_resources), ("server_resources", &self.server_resources)];
        values.into_iter().filter(|(_, values)| values.withhold()).map(|(field, _)| field).collect()
    }

    fn take_secrets(&mut self) -> SecretFields {
        let mut secrets = SecretFields::default();
        let psk = self.psk.take().map(|key| SecretText::new(key.expose_text().to_owned()));
        let sms = self.sms_binding_secret_keys.take().map(|key| SecretText::new(key.expose_text().to_owned()));
        for (place, secret) in
            [("psk", psk), ("private_key", self.private_key.take()), ("sms_binding_secret_keys", sms)]
        {
            if let Some(secret) = secret {
                secrets.insert(place, secret);
            }
        }
        self.security_resources.take_secrets("security_resources", &mut secrets);
        self.server_resources.take_secrets("server_resources", &mut secrets);
        secrets
    }

    fn put_secrets(&mut self, secrets: SecretFields) -> Result<(), NoSuchPlace> {
        for (place, secret) in secrets {
            let misfit = || NoSuchPlace(place.clone());
            match place.as_str() {
                "psk" => self.psk = Some(AccountKey::parse(secret.expose()).map_err(|_| misfit())?),
                "private_key" => self.private_key = Some(secret),
                "sms_binding_secret_keys" => {
                    self.sms_binding_secret_keys = Some(KeyText::parse(secret.expose()).map_err(|_| misfit())?);
                }
                place => {
                    let resources = match place.split_once('.') {
                        Some(("security_resources", rest)) => Some((&mut self.security_resources, rest)),
                        Some(("server_resources", rest)) => Some((&mut self.server_resources, rest)),
                        _ => None,
                    };
                    let (resources, rest) = resources.ok_or_else(misfit)?;
                    resources.put_secret(rest, &secret).ok_or_else(misfit)?;
                }
            }
        }
        Ok(())
    }
}

impl HoldsSecrets for ProfileDefinition {
    const SECRET_FIELDS: &'static [&'static str] = &[];

    fn withholding(&self) -> Vec<&'static str> {
        let withholds = self.writes.iter().any(|write| write.resources.withhold());
        withholds.then_some("writes").into_iter().collect()
    }

    fn take_secrets(&mut self) -> SecretFields {
        let mut secrets = SecretFields::default();
        for (position, write) in self.writes.iter_mut().enumerate() {
            write.resources.take_secrets(&format!("writes.{position}"), &mut secrets);
        }
        secrets
    }

    fn put_secrets(&mut self, secrets: SecretFields) -> Result<(), NoSuchPlace> {
        for (place, secret) in secrets {
            let resources =
                place.strip_prefix("writes.").and_then(|rest| rest.split_once('.')).and_then(|(position, rest)| {
                    Some((&mut self.writes.get_mut(position.parse::<usize>().ok()?)?.resources, rest))
                });
            let put = resources
                .and_then(|(resources, rest): (&mut ResourceValues, &str)| resources.put_secret(rest, &secret));
            put.ok_or(NoSuchPlace(place))?;
        }
        Ok(())
    }
}

impl HoldsSecrets for DeviceDefinition {
    const SECRET_FIELDS: &'static [&'static str] = &["psk"];

    fn withholding(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn take_secrets(&mut self) -> SecretFields {
        let mut secrets = SecretFields::default();
        if let Some(psk) = self.psk.take() {
            secrets.insert("psk", SecretText::new(psk.expose_text().to_owned()));
        }
        secrets
    }

    fn put_secrets(&mut self, secrets: SecretFields) -> Result<(), NoSuchPlace> {
        for (place, secret) in secrets {
            let psk = KeyText::parse(secret.expose()).ok().filter(|_| place == "psk");
            self.psk = Some(psk.ok_or(NoSuchPlace(place))?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{HoldsSecrets, NoSuchPlace, SecretFields, SecretText};
    use crate::provision::{DeviceDefinition, ProfileDefinition, ServerDefinition};

    fn server() -> ServerDefinition {
        serde_json::from_value(json!({
            "name": "eu", "psk": "text:planted-1", "private_key": "planted-2", "sms_binding_secret_keys": "text:planted-3",
            "security_resources": { "8": "hex:706c616e7465642d34", "16": [49320] },
        }))
        .unwrap()
    }

    fn profile() -> ProfileDefinition {
        serde_json::from_value(json!({
            "name": "p",
            "writes": [
                { "path": "/5/0", "resources": { "1": "plain" } },
                { "path": "/21/0", "resources": { "0": "text:planted-5", "1": { "0": "text:planted-6", "3": 1 } } },
            ],
        }))
        .unwrap()
    }

    fn goes_out_and_back<D: HoldsSecrets + Clone + PartialEq + std::fmt::Debug + serde::Serialize>(
        definition: &D,
        places: &[&str],
        fields: &[&str],
    ) {
        let mut bare = definition.clone();
        let secrets = bare.take_secrets();
        assert_eq!(secrets.places().collect::<Vec<_>>(), places);
        assert_eq!(secrets.fields(), fields);
        let clear = serde_json::to_string(&bare).unwrap() + &format!("{bare:?} {definition:?} {secrets:?}");
        assert!(!clear.contains("planted") && !clear.contains("706c616e"), "{clear}");
        let sealed = serde_json::to_string(&secrets).unwrap();
        bare.put_secrets(serde_json::from_str(&sealed).unwrap()).unwrap();
        assert_eq!(&bare, definition);
    }

    #[test]
    fn secrets_leave_nothing_behind_and_find_their_way_back() {
        let places = ["private_key", "psk", "security_resources.8", "sms_binding_secret_keys"];
        goes_out_and_back(&server(), &places, &["private_key", "psk", "security_resources", "sms_binding_secret_keys"]);
        goes_out_and_back(&profile(), &["writes.1.0", "writes.1.1.0"], &["writes"]);
        let device: DeviceDefinition =
            serde_json::from_value(json!({ "endpoint": "m", "psk": "text:planted" })).unwrap();
        goes_out_and_back(&device, &["psk"], &["psk"]);
    }

    #[test]
    fn a_secret_without_a_place_is_refused() {
        for place in ["psk2", "writes.0.0", "security_resources.9", "security_resources.16", "security_resources.8.0"] {
            let mut secrets = SecretFields::default();
            secrets.insert(place, SecretText::new("text:x".to_owned()));
            let mut bare = server();
            drop(bare.take_secrets());
            assert_eq!(bare.put_secrets(secrets), Err(NoSuchPlace(place.to_owned())), "{place}");
        }
    }
}
