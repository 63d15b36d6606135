//! A price that leaps away from the one before it is believed only if a second upstream tells
//! the same: it is more often a mistake of one upstream than a crash of the market.
//!
//! A leap is a move of more than the guard's share within its time (20 % within ten minutes by
//! default), counted from when the price before was believed. Of such a price,
//! - if a second upstream tells one that agrees with it, the leap is real: believed;
//! - if other upstreams were heard whose prices did not leap, those are believed without it;
//! - otherwise the price before stays, and is held for now.
//!
//! A price that is held guards only for that time after it was made. So a crash that only one
//! upstream can tell of gets through with the first refresh after ten minutes; with boards of
//! five minutes that is the second or third one.

use crate::consensus::{Consensus, Consent, Dropped, consensus};
use crate::millis::Millis;
use crate::percent::Percent;
use crate::price::Price;

/// How far a price may move by the word of one upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Moves up to this share of the price before are no leap.
    pub percent: Percent,
    /// For how long a price guards the next one, in milliseconds.
    pub for_ms: u64,
}

/// What becomes of the prices of one pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This is the price now.
    Believed(Consensus),
    /// The price before stays; all that was told leapt, each on its own.
    Held,
}

/// The verdict on `prices`, which are in the order of their upstreams. `before` is the price that
/// was believed last and since when it guards. None if there are no prices.
pub fn verdict(
    prices: &[&Price],
    consent: &Consent,
    guard: &Guard,
    before: Option<(&Price, Millis)>,
    now: Millis,
) -> Option<Verdict> {
    let all = consensus(prices, consent)?;
    let Some((before, _)) = before.filter(|(_, made)| now.since(*made) <= guard.for_ms) else {
        return Some(Verdict::Believed(all));
    };
    let leaps = |price: &Price| guard.percent.is_moved(before, price);
    let is_confirmed = |price: &Price| {
        let agreeing = prices
            .iter()
            .filter(|told| !consent.divergence.is_between(price, told));
        agreeing.count() > 1
    };
    if !leaps(&all.price) || is_confirmed(&all.price) {
        return Some(Verdict::Believed(all));
    }
    let calm: Vec<_> = prices
        .iter()
        .copied()
        .filter(|price| !leaps(price))
        .collect();
    let Some(calm) = consensus(&calm, consent) else {
        return Some(Verdict::Held);
    };
    let mut of_calm = calm.dropped.iter().copied();
    let dropped = prices
        .iter()
        .map(|price| match leaps(price) {
            true => Some(Dropped::Jump),
            false => of_calm.next().flatten(),
        })
        .collect();
    Some(Verdict::Believed(Consensus {
        dropped,
        is_divergent: true,
        ..calm
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::Mode;

    const NOW: Millis = Millis(1_795_225_200_000);
    const GUARD: Guard = Guard {
        percent: Percent::whole(20),
        for_ms: 600_000,
    };

    /// The verdict where 100 was believed this long ago.
    fn after(age_ms: u64, mode: Mode, texts: &[&str]) -> Verdict {
        let consent = Consent {
            mode,
            outlier: Percent::whole(2),
            divergence: Percent::whole(2),
        };
        let prices: Vec<_> = texts
            .iter()
            .map(|text| Price::parse(text).unwrap())
            .collect();
        let before = Price::parse("100").unwrap();
        verdict(
            &prices.iter().collect::<Vec<_>>(),
            &consent,
            &GUARD,
            Some((&before, NOW.saturating_sub(age_ms))),
            NOW,
        )
        .unwrap()
    }

    fn believed(verdict: Verdict) -> (String, bool) {
        match verdict {
            Verdict::Believed(consensus) => {
                (consensus.price.as_str().to_owned(), consensus.is_divergent)
            }
            Verdict::Held => ("held".to_owned(), false),
        }
    }

    fn fallback(texts: &[&str]) -> (String, bool) {
        believed(after(300_000, Mode::Fallback, texts))
    }

    fn quorum(texts: &[&str]) -> (String, bool) {
        believed(after(300_000, Mode::Quorum, texts))
    }

    fn price(text: &str, is_divergent: bool) -> (String, bool) {
        (text.to_owned(), is_divergent)
    }

    #[test]
    fn a_move_within_the_limit_needs_nobody_else() {
        assert_eq!(fallback(&["120"]), price("120", false));
        assert_eq!(fallback(&["80"]), price("80", false));
    }

    #[test]
    fn a_leap_that_one_tells_is_held() {
        assert_eq!(fallback(&["120.01"]), price("held", false));
        assert_eq!(fallback(&["79.99"]), price("held", false));
        assert_eq!(quorum(&["79.99"]), price("held", false));
    }

    #[test]
    fn a_leap_that_two_tell_is_real() {
        assert_eq!(fallback(&["60", "60.5"]), price("60", false));
        assert_eq!(quorum(&["60", "60.5"]), price("60", false));
        assert_eq!(quorum(&["60", "60.5", "100"]), price("60.25", false));
    }

    #[test]
    fn where_another_tells_of_no_leap_that_one_is_believed() {
        assert_eq!(fallback(&["1000", "100.5"]), price("100.5", true));
        assert_eq!(quorum(&["1000", "100.5"]), price("100.5", true));
        let verdict = after(300_000, Mode::Fallback, &["1000", "100.5"]);
        let Verdict::Believed(consensus) = verdict else {
            panic!("held")
        };
        assert_eq!(consensus.dropped, [Some(Dropped::Jump), None]);
    }

    #[test]
    fn leaps_to_different_places_confirm_nothing() {
        assert_eq!(fallback(&["200", "150"]), price("held", false));
        assert_eq!(quorum(&["200", "150"]), price("held", false));
    }

    #[test]
    fn a_median_between_two_camps_is_confirmed_by_nobody() {
        // The mean of the two in the middle would be a price that nobody told.
        assert_eq!(quorum(&["100", "100", "200", "200"]), price("100", true));
    }

    #[test]
    fn the_guard_ends_after_its_time() {
        let at = |age_ms| believed(after(age_ms, Mode::Fallback, &["200"]));
        assert_eq!(at(600_000), price("held", false));
        assert_eq!(at(600_001), price("200", false));
    }
}
