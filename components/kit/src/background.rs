//! Work that goes on after the answer was given.

use std::future::Future;

/// Starts work which outlives the request that asked for it.
pub trait Background {
    /// Runs `work` to its end beside other requests. The instance is kept until then.
    fn spawn(&self, work: impl Future<Output = ()> + 'static);
}
