//! Goes through a value together with the schema that describes it.

use serde_json::{Map, Value};

use crate::fields::{Fields, step};

/// The schemas that another one refers to by their names (`#/$defs/…`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Definitions<'a>(Option<&'a Map<String, Value>>);

impl<'a> Definitions<'a> {
    /// By their names.
    #[must_use]
    pub fn new(by_name: &'a Map<String, Value>) -> Self {
        Self(Some(by_name))
    }

    /// What a schema refers to.
    #[must_use]
    pub fn target(self, schema: &Value) -> Option<&'a Value> {
        let name = schema.text("/$ref")?.strip_prefix("#/$defs/")?;
        self.0?.get(name)
    }
}

/// Shows a visitor the value and all that is in it, as far as the schema describes it: each with
/// its schema and its path, what contains before what is contained.
pub fn walk(
    schema: &Value,
    definitions: Definitions<'_>,
    value: &Value,
    visit: &mut dyn FnMut(&Value, &Value, &str),
) {
    step_into(schema, definitions, value, "", visit);
}

fn step_into(
    schema: &Value,
    definitions: Definitions<'_>,
    value: &Value,
    path: &str,
    visit: &mut dyn FnMut(&Value, &Value, &str),
) {
    visit(schema, value, path);
    if let Some(target) = definitions.target(schema) {
        step_into(target, definitions, value, path, visit);
    }
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let described = schema
                    .get("properties")
                    .and_then(|all| all.get(key))
                    .or_else(|| schema.get("additionalProperties"));
                if let Some(described) = described {
                    let path = format!("{path}{}", step(key));
                    step_into(described, definitions, field, &path, visit);
                }
            }
        }
        Value::Array(items) => {
            if let Some(described) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}/{index}");
                    step_into(described, definitions, item, &path, visit);
                }
            }
        }
        _ => {}
    }
}
