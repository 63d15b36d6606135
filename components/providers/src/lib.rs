//! Component: adapters for upstream price APIs.
//!
//! It turns pairs into requests and answers into quotes, and does nothing else: it opens no
//! socket, reads no clock and keeps no state. What it does is in `edge-rates-adapters`, which
//! knows nothing of WebAssembly; here is only the way in and out.

mod bindings;
mod guest;
