//! One price from an upstream, with what is known about it. Whether it can be believed is
//! decided in [`plausibility`](crate::plausibility).

use crate::asset::Currency;
use crate::decimal_text;
use crate::millis::Millis;
use crate::price::Price;
use serde::{Deserialize, Serialize};

/// What one unit of an asset costs in a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Asset id, lower case: `bitcoin`.
    pub asset: String,
    /// What the price is counted in.
    pub quote: Currency,
    /// Units of `quote` for one unit of the asset.
    pub price: Price,
    /// Change over the last 24 hours in percent, as [`signed_decimal_text`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_24h_pct: Option<String>,
    /// Market capitalisation in the quote currency, as [`signed_decimal_text`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market_cap: Option<String>,
    /// What was traded in the last 24 hours, in the quote currency, as [`signed_decimal_text`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_24h: Option<String>,
    /// When the upstream says that the price was made; of a cross, the oldest part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Millis>,
    /// Of a cross whose oldest part is a reference rate, when the price of the asset in it was
    /// made. The rate holds until the next is out, so this decides whether the cross is current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priced: Option<Millis>,
    /// When change, market capitalisation and volume were told, where any of them is older than
    /// the price because it was kept from an earlier board: the oldest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Millis>,
    /// Who told it, where that is not the board's source: another upstream priced this pair, or
    /// it was kept from an earlier board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How the price came about.
    #[serde(default, skip_serializing_if = "Method::is_single")]
    pub method: Method,
    /// How many upstreams told this price, or one that agrees with it; 0 where none is needed.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub sources: u32,
    /// Two upstreams told prices that are too far apart to both be right.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_divergent: bool,
    /// The last good price, which stayed because the new one was not believed; or a cross that
    /// rests on such a price.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_held: bool,
    /// What each upstream told, where more than one was heard or a price was not believed; of a
    /// cross, the prices that make it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
}

/// How a price came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// One upstream told it.
    #[default]
    Single,
    /// The median of what several upstreams told.
    Median,
    /// A price in another currency, times what that currency costs in this one.
    Cross,
    /// Asset and currency are the same thing: exactly 1, whatever anybody tells.
    Identity,
}

impl Method {
    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Single => "single",
            Method::Median => "median",
            Method::Cross => "cross",
            Method::Identity => "identity",
        }
    }

    /// Whether upstreams told the price, so that it is not calculated from others.
    pub fn is_told(self) -> bool {
        match self {
            Method::Single | Method::Median => true,
            Method::Cross | Method::Identity => false,
        }
    }

    fn is_single(&self) -> bool {
        *self == Method::Single
    }
}

/// What one upstream told about a pair, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The upstream: `kraken`.
    pub provider: String,
    /// The price that it told.
    pub price: Price,
    /// What it is the price of, where that is not the pair itself: `BTC/USD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Why it was not used, in a word: `outlier`, `divergent`, `jump`, `too_old` or
    /// `from_the_future`. None if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<String>,
}

impl Quote {
    /// A price that one upstream told, without anything else that it may know.
    pub fn new(asset: impl Into<String>, quote: Currency, price: Price) -> Quote {
        Quote {
            asset: asset.into(),
            quote,
            price,
            change_24h_pct: None,
            market_cap: None,
            volume_24h: None,
            updated: None,
            priced: None,
            figures: None,
            source: None,
            method: Method::Single,
            sources: 1,
            is_divergent: false,
            is_held: false,
            told: Vec::new(),
        }
    }

    /// Takes the figures that it lacks from what was `known`, at `made`, of the same pair.
    pub(crate) fn keep_figures(&mut self, known: &Quote, made: Millis) {
        let mut is_kept = false;
        for (figure, known) in [
            (&mut self.change_24h_pct, &known.change_24h_pct),
            (&mut self.market_cap, &known.market_cap),
            (&mut self.volume_24h, &known.volume_24h),
        ] {
            if figure.is_none() && known.is_some() {
                figure.clone_from(known);
                is_kept = true;
            }
        }
        if is_kept {
            self.figures = self.figures.into_iter().chain([made]).min();
        }
    }
}

fn one() -> u32 {
    1
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_one(sources: &u32) -> bool {
    *sources == 1
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The text of a number that may be negative, without exponent and with its digits kept.
/// None if it is not a number, or has more digits than a price may have.
pub fn signed_decimal_text(text: &str) -> Option<String> {
    decimal_text::signed(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_its_sign_and_digits_and_loses_its_exponent() {
        for (text, expected) in [
            ("-1.4093297098441402", Some("-1.4093297098441402")),
            ("0", Some("0")),
            ("2.50", Some("2.50")),
            ("-3e-05", Some("-0.00003")),
            ("null", None),
            ("", None),
            ("1e400", None),
        ] {
            assert_eq!(signed_decimal_text(text).as_deref(), expected, "{text}");
        }
    }
}
