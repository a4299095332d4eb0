//! Checks of definitions: every mistake at once, each with its remedy.
//!
//! Spec sheet `objects.md`, section 10, as far as the rules concern what an operator writes. A check of one definition
//! stands alone; a check against a [`Catalog`](super::Catalog) finds dangling references; [`check_catalog`] finds what
//! only shows when all definitions lie side by side.

mod catalog;
mod credentials;
mod device;
mod model;
mod name;
mod profile;
mod server;

pub use catalog::{Finding, Subject, check_catalog};
pub use device::{check_device, check_device_in};
pub use model::check_model;
pub use name::{check_name, nearest};
pub use profile::{check_profile, check_profile_between, check_profile_in, writing};
pub use server::{check_certificate_dates, check_server};

pub(super) use credentials::MAX_PSK_IDENTITY_BYTES;

use super::problem::Problem;

#[cfg(test)]
mod rule_tests;

/// Refuses `${`, which starts an expression, in a field that takes none.
///
/// Without this, a client would be given the expression's text.
fn refuse_expression(field: &'static str, text: &str) -> Option<Problem> {
    text.contains("${").then(|| {
        Problem::error(
            field,
            format!(
                "`${{` starts an expression, which only `psk_identity`, `psk` and `uri` of server accounts may hold: \
                 write `{field}` out"
            ),
        )
    })
}
