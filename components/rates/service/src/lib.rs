//! Rates, conversion, and the routes of CoinGecko's API that need no history, on whatever world
//! they are given: in the sandbox that is Spin's, in tests and benchmarks a native one.
//!
//! A request is parsed by its route in [`routes`], asks `cache` for the current board, and is
//! answered from it, or from what `rendered` has kept of an earlier answer. The cache refreshes the board when it is due (`refresh`), by way of
//! the provider adapters ([`adapters`]).

pub mod adapters;
mod believing;
mod cache;
#[cfg(test)]
mod cache_tests;
mod lists;
mod memo;
mod refresh;
mod rendered;
#[cfg(test)]
mod route_tests;
pub mod routes;
mod service;
mod settings;
mod stored;

pub use service::Service;
pub use settings::{Settings, Upstream};
