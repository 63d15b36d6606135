//! What one unit of an asset costs.
//!
//! A price stays the text that came from upstream. It becomes a [`Decimal`] for arithmetic
//! only, and never a binary fraction.

use crate::decimal_text::{self, Flaw, MAX_FRACTION_DIGITS, MAX_INTEGER_DIGITS};
use num_bigint::BigUint;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// Most fraction digits that a [`Decimal`] has.
const MAX_DECIMAL_SCALE: usize = 28;

/// Most digits that always fit in a `u128`.
const MAX_U128_DIGITS: usize = 38;

/// A positive decimal number as text: at most 18 digits before the point and 60 after it, in
/// plain notation. It is a valid JSON number as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Price(String);

/// Why a text is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PriceError {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// Not a number in the sense of JSON (RFC 8259 §6).
    #[error("it is not a decimal number")]
    NotANumber,
    /// Zero or below.
    #[error("a price is above zero")]
    NotPositive,
    /// More digits than the price of anything has.
    #[error(
        "a price has at most {MAX_INTEGER_DIGITS} digits before the point and {MAX_FRACTION_DIGITS} after it"
    )]
    Implausible,
}

/// Why a price can't be calculated with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArithmeticError {
    /// The price has more digits than fit in a [`Decimal`].
    #[error("the price {0} has more digits than exact arithmetic takes, which is 28")]
    TooPrecise(String),
}

