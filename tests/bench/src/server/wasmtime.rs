//! `wasmtime serve`.
