//! Randomness for jitter and elections: not for secrets.

/// A source of random bits that need not be unpredictable.
pub trait Random {
    /// 64 uniform random bits.
    fn bits(&self) -> u64;
}

/// A fast generator (SplitMix64: Steele, Lea and Flood, 2014), so that not every number has to
/// be asked of the host.
#[derive(Debug, Clone, Copy)]
pub struct SplitMix(u64);

impl SplitMix {
    /// A generator whose sequence depends on `seed` alone.
    pub fn new(seed: u64) -> SplitMix {
        SplitMix(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
