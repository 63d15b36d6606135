//! Runs Spin applications: a wasmtime host, as a library and a binary.
