//! The HTTP server: one thread accepts connections and gives each to the core with the fewest;
//! each core is a thread with a runtime of its own, on which everything about its connections
//! happens.

pub(crate) mod admission;
pub(crate) mod body;
pub(crate) mod client;
mod connection;
pub(crate) mod core;
pub(crate) mod departure;
mod guest_body;
pub(crate) mod listener;
pub(crate) mod problem;
mod report;
mod request;
mod rest;
mod socket;
pub(crate) mod threads;
mod throttle;
pub(crate) mod upload;
