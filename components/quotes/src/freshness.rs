//! How old a board may be, and whether it is time for a new one.
//!
//! The rules only: who refreshes is decided by [tickets](crate::ticket), and random bits come
//! from the caller.

use crate::head::Head;
use crate::millis::Millis;
use crate::version::Version;
use thiserror::Error;

/// A head from further ahead was written by a clock that is wrong.
const MAX_AHEAD_MS: u64 = 120_000;

/// The greatest −ln(u) there is for a u of 32 random bits is 32·ln 2, below this.
const MAX_NEG_LN: u64 = 23;

/// The most by which a refresh is early: a hundredth of the time that a board is fresh, and three
/// seconds. With many requests the earliest draw of all decides, so that slow upstreams would be
/// asked a minute early each time, and be asked more often than their monthly quota allows.
const EARLY_SHARE: u64 = 100;
const MAX_EARLY_MS: u64 = 3_000;

/// ln 2 · 2^32, rounded.
const LN_2: u128 = 2_977_044_472;

/// Steps of the logarithm: bits of its fraction.
const LOG_BITS: u32 = 16;

/// How long a board is good for, in milliseconds. [`Policy::new`] makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// A board is fresh for at most this long after it was fetched.
    pub fresh_ms: u64,
    /// It is fresh for up to this much less, so that boards of several deployments don't fall
    /// due in step.
    pub jitter_ms: u64,
    /// For this long after freshness the board is served as it is while it is refreshed
    /// (stale-while-revalidate, RFC 5861 §3).
    pub grace_ms: u64,
    /// From this age on the board is not served.
    pub refuse_ms: u64,
}

/// Times that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// A board that is never fresh would be fetched for each request.
    #[error("the fresh time is 0; a board must be fresh for a while")]
    NeverFresh,
    /// The jitter may take all of the fresh time.
    #[error("the jitter of {jitter_ms} ms must be less than the fresh time of {fresh_ms} ms")]
    JitterTooLong {
        /// The jitter.
        jitter_ms: u64,
        /// The fresh time.
        fresh_ms: u64,
    },
    /// A board would be refused before its grace is over.
    #[error(
        "boards are refused from {refuse_ms} ms on; that must be at least the fresh time and the grace, {least_ms} ms"
    )]
    RefusedTooSoon {
        /// The limit that was asked for.
        refuse_ms: u64,
        /// The least it can be.
        least_ms: u64,
    },
}

/// What may be done with a stored board, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Freshness {
    /// Serve it.
    Fresh,
    /// A refresh is owed; until there is a new one, serve it as if it were fresh.
    Due,
    /// A refresh is overdue; serve it and say that it is stale.
    Stale,
    /// It is too old to be served.
    Refused,
}

impl Policy {
    /// A policy whose times fit together.
    ///
    /// # Errors
    /// [`PolicyError`] says which do not.
    pub fn new(
        fresh_ms: u64,
        jitter_ms: u64,
        grace_ms: u64,
        refuse_ms: u64,
    ) -> Result<Policy, PolicyError> {
        if fresh_ms == 0 {
            return Err(PolicyError::NeverFresh);
        }
        if jitter_ms >= fresh_ms {
            return Err(PolicyError::JitterTooLong {
                jitter_ms,
                fresh_ms,
            });
        }
        let least_ms = fresh_ms.saturating_add(grace_ms);
        if refuse_ms < least_ms {
            return Err(PolicyError::RefusedTooSoon {
                refuse_ms,
                least_ms,
            });
        }
        Ok(Policy {
            fresh_ms,
            jitter_ms,
            grace_ms,
            refuse_ms,
        })
    }

    /// The head of a board that was just fetched. `cost_ms` is how long that took; the
    /// uniformly random bits choose the jitter.
    pub fn head(
        &self,
        version: Version,
        fetched: Millis,
        cost_ms: u64,
        source: impl Into<String>,
        random: u32,
    ) -> Head {
        let jitter = (u128::from(self.jitter_ms) * u128::from(random)) >> u32::BITS;
        let jitter = u64::try_from(jitter).unwrap_or(self.jitter_ms);
        let fresh_ms = self.fresh_ms.saturating_sub(jitter);
        Head {
            version,
            fetched,
            fresh_until: fetched.saturating_add(fresh_ms),
            refused_from: fetched.saturating_add(self.refuse_ms),
            cost_ms,
            source: source.into(),
        }
    }
}

