//! Cells to count in: each is written by one thread, the one of its core, and read by any. So
//! adding is a load and a store and no locked instruction.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds one. Only to be called by the thread that the cell belongs to.
    pub(crate) fn count(&self) {
        self.add(1);
    }

    /// Adds more. Only to be called by the thread that the cell belongs to.
    pub(crate) fn add(&self, more: u64) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(more);
        self.0.store(sum, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many bounds a histogram has.
pub(crate) const BOUNDS: usize = 19;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;

/// The upper bounds of all histograms, in nanoseconds: from a read of a warm store to the longest
/// that anybody waits.
pub(crate) const BOUNDS_NS: [u64; BOUNDS] = [
    10 * MICROSECOND,
    25 * MICROSECOND,
    50 * MICROSECOND,
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    1_000 * MILLISECOND,
    2_500 * MILLISECOND,
    5_000 * MILLISECOND,
    10_000 * MILLISECOND,
];

/// How long something took, each time.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    within: [Counter; BOUNDS],
    longer: Counter,
    nanoseconds: Counter,
}

impl Histogram {
    /// Notes that it took so long once more.
    pub(crate) fn record(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // Most are short, so this ends after a few steps.
        let bucket = BOUNDS_NS
            .iter()
            .zip(&self.within)
            .find_map(|(bound, bucket)| (nanoseconds <= *bound).then_some(bucket));
        bucket.unwrap_or(&self.longer).count();
        self.nanoseconds.add(nanoseconds);
    }
}

/// Several histograms, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) within: [u64; BOUNDS],
    pub(crate) longer: u64,
    pub(crate) nanoseconds: u64,
}

impl Times {
    pub(crate) fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.within.iter_mut().zip(&histogram.within) {
            *sum += bucket.value();
        }
        self.longer += histogram.longer.value();
        self.nanoseconds += histogram.nanoseconds.value();
    }

    /// How many times there are.
    pub(crate) fn count(&self) -> u64 {
        self.within.iter().sum::<u64>() + self.longer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_in_order() {
        assert!(BOUNDS_NS.is_sorted());
    }

    #[test]
    fn a_time_counts_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for nanoseconds in [0, 10_000, 10_001, 10_000_000_000, 10_000_000_001] {
            histogram.record(Duration::from_nanos(nanoseconds));
        }
        let mut times = Times::default();
        times.add(&histogram);
        assert_eq!(times.within[0], 2, "0 and 10 µs");
        assert_eq!(times.within[1], 1, "just above");
        assert_eq!(times.within[BOUNDS - 1], 1, "10 s");
        assert_eq!(times.longer, 1);
        assert_eq!(times.count(), 5);
        assert_eq!(times.nanoseconds, 20_000_020_002);
    }

    #[test]
    fn histograms_of_several_cores_add_up() {
        let (one, other) = (Histogram::default(), Histogram::default());
        one.record(Duration::from_millis(1));
        other.record(Duration::from_millis(1));
        other.record(Duration::from_secs(60));
        let mut times = Times::default();
        times.add(&one);
        times.add(&other);
        assert_eq!((times.count(), times.longer), (3, 1));
    }
}
