//! In which content format a client is written to at first, and which others are tried when it refuses.
//!
//! Spec sheet `bootstrap.md`, section 8.

use super::outcome::Outcome;
use crate::lwm2m::{ContentFormat, Version};
use crate::provision::{ClientKnowledge, Writing};

/// Formats to try, in this order, when the client answers the first write with 4.15.
const AFTER_REFUSAL: [ContentFormat; 3] = [ContentFormat::SenmlCbor, ContentFormat::SenmlJson, ContentFormat::Tlv];

/// Whether none is left.
pub(super) fn is_all_refused(refused: &[ContentFormat]) -> bool {
    AFTER_REFUSAL.iter().all(|format| refused.contains(format))
}

/// A format and what decided for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The format of the first write.
    pub format: ContentFormat,
    /// Why, as a clause.
    pub reason: &'static str,
}

/// The format of the first write, for a client that asked for `preferred` by `pct` and is known so.
pub fn choose(writing: &Writing, preferred: Option<ContentFormat>, knowledge: &ClientKnowledge) -> Choice {
    let is_refused = |format: &ContentFormat| knowledge.refused_formats.contains(format);
    let taken = || knowledge.accepted_format.filter(|format| !is_refused(format));
    let untried = || AFTER_REFUSAL.into_iter().find(|format| !is_refused(format));
    match (writing.format, preferred.filter(|format| !is_refused(format))) {
        (Some(format), _) => Choice { format, reason: "the profile says so" },
        (None, Some(format)) => Choice { format, reason: "the client asks for it" },
        (None, None) if is_refused(&ContentFormat::Tlv) || preferred.is_some() => Choice {
            format: taken().or_else(untried).unwrap_or(ContentFormat::Tlv),
            reason: "the client has refused others before",
        },
        (None, None) => Choice {
            format: ContentFormat::Tlv,
            reason: "it is the one format of LwM2M 1.0 that writes instances, and nearly all later clients still take it",
        },
    }
}

/// The format to try when all of `refused` were refused.
///
/// # Errors
/// Outcome and sentence of the session where none is left.
pub(super) fn after_refusal(
    refused: &[ContentFormat],
    version: Option<Version>,
    is_fixed: bool,
) -> Result<ContentFormat, (Outcome, String)> {
    let may_know = |format: &ContentFormat| {
        let too_new = version == Some(Version::V1_0) && *format != ContentFormat::Tlv;
        !too_new && !refused.contains(format)
    };
    AFTER_REFUSAL.into_iter().find(may_know).filter(|_| !is_fixed).ok_or_else(|| {
        let refused: Vec<String> = refused.iter().map(ContentFormat::to_string).collect();
        let remedy = if is_fixed { " The profile allows no other: set its format to `auto`." } else { "" };
        let reason = format!("The client takes none of the formats that were tried: {}.{remedy}", refused.join(", "));
        (Outcome::WriteFailed, reason)
    })
}
