//! Decimal numbers as text, in the grammar of JSON numbers (RFC 8259 §6).
//!
//! Here an exponent is resolved by moving the point in the text, so that no digit is lost or
//! made up. Arithmetic is not done here.

use std::borrow::Cow;
use std::num::IntErrorKind;

/// More digits before the point are no price of anything.
pub(crate) const MAX_INTEGER_DIGITS: usize = 18;

/// More digits after the point are noise.
pub(crate) const MAX_FRACTION_DIGITS: usize = 60;

/// What keeps a text from being a number that this service works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is not an unsigned JSON number.
    NotANumber,
    /// It is one, with more digits than the limits above.
    TooManyDigits,
}

/// The unsigned number `text` without exponent: as it came if it has none, otherwise with the
/// point moved. Text that is out of limits is refused before anything of its size is built.
pub(crate) fn plain(text: &str) -> Result<Cow<'_, str>, Flaw> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(Flaw::NotANumber),
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let has_leading_zero = integer.len() > 1 && integer.starts_with('0');
    if integer.is_empty() || has_leading_zero || !is_digits(integer) || !is_digits(fraction) {
        return Err(Flaw::NotANumber);
    }
    let Some(exponent) = exponent else {
        return match integer.len() <= MAX_INTEGER_DIGITS && fraction.len() <= MAX_FRACTION_DIGITS {
            true => Ok(Cow::Borrowed(text)),
            false => Err(Flaw::TooManyDigits),
        };
    };
    let shift = exponent.parse::<i32>();
    if let Err(error) = &shift
        && !matches!(
            error.kind(),
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow
        )
    {
        return Err(Flaw::NotANumber);
    }
    let all = [integer, fraction].concat();
    let digits = all.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(Cow::Borrowed("0"));
    }
    let shift = shift.map_err(|_| Flaw::TooManyDigits)?;
    // Digits of `digits` that stand before the point; negative where zeros follow the point.
    let before =
        integer.len() as i128 - (all.len() as i128 - digits.len() as i128) + i128::from(shift);
    let after = digits.len() as i128 - before;
    if before > MAX_INTEGER_DIGITS as i128 || after > MAX_FRACTION_DIGITS as i128 {
        return Err(Flaw::TooManyDigits);
    }
    Ok(Cow::Owned(place_point(digits, before)))
}

/// Puts the point after `before` digits, and zeros where there are no digits. The caller has
/// made sure that they are few.
fn place_point(digits: &str, before: i128) -> String {
    let zeros = |count: i128| "0".repeat(usize::try_from(count).unwrap_or(0));
    if before <= 0 {
        return format!("0.{}{digits}", zeros(-before));
    }
    match usize::try_from(before)
        .ok()
        .and_then(|before| digits.split_at_checked(before))
    {
        Some((integer, fraction)) if !fraction.is_empty() => format!("{integer}.{fraction}"),
        _ => format!("{digits}{}", zeros(before - digits.len() as i128)),
    }
}

/// The signed number `text` without exponent. Zero has no sign.
pub(crate) fn signed(text: &str) -> Result<String, Flaw> {
    match text.strip_prefix('-') {
        Some(magnitude) => plain(magnitude).map(|plain| negative(plain.into_owned())),
        None => plain(text).map(Cow::into_owned),
    }
}

/// Plain decimal text with the sign before it, unless it is zero.
pub(crate) fn negative(plain: String) -> String {
    match is_zero(&plain) {
        true => plain,
        false => format!("-{plain}"),
    }
}

/// Whether plain decimal text is zero.
pub(crate) fn is_zero(plain: &str) -> bool {
    plain.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_exponent_moves_the_point() {
        for (text, expected) in [
            ("1.051e-05", "0.00001051"),
            ("7.5E+3", "7500"),
            ("1.50e1", "15.0"),
            ("1.50e-1", "0.150"),
            ("100e-2", "1.00"),
            ("0.0012e3", "1.2"),
            ("0.05e1", "0.5"),
            ("1e0", "1"),
            ("0e999999999999", "0"),
            ("0.00e-7", "0"),
        ] {
            assert_eq!(plain(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_json_does_not_call_a_number_is_none() {
        for text in [
            "", " ", "1 ", "+1", "-1", ".5", "5.", "1.e3", "01", "1,5", "1.2.3", "e5", "1e", "1e+",
            "1e+-5", "1e5.0", "1ee5", "0x10", "NaN", "null", "inf", "١", "1_000",
        ] {
            assert_eq!(plain(text), Err(Flaw::NotANumber), "{text}");
        }
    }

    #[test]
    fn an_absurd_exponent_is_refused_without_building_the_number() {
        for text in ["1e999999999", "1e99999999999999999999", "1e-999999999"] {
            assert_eq!(plain(text), Err(Flaw::TooManyDigits), "{text}");
        }
    }

    #[test]
    fn the_limits_hold_with_and_without_exponent() {
        let integer = "9".repeat(18);
        let fraction = "1".repeat(60);
        assert!(plain(&integer).is_ok());
        assert!(plain(&format!("{integer}9")).is_err());
        assert!(plain(&format!("0.{fraction}")).is_ok());
        assert!(plain(&format!("0.{fraction}1")).is_err());
        assert!(plain("1e17").is_ok());
        assert!(plain("1e18").is_err());
        assert!(plain("1e-60").is_ok());
        assert!(plain("1e-61").is_err());
    }

    #[test]
    fn a_sign_stays_except_on_zero() {
        assert_eq!(signed("-1.5e-3").as_deref(), Ok("-0.0015"));
        assert_eq!(signed("-0.00").as_deref(), Ok("0.00"));
        assert_eq!(signed("--1"), Err(Flaw::NotANumber));
        assert_eq!(signed("-1e18"), Err(Flaw::TooManyDigits));
    }

    proptest! {
        #[test]
        fn plain_digits_stay_as_they_came(text in "(0|[1-9][0-9]{0,17})(\\.[0-9]{1,60})?") {
            prop_assert_eq!(plain(&text), Ok(Cow::Borrowed(text.as_str())));
        }

        /// 10^n × m is m with n zeros, and m / 10^n has m's digits behind enough zeros.
        #[test]
        fn moving_the_point_is_exact(mantissa in 1_u64..1_000_000_000, shift in -20_i32..9) {
            let text = plain(&format!("{mantissa}e{shift}")).unwrap().into_owned();
            let (integer, fraction) = text.split_once('.').unwrap_or((&text, ""));
            prop_assert_eq!(fraction.len(), shift.min(0).unsigned_abs() as usize);
            let scaled: u128 = format!("{integer}{fraction}").parse().unwrap();
            prop_assert_eq!(scaled, u128::from(mantissa) * 10_u128.pow(shift.max(0) as u32));
        }

        #[test]
        fn junk_never_panics(text in "[-+0-9.eE]{0,24}|\\PC{0,12}") {
            let _ = signed(&text);
        }
    }
}
