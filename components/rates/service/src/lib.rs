//! Rates, conversion, and the routes of CoinGecko's API that need no history, on whatever world
//! they are given: in the sandbox that is Spin's, in tests and benchmarks a native one.
//!
//! A request is let in by `admission`, parsed by its route in [`routes`], asks `cache` for the
//! current board, and is answered from it, or from what `rendered` has kept of an earlier answer.
//! When the board is due,
//! one instance of all leads (`lease`) and refreshes it (`refresh`): it asks upstreams (`asking`) by
//! way of the provider adapters ([`adapters`]), as far as their circuits and budgets allow
//! (`gate`), and makes prices of what they tell (`believing`).

mod admission;
mod asking;
mod believing;
#[cfg(test)]
mod believing_tests;
mod cache;
#[cfg(test)]
mod cache_tests;
#[cfg(test)]
mod fixture;
mod gate;
mod lacking;
mod lease;
#[cfg(test)]
mod lease_model;
mod lists;
mod memo;
mod refresh;
#[cfg(test)]
mod refresh_tests;
mod rendered;
#[cfg(test)]
mod route_tests;
pub mod routes;
mod service;
mod watch;

pub(crate) use edge_rates_settings as settings;
pub use edge_rates_settings::{Faults, Settings, Upstream, adapters};
pub use service::Service;