impl Price {
    /// Reads the text of a number. Scientific notation is rewritten in plain digits, everything
    /// else is kept as it came, trailing zeros too.
    ///
    /// # Errors
    /// [`PriceError`] if it is not a positive number of a plausible length.
    pub fn parse(text: &str) -> Result<Price, PriceError> {
        if text.is_empty() {
            return Err(PriceError::Empty);
        }
        let magnitude = text.strip_prefix('-');
        match decimal_text::plain(magnitude.unwrap_or(text)) {
            Err(Flaw::NotANumber) => Err(PriceError::NotANumber),
            _ if magnitude.is_some() => Err(PriceError::NotPositive),
            Err(Flaw::TooManyDigits) => Err(PriceError::Implausible),
            Ok(plain) if decimal_text::is_zero(&plain) => Err(PriceError::NotPositive),
            Ok(plain) => Ok(Price(plain.into_owned())),
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The exact value, for arithmetic.
    ///
    /// # Errors
    /// [`ArithmeticError::TooPrecise`] if it has more than 28 fraction digits, or more digits
    /// than fit in 96 bits.
    pub fn decimal(&self) -> Result<Decimal, ArithmeticError> {
        decimal(&self.0).ok_or_else(|| ArithmeticError::TooPrecise(self.0.clone()))
    }

    /// The exact value as a whole number of units of 10^−scale, and that scale. Every price has
    /// one, also those that are too long for a [`Decimal`].
    pub(crate) fn units(&self) -> (BigUint, u32) {
        let (integer, fraction) = self.0.split_once('.').unwrap_or((&self.0, ""));
        let units = match integer.len() + fraction.len() <= MAX_U128_DIGITS {
            true => BigUint::from(digits(integer, fraction)),
            false => {
                let text = [integer, fraction].concat();
                BigUint::parse_bytes(text.as_bytes(), 10).unwrap_or_default()
            }
        };
        (units, fraction.len() as u32)
    }
}

/// The number that two runs of digits make together; few enough to fit.
fn digits(integer: &str, fraction: &str) -> u128 {
    integer
        .bytes()
        .chain(fraction.bytes())
        .fold(0, |number, digit| {
            number * 10 + u128::from(digit.wrapping_sub(b'0'))
        })
}

/// The exact value of plain decimal text, or None if it does not fit.
pub(crate) fn decimal(plain: &str) -> Option<Decimal> {
    let fraction = plain.split_once('.').map_or("", |(_, fraction)| fraction);
    if fraction.len() > MAX_DECIMAL_SCALE {
        return None;
    }
    Decimal::from_str_exact(plain).ok()
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Price {
    type Error = PriceError;

    fn try_from(text: String) -> Result<Price, PriceError> {
        Price::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_stay_as_they_came() {
        for text in ["76975", "0.00001234", "1.50", "1.4093297098441402"] {
            assert_eq!(Price::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn scientific_notation_becomes_plain_digits() {
        assert_eq!(Price::parse("1.051e-05").unwrap().as_str(), "0.00001051");
    }

    #[test]
    fn what_is_no_price_is_refused_for_its_own_reason() {
        let seventy_digits = "7".repeat(70);
        for (text, reason) in [
            ("", PriceError::Empty),
            ("null", PriceError::NotANumber),
            ("NaN", PriceError::NotANumber),
            ("-", PriceError::NotANumber),
            ("--1", PriceError::NotANumber),
            ("-1", PriceError::NotPositive),
            ("-0", PriceError::NotPositive),
            ("0", PriceError::NotPositive),
            ("0.00", PriceError::NotPositive),
            ("0e5", PriceError::NotPositive),
            ("1e999999999", PriceError::Implausible),
            (&seventy_digits, PriceError::Implausible),
        ] {
            assert_eq!(Price::parse(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_long_price_is_kept_but_not_calculated_with() {
        let fits = Price::parse(&format!("0.{}", "1".repeat(28))).unwrap();
        assert_eq!(fits.decimal().unwrap().to_string(), fits.as_str());
        for text in [
            format!("0.{}", "1".repeat(29)),
            format!("12.{}", "9".repeat(28)),
        ] {
            let price = Price::parse(&text).unwrap();
            assert_eq!(price.decimal(), Err(ArithmeticError::TooPrecise(text)));
        }
    }

    #[test]
    fn every_price_is_a_whole_number_of_some_unit() {
        let long = format!("12.{}", "9".repeat(60));
        for (text, units, scale) in [
            ("76975", "76975", 0),
            ("0.00001050", "1050", 8),
            (&long, &format!("12{}", "9".repeat(60)), 60),
        ] {
            let (got, of) = Price::parse(text).unwrap().units();
            assert_eq!((got.to_string().as_str(), of), (units, scale));
        }
    }

    #[test]
    fn json_holds_a_price_as_a_string_and_checks_it_on_the_way_in() {
        let price = Price::parse("1.50").unwrap();
        assert_eq!(serde_json::to_string(&price).unwrap(), "\"1.50\"");
        assert_eq!(serde_json::from_str::<Price>("\"1.50\"").unwrap(), price);
        for json in ["\"-1\"", "\"x\"", "1.5", "null"] {
            assert!(serde_json::from_str::<Price>(json).is_err(), "{json}");
        }
    }

    proptest! {
        /// Parsing gives back the digits, and the decimal is the same number.
        #[test]
        fn text_and_decimal_agree(mantissa in 1_u64.., scale in 0_u32..=19) {
            let expected = Decimal::from_i128_with_scale(i128::from(mantissa), scale);
            let text = expected.to_string();
            prop_assume!(text.split('.').next().unwrap().len() <= MAX_INTEGER_DIGITS);
            let price = Price::parse(&text).unwrap();
            prop_assert_eq!(price.as_str(), &text);
            prop_assert_eq!(price.decimal().unwrap(), expected);
        }

        #[test]
        fn every_price_is_a_plain_json_number(text in "[0-9]{1,4}(\\.[0-9]{1,4})?(e-?[0-9]{1,2})?") {
            if let Ok(price) = Price::parse(&text) {
                prop_assert!(!price.as_str().contains(['e', 'E', '-', '+']));
                prop_assert!(serde_json::from_str::<serde_json::Number>(price.as_str()).is_ok());
                prop_assert_eq!(Price::parse(price.as_str()), Ok(price.clone()));
            }
        }
    }
}
