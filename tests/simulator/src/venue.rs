//! The market as one provider sees it at one moment: the same walk for all, with a small
//! difference of its own, well below what would make a client doubt that they agree.

use std::time::Duration;

use jiff::Timestamp;

use crate::Provider;
use crate::assets::{self, Coin, Currency, Volatility};
use crate::figure::{Digits, Figure, Form};
use crate::walk::{Walk, step_start};

/// How far a provider stands from the walk at most: a part that stays and a part that moves.
/// Two providers are then at most 0.16 % apart.
const STEADY_OFFSET: f64 = 0.000_5;
const MOVING_OFFSET: f64 = 0.000_3;
/// The moving part turns at most this often.
const OFFSET_TURNS_S: f64 = 900.0;

/// One provider at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Venue {
    provider: Provider,
    walk: Walk,
    at: Timestamp,
    form: Form,
    skew: f64,
}

impl Venue {
    pub(crate) fn new(provider: Provider, walk: Walk, at: Timestamp, form: Form) -> Self {
        Self {
            provider,
            walk,
            at,
            form,
            skew: 1.0,
        }
    }

    /// The same provider with all prices of coins so many times as high.
    pub(crate) fn skewed(self, skew: f64) -> Self {
        Self { skew, ..self }
    }

    /// The moment asked about.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// When the prices of that moment were made.
    pub(crate) fn updated_at(&self) -> Timestamp {
        step_start(self.at)
    }

    /// The same provider `span` earlier.
    pub(crate) fn before(&self, span: Duration) -> Self {
        Self {
            at: self.at.saturating_sub(span).unwrap_or(Timestamp::MIN),
            ..*self
        }
    }

    /// The same provider at another moment.
    pub(crate) fn seen_at(&self, at: Timestamp) -> Self {
        Self { at, ..*self }
    }

    /// US dollars for one coin.
    pub(crate) fn coin(&self, coin: &Coin) -> f64 {
        let at = self.updated_at();
        let series = format!("{}/{}", self.provider, coin.id);
        let turns = at.as_second() as f64 / OFFSET_TURNS_S;
        let offset = STEADY_OFFSET * self.walk.constant(&series)
            + MOVING_OFFSET * self.walk.noise(&series, 0, turns);
        self.skew * coin.usd * self.walk.factor(coin.id, coin.volatility, at) * (1.0 + offset)
    }

    /// US dollars for one unit of the currency.
    pub(crate) fn currency(&self, currency: &Currency) -> f64 {
        let factor = match currency.code {
            "USD" => 1.0,
            code => {
                // Ten rials are a toman, so the two move as one.
                let series = if code == "IRT" { "IRR" } else { code };
                let at = self.updated_at();
                self.walk.factor(series, Volatility::Currency, at)
            }
        };
        factor / currency.per_usd
    }

    /// US dollars for one unit of whatever has this ticker, in either case.
    pub(crate) fn ticker(&self, ticker: &str) -> Option<f64> {
        if let Some(currency) = assets::currency_by_code(ticker) {
            return Some(self.currency(currency));
        }
        assets::coin_by_symbol(ticker).map(|coin| self.coin(coin))
    }

    /// What one coin has gained or lost over `span`, in percent.
    pub(crate) fn change_percent(&self, coin: &Coin, span: Duration) -> f64 {
        (self.coin(coin) / self.before(span).coin(coin) - 1.0) * 100.0
    }

    /// The lowest and the highest US dollar price of the last 24 hours, looked at hourly.
    pub(crate) fn range_24h(&self, coin: &Coin) -> (f64, f64) {
        (0..=24_u64)
            .map(|hours| self.before(Duration::from_secs(hours * 3_600)).coin(coin))
            .fold((f64::INFINITY, 0.0), |(low, high), price| {
                (price.min(low), price.max(high))
            })
    }

    /// US dollars' worth of the coin traded in 24 hours: some percent of all there is.
    pub(crate) fn volume_24h(&self, coin: &Coin) -> f64 {
        let series = format!("volume/{}", coin.id);
        let turns = self.updated_at().as_second() as f64 / OFFSET_TURNS_S;
        self.coin(coin) * coin.supply * (0.03 + 0.01 * self.walk.noise(&series, 0, turns))
    }

    /// A price as a JSON number, or what the present fault makes of it.
    pub(crate) fn number(&self, value: f64, digits: Digits) -> Figure {
        Figure::number(value, digits, self.form)
    }

    /// A price as text, or what the present fault makes of it.
    pub(crate) fn text(&self, value: f64, digits: Digits) -> Figure {
        Figure::text(value, digits, self.form)
    }

    /// A price as a JSON number with an exponent, unless a fault has other plans.
    pub(crate) fn exponent(&self, value: f64, digits: Digits) -> Figure {
        let form = match self.form {
            Form::Plain => Form::Scientific,
            other => other,
        };
        Figure::number(value, digits, form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::{COINS, CURRENCIES};

    fn venue(provider: Provider, second: i64) -> Venue {
        let at = Timestamp::from_second(second).unwrap();
        Venue::new(provider, Walk::new(7), at, Form::Plain)
    }

    #[test]
    fn all_providers_agree_within_a_fifth_of_a_percent() {
        for hour in 0..200 {
            let second = 1_780_000_000 + hour * 3_600;
            for coin in COINS {
                let prices = Provider::ALL.map(|provider| venue(provider, second).coin(coin));
                let low = prices.iter().copied().fold(f64::INFINITY, f64::min);
                let high = prices.iter().copied().fold(0.0, f64::max);
                assert!(high / low - 1.0 < 0.002, "{}: {prices:?}", coin.id);
                assert!(high > low, "{}: providers differ a little", coin.id);
            }
        }
    }

    #[test]
    fn a_skewed_provider_has_other_prices_of_coins_and_the_same_of_currencies() {
        let honest = venue(Provider::Kraken, 1_780_000_000);
        let skewed = honest.skewed(3.0);
        let ratio = skewed.coin(&COINS[0]) / honest.coin(&COINS[0]);
        assert!((ratio - 3.0).abs() < 1e-9, "{ratio}");
        assert_eq!(skewed.ticker("EUR"), honest.ticker("EUR"));
    }

    #[test]
    fn prices_hold_still_within_a_step_and_move_after_it() {
        let bitcoin = &COINS[0];
        let price = |second| venue(Provider::Kraken, second).coin(bitcoin);
        assert_eq!(price(1_780_000_000), price(1_780_000_009));
        assert_ne!(price(1_780_000_000), price(1_780_000_010));
    }

    #[test]
    fn a_dollar_is_a_dollar_and_ten_rials_are_a_toman() {
        let venue = venue(Provider::Bitpin, 1_780_000_000);
        assert_eq!(venue.ticker("usd"), Some(1.0));
        let tomans = venue.ticker("IRT").unwrap() / venue.ticker("IRR").unwrap();
        assert!((tomans - 10.0).abs() < 1e-9, "{tomans}");
        assert_eq!(venue.ticker("nope"), None);
        assert_eq!(CURRENCIES[0].code, "USD");
    }
}
