//! Checks of PSK identities and keys that are written out, the same for accounts and for the bootstrap credentials of
//! devices.
//!
//! LwM2M Transport 1.2, section 5.2.9.1; spec sheet `objects.md`, sections 3 and 10 (E8).

use crate::provision::identity_text::identity_bytes;
use crate::provision::key_text::KeyTextError;
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;
use crate::secret::Secret;

/// Longest PSK identity that every client must take, in bytes.
pub(in crate::provision) const MAX_PSK_IDENTITY_BYTES: usize = 128;

/// Longest pre-shared key that every client must take, in bytes.
pub(super) const MAX_PSK_BYTES: usize = 64;

/// Shortest pre-shared key that is recommended, in bytes.
pub(super) const RECOMMENDED_PSK_BYTES: usize = 16;

/// Checks a PSK identity that is written out: text, `hex:...`, `base64:...` or `text:...`.
pub(super) fn check_identity_text(text: &str) -> Vec<Problem> {
    const FIELD: &str = "psk_identity";
    let error = |message: String| Problem::error(FIELD, message).of_rule(Rule::E8);
    let empty =
        || error("`psk_identity` is empty: write the identity, or leave it out to use the endpoint name".to_owned());
    let bytes = match identity_bytes(text) {
        Ok(bytes) => bytes,
        Err(KeyTextError::Empty) => return vec![empty()],
        Err(reason) => {
            return vec![error(format!("{reason}; for an identity that begins so, write `text:` in front of it"))];
        }
    };
    if bytes.is_empty() {
        return vec![empty()];
    }
    let mut problems = Vec::new();
    if bytes.len() > MAX_PSK_IDENTITY_BYTES {
        problems.push(error(format!(
            "`psk_identity` has {} bytes, and clients need not take more than {MAX_PSK_IDENTITY_BYTES}: shorten it",
            bytes.len()
        )));
    }
    match std::str::from_utf8(&bytes) {
        Ok(identity) => problems.extend(
            identity
                .chars()
                .find(|letter| letter.is_control())
                .map(|control| error(format!("`psk_identity` contains the control character {control:?}: remove it"))),
        ),
        Err(_) => problems.push(error(
            "`psk_identity` is not UTF-8, which LwM2M wants it to be: write bytes that are text".to_owned(),
        )),
    }
    problems
}

/// Checks the length of a pre-shared key. The key itself never gets into the message.
pub(super) fn check_psk(key: &Secret) -> Option<Problem> {
    let length = key.len();
    if length > MAX_PSK_BYTES {
        let message = format!(
            "the key has {length} bytes, and clients need not take more than {MAX_PSK_BYTES}: use a shorter one"
        );
        Some(Problem::error("psk", message).of_rule(Rule::E8))
    } else if length < RECOMMENDED_PSK_BYTES {
        let message = format!("the key has only {length} bytes: use {RECOMMENDED_PSK_BYTES} or more random ones");
        Some(Problem::warning("psk", message).of_rule(Rule::E8))
    } else {
        None
    }
}
