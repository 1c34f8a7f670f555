//! Runs a physical plan.
fn main() {}
