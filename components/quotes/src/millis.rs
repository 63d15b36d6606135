//! A point in time. Who reads the clock is not decided here: functions of this crate are told
//! what time it is.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(
    Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Millis(pub u64);

impl Millis {
    /// This many milliseconds later, or the last point in time there is.
    #[must_use]
    pub fn saturating_add(self, ms: u64) -> Millis {
        Millis(self.0.saturating_add(ms))
    }

    /// This many milliseconds earlier, or the first point in time there is.
    #[must_use]
    pub fn saturating_sub(self, ms: u64) -> Millis {
        Millis(self.0.saturating_sub(ms))
    }

    /// Milliseconds that passed since `earlier`; 0 if it is not earlier.
    pub fn since(self, earlier: Millis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds since 1970, rounded down.
    pub fn secs(self) -> u64 {
        self.0 / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stops_at_its_ends_instead_of_wrapping() {
        assert_eq!(Millis(u64::MAX).saturating_add(1), Millis(u64::MAX));
        assert_eq!(Millis(5).saturating_sub(6), Millis(0));
        assert_eq!(Millis(5).since(Millis(9)), 0);
    }

    #[test]
    fn seconds_are_rounded_down() {
        assert_eq!(Millis(1_999).secs(), 1);
        assert_eq!(Millis(1_795_225_200_000).secs(), 1_795_225_200);
    }
}
