//! What currencies cost in each other, as central banks state it once a day. Prices of assets in
//! a currency that no market quotes are [made](crate::cross) with them.

use crate::asset::Currency;
use crate::catalogue::Catalogue;
use crate::millis::Millis;
use crate::order;
use crate::price::Price;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A rate holds until the next one is published. The longest pauses are those over Easter and
/// some Christmases: the rates of a Thursday hold until the afternoon of the next Tuesday, five
/// days and a half after that Thursday began.
pub const MAX_AGE_MS: u64 = 6 * 24 * 3_600_000;

/// Published once a day, so asked for once an hour.
const ASKED_AGAIN_AFTER_MS: u64 = 3_600_000;

/// The currency that most markets are in.
const PREFERRED_BASE: &str = "USD";

/// Units of one currency for one unit of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceRate {
    /// What is priced: `USD`.
    pub base: Currency,
    /// What the price is counted in: `EUR`.
    pub quote: Currency,
    /// Units of `quote` for one unit of `base`.
    pub price: Price,
    /// When it was stated, or the beginning of the day it was stated for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Millis>,
    /// When the answer with it came.
    pub heard: Millis,
    /// Who told it: `frankfurter`.
    pub source: String,
}

impl ReferenceRate {
    /// Whether it still holds at `now`.
    pub fn holds(&self, now: Millis) -> bool {
        let made = self.updated.unwrap_or(self.heard);
        now.since(made) <= MAX_AGE_MS
    }
}

/// The rates that hold at `now`: those just `heard`, and of those known from before what is not
/// among them. The first of two for the same pair counts.
pub fn current(
    heard: Vec<ReferenceRate>,
    known: &[ReferenceRate],
    now: Millis,
) -> Vec<ReferenceRate> {
    let mut seen = BTreeSet::new();
    heard
        .into_iter()
        .chain(known.iter().cloned())
        .filter(|rate| rate.holds(now) && seen.insert((rate.base.clone(), rate.quote.clone())))
        .collect()
}

/// Puts the preferred base before all others, which stay in their order.
pub(crate) fn preferred_first(currencies: &mut [&Currency]) {
    let is_other = |currency: &Currency| currency.as_str() != PREFERRED_BASE;
    order::sort_by(currencies, |a, b| is_other(a).cmp(&is_other(b)));
}

/// The rates to ask for, base first, so that assets get prices in currencies that no market has
/// quoted them in: none if everything is priced, or if they were asked for within the hour.
/// `is_priced` says whether the asset of an id has a price in a currency.
///
/// They are all rates of as few bases as possible, so that one answer is good for whatever is
/// lacking an hour later.
pub fn needed(
    catalogue: &Catalogue,
    is_priced: impl Fn(&str, &Currency) -> bool,
    known: &[ReferenceRate],
    now: Millis,
) -> Vec<(Currency, Currency)> {
    let is_coin = |currency: &Currency| catalogue.asset_of(currency).is_some();
    let mut bases: Vec<_> = catalogue
        .currencies()
        .iter()
        .filter(|currency| !is_coin(currency))
        .collect();
    preferred_first(&mut bases);
    let mut wanted = BTreeSet::new();
    for asset in catalogue.assets() {
        let is_priced = |currency: &Currency| is_priced(asset.id(), currency);
        if bases.iter().all(|currency| is_priced(currency)) {
            continue;
        }
        wanted.extend(bases.iter().find(|currency| is_priced(currency)).copied());
    }
    let is_known = |base: &Currency| {
        known.iter().any(|rate| {
            rate.base == *base && rate.holds(now) && now.since(rate.heard) < ASKED_AGAIN_AFTER_MS
        })
    };
    wanted
        .into_iter()
        .filter(|base| !is_known(base))
        .flat_map(|base| bases.iter().map(move |quote| (base, *quote)))
        .filter(|(base, quote)| base != quote)
        .map(|(base, quote)| (base.clone(), quote.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_225_200_000);
    const HOUR: u64 = 3_600_000;

    fn rate(base: &str, quote: &str, price: &str, age_ms: u64) -> ReferenceRate {
        ReferenceRate {
            base: Currency::parse(base).unwrap(),
            quote: Currency::parse(quote).unwrap(),
            price: Price::parse(price).unwrap(),
            updated: None,
            heard: NOW.saturating_sub(age_ms),
            source: "frankfurter".to_owned(),
        }
    }

    fn asked(priced: &[&str], known: &[ReferenceRate]) -> Vec<String> {
        let catalogue =
            Catalogue::parse("bitcoin:BTC,tron:TRX,tether:USDT", "EUR,USD,BTC,USDT,CHF").unwrap();
        let is_priced =
            |asset: &str, currency: &Currency| priced.contains(&&*format!("{asset}/{currency}"));
        needed(&catalogue, is_priced, known, NOW)
            .into_iter()
            .map(|(base, quote)| format!("{base}/{quote}"))
            .collect()
    }

    #[test]
    fn nothing_is_needed_where_everything_is_priced_or_nothing() {
        let all: Vec<_> = ["bitcoin", "tron", "tether"]
            .iter()
            .flat_map(|asset| ["EUR", "USD", "CHF"].map(|code| format!("{asset}/{code}")))
            .collect();
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        assert_eq!(asked(&all, &[]), [""; 0]);
        assert_eq!(asked(&[], &[]), [""; 0]);
    }

    #[test]
    fn what_is_lacking_comes_by_way_of_dollars_if_there_are_prices_in_them() {
        let dollars = ["USD/CHF", "USD/EUR"];
        let mut got = asked(&["bitcoin/USD", "bitcoin/EUR"], &[]);
        got.sort();
        assert_eq!(got, dollars);
        assert_eq!(asked(&["bitcoin/EUR"], &[]), ["EUR/USD", "EUR/CHF"]);
    }

    #[test]
    fn a_coin_is_no_currency_that_a_bank_knows() {
        assert_eq!(asked(&["tron/USDT", "tron/BTC"], &[]), [""; 0]);
    }

    #[test]
    fn what_was_asked_for_within_the_hour_is_known() {
        let known = |age_ms| [rate("USD", "EUR", "0.9", age_ms)];
        assert_eq!(asked(&["tron/USD"], &known(HOUR - 1)), [""; 0]);
        assert_eq!(asked(&["tron/USD"], &known(HOUR)).len(), 2);
    }

    #[test]
    fn a_rate_holds_over_easter_and_not_for_a_week() {
        let of_day = |days: u64| ReferenceRate {
            updated: Some(NOW.saturating_sub(days * 24 * HOUR)),
            ..rate("USD", "EUR", "0.9", 0)
        };
        assert!(of_day(6).holds(NOW));
        assert!(!of_day(7).holds(NOW));
    }

    #[test]
    fn new_rates_replace_old_ones_and_old_ones_stay_while_they_hold() {
        let heard = vec![rate("USD", "EUR", "0.91", 0)];
        let known = [
            rate("USD", "EUR", "0.90", HOUR),
            rate("USD", "CHF", "0.80", HOUR),
            rate("USD", "JPY", "150", 7 * 24 * HOUR),
        ];
        let current = current(heard, &known, NOW);
        let prices: Vec<_> = current.iter().map(|rate| rate.price.as_str()).collect();
        assert_eq!(prices, ["0.91", "0.80"]);
    }
}
