//! How far apart prices may be, in percent, compared exactly.

use num_bigint::BigUint;
use rust_decimal::Decimal;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

use crate::amount::Amount;
use crate::price::Price;
use crate::ratio::power_of_ten;

/// A share in percent, above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(Decimal);

/// A text is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a share in percent is a number above zero in plain digits, such as 2 or 0.5")]
pub struct PercentError;

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Percent, PercentError> {
        let amount = Amount::parse(text).map_err(|_| PercentError)?;
        let (value, is_plain) = (amount.decimal(), amount.as_str() == text);
        match is_plain && value > Decimal::ZERO {
            true => Ok(Percent(value.normalize())),
            false => Err(PercentError),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Percent {
    /// So many percent.
    pub const fn whole(percent: u32) -> Percent {
        Percent(Decimal::from_parts(percent, 0, 0, false, 0))
    }

    /// Whether `part` is more than this share of `whole`.
    pub(crate) fn is_exceeded(self, part: &BigUint, whole: &BigUint) -> bool {
        let parts = part * power_of_ten(self.0.scale() + 2);
        parts > whole * self.0.mantissa().unsigned_abs()
    }

    /// Whether two prices differ by more than this share of the lower one: it does not matter
    /// which of them is named first.
    pub fn is_between(self, one: &Price, other: &Price) -> bool {
        let (one, other) = pair(one, other);
        let (low, high) = (one.clone().min(other.clone()), one.max(other));
        self.is_exceeded(&(&high - &low), &low)
    }

    /// Whether `new` is away from `old` by more than this share of `old`.
    pub fn is_moved(self, old: &Price, new: &Price) -> bool {
        let (old, new) = pair(old, new);
        self.is_exceeded(&distance(&old, &new), &old)
    }
}

/// How far two numbers are apart.
pub(crate) fn distance(one: &BigUint, other: &BigUint) -> BigUint {
    match one.cmp(other) {
        Ordering::Less => other - one,
        Ordering::Equal | Ordering::Greater => one - other,
    }
}

fn pair(one: &Price, other: &Price) -> (BigUint, BigUint) {
    let ((one, of_one), (other, of_other)) = (one.units(), other.units());
    let scale = of_one.max(of_other);
    let raised = |units: BigUint, of| match scale - of {
        0 => units,
        more => units * power_of_ten(more),
    };
    (raised(one, of_one), raised(other, of_other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(text: &str) -> Percent {
        text.parse().unwrap()
    }

    fn price(text: &str) -> Price {
        Price::parse(text).unwrap()
    }

    #[test]
    fn a_share_is_a_number_above_zero() {
        assert_eq!(percent("2"), Percent::whole(2));
        assert_eq!(percent("2.50").to_string(), "2.5");
        for text in ["", "0", "0.0", "-1", "2%", "1e1", "many"] {
            assert_eq!(text.parse::<Percent>(), Err(PercentError), "{text}");
        }
    }

    #[test]
    fn two_prices_are_apart_by_a_share_of_the_lower() {
        let is_apart = |one, other| percent("2").is_between(&price(one), &price(other));
        for (one, other, expected) in [
            ("100", "102", false),
            ("100", "102.00000000000000000001", true),
            ("100", "98.03921568627450980393", false),
            ("100", "98.03921568627450980392", true),
            ("0.00001", "0.0000102", false),
            ("0.00001", "0.0000103", true),
        ] {
            assert_eq!(is_apart(one, other), expected, "{one} {other}");
            assert_eq!(is_apart(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn a_move_is_a_share_of_the_old_price() {
        let is_moved = |old, new| percent("20").is_moved(&price(old), &price(new));
        assert!(!is_moved("100", "120"));
        assert!(is_moved("100", "120.000001"));
        assert!(!is_moved("100", "80"));
        assert!(is_moved("100", "79.999999"));
    }
}
