//! The simulation's time: the real one, or one that a test holds still and moves.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// What time it is in the simulated market.
#[derive(Debug, Default)]
pub struct Clock {
    held: Mutex<Option<Timestamp>>,
}

impl Clock {
    /// A clock that stands at `now_ms`, in milliseconds since the Unix epoch, until it is moved.
    #[must_use]
    pub fn manual(now_ms: i64) -> Self {
        let clock = Self::default();
        clock.set_now_ms(now_ms);
        clock
    }

    /// A clock that follows the machine's.
    #[must_use]
    pub fn real() -> Self {
        Self::default()
    }

    /// The present, by this clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .unwrap_or_else(Timestamp::now)
    }

    /// Holds the clock at `now_ms`, in milliseconds since the Unix epoch. A time beyond what a
    /// calendar can name (the years −9999 to 9999) becomes the nearest it can.
    pub fn set_now_ms(&self, now_ms: i64) {
        let nearest = if now_ms < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        let now = Timestamp::from_millisecond(now_ms).unwrap_or(nearest);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Lets the clock follow the machine's again.
    pub fn follow_real_time(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_where_it_is_set_until_it_follows_real_time() {
        let clock = Clock::manual(1_780_000_000_123);
        assert_eq!(clock.now().as_millisecond(), 1_780_000_000_123);
        clock.set_now_ms(5);
        assert_eq!(clock.now().as_millisecond(), 5);
        clock.follow_real_time();
        assert!(clock.now() >= Timestamp::from_second(1_700_000_000).unwrap());
    }

    #[test]
    fn a_time_beyond_the_calendar_becomes_the_nearest_it_can_name() {
        assert_eq!(Clock::manual(i64::MAX).now(), Timestamp::MAX);
        assert_eq!(Clock::manual(i64::MIN).now(), Timestamp::MIN);
    }
}
