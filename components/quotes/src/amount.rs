//! How much of something a user wants to convert.

use crate::decimal_text::{self, Flaw};
use crate::price::decimal;
use rust_decimal::Decimal;
use std::fmt;
use thiserror::Error;

/// A decimal number of zero or more, in plain digits, that fits in a [`Decimal`].
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
    /// Not a number in plain digits.
    #[error("the amount is not a number; write it in plain digits such as 0.5")]
    NotANumber,
    /// Below zero.
    #[error("the amount is negative; swap from and to instead")]
    Negative,
    /// More digits than can be calculated with.
    #[error("the amount is too long; at most 18 digits before the point and 28 in all")]
    TooLong,
}

impl Amount {
    /// Reads plain digits such as `0.5`; no sign, no exponent, no separators of thousands.
    ///
    /// # Errors
    /// [`AmountError`] if it is anything else.
    pub fn parse(text: &str) -> Result<Amount, AmountError> {
        if text.is_empty() {
            return Err(AmountError::Empty);
        }
        if let Some(magnitude) = text.strip_prefix('-') {
            return Err(match decimal_text::plain(magnitude) {
                Err(Flaw::NotANumber) => AmountError::NotANumber,
                _ => AmountError::Negative,
            });
        }
        if text.contains(['e', 'E']) {
            return Err(AmountError::NotANumber);
        }
        let plain = decimal_text::plain(text).map_err(|flaw| match flaw {
            Flaw::NotANumber => AmountError::NotANumber,
            Flaw::TooManyDigits => AmountError::TooLong,
        })?;
        let value = decimal(&plain).ok_or(AmountError::TooLong)?;
        Ok(Amount {
            text: plain.into_owned(),
            value,
        })
    }

    /// The digits as they were typed.
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
        for text in ["0", "0.10", "1000000", "123456789012345678.0123456789"] {
            let amount = Amount::parse(text).unwrap();
            assert_eq!(amount.to_string(), text);
            assert_eq!(amount.decimal().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_for_its_own_reason() {
        let long_fraction = format!("0.{}", "1".repeat(29));
        let long = "1".repeat(1000);
        for (text, reason) in [
            ("", AmountError::Empty),
            ("abc", AmountError::NotANumber),
            ("1,5", AmountError::NotANumber),
            ("1e3", AmountError::NotANumber),
            ("+1", AmountError::NotANumber),
            ("-", AmountError::NotANumber),
            (".5", AmountError::NotANumber),
            ("1 000", AmountError::NotANumber),
            ("-1", AmountError::Negative),
            ("-0.5", AmountError::Negative),
            (&long_fraction, AmountError::TooLong),
            (&long, AmountError::TooLong),
        ] {
            assert_eq!(Amount::parse(text), Err(reason), "{text}");
        }
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in "[-+0-9.eE]{0,40}|\\PC{0,12}") {
            let _ = Amount::parse(&text);
        }
    }
}
