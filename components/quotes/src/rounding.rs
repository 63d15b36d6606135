//! How many digits an answer has, and what happens to the rest. The rounding itself is done in
//! [`convert`](mod@crate::convert).

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Most fraction digits that can be asked for.
pub(crate) const MAX_DIGITS: u8 = 18;

/// How a number that has more digits than wanted is made shorter. It is the number's size that
/// is rounded, and its sign stays: a refund is rounded as the payment was, so that they cancel
/// each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// To the nearest; from halfway to the one whose last digit is even.
    #[default]
    HalfEven,
    /// To the nearest; from halfway away from zero.
    HalfUp,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
}

/// A text names no rounding mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("rounding is one of half_even, half_up, down and up")]
pub struct RoundingError;

impl FromStr for Rounding {
    type Err = RoundingError;

    fn from_str(text: &str) -> Result<Rounding, RoundingError> {
        match text {
            "half_even" => Ok(Rounding::HalfEven),
            "half_up" => Ok(Rounding::HalfUp),
            "down" => Ok(Rounding::Down),
            "up" => Ok(Rounding::Up),
            _ => Err(RoundingError),
        }
    }
}

/// How many digits a number gets after the point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// All of them: a price is passed on as it came. A calculated number is exact if it ends at
    /// all, as every product of a price and an amount does. Otherwise it is rounded to 18 digits
    /// after the point, not counting the zeros that a number below 1 begins with. Its trailing
    /// zeros are left out.
    #[default]
    Full,
    /// Exactly so many, 0 to 18, with trailing zeros where there is nothing else.
    Digits(u8),
}

/// A text names no precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("precision is 'full' or a whole number from 0 to {MAX_DIGITS}")]
pub struct PrecisionError;

impl FromStr for Precision {
    type Err = PrecisionError;

    fn from_str(text: &str) -> Result<Precision, PrecisionError> {
        if text == "full" {
            return Ok(Precision::Full);
        }
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(digits) if is_number && digits <= MAX_DIGITS => Ok(Precision::Digits(digits)),
            _ => Err(PrecisionError),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Precision::Full => f.write_str("full"),
            Precision::Digits(digits) => digits.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_modes_have_names() {
        assert_eq!("half_even".parse(), Ok(Rounding::HalfEven));
        assert_eq!("half_up".parse(), Ok(Rounding::HalfUp));
        assert_eq!("down".parse(), Ok(Rounding::Down));
        assert_eq!("up".parse(), Ok(Rounding::Up));
        for text in ["", "HALF_UP", "half-up", "nearest"] {
            assert_eq!(text.parse::<Rounding>(), Err(RoundingError), "{text}");
        }
    }

    #[test]
    fn a_precision_is_full_or_up_to_18_digits() {
        for (text, expected) in [
            ("full", Precision::Full),
            ("0", Precision::Digits(0)),
            ("02", Precision::Digits(2)),
            ("18", Precision::Digits(18)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "19", "-1", "+1", "1.0", "256", "002", "Full"] {
            assert_eq!(text.parse::<Precision>(), Err(PrecisionError), "{text}");
        }
    }

    #[test]
    fn a_precision_reads_back() {
        for precision in [Precision::Full, Precision::Digits(7)] {
            assert_eq!(precision.to_string().parse(), Ok(precision));
        }
    }
}
