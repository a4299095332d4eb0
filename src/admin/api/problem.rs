//! `Problem`: why a request was not done, as RFC 9457 writes it.
//!
//! The body of every answer that is not a success, with the media type [`MEDIA_TYPE`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// The media type of problem details (RFC 9457 section 3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Problem details (RFC 9457 section 3.1). Never holds a secret, whatever was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem this is: `about:blank` where the status says it all, otherwise a URN of ours.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The kind in words; the same for every problem of the kind.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What is the matter this time.
    pub detail: String,
    /// Every mistake that the checks found in a definition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FieldProblem>,
}

/// One mistake in a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// The field, as the API names it.
    pub field: String,
    /// What is wrong with it, as a sentence.
    pub message: String,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    /// A problem that its status explains; `title` is then the status in words (RFC 9457 section 4.2.1).
    pub fn of_status(status: u16, title: &str, detail: impl Into<String>) -> Problem {
        Problem { kind: about_blank(), title: title.to_owned(), status, detail: detail.into(), problems: Vec::new() }
    }

    /// A definition in which the checks found mistakes (422).
    pub fn invalid_definition(problems: Vec<FieldProblem>) -> Problem {
        let detail = match problems.as_slice() {
            [only] => format!("{}: {}", only.field, only.message),
            several => format!("{} mistakes were found; nothing was changed", several.len()),
        };
        Problem {
            kind: "urn:bootstrapd:problem:invalid-definition".to_owned(),
            title: "Invalid definition".to_owned(),
            status: 422,
            detail,
            problems,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)?;
        if self.problems.len() > 1 {
            for problem in &self.problems {
                write!(formatter, "\n  {}: {}", problem.field, problem.message)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{FieldProblem, Problem};

    #[test]
    fn a_single_mistake_is_the_detail_and_several_are_listed() {
        let mistake = |field: &str| FieldProblem { field: field.to_owned(), message: "is missing".to_owned() };
        assert_eq!(Problem::invalid_definition(vec![mistake("ssid")]).to_string(), "ssid: is missing");
        let several = Problem::invalid_definition(vec![mistake("ssid"), mistake("uri")]);
        assert_eq!(
            several.to_string(),
            "2 mistakes were found; nothing was changed\n  ssid: is missing\n  uri: is missing"
        );
    }

    #[test]
    fn the_members_have_the_names_of_the_rfc() {
        let problem = Problem::of_status(404, "Not Found", "no such server");
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no such server"})
        );
        assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
    }
}
