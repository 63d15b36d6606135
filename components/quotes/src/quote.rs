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
    /// When the upstream says that the price was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Millis>,
    /// Who told it, where that is not the board's source: it was kept from an earlier board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// The text of a number that may be negative, without exponent and with its digits kept.
/// None if it is not a number, or has more digits than a price may have.
pub fn signed_decimal_text(text: &str) -> Option<String> {
    decimal_text::signed_plain(text)
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
