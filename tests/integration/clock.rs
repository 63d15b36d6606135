//! A wall clock that a test moves.

use std::sync::Mutex;
use std::time::Duration;

/// Stands still until it is told to move.
pub(crate) struct TestClock(Mutex<Duration>);

impl TestClock {
    /// 2026-11-21T01:40:00Z.
    pub(crate) fn new() -> TestClock {
        TestClock(Mutex::new(Duration::from_secs(1_795_225_200)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    pub(crate) fn now_ms(&self) -> i64 {
        i64::try_from(self.0.lock().unwrap().as_millis()).unwrap()
    }
}

impl runtime_host::WallClock for TestClock {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}
