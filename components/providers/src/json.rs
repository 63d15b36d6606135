//! Reading JSON without losing a digit.
//!
//! Numbers stay the text they came as ([`RawValue`]); nothing passes through a float.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::refusal;
use crate::upstream::{Error, Response};

/// An object whose values aren't read yet.
pub(crate) type Object<'a> = BTreeMap<String, &'a RawValue>;

/// What an upstream put where a decimal belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stated {
    /// Nothing, or null.
    Absent,
    /// The text of a number. Whether it can be a price isn't known yet.
    Text(String),
    /// A JSON type that this API doesn't promise there.
    WrongType,
}

/// A field that the API promises to be a JSON number.
pub(crate) fn number(field: Option<&&RawValue>) -> Stated {
    match field.map(|raw| raw.get()) {
        None | Some("null") => Stated::Absent,
        Some(text) if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            Stated::Text(text.to_owned())
        }
        Some(_) => Stated::WrongType,
    }
}

/// A field that the API promises to be a JSON string with a number in it.
pub(crate) fn string(field: Option<&&RawValue>) -> Stated {
    match field.map(|raw| serde_json::from_str(raw.get())) {
        None | Some(Ok(None)) => Stated::Absent,
        Some(Ok(Some(text))) => Stated::Text(text),
        Some(Err(_)) => Stated::WrongType,
    }
}

/// A field read as `T`, or nothing if it has another type.
pub(crate) fn field<'a, T: Deserialize<'a>>(object: &Object<'a>, name: &str) -> Option<T> {
    let raw: &'a RawValue = object.get(name)?;
    serde_json::from_str(raw.get()).ok()
}

/// Reads the body as the JSON that the API promises.
///
/// # Errors
/// [`Error::Malformed`] that says what the body is instead: nothing, an HTML page, cut off, no
/// JSON, or JSON of another shape.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    provider: &str,
    response: &'a Response,
) -> Result<T, Error> {
    serde_json::from_slice(&response.body).map_err(|error| {
        let is = if response.body.is_empty() {
            "is empty".to_owned()
        } else if refusal::is_html(response) {
            "is an HTML page instead of JSON".to_owned()
        } else {
            let what = match error.classify() {
                Category::Eof => "is cut off",
                Category::Data => "has another shape than its API promises",
                Category::Io | Category::Syntax => "isn't JSON",
            };
            format!("{what} (line {}, column {})", error.line(), error.column())
        };
        Error::Malformed(format!(
            "the answer of {provider} with status {} {is}",
            response.status
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Response {
        Response {
            status: 200,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn numbers_keep_every_digit() {
        let body = r#"{"a":0.12345678901234567890123456789,"b":1.051E-05,"c":100}"#;
        let answer = answer(body);
        let object: Object<'_> = read("x", &answer).unwrap();
        for (name, text) in [
            ("a", "0.12345678901234567890123456789"),
            ("b", "1.051E-05"),
            ("c", "100"),
        ] {
            assert_eq!(number(object.get(name)), Stated::Text(text.to_owned()));
        }
    }

    #[test]
    fn only_the_promised_type_is_taken() {
        let answer = answer(r#"{"null":null,"text":"1.5","number":1.5,"list":[1]}"#);
        let object: Object<'_> = read("x", &answer).unwrap();
        let as_number = |name| number(object.get(name));
        let as_string = |name| string(object.get(name));
        assert_eq!(as_number("missing"), Stated::Absent);
        assert_eq!(as_number("null"), Stated::Absent);
        assert_eq!(as_number("text"), Stated::WrongType);
        assert_eq!(as_number("list"), Stated::WrongType);
        assert_eq!(as_string("missing"), Stated::Absent);
        assert_eq!(as_string("null"), Stated::Absent);
        assert_eq!(as_string("text"), Stated::Text("1.5".to_owned()));
        assert_eq!(as_string("number"), Stated::WrongType);
    }

    #[test]
    fn an_unreadable_body_is_named_for_what_it_is() {
        for (body, said) in [
            ("", "is empty"),
            ("  <!DOCTYPE html><html>", "is an HTML page"),
            (r#"{"a":"#, "is cut off"),
            ("[1]", "has another shape"),
            ("Bad gateway", "isn't JSON"),
        ] {
            let answer = answer(body);
            let Err(Error::Malformed(why)) = read::<Object<'_>>("kraken", &answer) else {
                panic!("{body} was read");
            };
            assert!(why.contains(said) && why.contains("kraken"), "{why}");
        }
    }
}
