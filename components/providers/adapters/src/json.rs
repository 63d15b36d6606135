//! Reading JSON without losing a digit, and without taking more memory than a sound answer needs.
//!
//! Numbers stay the text they came as ([`RawValue`]); nothing passes through a float. Objects and
//! lists end at a length that no upstream reaches, because a member costs many times its bytes.

use std::collections::BTreeMap;
use std::fmt;

use edge_rates_quotes::quote::signed_decimal_text;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::refusal;
use crate::upstream::{Error, Response};

/// Most members of an object or a list. The longest sound answer is Binance's, with some
/// thousands.
const MOST_MEMBERS: usize = 20_000;

/// An object whose values aren't read yet. Of a name that is there twice, the last one counts.
#[derive(Debug)]
pub(crate) struct Object<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Object<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = BTreeMap<String, &'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry()? {
                    members.insert(name, value);
                    if members.len() > MOST_MEMBERS {
                        return Err(A::Error::custom("an object has too many members"));
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Object)
    }
}

/// A list whose members aren't read yet.
#[derive(Debug)]
pub(crate) struct List<'a>(Vec<&'a RawValue>);

impl<'a> List<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a RawValue> {
        self.0.iter().copied()
    }

    pub(crate) fn first(&self) -> Option<&'a RawValue> {
        self.0.first().copied()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for List<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = list.next_element()? {
                    members.push(member);
                    if members.len() > MOST_MEMBERS {
                        return Err(A::Error::custom("a list has too many members"));
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_seq(Members).map(List)
    }
}

/// A list of objects by their names; those without one of `names` are left out, and of those that
/// share a name the last one counts.
pub(crate) fn by_name<'a>(list: &List<'a>, names: &[&str]) -> BTreeMap<String, Object<'a>> {
    list.iter()
        .filter_map(|raw| {
            let object: Object<'a> = value(raw)?;
            let name = names.iter().find_map(|name| field(&object, name))?;
            Some((name, object))
        })
        .collect()
}

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
pub(crate) fn number(field: Option<&RawValue>) -> Stated {
    match field.map(RawValue::get) {
        None | Some("null") => Stated::Absent,
        Some(text) if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            Stated::Text(text.to_owned())
        }
        Some(_) => Stated::WrongType,
    }
}

/// A field that the API promises to be a JSON string with a number in it.
pub(crate) fn string(field: Option<&RawValue>) -> Stated {
    match field {
        None => Stated::Absent,
        Some(raw) if raw.get() == "null" => Stated::Absent,
        Some(raw) => value(raw).map_or(Stated::WrongType, Stated::Text),
    }
}

/// A number that isn't a price, as plain decimal text; nothing if it can't be that.
pub(crate) fn decimal(field: Option<&RawValue>) -> Option<String> {
    match number(field) {
        Stated::Text(text) => signed_decimal_text(&text),
        Stated::Absent | Stated::WrongType => None,
    }
}

/// A time in Unix seconds, with or without a fraction, as milliseconds. What is finer is cut off.
pub(crate) fn millis(field: Option<&RawValue>) -> Option<u64> {
    let seconds = decimal(field)?;
    let (whole, fraction) = seconds.split_once('.').unwrap_or((&seconds, ""));
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    let whole: u64 = whole.parse().ok()?;
    whole
        .checked_mul(1000)?
        .checked_add(thousandths.parse().ok()?)
}

/// A value read as `T`, or nothing if it is something else.
pub(crate) fn value<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// A field read as `T`, or nothing if it has another type.
pub(crate) fn field<'a, T: Deserialize<'a>>(object: &Object<'a>, name: &str) -> Option<T> {
    value(object.get(name)?)
}

