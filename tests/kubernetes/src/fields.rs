//! Reading fields of an object by their path (a JSON pointer, RFC 6901). What is absent or of
//! another type reads as nothing: the schema says so, once, and louder.

use serde_json::{Map, Value};

/// Fields by path.
pub trait Fields {
    /// The text at a path.
    fn text(&self, path: &str) -> Option<&str>;
    /// The items of the list at a path; none if there is no list.
    fn list(&self, path: &str) -> &[Value];
    /// The table at a path.
    fn table(&self, path: &str) -> Option<&Map<String, Value>>;
    /// The number at a path.
    fn number(&self, path: &str) -> Option<i64>;
    /// Whether the path holds `true`.
    fn flag(&self, path: &str) -> bool;
}

impl Fields for Value {
    fn text(&self, path: &str) -> Option<&str> {
        self.pointer(path).and_then(Value::as_str)
    }

    fn list(&self, path: &str) -> &[Value] {
        self.pointer(path)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    fn table(&self, path: &str) -> Option<&Map<String, Value>> {
        self.pointer(path).and_then(Value::as_object)
    }

    fn number(&self, path: &str) -> Option<i64> {
        self.pointer(path).and_then(Value::as_i64)
    }

    fn flag(&self, path: &str) -> bool {
        self.pointer(path) == Some(&Value::Bool(true))
    }
}

/// A key as one step of a path.
#[must_use]
pub fn step(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Every text in a value, with its path.
#[must_use]
pub fn texts<'a>(value: &'a Value, path: &str) -> Vec<(String, &'a str)> {
    let mut found = Vec::new();
    match value {
        Value::String(text) => found.push((path.to_owned(), text.as_str())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                found.extend(texts(item, &format!("{path}/{index}")));
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                found.extend(texts(field, &format!("{path}{}", step(key))));
            }
        }
        _ => {}
    }
    found
}
