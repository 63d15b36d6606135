//! WASI of both generations at once: components for 0.3 still import parts of 0.2.

use wasmtime::component::Linker;

use crate::state::InstanceState;
use crate::{http_fields, sending};

/// Adds WASI and `wasi:http` to a linker.
///
/// # Errors
/// If the linker has one of their interfaces already.
pub fn add_to_linker(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    sending::add_to_linker(linker)?;
    http_fields::replace_in(linker)
}
