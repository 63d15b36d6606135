//! Says the same thing only now and then, and how often it was left out. For what happens to every
//! request once it happens at all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What happens again and again on one thread.
pub(crate) struct Throttle {
    every: Duration,
    began: Instant,
    /// When it was last said, in nanoseconds since the beginning; 0 for never.
    said: AtomicU64,
    left_out: AtomicU64,
}

impl Throttle {
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            began: Instant::now(),
            said: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// It has happened again. If it is to be said now: how often it was not, since the last time.
    pub(crate) fn pass(&self) -> Option<u64> {
        self.pass_at(self.began.elapsed())
    }

    fn pass_at(&self, now: Duration) -> Option<u64> {
        let said = self.said.load(Ordering::Relaxed);
        if said != 0 && now < Duration::from_nanos(said) + self.every {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.said.store(now, Ordering::Relaxed);
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_at_once_and_then_with_what_was_left_out() {
        let throttle = Throttle::new(Duration::from_secs(1));
        let said =
            [0, 10, 500, 1_001, 1_002, 2_500].map(|ms| throttle.pass_at(Duration::from_millis(ms)));
        assert_eq!(said, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
