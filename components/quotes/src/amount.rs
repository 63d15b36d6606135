//! How much of something a user wants to convert.

use crate::decimal_text::{self, Flaw};
use crate::price::decimal;
use rust_decimal::Decimal;
use std::fmt;
use thiserror::Error;

/// A decimal number in plain digits that fits in a [`Decimal`], with a sign where it is below
/// zero, as refunds are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    text: String,
    value: Decimal,
}

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AmountError {
    /// There is nothing.
    #[error("the amount is empty; write a number such as 0.5")]
    Empty,
    /// Not a number in the sense of JSON (RFC 8259 §6).
    #[error("the amount is not a number; write it as 0.5, -3 or 1e-7")]
    NotANumber,
    /// More digits than can be calculated with.
    #[error(
        "the amount is too long; written out it has at most 18 digits before the point, and 28 in all"
    )]
    TooLong,
}

impl Amount {
    /// Reads a number as JSON writes it, such as `0.5`, `-3` or `1e-7`: no plus before it and no
    /// separators of thousands. An exponent is resolved exactly. Zero has no sign.
    ///
    /// # Errors
    /// [`AmountError`] if it is anything else.
    pub fn parse(text: &str) -> Result<Amount, AmountError> {
        if text.is_empty() {
            return Err(AmountError::Empty);
        }
        let text = decimal_text::signed(text).map_err(|flaw| match flaw {
            Flaw::NotANumber => AmountError::NotANumber,
            Flaw::TooManyDigits => AmountError::TooLong,
        })?;
        let value = decimal(&text).ok_or(AmountError::TooLong)?;
        Ok(Amount { text, value })
    }

    /// The number in plain digits: those that were typed, its exponent resolved.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The exact value.
    pub fn decimal(&self) -> Decimal {
        self.value
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_stays_as_it_was_typed() {
        for text in [
            "0",
            "0.10",
            "1000000",
            "123456789012345678.0123456789",
            "-1",
            "-0.50",
        ] {
            let amount = Amount::parse(text).unwrap();
            assert_eq!(amount.to_string(), text);
            assert_eq!(amount.decimal().to_string(), text);
        }
    }

    #[test]
    fn an_exponent_is_resolved_exactly() {
        for (text, expected) in [
            ("1e-7", "0.0000001"),
            ("1e-05", "0.00001"),
            ("1E3", "1000"),
            ("1E+3", "1000"),
            ("-1.50e1", "-15.0"),
            ("1e-28", "0.0000000000000000000000000001"),
            ("123456789012345678901e-3", "123456789012345678.901"),
            ("1e17", "100000000000000000"),
            ("0e99999", "0"),
        ] {
            let amount = Amount::parse(text).unwrap();
            assert_eq!(amount.as_str(), expected, "{text}");
            assert_eq!(amount.decimal().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn zero_has_no_sign() {
        for (text, expected) in [("-0", "0"), ("-0.00", "0.00"), ("-0e5", "0")] {
            let amount = Amount::parse(text).unwrap();
            assert_eq!(amount.as_str(), expected, "{text}");
            assert!(!amount.decimal().is_sign_negative(), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_for_its_own_reason() {
        let long_fraction = format!("0.{}", "1".repeat(29));
        let long = "1".repeat(1000);
        let long_and_negative = format!("-{long}");
        for (text, reason) in [
            ("", AmountError::Empty),
            ("abc", AmountError::NotANumber),
            ("1,5", AmountError::NotANumber),
            ("+1", AmountError::NotANumber),
            ("-", AmountError::NotANumber),
            ("--1", AmountError::NotANumber),
            (".5", AmountError::NotANumber),
            ("1 000", AmountError::NotANumber),
            ("1e", AmountError::NotANumber),
            ("1e5.0", AmountError::NotANumber),
            ("e5", AmountError::NotANumber),
            ("1e18", AmountError::TooLong),
            ("1e-29", AmountError::TooLong),
            ("1e999999999999", AmountError::TooLong),
            (&long_fraction, AmountError::TooLong),
            (&long, AmountError::TooLong),
            (&long_and_negative, AmountError::TooLong),
        ] {
            assert_eq!(Amount::parse(text), Err(reason), "{text}");
        }
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in "[-+0-9.eE]{0,40}|\\PC{0,12}") {
            let _ = Amount::parse(&text);
        }

        /// Whatever form a number is written in, it is the same amount in plain digits.
        #[test]
        fn an_amount_is_never_shown_with_an_exponent(
            is_negative: bool, mantissa in 0_u64..1_000_000_000, exponent in -19_i32..9, sign in "[+]?",
        ) {
            let minus = if is_negative { "-" } else { "" };
            let plus = if exponent >= 0 { &sign } else { "" };
            let amount = Amount::parse(&format!("{minus}{mantissa}e{plus}{exponent}")).unwrap();
            prop_assert!(!amount.as_str().contains(['e', 'E', '+']), "{}", amount);
            let shift = exponent.unsigned_abs();
            let expected = match exponent >= 0 {
                true => Decimal::from(mantissa) * Decimal::from(10_u64.pow(shift)),
                false => Decimal::from_i128_with_scale(i128::from(mantissa), shift),
            };
            let expected = if is_negative { -expected } else { expected };
            prop_assert_eq!(amount.decimal(), expected);
            prop_assert_eq!(Amount::parse(amount.as_str()), Ok(amount.clone()));
        }
    }
}
