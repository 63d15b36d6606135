//! Which quotes can be believed by their time. That a price is a positive number is known
//! already: it would not be a [`Price`](crate::price::Price) otherwise.

use crate::millis::Millis;
use crate::quote::Quote;
use thiserror::Error;

/// Prices of markets that are older are not current.
pub const MAX_AGE_MS: u64 = 15 * 60_000;

/// Clocks of others may be ahead by this much.
const MAX_AHEAD_MS: u64 = 2 * 60_000;

/// Why a quote is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The price was made too long ago.
    #[error("the price is {age_ms} ms old; at most {max_age_ms} are taken")]
    TooOld {
        /// Its age.
        age_ms: u64,
        /// How old it may be.
        max_age_ms: u64,
    },
    /// The price claims to have been made more than 2 minutes from now.
    #[error("the price is from {ahead_ms} ms ahead; at most {MAX_AHEAD_MS} are taken")]
    FromTheFuture {
        /// How far ahead it is.
        ahead_ms: u64,
    },
}

impl Refusal {
    /// The reason in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::TooOld { .. } => "too_old",
            Refusal::FromTheFuture { .. } => "from_the_future",
        }
    }
}

/// Sorts quotes into those that can be believed at `now` and those that cannot, because they are
/// from the future or older than `max_age_ms`. A quote whose time is not known is as old as the
/// answer it came with, so it is believed.
pub fn admit(
    quotes: Vec<Quote>,
    max_age_ms: u64,
    now: Millis,
) -> (Vec<Quote>, Vec<(Quote, Refusal)>) {
    let mut admitted = Vec::with_capacity(quotes.len());
    let mut refused = Vec::new();
    for quote in quotes {
        let refusal = quote
            .updated
            .and_then(|updated| refusal(updated, max_age_ms, now));
        match refusal {
            None => admitted.push(quote),
            Some(refusal) => refused.push((quote, refusal)),
        }
    }
    (admitted, refused)
}

fn refusal(updated: Millis, max_age_ms: u64, now: Millis) -> Option<Refusal> {
    let (age_ms, ahead_ms) = (now.since(updated), updated.since(now));
    if age_ms > max_age_ms {
        Some(Refusal::TooOld { age_ms, max_age_ms })
    } else if ahead_ms > MAX_AHEAD_MS {
        Some(Refusal::FromTheFuture { ahead_ms })
    } else {
        None
    }
}

/// Whether a price made at `made` was of its time when its board was fetched. One that was kept
/// from an earlier board may not be.
pub fn is_of_its_time(made: Millis, fetched: Millis) -> bool {
    fetched.since(made) <= MAX_AGE_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Currency;
    use crate::price::Price;
    use proptest::prelude::*;

    const NOW: Millis = Millis(1_795_225_200_000);

    fn quote(updated: Option<Millis>) -> Quote {
        let dollar = Currency::parse("USD").unwrap();
        Quote {
            updated,
            ..Quote::new("bitcoin", dollar, Price::parse("1").unwrap())
        }
    }

    fn reason(updated: Option<Millis>) -> Option<Refusal> {
        let (admitted, refused) = admit(vec![quote(updated)], MAX_AGE_MS, NOW);
        assert_eq!(admitted.len() + refused.len(), 1);
        refused.first().map(|(_, refusal)| *refusal)
    }

    #[test]
    fn a_quote_of_now_or_of_unknown_time_is_believed() {
        assert_eq!(reason(None), None);
        assert_eq!(reason(Some(NOW)), None);
    }

    #[test]
    fn a_quote_is_believed_for_fifteen_minutes() {
        assert_eq!(reason(Some(NOW.saturating_sub(900_000))), None);
        assert_eq!(
            reason(Some(NOW.saturating_sub(900_001))),
            Some(Refusal::TooOld {
                age_ms: 900_001,
                max_age_ms: 900_000
            })
        );
    }

    #[test]
    fn a_quote_may_be_two_minutes_ahead() {
        assert_eq!(reason(Some(NOW.saturating_add(120_000))), None);
        assert_eq!(
            reason(Some(NOW.saturating_add(120_001))),
            Some(Refusal::FromTheFuture { ahead_ms: 120_001 })
        );
    }

    proptest! {
        #[test]
        fn every_quote_ends_up_on_one_side(times in prop::collection::vec(prop::option::of(0_u64..), 0..20), now: u64) {
            let quotes: Vec<_> = times.iter().map(|time| quote(time.map(Millis))).collect();
            let (admitted, refused) = admit(quotes.clone(), MAX_AGE_MS, Millis(now));
            prop_assert_eq!(admitted.len() + refused.len(), quotes.len());
        }
    }
}
