//! Runs the market simulator by itself.
fn main() {}
