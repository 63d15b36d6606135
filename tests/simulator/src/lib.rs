//! A market that speaks the upstream price APIs over real HTTP, and fails on demand.