/// What may be done with the board of `head` at `now`. The uniformly random bits spread early
/// refreshes (XFetch): with few requests the board falls due when its freshness ends, with many
/// one of them finds it due a little earlier, the more so the longer a fetch takes, but by no
/// more than three seconds.
///
/// A clock that went back a little changes nothing: the board is fresh. One that is further
/// ahead than two minutes would keep the board fresh for too long: it is due.
pub fn freshness(head: &Head, policy: &Policy, now: Millis, random: u32) -> Freshness {
    if now < head.fetched {
        return match head.fetched.since(now) > MAX_AHEAD_MS {
            true => Freshness::Due,
            false => Freshness::Fresh,
        };
    }
    if now >= head.refused_from {
        Freshness::Refused
    } else if now >= head.fresh_until.saturating_add(policy.grace_ms) {
        Freshness::Stale
    } else if now >= head.fresh_until || is_due_early(head, now, random) {
        Freshness::Due
    } else {
        Freshness::Fresh
    }
}

/// XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention,
/// VLDB 2015) with β = 1: whether now − δ·ln(u) reaches the end of freshness.
fn is_due_early(head: &Head, now: Millis, random: u32) -> bool {
    let left_ms = head.fresh_until.since(now);
    // Spares most requests what follows.
    if left_ms > MAX_EARLY_MS {
        return false;
    }
    let most_ms = head.fresh_until.since(head.fetched) / EARLY_SHARE;
    if left_ms > most_ms.min(head.cost_ms.saturating_mul(MAX_NEG_LN)) {
        return false;
    }
    let early = u128::from(head.cost_ms) * u128::from(neg_ln(random));
    early >= u128::from(left_ms) << LOG_BITS
}

