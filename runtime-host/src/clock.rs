//! The wall clock that guests see. A test moves time by giving the host a clock of its own;
//! monotonic clocks and sleeps stay real.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::HostWallClock;

/// Tells guests the time of day: `wasi:clocks/wall-clock` of WASI 0.2 and
/// `wasi:clocks/system-clock` of WASI 0.3.
pub trait WallClock: Send + Sync + 'static {
    /// Time since 1970-01-01T00:00:00Z.
    fn now(&self) -> Duration;
}

/// The computer's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> Duration {
        // A computer whose clock stands before 1970 gets 1970.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }
}

/// A shared clock in the form that wasmtime asks for.
#[derive(Clone)]
pub(crate) struct GuestClock(pub(crate) Arc<dyn WallClock>);

impl HostWallClock for GuestClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.now()
    }
}
