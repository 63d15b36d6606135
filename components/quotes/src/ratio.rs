//! An exact fraction of whole numbers, and the one place where numbers are rounded.
//!
//! Decimals of a fixed size round whenever they run out of digits, and then the result is
//! rounded a second time. Here everything is exact until the text is made.

use crate::price::Price;
use crate::rounding::{MAX_DIGITS, Precision, Rounding};
use num_bigint::BigUint;
use rust_decimal::Decimal;
use std::cmp::Ordering;

/// A calculated price with no more significant digits is not rounded.
const EXACT_DIGITS: u32 = 28;

/// A number that is zero or more.
#[derive(Debug, Clone)]
pub(crate) struct Ratio {
    numerator: BigUint,
    denominator: BigUint,
}

impl Ratio {
    /// The number 0.
    pub(crate) fn zero() -> Ratio {
        Ratio::of_parts(BigUint::ZERO, BigUint::from(1_u8))
    }

    /// The number 1.
    pub(crate) fn one() -> Ratio {
        Ratio {
            numerator: BigUint::from(1_u8),
            denominator: BigUint::from(1_u8),
        }
    }

    /// `units` of one part in `parts`, which must not be zero.
    pub(crate) fn of_parts(units: BigUint, parts: BigUint) -> Ratio {
        Ratio {
            numerator: units,
            denominator: parts,
        }
    }

    /// A price, with all its digits.
    pub(crate) fn of(price: &Price) -> Ratio {
        let (units, scale) = price.units();
        Ratio::of_parts(units, power_of_ten(scale))
    }

    /// Whether it is more than another.
    pub(crate) fn exceeds(&self, other: &Ratio) -> bool {
        &self.numerator * &other.denominator > &other.numerator * &self.denominator
    }

    /// Multiplied by another.
    pub(crate) fn by(mut self, factor: &Ratio) -> Ratio {
        self.numerator *= &factor.numerator;
        self.denominator *= &factor.denominator;
        self
    }

    /// Divided by another, which must not be zero.
    pub(crate) fn per(mut self, divisor: &Ratio) -> Ratio {
        self.numerator *= &divisor.denominator;
        self.denominator *= &divisor.numerator;
        self
    }

    /// Multiplied by the size of `factor`.
    pub(crate) fn times(mut self, factor: Decimal) -> Ratio {
        self.numerator *= factor.mantissa().unsigned_abs();
        self.denominator *= power_of_ten(factor.scale());
        self
    }

    /// Divided by the size of `divisor`, which must not be zero. Prices are not.
    pub(crate) fn over(mut self, divisor: Decimal) -> Ratio {
        self.denominator *= divisor.mantissa().unsigned_abs();
        self.numerator *= power_of_ten(divisor.scale());
        self
    }

    /// The number in plain digits, rounded at most once.
    pub(crate) fn to_text(&self, precision: Precision, rounding: Rounding) -> String {
        if let Precision::Digits(digits) = precision {
            return self.rounded(u32::from(digits), rounding);
        }
        trimmed(self.exact().unwrap_or_else(|| {
            let zeros = self.leading_zeros().unwrap_or(0);
            self.rounded(zeros + u32::from(MAX_DIGITS), rounding)
        }))
    }

    /// The number with all its digits, if they end.
    fn exact(&self) -> Option<String> {
        // A fraction that ends has no more digits after the point than its denominator has bits:
        // as many as the higher of the powers of 2 and 5 in that.
        let scale = u32::try_from(self.denominator.bits()).ok()?;
        let (quotient, remainder) = self.divide(scale);
        (remainder == BigUint::ZERO).then(|| with_point(&quotient, scale))
    }

    /// The number as a price that can be calculated with: exact if 28 significant digits
    /// suffice for that, of which at most 28 are after the point. Otherwise it is rounded, half
    /// to even, to 18 significant digits, and to 28 after the point if it is so small. None if
    /// that leaves nothing, or if it is larger than prices are.
    pub(crate) fn to_price(&self) -> Option<Price> {
        let (quotient, remainder) = self.divide(EXACT_DIGITS);
        let exact = trimmed(with_point(&quotient, EXACT_DIGITS));
        let significant = exact.trim_start_matches(['0', '.']);
        let has_point = u32::from(significant.contains('.'));
        let digits = u32::try_from(significant.len()).unwrap_or(u32::MAX) - has_point;
        if remainder == BigUint::ZERO && digits <= EXACT_DIGITS {
            return Price::parse(&exact).ok();
        }
        let scale = match self.leading_zeros() {
            Some(zeros) => (zeros + u32::from(MAX_DIGITS)).min(EXACT_DIGITS),
            None => {
                let whole = exact.split('.').next().map_or(0, str::len) as u32;
                u32::from(MAX_DIGITS).saturating_sub(whole)
            }
        };
        Price::parse(&trimmed(self.rounded(scale, Rounding::HalfEven))).ok()
    }

