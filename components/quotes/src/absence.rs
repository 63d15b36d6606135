//! The negative cache: what an upstream is known not to price, and for how long that is believed.

use crate::millis::Millis;
use std::collections::BTreeMap;

/// A pair that an upstream does not price is not asked for again for so long.
pub const UNSUPPORTED_PAIR_MS: u64 = 60 * 60_000;

/// The same for an asset that it prices in no currency: it may be listed there any day.
pub const UNKNOWN_ASSET_MS: u64 = 300_000;

/// Clocks of replicas may differ by this much. A time from further ahead was written by a clock
/// that has gone back since.
const FARTHEST_AHEAD_MS: u64 = 2 * 60_000;

/// First line of the stored form. Another form gets another one.
const FORM: &str = "1";

/// Keys of all providers' absences start with this.
pub const ABSENCE_PREFIX: &str = "n/";

/// Key of what a provider is known not to have.
pub fn absence_key(provider: &str) -> String {
    format!("{ABSENCE_PREFIX}{provider}")
}

/// Pairs of an asset id and a currency code that one upstream does not price.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Absences {
    /// Until when it is believed, by asset and currency.
    until: BTreeMap<String, BTreeMap<String, Millis>>,
}

impl Absences {
    /// Whether the upstream is known at `now` not to price `asset` in `currency`.
    pub fn has(&self, asset: &str, currency: &str, now: Millis) -> bool {
        let until = self.until.get(asset).and_then(|asset| asset.get(currency));
        until.is_some_and(|until| is_believed(*until, now))
    }

    /// Notes that the upstream did not price `asset` in these currencies. `is_unknown` says that
    /// it priced it in no currency at all.
    pub fn learn<'a>(
        &mut self,
        asset: &str,
        currencies: impl IntoIterator<Item = &'a str>,
        is_unknown: bool,
        now: Millis,
    ) {
        let lasts_ms = match is_unknown {
            true => UNKNOWN_ASSET_MS,
            false => UNSUPPORTED_PAIR_MS,
        };
        let until = now.saturating_add(lasts_ms);
        let known = self.until.entry(asset.to_owned()).or_default();
        known.extend(
            currencies
                .into_iter()
                .map(|currency| (currency.to_owned(), until)),
        );
    }

    /// Forgets what is over at `now`.
    pub fn forget_past(&mut self, now: Millis) {
        for asset in self.until.values_mut() {
            asset.retain(|_, until| is_believed(*until, now));
        }
        self.until.retain(|_, asset| !asset.is_empty());
    }

    /// The stored form: a line for each asset and time, with the currencies.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = FORM.to_owned();
        for (asset, currencies) in &self.until {
            let mut by_time: BTreeMap<Millis, Vec<&str>> = BTreeMap::new();
            for (currency, until) in currencies {
                by_time.entry(*until).or_default().push(currency);
            }
            for (Millis(until), currencies) in by_time {
                text.push_str(&format!("\n{until} {asset} {}", currencies.join(",")));
            }
        }
        text.into_bytes()
    }

    /// Reads the stored form; None for anything else, which is as good as knowing nothing.
    pub fn decode(bytes: &[u8]) -> Option<Absences> {
        let mut lines = str::from_utf8(bytes).ok()?.split('\n');
        lines.next().filter(|form| *form == FORM)?;
        let mut absences = Absences::default();
        for line in lines {
            let mut words = line.splitn(3, ' ');
            let until = Millis(words.next()?.parse().ok()?);
            let known = absences.until.entry(words.next()?.to_owned()).or_default();
            let currencies = words.next()?.split(',');
            known.extend(currencies.map(|currency| (currency.to_owned(), until)));
        }
        Some(absences)
    }
}

fn is_believed(until: Millis, now: Millis) -> bool {
    now < until && until.since(now) <= UNSUPPORTED_PAIR_MS + FARTHEST_AHEAD_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Millis = Millis(1_795_225_200_000);

    #[test]
    fn a_pair_is_absent_for_an_hour_and_an_unknown_asset_for_five_minutes() {
        let mut absences = Absences::default();
        absences.learn("tron", ["JPY"], false, NOW);
        absences.learn("newcoin", ["USD", "JPY"], true, NOW);
        let has = |asset, after| absences.has(asset, "JPY", NOW.saturating_add(after));
        assert!(has("tron", 3_599_999));
        assert!(!has("tron", 3_600_000));
        assert!(has("newcoin", 299_999));
        assert!(!has("newcoin", 300_000));
        assert!(!absences.has("tron", "USD", NOW));
        assert!(!absences.has("bitcoin", "JPY", NOW));
    }

    #[test]
    fn a_clock_that_went_back_does_not_make_it_last() {
        let mut absences = Absences::default();
        absences.learn("tron", ["JPY"], false, NOW.saturating_add(86_400_000));
        assert!(!absences.has("tron", "JPY", NOW));
        absences.forget_past(NOW);
        assert_eq!(absences, Absences::default());
    }

    proptest! {
        #[test]
        fn what_was_learnt_reads_back(
            learnt in prop::collection::vec(("[a-z]{1,3}", prop::collection::vec("[A-Z]{2,3}", 1..4), any::<bool>(), 0_u64..10), 0..20),
        ) {
            let mut absences = Absences::default();
            for (asset, currencies, is_unknown, at) in &learnt {
                let currencies = currencies.iter().map(String::as_str);
                absences.learn(asset, currencies, *is_unknown, Millis(*at));
            }
            prop_assert_eq!(Absences::decode(&absences.encode()), Some(absences));
        }

        #[test]
        fn junk_is_as_good_as_nothing(bytes: Vec<u8>, text in "1(\n[0-9 a-z,]{0,12}){0,4}") {
            prop_assert_eq!(Absences::decode(&bytes), None);
            let _ = Absences::decode(text.as_bytes());
        }
    }
}
