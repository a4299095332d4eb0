//! What one bootstrap costs on the wire, for each format and version. It is counted, not measured, and `tests/figures.rs`
//! holds the table in README to it.
//!
//! `cargo bench --no-default-features --bench wire`.

#[path = "../tests/support/cost.rs"]
mod cost;
#[path = "../tests/support/fixtures.rs"]
#[allow(dead_code, reason = "the fixtures serve the tables as well")]
mod fixtures;
#[path = "../tests/support/link.rs"]
mod link;

fn main() {
    print!("{}", cost::table());
}