/// −ln((random + 1) / 2^32) · 2^16, a little too small by rounding.
fn neg_ln(random: u32) -> u64 {
    let u = u64::from(random) + 1;
    let whole = u.ilog2();
    // u = 2^whole · m with m from 1 up to 2. Each squaring of m shifts its logarithm left by
    // one bit, and that bit is 1 where the square reaches 2.
    let mut m = u << (32 - whole);
    let mut log2 = u64::from(whole);
    for _ in 0..LOG_BITS {
        let square = (u128::from(m) * u128::from(m)) >> 32;
        let bit = u64::from(square >= 2 << 32);
        log2 = (log2 << 1) | bit;
        m = u64::try_from(square >> bit).unwrap_or(m);
    }
    let neg_log2 = (32 << LOG_BITS) - log2;
    u64::try_from((u128::from(neg_log2) * LN_2) >> 32).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FETCHED: Millis = Millis(1_795_225_200_000);

    /// Random bits for which XFetch is as late as can be, and for which it is earliest.
    const LATEST: u32 = u32::MAX;
    const EARLIEST: u32 = 0;

    fn policy() -> Policy {
        Policy::new(300_000, 30_000, 60_000, 86_400_000).unwrap()
    }

    fn head(cost_ms: u64, random: u32) -> Head {
        policy().head(FETCHED.into(), FETCHED, cost_ms, "coingecko", random)
    }

    fn after(age_ms: u64) -> Freshness {
        let now = FETCHED.saturating_add(age_ms);
        freshness(&head(100, 0), &policy(), now, LATEST)
    }

    #[test]
    fn a_board_is_fresh_then_due_then_stale_then_refused() {
        assert_eq!(after(0), Freshness::Fresh);
        assert_eq!(after(299_999), Freshness::Fresh);
        assert_eq!(after(300_000), Freshness::Due);
        assert_eq!(after(359_999), Freshness::Due);
        assert_eq!(after(360_000), Freshness::Stale);
        assert_eq!(after(86_399_999), Freshness::Stale);
        assert_eq!(after(86_400_000), Freshness::Refused);
        assert_eq!(after(u64::MAX), Freshness::Refused);
    }

    #[test]
    fn a_clock_that_went_back_leaves_the_board_fresh() {
        let at = |ms| {
            freshness(
                &head(100, 0),
                &policy(),
                FETCHED.saturating_sub(ms),
                EARLIEST,
            )
        };
        assert_eq!(at(1), Freshness::Fresh);
        assert_eq!(at(120_000), Freshness::Fresh);
    }

    #[test]
    fn a_board_from_far_ahead_is_due() {
        let now = FETCHED.saturating_sub(120_001);
        assert_eq!(
            freshness(&head(100, 0), &policy(), now, LATEST),
            Freshness::Due
        );
        assert_eq!(
            freshness(&head(100, 0), &policy(), Millis(0), LATEST),
            Freshness::Due
        );
    }

    #[test]
    fn a_board_that_took_long_to_fetch_is_due_earlier() {
        let now = FETCHED.saturating_add(298_000);
        let is_due = |cost_ms| {
            // u = 1/8, so −ln(u) is about 2.08.
            freshness(&head(cost_ms, 0), &policy(), now, (1 << 29) - 1) == Freshness::Due
        };
        assert!(!is_due(900));
        assert!(is_due(1_000));
    }

    #[test]
    fn times_that_contradict_each_other_are_refused() {
        assert_eq!(Policy::new(0, 0, 0, 0), Err(PolicyError::NeverFresh));
        assert!(matches!(
            Policy::new(300, 300, 0, 1_000),
            Err(PolicyError::JitterTooLong { .. })
        ));
        let error = Policy::new(300, 0, 60, 359).unwrap_err();
        assert_eq!(
            error.to_string(),
            "boards are refused from 359 ms on; that must be at least the fresh time and the grace, 360 ms"
        );
        assert!(Policy::new(300, 0, 60, 360).is_ok());
        assert!(Policy::new(300, 0, u64::MAX, u64::MAX).is_ok());
    }

    #[test]
    fn random_bits_choose_the_jitter() {
        let fresh_ms = |random| head(0, random).fresh_until.since(FETCHED);
        assert_eq!(fresh_ms(0), 300_000);
        assert_eq!(fresh_ms(1 << 31), 285_000);
        assert_eq!(fresh_ms(u32::MAX), 270_001);
    }

    /// −ln((random + 1) / 2^32) in units of 2^−60, by 2·artanh((m − 1) / (m + 1)) = ln m.
    fn neg_ln_by_series(random: u32) -> i128 {
        const ONE: i128 = 1 << 60;
        let u = i128::from(random) + 1;
        let whole = u.ilog2();
        let m = (u << 60) >> whole;
        let z = ((m - ONE) << 60) / (m + ONE);
        let (mut power, mut artanh) = (z, 0);
        for odd in (1..60).step_by(2) {
            artanh += power / odd;
            power = (((power * z) >> 60) * z) >> 60;
        }
        // ln 2 from the same series, at z = 1/3.
        let third = ONE / 3;
        let (mut power, mut half_ln_2) = (third, 0);
        for odd in (1..60).step_by(2) {
            half_ln_2 += power / odd;
            power /= 9;
        }
        i128::from(32 - whole) * 2 * half_ln_2 - 2 * artanh
    }

    proptest! {
        #[test]
        fn the_logarithm_agrees_with_its_series(random: u32) {
            let (got, expected) = (i128::from(neg_ln(random)) << 44, neg_ln_by_series(random));
            // 0.00005 in units of 2^−60.
            prop_assert!((got - expected).abs() < (1 << 60) / 20_000, "{got} is not {expected}");
        }

        #[test]
        fn a_board_never_gets_better_with_time(
            a in 0_u64..90_000_000, b in 0_u64..90_000_000, cost in 0_u64..20_000, jitter: u32, random: u32,
        ) {
            let head = head(cost, jitter);
            let at = |age| freshness(&head, &policy(), FETCHED.saturating_add(age), random);
            prop_assert!(at(a.min(b)) <= at(a.max(b)));
        }

        #[test]
        fn jitter_only_shortens_freshness(random: u32) {
            let fresh_ms = head(0, random).fresh_until.since(FETCHED);
            prop_assert!((270_000..=300_000).contains(&fresh_ms), "{fresh_ms}");
        }

        #[test]
        fn xfetch_comes_early_and_never_after_the_end_of_freshness(cost in 0_u64..20_000, jitter: u32, random: u32) {
            let head = head(cost, jitter);
            let at = |now| freshness(&head, &policy(), now, random);
            prop_assert_eq!(at(head.fresh_until), Freshness::Due);
            let earliest = head.fresh_until.saturating_sub((cost * 23).min(3_000) + 1);
            prop_assert_eq!(at(earliest.max(FETCHED)), Freshness::Fresh);
        }

        #[test]
        fn no_head_makes_it_panic(times: [u64; 3], cost_ms: u64, now: u64, random: u32, grace: u64) {
            let [fetched, fresh_until, refused_from] = times.map(Millis);
            let head = Head { fetched, fresh_until, refused_from, cost_ms, ..head(0, 0) };
            let policy = Policy { grace_ms: grace, ..policy() };
            freshness(&head, &policy, Millis(now), random);
        }
    }

    #[test]
    fn the_logarithm_is_right_at_its_ends() {
        assert_eq!(neg_ln(u32::MAX), 0);
        // 32·ln 2 = 22.18070977…
        assert_eq!(neg_ln(0), 1_453_634);
    }
}
