//! (under construction)
pub mod outcome;
