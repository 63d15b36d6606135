//! What guests can ask of the host, one file for each interface; adding one touches none of
//! the others. Which component may use what is decided when the application is loaded and held
//! in the state of each instance.

mod http_fields;
pub(crate) mod key_value;
pub(crate) mod open_store;
pub(crate) mod outbound_http;
pub(crate) mod variables;
mod wasi_keyvalue;

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::instance::InstanceState;

/// Everything that a component can import from this host. Both generations of WASI are there
/// at once: components for 0.3 still import parts of 0.2.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    outbound_http::add_to_linker(&mut linker)?;
    http_fields::replace_in(&mut linker)?;
    key_value::add_to_linker(&mut linker)?;
    wasi_keyvalue::add_to_linker(&mut linker)?;
    variables::add_to_linker(&mut linker)?;
    Ok(linker)
}
