//! Randomness for jitter and elections: not for secrets.

/// A source of random bits that need not be unpredictable.
pub trait Random {
    /// 64 uniform random bits.
    fn bits(&self) -> u64;
}
