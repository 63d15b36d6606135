//! Lists whose items have a key (`x-kubernetes-list-type: map`): two items with one key are two
//! ports, variables or volumes of one name, of which a cluster takes either.

use std::collections::BTreeSet;

use serde_json::Value;

use super::walk::{Definitions, walk};
use crate::fields::Fields;
use crate::finding::Finding;
use crate::object::Object;

/// Looks for items with the same key.
pub fn check(schema: &Value, definitions: Definitions<'_>, object: &Object, to: &mut Vec<Finding>) {
    let mut look = |schema: &Value, value: &Value, path: &str| {
        let mut seen = BTreeSet::new();
        for (index, item) in value.list("").iter().enumerate() {
            if let Some(key) = key(schema, definitions, item)
                && !seen.insert(key.clone())
            {
                let problem = format!("{key} stands twice in this list");
                to.push(Finding::new(object, format!("{path}/{index}"), problem));
            }
        }
    };
    walk(schema, definitions, &object.body, &mut look);
}

/// What identifies an item in its list, if the schema of the list says that something does.
fn key(list: &Value, definitions: Definitions<'_>, item: &Value) -> Option<String> {
    match list.text("/x-kubernetes-list-type") {
        Some("set") => Some(item.to_string()),
        Some("map") => {
            let described = list.get("items").unwrap_or(&Value::Null);
            let described = definitions.target(described).unwrap_or(described);
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
