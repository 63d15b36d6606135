//! What one instance of a component holds, and WASI 0.2, WASI 0.3 and `wasi:http` linked to it.
//!
//! [`InstanceState`] is the data of a wasmtime store. Of the host's own capabilities it knows
//! nothing: each keeps what it needs in the state's [`Parts`], by its type, and requests are sent
//! by [`OutboundHooks`]. So the type of the state is known here, and wasmtime's three hundred host
//! functions, which are compiled once for every type of state, are compiled in this crate alone.

mod http_fields;
mod linking;
mod memory_cap;
mod parts;
mod sending;
mod state;

pub use http_fields::is_content_length;
pub use linking::add_to_linker;
pub use memory_cap::MemoryCap;
pub use parts::Parts;
pub use sending::OWN_APPLICATION;
pub use state::{InstanceState, MAX_HEADERS, OutboundHooks};
