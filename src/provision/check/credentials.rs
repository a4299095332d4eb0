//! Checks of PSK identities and keys, the same for accounts and for the bootstrap credentials of devices.
//!
//! LwM2M Transport 1.2, section 5.2.9.1; spec sheet `objects.md`, sections 3 and 10 (E8).

use super::refuse_expression;
use crate::provision::problem::Problem;
use crate::secret::Secret;

/// Longest PSK identity that every client must take, in bytes.
pub(in crate::provision) const MAX_PSK_IDENTITY_BYTES: usize = 128;

/// Longest pre-shared key that every client must take, in bytes.
const MAX_PSK_BYTES: usize = 64;

/// Shortest pre-shared key that is recommended, in bytes.
const RECOMMENDED_PSK_BYTES: usize = 16;

/// Checks a PSK identity that was written out.
pub(super) fn check_psk_identity(identity: &str) -> Vec<Problem> {
    const FIELD: &str = "psk_identity";
    let mut problems: Vec<Problem> = refuse_expression(FIELD, identity).into_iter().collect();
    if identity.is_empty() {
        problems.push(Problem::error(
            FIELD,
            "`psk_identity` is empty: write the identity, or leave the key out to use the endpoint name",
        ));
    }
    if identity.len() > MAX_PSK_IDENTITY_BYTES {
        problems.push(Problem::error(
            FIELD,
            format!(
                "`psk_identity` has {} bytes, and clients need not take more than {MAX_PSK_IDENTITY_BYTES}: shorten it",
                identity.len()
            ),
        ));
    }
    if let Some(control) = identity.chars().find(|letter| letter.is_control()) {
        problems.push(Problem::error(
            FIELD,
            format!("`psk_identity` contains the control character {control:?}: remove it"),
        ));
    }
    problems
}

/// Checks the length of a pre-shared key. The key itself never gets into the message.
pub(super) fn check_psk(key: &Secret) -> Option<Problem> {
    let length = key.len();
    if length > MAX_PSK_BYTES {
        Some(Problem::error(
            "psk",
            format!(
                "the key has {length} bytes, and clients need not take more than {MAX_PSK_BYTES}: use a shorter one"
            ),
        ))
    } else if length < RECOMMENDED_PSK_BYTES {
        Some(Problem::warning(
            "psk",
            format!("the key has only {length} bytes: use {RECOMMENDED_PSK_BYTES} or more random ones"),
        ))
    } else {
        None
    }
}
