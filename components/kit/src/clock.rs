//! What time it is, and waiting.

use edge_rates_quotes::Millis;
use std::future::Future;
use std::time::Duration;

/// Wall time, elapsed time and sleep.
pub trait Clock {
    /// Wall time. It may jump.
    fn now(&self) -> Millis;

    /// Time since an arbitrary point; it never goes back. For measuring.
    fn elapsed(&self) -> Duration;

    /// Waits for `duration` while other work of the instance goes on.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;
}
