//! What may differ, and why.

use crate::comparison::{Difference, Table};

pub const CLIENT_HELLOS: Table = Table { verdicts: &[], details: &[] };
pub const EXTENSIONS: Table = Table { verdicts: &[], details: &[] };
pub const FLIPPED_RECORDS: Table = Table { verdicts: &[], details: &[] };
pub const SECOND_FLIGHTS: Table = Table { verdicts: &[], details: &[] };
pub const FRAGMENTS: Table = Table { verdicts: &[], details: &[] };
pub const PROOFS: Table = Table { verdicts: &[], details: &[] };
pub const ESTABLISHED: Table = Table { verdicts: &[], details: &[] };
