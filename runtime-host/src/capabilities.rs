//! What guests can ask of the host, one file for each interface; adding one touches none of
//! the others. Which component may use what is decided when the application is loaded and held
//! in the state of each instance.

pub(crate) mod key_value;
pub(crate) mod open_store;
pub(crate) mod outbound_http;
pub(crate) mod variables;
mod wasi_keyvalue;

use runtime_host_wasi::InstanceState;
use wasmtime::Engine;
use wasmtime::component::Linker;

/// Everything that a component can import from this host. Both generations of WASI are there
/// at once: components for 0.3 still import parts of 0.2.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    runtime_host_wasi::add_to_linker(&mut linker)?;
    key_value::add_to_linker(&mut linker)?;
    wasi_keyvalue::add_to_linker(&mut linker)?;
    variables::add_to_linker(&mut linker)?;
    Ok(linker)
}