    /// Zeros between the point and the first other digit; None for a number of 1 or more.
    fn leading_zeros(&self) -> Option<u32> {
        if self.numerator >= self.denominator {
            return None;
        }
        if self.numerator == BigUint::ZERO {
            return Some(0);
        }
        let mut scaled = &self.numerator * 10_u8;
        let mut zeros = 0;
        while scaled < self.denominator {
            scaled *= 10_u8;
            zeros += 1;
        }
        Some(zeros)
    }

    fn rounded(&self, scale: u32, rounding: Rounding) -> String {
        let (mut quotient, remainder) = self.divide(scale);
        let half = (&remainder * 2_u8).cmp(&self.denominator);
        let is_up = match rounding {
            Rounding::Down => false,
            Rounding::Up => remainder != BigUint::ZERO,
            Rounding::HalfUp => half != Ordering::Less,
            Rounding::HalfEven => {
                half == Ordering::Greater || (half == Ordering::Equal && quotient.bit(0))
            }
        };
        quotient += u8::from(is_up);
        with_point(&quotient, scale)
    }

    /// The number in units of 10^−scale, rounded down, and what that leaves over.
    fn divide(&self, scale: u32) -> (BigUint, BigUint) {
        let scaled = &self.numerator * power_of_ten(scale);
        let quotient = &scaled / &self.denominator;
        let remainder = scaled - &quotient * &self.denominator;
        (quotient, remainder)
    }
}

pub(crate) fn power_of_ten(exponent: u32) -> BigUint {
    BigUint::from(10_u8).pow(exponent)
}