/// The object that the body is, if it is one.
pub(crate) fn object(response: &Response) -> Option<Object<'_>> {
    serde_json::from_str(str::from_utf8(&response.body).ok()?).ok()
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
    // Text is checked first, so that the parser for bytes isn't needed beside the one for text.
    let Ok(text) = str::from_utf8(&response.body) else {
        return Err(malformed(provider, response, "isn't UTF-8"));
    };
    serde_json::from_str(text).map_err(|error| {
        if response.body.is_empty() {
            return malformed(provider, response, "is empty");
        }
        if refusal::is_html(response) {
            return malformed(provider, response, "is an HTML page instead of JSON");
        }
        let is = match error.classify() {
            Category::Eof => "is cut off",
            Category::Data => ANOTHER_SHAPE,
            Category::Io | Category::Syntax => "isn't JSON",
        };
        let place = format!("{is} (line {}, column {})", error.line(), error.column());
        malformed(provider, response, &place)
    })
}

/// The error for JSON that isn't what the API promises.
pub(crate) fn another_shape(provider: &str, response: &Response) -> Error {
    malformed(provider, response, ANOTHER_SHAPE)
}

const ANOTHER_SHAPE: &str = "has another shape than its API promises";

fn malformed(provider: &str, response: &Response, is: &str) -> Error {
    Error::Malformed(format!(
        "the answer of {provider} with status {} {is}",
        response.status
    ))
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
    fn of_a_name_that_is_there_twice_the_last_one_counts() {
        let answer = answer(r#"{"a":1,"a":2}"#);
        let object: Object<'_> = read("x", &answer).unwrap();
        assert_eq!(number(object.get("a")), Stated::Text("2".to_owned()));
    }

    #[test]
    fn seconds_with_a_fraction_become_milliseconds_to_the_digit() {
        for (seconds, expected) in [
            ("1733400000.0", Some(1_733_400_000_000)),
            ("1723117113.918", Some(1_723_117_113_918)),
            ("1723116892.429503", Some(1_723_116_892_429)),
            ("1723116892.05", Some(1_723_116_892_050)),
            ("1.7334e9", Some(1_733_400_000_000)),
            ("1733400000", Some(1_733_400_000_000)),
            ("-1", None),
            ("99999999999999999", None),
            ("999999999999999999999", None),
            ("null", None),
            ("\"1733400000\"", None),
        ] {
            let answer = answer(&format!(r#"{{"t":{seconds}}}"#));
            let object: Object<'_> = read("x", &answer).unwrap();
            assert_eq!(millis(object.get("t")), expected, "{seconds}");
        }
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
        let bytes = Response {
            body: vec![b'"', 0xff, b'"'],
            ..answer("")
        };
        let Err(Error::Malformed(why)) = read::<Object<'_>>("kraken", &bytes) else {
            panic!("bytes that are no text were read");
        };
        assert!(why.contains("isn't UTF-8"), "{why}");
    }

    #[test]
    fn more_members_than_any_upstream_has_are_refused() {
        let members = |count: usize| {
            let names: Vec<String> = (0..count).map(|n| format!(r#""{n}":1"#)).collect();
            answer(&format!("{{{}}}", names.join(",")))
        };
        assert!(read::<Object<'_>>("x", &members(MOST_MEMBERS)).is_ok());
        assert!(read::<Object<'_>>("x", &members(MOST_MEMBERS + 1)).is_err());
        let list = |count: usize| answer(&format!("[{}]", vec!["1"; count].join(",")));
        assert!(read::<List<'_>>("x", &list(MOST_MEMBERS)).is_ok());
        assert!(read::<List<'_>>("x", &list(MOST_MEMBERS + 1)).is_err());
    }

    #[test]
    fn what_is_nested_deeper_than_a_stack_is_refused() {
        let deep = "[".repeat(1_000_000);
        assert!(read::<Object<'_>>("x", &answer(&deep)).is_err());
        let body = format!(r#"{{"a":{deep}{}}}"#, "]".repeat(1_000_000));
        let answer = answer(&body);
        // Skipped without recursion, and only refused where somebody reads it.
        let object: Result<Object<'_>, _> = read("x", &answer);
        assert!(object.is_err() || field::<Object<'_>>(&object.unwrap(), "a").is_none());
    }
}
