//! How a price is written into an answer: as a JSON number or as text, with how many digits,
//! and, where a fault asks for it, not as a price at all.

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

/// What is put in the place of every price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The price as this provider writes it.
    Plain,
    /// The price with an exponent.
    Scientific,
    /// The price with a minus before it.
    Negative,
    Zero,
    Null,
    /// An object.
    WrongType,
    /// A whole number of 70 digits that starts as the price does.
    Long,
}

/// Digits of [`Form::Long`]: more than any decimal type of 128 bits holds.
const LONG_DIGITS: usize = 70;

/// How exactly a price is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digits {
    /// So many digits from the first that is not 0.
    Significant(u8),
    /// At least so many after the point; more for a price so small that they would not show five
    /// digits of it.
    Decimals(u8),
    /// Exactly so many after the point.
    Fixed(u8),
}

/// One JSON value that stands where a price belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figure(String);

impl Figure {
    /// A JSON number. Zeros at the end are left away, as number formatting does.
    pub(crate) fn number(value: f64, digits: Digits, form: Form) -> Self {
        let plain = decimal_text(value, digits);
        let plain = match plain.contains('.') {
            true => plain.trim_end_matches('0').trim_end_matches('.'),
            false => &plain,
        };
        Self::shaped(plain, form, |text| text)
    }

    /// Text that holds a number.
    pub(crate) fn text(value: f64, digits: Digits, form: Form) -> Self {
        let plain = decimal_text(value, digits);
        Self::shaped(&plain, form, |text| format!("\"{text}\""))
    }

    fn shaped(plain: &str, form: Form, written: impl FnOnce(String) -> String) -> Self {
        Self(match form {
            Form::Plain => written(plain.to_owned()),
            Form::Scientific => written(exponent_text(plain)),
            Form::Negative => written(format!("-{plain}")),
            Form::Zero => written("0".to_owned()),
            Form::Long => written(long_text(plain)),
            Form::Null => "null".to_owned(),
            Form::WrongType => r#"{"unexpected":true}"#.to_owned(),
        })
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.clone())
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}

/// `value` in plain decimals.
fn decimal_text(value: f64, digits: Digits) -> String {
    // The power of ten of the first digit: 4 for 76975, −6 for 0.000005872.
    let magnitude = if value == 0.0 {
        0
    } else {
        value.abs().log10().floor() as i32
    };
    let decimals = match digits {
        Digits::Significant(count) => i32::from(count) - 1 - magnitude,
        Digits::Decimals(count) => i32::from(count).max(4 - magnitude),
        Digits::Fixed(count) => i32::from(count),
    };
    format!("{value:.*}", decimals.clamp(0, 24) as usize)
}

/// The same number with an exponent. Fifteen digits survive the way through an f64, and no
/// provider here writes more.
fn exponent_text(plain: &str) -> String {
    plain
        .parse::<f64>()
        .map_or_else(|_| plain.to_owned(), |value| format!("{value:e}"))
}

fn long_text(plain: &str) -> String {
    let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0');
    format!("{significant:7<LONG_DIGITS$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(figure: &Figure) -> String {
        serde_json::to_string(figure).unwrap()
    }

    fn number(value: f64, digits: Digits, form: Form) -> String {
        written(&Figure::number(value, digits, form))
    }

    #[test]
    fn digits_count_from_where_they_are_told() {
        let plain = |value, digits| number(value, digits, Form::Plain);
        assert_eq!(
            plain(76_975.123_456_7, Digits::Significant(12)),
            "76975.1234567"
        );
        assert_eq!(plain(0.000_005_872, Digits::Significant(6)), "0.000005872");
        assert_eq!(plain(76975.6, Digits::Significant(2)), "76976");
        assert_eq!(plain(2090.0, Digits::Significant(9)), "2090");
        assert_eq!(plain(1.5, Digits::Decimals(2)), "1.5");
        assert_eq!(plain(0.000_005_872, Digits::Decimals(2)), "0.000005872");
        assert_eq!(plain(0.000_005_872, Digits::Fixed(2)), "0");
    }

    #[test]
    fn text_keeps_its_zeros() {
        let text = written(&Figure::text(1015.0, Digits::Decimals(2), Form::Plain));
        assert_eq!(text, r#""1015.00""#);
    }

    #[test]
    fn every_form_is_what_it_is_called() {
        let shaped = |form| number(76975.25, Digits::Significant(7), form);
        assert_eq!(shaped(Form::Scientific), "7.697525e4");
        assert_eq!(shaped(Form::Negative), "-76975.25");
        assert_eq!(shaped(Form::Zero), "0");
        assert_eq!(shaped(Form::Null), "null");
        assert_eq!(shaped(Form::WrongType), r#"{"unexpected":true}"#);
        assert_eq!(shaped(Form::Long).len(), 70);
        assert!(shaped(Form::Long).starts_with("7697525"));
        let small = Figure::text(0.000_005_872, Digits::Decimals(2), Form::Long);
        assert!(written(&small).starts_with("\"5872"));
    }
}
