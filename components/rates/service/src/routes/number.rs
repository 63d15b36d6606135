//! Numbers in answers: decimal text as a JSON string, which no reader can round, or as a JSON
//! number with the same digits.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// How numbers are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Numbers {
    #[default]
    Strings,
    Numbers,
}

impl Numbers {
    /// Plain decimal text in this form.
    pub(super) fn of<'a>(self, text: impl Into<Cow<'a, str>>) -> Number<'a> {
        Number {
            text: text.into(),
            form: self,
        }
    }

    /// Its name in a query.
    pub(super) fn name(self) -> &'static str {
        match self {
            Numbers::Strings => "string",
            Numbers::Numbers => "number",
        }
    }
}

/// A number to write.
#[derive(Debug)]
pub(super) struct Number<'a> {
    text: Cow<'a, str>,
    form: Numbers,
}

impl Number<'_> {
    /// Its digits.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl Serialize for Number<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.form {
            Numbers::Strings => to.serialize_str(&self.text),
            Numbers::Numbers => match raw(&self.text) {
                Some(number) => number.serialize(to),
                None => to.serialize_none(),
            },
        }
    }
}

/// Decimal text as a JSON number with the same digits. None for what is no number, as a board
/// that another release stored might hold.
fn raw(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_the_same_in_both_forms() {
        for text in [
            "76975.0431",
            "0.10",
            "-1.4093297098441402",
            "100000000000000000000",
        ] {
            let write = |form: Numbers| serde_json::to_string(&form.of(text)).unwrap();
            assert_eq!(write(Numbers::Strings), format!("\"{text}\""));
            assert_eq!(write(Numbers::Numbers), text);
        }
    }

    #[test]
    fn what_is_no_number_does_not_break_the_json() {
        let written = serde_json::to_string(&Numbers::Numbers.of("1,5")).unwrap();
        assert_eq!(written, "null");
    }
}
