//! Whether the client could live with what a plan leaves in it, judged before anything is sent.
//!
//! Rules E1 to E6, E9 to E13 and E15 to E19 of spec sheet `objects.md`, section 10, as far as the operations and the
//! answer to Discover show; LwM2M Core 1.2 sections 6.1.2 and 8.1. What only definitions can tell (credentials, OSCORE
//! identifiers, the reach of a new bootstrap server) is `provision`'s.

mod access_control;
mod accounts;
mod links;
mod resulting;
mod security;
mod server;
mod unwritable;

use serde::{Deserialize, Serialize};

use super::plan::Operation;
use crate::lwm2m::{DiscoverAnswer, Version};
use crate::provision::rules::Rule;
use crate::provision::{Provision, Severity};
use resulting::Resulting;

/// One rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub rule: Rule,
    /// Whether the bootstrap can go on all the same.
    pub severity: Severity,
    /// Where, and the remedy, as a sentence without a full stop. Never holds a secret.
    pub message: String,
}

impl Finding {
    pub(super) fn error(rule: Rule, message: impl Into<String>) -> Finding {
        Finding { rule, severity: Severity::Error, message: message.into() }
    }

    fn warning(rule: Rule, message: impl Into<String>) -> Finding {
        Finding { rule, severity: Severity::Warning, message: message.into() }
    }

    /// Whether nothing may be written because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Every rule that the client's resulting state breaks, in the order of the rules.
///
/// `discovered` is what the client had before; `version` is its version as far as that is known.
pub fn judge(
    provision: &Provision,
    operations: &[Operation],
    discovered: Option<&DiscoverAnswer>,
    version: Option<Version>,
) -> Vec<Finding> {
    let resulting = Resulting::of(provision, operations, discovered);
    let mut findings = Vec::new();
    accounts::judge(&resulting, &mut findings);
    security::judge(&resulting, &mut findings);
    // What `pct` tells is the least version; what Discover tells is the client's own word.
    let is_exact = discovered.is_some_and(|answer| answer.version.is_some());
    server::judge(&resulting, version, is_exact, &mut findings);
    links::judge(&resulting, &mut findings);
    access_control::judge(provision, &resulting, version, &mut findings);
    unwritable::judge(operations, version, discovered, &mut findings);
    findings.sort_by_key(|finding| finding.rule);
    findings
}

#[cfg(test)]
mod tests;
