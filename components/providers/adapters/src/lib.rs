//! Adapters for upstream price APIs: pairs in, requests out; answers in, quotes out.
//!
//! The bytes that they read come from strangers, so every answer gives quotes or an error, never
//! a panic, and costs no more memory than a sound answer does.
//!
//! [`ADAPTERS`] lists the upstreams. To add one, write its file in `adapters/` and add its line
//! there. The other modules are what adapters have in common. How a component offers them is not
//! known here.

pub mod adapters;
mod endpoint;
mod excerpt;
mod gathered;
mod json;
#[cfg(test)]
mod properties;
mod refusal;
#[cfg(test)]
mod sample;
mod tickers;
pub mod upstream;

pub use adapters::{ADAPTERS, Adapter, parse, quota, request};
pub use upstream::{Endpoint, Error, Pair, Provider, Quota, Quote, Request, Response, Scope};
