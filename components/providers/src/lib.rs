//! Component: adapters for upstream price APIs.
//!
//! It turns pairs into requests and answers into quotes, and does nothing else: it opens no
//! socket, reads no clock and keeps no state. The bytes it reads come from strangers, so every
//! answer gives quotes or an error, never a panic.
//!
//! `adapters` lists the upstreams. To add one, write its file there and add its line to the
//! registry. The other modules are what adapters have in common. Only `guest` knows WIT.

mod adapters;
mod bindings;
mod endpoint;
mod excerpt;
mod gathered;
mod guest;
mod json;
#[cfg(test)]
mod properties;
mod refusal;
mod tickers;
mod upstream;
