//! Component without capabilities: adapters for upstream price APIs.
