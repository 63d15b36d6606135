//! How fast the host is, measured beside its peers in one run.
//!
//! The library holds what the three binaries share: `bench` ([`cli`]) starts servers, loads them
//! and judges what comes out; `native-twin` ([`twin`]) is the product without a sandbox;
//! `bare-hyper` is a server that does nothing but answer. Nothing here is part of the product.

pub mod answer;
pub mod cli;
pub mod instructions;
pub mod ladder;
pub mod load;
pub mod machine;
pub mod measurement;
pub mod mix;
pub mod names;
pub mod process;
pub mod programs;
pub mod ratios;
pub mod replicas;
pub mod report;
pub mod route;
pub mod run;
pub mod seed;
pub mod server;
pub mod soak;
pub mod stages;
pub mod statistics;
pub mod thread_per_core;
pub mod twin;

/// What servers answer that have nothing to say: 92 bytes, the size of one rate.
pub const CONSTANT: &str = r#"{"symbol":"BTC","quote":"USD","price":"76975.0431","stale":false,"source":"nobody","n":1234}"#;
