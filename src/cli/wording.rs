//! The daemon's sentences about a definition, in the flags of the command line.
//!
//! The checks name fields as TOML spells them, since most mistakes are made in the file. Whoever typed flags is told of
//! flags; a sentence of an unknown shape stays as it is.

use serde_json::{Map, Value};

use super::definitions::Fields;
use crate::admin::api::{FieldProblem, Problem, Resource};
use crate::admin::client::ClientError;

/// What is being done with a definition.
pub struct Wording<'a> {
    /// Whether it is there already, and so may hold what was not given now.
    pub exists: bool,
    /// The fields that were given.
    pub given: &'a Map<String, Value>,
}

impl Wording<'_> {
    /// The same refusal, with flags where fields were named.
    pub fn of_error<F: Fields>(&self, error: ClientError) -> ClientError {
        let ClientError::Problem(mut problem) = error else { return error };
        if problem.problems.is_empty() {
            return ClientError::Problem(problem);
        }
        for mistake in &mut problem.problems {
            mistake.message = self.sentence::<F>(mistake);
        }
        let detail = Problem::invalid_definition(problem.problems.clone()).detail;
        ClientError::Problem(Problem { detail, ..problem })
    }

    fn sentence<F: Fields>(&self, mistake: &FieldProblem) -> String {
        // These speak of names, which may well be spelt like a field.
        if ["profile", "servers", F::Definition::KEY].contains(&mistake.field.as_str()) {
            return mistake.message.clone();
        }
        let mut sentence = String::new();
        for (position, part) in mistake.message.split('`').enumerate() {
            let quoted = position % 2 == 1;
            match if quoted { flag_of::<F>(part) } else { None } {
                Some(flag) if sentence.ends_with("remove ") => {
                    sentence.truncate(sentence.len() - "remove ".len());
                    sentence.push_str(&self.removal::<F>(part, &flag));
                }
                Some(flag) => sentence.push_str(&format!("`{flag}`")),
                None if quoted => sentence.push_str(&format!("`{part}`")),
                None => sentence.push_str(part),
            }
        }
        match flag_of::<F>(&mistake.field) {
            Some(flag) if !sentence.contains("character") => {
                sentence.replacen("remove it", &self.removal::<F>(&mistake.field, &flag), 1)
            }
            _ => sentence,
        }
    }

    /// How `field` is got rid of: what was given need not be, and what is there can be taken away.
    fn removal<F: Fields>(&self, field: &str, flag: &str) -> String {
        if self.exists && !self.given.contains_key(field) {
            // The flag may name a file; what is taken away is what came out of it.
            let name = F::REMOVABLE.iter().find(|flag| F::field_of(flag) == field);
            format!("give `--unset {}`", name.unwrap_or(&flag))
        } else {
            format!("leave `{flag}` out")
        }
    }
}

/// The flag for a field, or for `field = value`; none for what is no field of this kind.
fn flag_of<F: Fields>(text: &str) -> Option<String> {
    let (field, value) = match text.split_once(" = ") {
        Some((field, value)) => (field, Some(value)),
        None => (text, None),
    };
    // A file of the config is named by a flag just so.
    let field = field.strip_suffix("_file").unwrap_or(field);
    let flag = F::REMOVABLE.iter().find(|flag| F::field_of(flag) == field)?;
    Some(match value {
        Some(value) => format!("--{flag} {}", value.trim_matches(['[', ']']).replace('"', "")),
        None if F::FROM_FILES.contains(flag) => format!("--{flag}-file"),
        None => format!("--{flag}"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::Wording;
    use crate::admin::api::{FieldProblem, Problem};
    use crate::admin::client::ClientError;
    use crate::cli::definitions::Fields;
    use crate::cli::device::DeviceFields;
    use crate::cli::profile::ProfileFields;
    use crate::cli::server::ServerFields;

    fn said<F: Fields>(exists: bool, given: &[&str], field: &str, message: &str) -> String {
        let given: Map<String, Value> = given.iter().map(|field| ((*field).to_owned(), json!(1))).collect();
        let mistake = FieldProblem { field: field.to_owned(), message: message.to_owned() };
        let error = ClientError::Problem(Problem::invalid_definition(vec![mistake]));
        Wording { exists, given: &given }.of_error::<F>(error).to_string()
    }

    #[test]
    fn fields_become_flags() {
        assert_eq!(
            said::<ServerFields>(false, &[], "psk", "give `psk`, or set `security = \"nosec\"` if it must"),
            "psk: give `--psk-file`, or set `--security nosec` if it must"
        );
        assert_eq!(
            said::<ServerFields>(false, &[], "uri", "`uri` has `a = b` and `x`"),
            "uri: `--uri` has `a = b` and `x`"
        );
        assert_eq!(
            said::<ProfileFields>(false, &[], "format", "bad: use `format = \"tlv\"`"),
            "format: bad: use `--content-format tlv`"
        );
    }

    #[test]
    fn what_was_given_is_left_out_and_what_is_there_is_unset() {
        let message = "nosec uses no `psk`: remove it";
        let unset = "psk: nosec uses no `--psk-file`: give `--unset psk`";
        let leave = "psk: nosec uses no `--psk-file`: leave `--psk-file` out";
        assert_eq!(said::<ServerFields>(true, &["security"], "psk", message), unset);
        assert_eq!(said::<ServerFields>(true, &["psk"], "psk", message), leave);
        assert_eq!(said::<ServerFields>(false, &["psk"], "psk", message), leave);
        let message = "give `psk`, or remove `psk_identity` for NoSec";
        assert_eq!(
            said::<DeviceFields>(true, &[], "psk", message),
            "psk: give `--psk-file`, or give `--unset psk-identity` for NoSec"
        );
    }

    #[test]
    fn names_that_are_spelt_like_fields_stay_names() {
        assert_eq!(
            said::<DeviceFields>(false, &[], "profile", "no profile `psk`: define it"),
            "profile: no profile `psk`: define it"
        );
        assert_eq!(
            said::<ServerFields>(true, &[], "psk_identity", "`psk_identity` contains the control character: remove it"),
            "psk_identity: `--psk-identity` contains the control character: remove it"
        );
    }
}
