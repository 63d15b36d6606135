//! The `runtime-host` command. What it does is in the library.

use std::process::ExitCode;

/// A request allocates and frees some hundred small things on one thread, which mimalloc does
/// with half as many instructions as the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    runtime_host::cli::run()
}
