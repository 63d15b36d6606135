//! The HTTP server: one thread accepts connections and gives each to the core with the fewest;
//! each core is a thread with a runtime of its own, on which everything about its connections
//! happens.

pub(crate) mod body;
mod connection;
pub(crate) mod core;
pub(crate) mod departure;
pub(crate) mod listener;
pub(crate) mod problem;
mod request;
pub(crate) mod threads;
