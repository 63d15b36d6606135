//! The random walk every price follows: a pure function of the seed, the asset and the time, so
//! that two simulators of one seed agree and time may be moved in either direction.
//!
//! A sum of noise at many time scales, each four times as long and twice as strong as the one
//! before, moves like a random walk over any span and still needs no history.

use std::time::Duration;

use jiff::Timestamp;

use crate::assets::Volatility;

/// Prices hold still for this long, as those of an upstream with a cache do.
pub(crate) const STEP: Duration = Duration::from_secs(10);

/// The shortest time scale.
const SHORTEST_S: f64 = 60.0;
/// Time scales from a minute to some weeks, by factors of four.
const SCALES: i32 = 9;
const DAY_S: f64 = 86_400.0;

/// A seeded source of everything that moves in the market.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk {
    seed: u64,
}

impl Walk {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The factor by which what `series` names stands above or below its start at `at`.
    pub(crate) fn factor(self, series: &str, volatility: Volatility, at: Timestamp) -> f64 {
        let daily = match volatility {
            Volatility::Free => 0.03,
            Volatility::Pegged => 0.000_1,
            Volatility::Currency => 0.000_05,
        };
        let seconds = at.as_second() as f64;
        let strayed: f64 = (0..SCALES)
            .map(|scale| {
                let period = SHORTEST_S * 4.0_f64.powi(scale);
                daily * (period / DAY_S).sqrt() * self.noise(series, scale, seconds / period)
            })
            .sum();
        strayed.exp()
    }

    /// A number in −1..=1 that stays the same for `series`.
    pub(crate) fn constant(self, series: &str) -> f64 {
        self.lattice(series, -1, 0)
    }

    /// A number in −1..=1 that moves with `position`: straight lines between whole positions.
    pub(crate) fn noise(self, series: &str, scale: i32, position: f64) -> f64 {
        let left = position.floor();
        let share = position - left;
        let from = self.lattice(series, scale, left as i64);
        let to = self.lattice(series, scale, left as i64 + 1);
        from + (to - from) * share
    }

    fn lattice(self, series: &str, scale: i32, position: i64) -> f64 {
        let mut state = mix(self.seed);
        for byte in series.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        state = mix(state ^ scale.cast_unsigned() as u64);
        state = mix(state ^ position.cast_unsigned());
        // The top 53 bits as a share of 1, as wide as the fraction of an f64.
        let share = (state >> 11) as f64 / (1_u64 << 53) as f64;
        share * 2.0 - 1.0
    }
}

/// The start of the step `at` lies in: when the prices of that moment were made.
pub(crate) fn step_start(at: Timestamp) -> Timestamp {
    let step = STEP.as_secs().cast_signed();
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(step)).unwrap_or(at)
}

/// SplitMix64's output function (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014): the same on every machine and in every version, unlike a `Hasher`.
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const NOON: i64 = 1_780_000_000;

    #[test]
    fn the_same_seed_walks_the_same_way_and_another_one_does_not() {
        let factor = |seed| Walk::new(seed).factor("bitcoin", Volatility::Free, at(NOON));
        assert_eq!(factor(7), factor(7));
        assert_ne!(factor(7), factor(8));
    }

    #[test]
    fn a_free_coin_moves_within_an_hour_but_does_not_run_away() {
        let walk = Walk::new(7);
        let factors: Vec<f64> = (0..1_000)
            .map(|hour| walk.factor("bitcoin", Volatility::Free, at(NOON + hour * 3_600)))
            .collect();
        assert!(factors.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(
            factors
                .windows(2)
                .all(|pair| (pair[1] / pair[0] - 1.0).abs() < 0.1),
            "no hour moves a price by a tenth"
        );
        assert!(factors.iter().all(|factor| (0.6..1.7).contains(factor)));
    }

    #[test]
    fn a_currency_strays_less_than_a_thousandth_in_four_days() {
        let walk = Walk::new(7);
        for day in 0..400_i64 {
            let factor =
                |day: i64| walk.factor("EUR", Volatility::Currency, at(NOON + day * 86_400));
            let moved = (factor(day + 4) / factor(day) - 1.0).abs();
            assert!(moved < 0.001, "{moved} from day {day}");
        }
    }

    #[test]
    fn a_step_starts_at_or_before_the_moment_and_within_its_length() {
        assert_eq!(step_start(at(NOON + 19)), at(NOON + 10));
        assert_eq!(step_start(at(NOON + 20)), at(NOON + 20));
        assert_eq!(step_start(at(-1)), at(-10));
    }
}
