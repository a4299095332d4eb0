//! Figures in README that are counted and not measured: they are what the code gives.

#[path = "support/cost.rs"]
mod cost;
#[path = "support/fixtures.rs"]
#[allow(dead_code, reason = "the fixtures serve the tables as well")]
mod fixtures;
#[path = "support/link.rs"]
mod link;

#[test]
fn the_table_of_what_a_bootstrap_costs_on_the_wire_is_what_it_costs() {
    let table = cost::table();
    assert!(include_str!("../README.md").contains(&table), "README must say:\n{table}");
}