/// Without zeros at the end of a fraction.
fn trimmed(text: String) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// `units` of 10^−scale, with all `scale` digits after the point.
fn with_point(units: &BigUint, scale: u32) -> String {
    let scale = scale as usize;
    let digits = format!("{:0>width$}", units.to_string(), width = scale + 1);
    match digits.split_at_checked(digits.len() - scale) {
        Some((integer, fraction)) if scale > 0 => format!("{integer}.{fraction}"),
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODES: [Rounding; 4] = [
        Rounding::HalfEven,
        Rounding::HalfUp,
        Rounding::Down,
        Rounding::Up,
    ];

    fn ratio(numerator: &str, denominator: &str) -> Ratio {
        Ratio::one()
            .times(numerator.parse().unwrap())
            .over(denominator.parse().unwrap())
    }

    /// Plain text as a whole number of units of 10^−scale.
    fn units(text: &str) -> (BigUint, u32) {
        let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
        let units = format!("{integer}{fraction}").parse().unwrap();
        (units, fraction.len() as u32)
    }

    #[test]
    fn each_mode_does_what_its_name_says() {
        // 0.125 and 0.375 are halfway, 0.1249 and 0.1251 are beside it.
        for (number, expected) in [
            ("0.125", ["0.12", "0.13", "0.12", "0.13"]),
            ("0.375", ["0.38", "0.38", "0.37", "0.38"]),
            ("0.1249", ["0.12", "0.12", "0.12", "0.13"]),
            ("0.1251", ["0.13", "0.13", "0.12", "0.13"]),
            ("0.12", ["0.12", "0.12", "0.12", "0.12"]),
            ("9.999", ["10.00", "10.00", "9.99", "10.00"]),
            ("0", ["0.00", "0.00", "0.00", "0.00"]),
        ] {
            let got = MODES.map(|mode| ratio(number, "1").to_text(Precision::Digits(2), mode));
            assert_eq!(got, expected, "{number}");
        }
    }

    #[test]
    fn full_precision_is_exact_where_the_digits_end() {
        for (numerator, denominator, expected) in [
            ("1", "8", "0.125"),
            ("1", "0.8", "1.25"),
            ("100", "1", "100"),
            ("0", "3", "0"),
            ("1", "1000000000000000000", "0.000000000000000001"),
            // 26 digits after the point.
            ("1.0000000000001", "8192", "0.00012207031250001220703125"),
            // 32 significant digits.
            (
                "7.6543210987654321098765432109",
                "0.001953125",
                "3919.0124025679012402567901239808",
            ),
            // 2^−40.
            (
                "1",
                "1099511627776",
                "0.0000000000009094947017729282379150390625",
            ),
        ] {
            let text = ratio(numerator, denominator).to_text(Precision::Full, Rounding::HalfEven);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn full_precision_keeps_18_digits_where_it_must_round() {
        let full = |a, b, mode| ratio(a, b).to_text(Precision::Full, mode);
        assert_eq!(full("2", "3", Rounding::HalfUp), "0.666666666666666667");
        assert_eq!(full("2", "3", Rounding::Down), "0.666666666666666666");
        assert_eq!(full("200", "3", Rounding::HalfUp), "66.666666666666666667");
        assert_eq!(
            full("1", "76975", Rounding::HalfEven),
            "0.0000129912309191295875"
        );
    }

    #[test]
    fn a_calculated_price_is_exact_or_has_18_significant_digits() {
        for (numerator, denominator, expected) in [
            ("1", "8", "0.125"),
            ("100", "1", "100"),
            // 28 digits.
            ("76975.12345678901234", "0.8", "96218.904320986265425"),
            ("1", "3", "0.333333333333333333"),
            ("200", "3", "66.6666666666666667"),
            ("20000000000", "3", "6666666666.66666667"),
            ("1", "30000", "0.0000333333333333333333"),
            ("1", "3000000000000000", "0.0000000000000003333333333333"),
        ] {
            let price = ratio(numerator, denominator).to_price();
            assert_eq!(price.unwrap().as_str(), expected);
        }
        let tiny = Ratio::of_parts(BigUint::from(1_u8), power_of_ten(29) * 3_u8);
        assert_eq!(tiny.to_price(), None, "nothing is left of it");
        let huge = Ratio::of_parts(power_of_ten(18), BigUint::from(1_u8));
        assert_eq!(huge.to_price(), None, "nothing costs as much");
    }

    #[test]
    fn a_number_is_rounded_once() {
        // With 28 digits it would be 1.5 first, and then 2.
        let below_half = ratio("1.4999999999999999999999999999", "3").times(Decimal::from(3));
        let whole = below_half.to_text(Precision::Digits(0), Rounding::HalfUp);
        assert_eq!(whole, "1");
    }

    prop_compose! {
        fn decimal()(mantissa in 1_i128..79_228_162_514_264_337_593_543_950_336, scale in 0_u32..=28) -> Decimal {
            Decimal::from_i128_with_scale(mantissa, scale)
        }
    }

    proptest! {
        /// The definition of each mode, checked in whole numbers.
        #[test]
        fn rounding_is_to_the_neighbour_that_the_mode_names(
            a in decimal(), b in decimal(), c in decimal(), digits in prop::option::of(0_u8..=18), mode in 0_usize..4,
        ) {
            let mode = MODES[mode];
            let ratio = Ratio::one().times(a).times(b).over(c);
            let precision = digits.map_or(Precision::Full, Precision::Digits);
            let text = ratio.to_text(precision, mode);
            prop_assert!(text.bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{}", text);

            let (units, scale) = units(&text);
            if let Some(digits) = digits {
                prop_assert_eq!(scale, u32::from(digits));
            }
            // text ÷ 10^scale against numerator ÷ denominator, over a common denominator.
            let got = &units * &ratio.denominator;
            let exact = &ratio.numerator * power_of_ten(scale);
            let (is_above, off) = match got >= exact {
                true => (true, got - exact),
                false => (false, exact - got),
            };
            if off == BigUint::ZERO {
                return Ok(());
            }
            // Full precision leaves trailing zeros out, so the last place may be further left.
            let last_place = match digits {
                Some(_) => ratio.denominator.clone(),
                None => {
                    let kept = ratio.leading_zeros().unwrap_or(0) + 18;
                    prop_assert!(scale <= kept);
                    &ratio.denominator * power_of_ten(scale) / power_of_ten(kept) + 1_u8
                }
            };
            prop_assert!(off < last_place);
            match mode {
                Rounding::Down => prop_assert!(!is_above),
                Rounding::Up => prop_assert!(is_above),
                Rounding::HalfUp | Rounding::HalfEven => {
                    let double = off * 2_u8;
                    prop_assert!(double <= last_place);
                    if digits.is_some() && double == last_place {
                        let is_right = if mode == Rounding::HalfUp { is_above } else { !units.bit(0) };
                        prop_assert!(is_right);
                    }
                }
            }
        }

        /// A product ends, so it is not rounded, however long it is.
        #[test]
        fn a_product_is_exact(a in decimal(), b in decimal()) {
            let text = Ratio::one().times(a).times(b).to_text(Precision::Full, Rounding::Up);
            let (got, scale) = units(&text);
            let product = BigUint::from(a.mantissa().unsigned_abs()) * b.mantissa().unsigned_abs();
            let (of_got, of_product) = (power_of_ten(a.scale() + b.scale()), power_of_ten(scale));
            prop_assert_eq!(got * of_got, product * of_product, "{}", text);
            prop_assert!(!text.contains('.') || !text.ends_with(['0', '.']), "{}", text);
        }
    }
}
