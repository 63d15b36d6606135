//! The `bench` command. What it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    edge_rates_bench::cli::run()
}
