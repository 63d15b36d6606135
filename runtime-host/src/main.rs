//! The `runtime-host` command. What it does is in the library.

use std::process::ExitCode;

/// A request allocates and frees some hundred small things on one thread, which mimalloc does
/// with half as many instructions as the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    runtime_host::cli::run(give_back_memory)
}

/// Has the allocator return what it keeps for later to the system.
fn give_back_memory() {
    // SAFETY: It may be called at any time; it frees nothing that is in use.
    #[expect(unsafe_code, reason = "a function in C")]
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}
