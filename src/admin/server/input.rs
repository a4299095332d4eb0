//! What a request brings: its body as JSON, and JSON as a definition.
//!
//! Every mistake is found at once and named by its field, and no message repeats the value of a key.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use super::failure::Failure;
use crate::admin::api::{FieldProblem, Resource};

/// Bytes of a body; a definition takes a few hundred.
pub const BODY_LIMIT: usize = 1 << 20;
/// Media type of a whole definition.
pub const JSON: &str = "application/json";
/// Media type of a change (RFC 7396 section 4).
pub const MERGE_PATCH: &str = "application/merge-patch+json";

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the body, which must be a JSON object of one of the media types `accepted`.
///
/// # Errors
/// A failure of status 415, 413, 408 or 400.
pub async fn object(request: Request<Body>, accepted: &[&str]) -> Result<Map<String, Value>, Failure> {
    object_within(request, accepted, BODY_LIMIT).await
}

/// As [`object`], with another limit in bytes.
///
/// # Errors
/// As [`object`].
pub async fn object_within(
    request: Request<Body>,
    accepted: &[&str],
    limit: usize,
) -> Result<Map<String, Value>, Failure> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    if !media_type.is_some_and(|media_type| accepted.contains(&media_type.as_str())) {
        let detail = format!("the Content-Type must be {}", accepted.join(" or "));
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let collected = Limited::new(request.into_body(), limit).collect();
    let body = match tokio::time::timeout(BODY_TIMEOUT, collected).await {
        Err(_) => return Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is limited to {limit} bytes")));
        }
        Ok(Err(_)) => return Err(Failure::new(StatusCode::BAD_REQUEST, "the body ended early")),
        Ok(Ok(body)) => body.to_bytes(),
    };
    match serde_json::from_slice(&body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Failure::new(StatusCode::BAD_REQUEST, "the body must be a JSON object")),
        Err(error) => Err(Failure::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}"))),
    }
}

/// Reads a definition; `null` stands for a field that is left out.
///
/// # Errors
/// A failure of status 422 that names every field that cannot be read.
pub fn definition<D: Resource>(mut fields: Map<String, Value>) -> Result<D, Failure> {
    fields.retain(|_, value| !value.is_null());
    let mut problems = Vec::new();
    if !fields.contains_key(D::KEY) {
        problems.push(FieldProblem { field: D::KEY.to_owned(), message: "is missing".to_owned() });
    }
    for (field, value) in &fields {
        if let Some(message) = mistake::<D>(field, value) {
            problems.push(FieldProblem { field: field.clone(), message });
        }
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    // Every field has been read alone, so that all of them together cannot fail.
    serde_json::from_value(Value::Object(fields))
        .map_err(|_| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "the fields do not make a definition"))
}

/// Why `field` cannot have this value, by reading a definition of nothing else.
fn mistake<D: Resource>(field: &str, value: &Value) -> Option<String> {
    let mut alone = Map::new();
    if field != D::KEY {
        alone.insert(D::KEY.to_owned(), Value::String("name".to_owned()));
    }
    // The words of the deserializer repeat a value of another type, which must not happen to a secret.
    if D::SECRET_FIELDS.contains(&field) && !value.is_string() {
        return Some("must be a string such as `hex:...`, `base64:...` or `text:...`".to_owned());
    }
    alone.insert(field.to_owned(), value.clone());
    serde_json::from_value::<D>(Value::Object(alone)).err().map(|error| without_value(&error.to_string()))
}

/// The words of the deserializer without the value that they repeat: a key may stand in it.
fn without_value(words: &str) -> String {
    let repeats = ["invalid type: ", "invalid value: ", "invalid length "].iter().any(|start| words.starts_with(start));
    match words.rsplit_once(", expected ").filter(|_| repeats) {
        Some((_, expected)) => format!("must be {expected}"),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use serde_json::{Map, Value, json};

    use super::definition;
    use crate::provision::{DeviceDefinition, ProfileDefinition, ServerDefinition};

    fn fields(json: Value) -> Map<String, Value> {
        json.as_object().unwrap().clone()
    }

    #[test]
    fn every_mistake_is_named_by_its_field_and_no_key_is_repeated() {
        let wrong = json!({"ssid": "one", "psk": 123456789, "colour": "red", "lifetime": -1, "uri": "coap://ok"});
        let failure = format!("{:?}", definition::<ServerDefinition>(fields(wrong)).unwrap_err());
        for expected in ["\"name\"", "\"ssid\"", "\"psk\"", "\"colour\"", "\"lifetime\""] {
            assert!(failure.contains(&format!("field: {expected}")), "{expected} in {failure}");
        }
        assert!(!failure.contains("field: \"uri\"") && !failure.contains("123456789"), "{failure}");
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_showing_it() {
        let wrong = json!({"endpoint": "e", "psk": "hunter2"});
        let failure = definition::<DeviceDefinition>(fields(wrong)).unwrap_err();
        assert!(!format!("{failure:?}").contains("hunter2"));
        assert_eq!(failure.into_response().status(), 422);
        assert!(definition::<ProfileDefinition>(fields(json!({"name": "p", "psk": "text:x"}))).is_err());
        for resources in [json!("hex:hunter2"), json!({"8": "hex:hunter2"}), json!({"8": ["text:hunter2", null]})] {
            let failure = definition::<ServerDefinition>(fields(json!({"name": "s", "security_resources": resources})));
            let failure = format!("{:?}", failure.unwrap_err());
            assert!(failure.contains("security_resources") && !failure.contains("hunter2"), "{failure}");
        }
        let wrong = json!({"name": "p", "writes": [{"path": "/5/0", "resources": "hex:hunter2"}]});
        assert!(!format!("{:?}", definition::<ProfileDefinition>(fields(wrong)).unwrap_err()).contains("hunter2"));
    }

    #[test]
    fn null_is_what_is_left_out() {
        let device = definition::<DeviceDefinition>(fields(json!({"endpoint": "e", "psk": null}))).unwrap();
        assert_eq!(device, DeviceDefinition { endpoint: "e".to_owned(), ..DeviceDefinition::default() });
    }
}
