//! Lists whose items have a key (`x-kubernetes-list-type: map`): two items with one key are two
//! ports, variables or volumes of one name, of which a cluster takes either.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::fields::{Fields, step};
use crate::finding::Finding;
use crate::object::Object;

/// Looks for items with the same key.
pub fn check(
    schema: &Value,
    definitions: Option<&Map<String, Value>>,
    object: &Object,
    to: &mut Vec<Finding>,
) {
    walk(
        schema,
        definitions,
        &object.body,
        "",
        &mut |path, problem| {
            to.push(Finding::new(object, path, problem));
        },
    );
}

fn walk(
    schema: &Value,
    definitions: Option<&Map<String, Value>>,
    value: &Value,
    path: &str,
    found: &mut dyn FnMut(&str, String),
) {
    let target = schema
        .text("/$ref")
        .and_then(|target| definitions?.get(target.strip_prefix("#/$defs/")?));
    if let Some(target) = target {
        walk(target, definitions, value, path, found);
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
                    walk(described, definitions, field, &path, found);
                }
            }
        }
        Value::Array(items) => {
            let described = schema.get("items").unwrap_or(&Value::Null);
            let mut seen = BTreeSet::new();
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}/{index}");
                if let Some(key) = key(schema, described, definitions, item)
                    && !seen.insert(key.clone())
                {
                    found(&path, format!("{key} stands twice in this list"));
                }
                walk(described, definitions, item, &path, found);
            }
        }
        _ => {}
    }
}

/// What identifies an item in its list, if the schema says that something does.
fn key(
    list: &Value,
    described: &Value,
    definitions: Option<&Map<String, Value>>,
    item: &Value,
) -> Option<String> {
    match list.text("/x-kubernetes-list-type") {
        Some("set") => Some(item.to_string()),
        Some("map") => {
            let described = described
                .text("/$ref")
                .and_then(|target| definitions?.get(target.strip_prefix("#/$defs/")?))
                .unwrap_or(described);
            let parts = list
                .list("/x-kubernetes-list-map-keys")
                .iter()
                .filter_map(Value::as_str)
                .map(|name| {
                    let default = described.pointer(&format!("/properties/{name}/default"));
                    let value = item.get(name).or(default).unwrap_or(&Value::Null);
                    format!("{name} {value}")
                });
            Some(parts.collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }
}
