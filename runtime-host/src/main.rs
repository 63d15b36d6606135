//! The `runtime-host` command. What it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime_host::cli::run()
}
