//! What the host tells of itself: numbers for Prometheus, traces for OpenTelemetry, and a summary
//! at its end. What guests print is `guest_output`'s business, and the host's own log is
//! `tracing`'s.
//!
//! Recording is always on, because it is next to nothing: each core writes to cells of its own
//! ([`record`]), without a lock, a look-up or an allocation for a request, and only whoever asks
//! adds them up ([`exposition`]).

pub(crate) mod cells;
pub(crate) mod endpoint;
mod exposition;
mod process;
pub(crate) mod record;
mod summary;
pub(crate) mod traces;

pub use summary::Summary;

pub(crate) use exposition::Observed;
