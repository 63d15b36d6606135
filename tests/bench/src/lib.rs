//! How fast the host is, measured beside its peers in one run.
//!
//! The library holds what the three binaries share: `bench` starts servers, loads them and judges
//! what comes out; `native-twin` ([`twin`]) is the product without a sandbox; `bare-hyper` is a
//! server that does nothing but answer. Nothing here is part of the product.

pub mod thread_per_core;
pub mod twin;
