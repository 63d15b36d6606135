//! How changes get into an object: merged by its schema, as the API server does for server-side
//! apply and `kubectl patch` for a strategic merge patch, or operation by operation (RFC 6902).

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::fields::{Fields, step};
use crate::object::Object;
use crate::project;
use crate::schema::built_in::BuiltIn;

/// By which rules a patch is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Lists are merged by their keys or replaced, as `x-kubernetes-list-type` says.
    ServerSideApply,
    /// The same, but what is one value may not be in the patch at all (a MutatingPolicy without
    /// `useServerSideApply`).
    WithoutAtomicValues,
    /// `kubectl patch`: lists are merged by `x-kubernetes-patch-merge-key`, null removes.
    Strategic,
}

/// Merges a patch into an object of a kind that every cluster has.
///
/// # Errors
/// If the patch has fields that the kind has not, or what the rules refuse.
pub fn merge(object: &mut Object, patch: &Value, way: Way) -> Result<(), String> {
    static NEWEST: LazyLock<Result<BuiltIn, String>> = LazyLock::new(|| {
        let folder = project::installed("kubernetes/schemas").map_err(|error| error.to_string())?;
        BuiltIn::newest(&folder).map_err(|error| error.to_string())
    });
    let schemas = NEWEST.as_ref().map_err(Clone::clone)?;
    let schema = schemas
        .definition(object)
        .ok_or_else(|| format!("there is no schema for {object}"))?;
    let merging = Merging { schemas, way };
    merging.value(schema, "", &mut object.body, patch)
}

struct Merging<'a> {
    schemas: &'a BuiltIn,
    way: Way,
}

impl<'a> Merging<'a> {
    /// A schema, or what it refers to; what it says of itself stays with it.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let name = schema
            .text("/$ref")
            .and_then(|path| path.strip_prefix("#/$defs/"));
        name.and_then(|name| self.schemas.definitions().get(name))
            .unwrap_or(schema)
    }

    fn value(
        &self,
        schema: &'a Value,
        path: &str,
        target: &mut Value,
        patch: &Value,
    ) -> Result<(), String> {
        let resolved = self.resolved(schema);
        let atomic = |described: &Value| {
            let kinds = ["/x-kubernetes-map-type", "/x-kubernetes-list-type"];
            kinds
                .iter()
                .any(|kind| described.text(kind) == Some("atomic"))
        };
        let is_list = patch.is_array();
        let key = self.key_of(schema);
        let is_one_value = (self.way != Way::Strategic && (atomic(schema) || atomic(resolved)))
            || (is_list && key.is_none());
        if is_one_value && self.way == Way::WithoutAtomicValues {
            return Err(format!(
                "{path} is one value as a whole: evaluation.useServerSideApply has to be true"
            ));
        }
        match (target, patch) {
            (target @ Value::Object(_), Value::Object(patch)) if is_one_value => {
                *target = Value::Object(Map::new());
                self.table(resolved, path, target, patch)
            }
            (target, Value::Object(patch)) => {
                if !target.is_object() {
                    *target = Value::Object(Map::new());
                }
                self.table(resolved, path, target, patch)
            }
            (target, Value::Array(patch)) => {
                if is_one_value || !target.is_array() {
                    *target = Value::Array(Vec::new());
                }
                let key = key.unwrap_or_default();
                self.list(schema, path, target, patch, &key)
            }
            (target, patch) => {
                *target = patch.clone();
                Ok(())
            }
        }
    }

    fn table(
        &self,
        schema: &'a Value,
        path: &str,
        target: &mut Value,
        patch: &Map<String, Value>,
    ) -> Result<(), String> {
        let Value::Object(target) = target else {
            return Ok(());
        };
        for (name, value) in patch {
            if value.is_null() && self.way == Way::Strategic {
                target.remove(name);
                continue;
            }
            let path = format!("{path}{}", step(name));
            let described = schema
                .pointer("/properties")
                .and_then(|all| all.get(name))
                .or_else(|| {
                    schema
                        .get("additionalProperties")
                        .filter(|it| it.is_object())
                });
            let Some(described) = described else {
                return Err(format!("{path}: there is no such field"));
            };
            let field = target.entry(name.clone()).or_insert(Value::Null);
            self.value(described, &path, field, value)?;
        }
        Ok(())
    }

    /// The names of the fields by which items of a list are told apart.
    fn key_of(&self, list: &Value) -> Option<Vec<String>> {
        if self.way == Way::Strategic {
            let key = list.text("/x-kubernetes-patch-merge-key")?;
            return Some(vec![key.to_owned()]);
        }
        if list.text("/x-kubernetes-list-type") != Some("map") {
            return None;
        }
        let names = list.list("/x-kubernetes-list-map-keys").iter();
        Some(names.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    fn list(
        &self,
        schema: &'a Value,
        path: &str,
        target: &mut Value,
        patch: &[Value],
        key: &[String],
    ) -> Result<(), String> {
        let Value::Array(target) = target else {
            return Ok(());
        };
        let described = schema.get("items").unwrap_or(&Value::Null);
        let identity = |item: &Value| -> Vec<Value> {
            let resolved = self.resolved(described);
            let part = |name: &String| {
                let default = resolved.pointer(&format!("/properties/{name}/default"));
                item.get(name).or(default).cloned().unwrap_or(Value::Null)
            };
            key.iter().map(part).collect()
        };
        for (index, item) in patch.iter().enumerate() {
            let path = format!("{path}/{index}");
            let wanted = identity(item);
            let same = |one: &Value| !key.is_empty() && identity(one) == wanted;
            if item.text("/$patch") == Some("delete") && self.way == Way::Strategic {
                target.retain(|one| !same(one));
                continue;
            }
            match target.iter_mut().find(|one| same(one)) {
                Some(present) => self.value(described, &path, present, item)?,
                None => {
                    let mut made = Value::Null;
                    self.value(described, &path, &mut made, item)?;
                    target.push(made);
                }
            }
        }
        Ok(())
    }
}

/// Applies operations of a JSON Patch; `add` is the only one that there is need for.
///
/// # Errors
/// If an operation is another one, or its place is not there.
pub fn patch(target: &mut Value, operations: &Value) -> Result<(), String> {
    for operation in operations.list("") {
        let path = operation.text("/path").unwrap_or_default();
        let value = operation.get("value").unwrap_or(&Value::Null);
        let (parent, name) = path.rsplit_once('/').unwrap_or_default();
        match (operation.text("/op"), target.pointer_mut(parent)) {
            (Some("add"), Some(Value::Object(fields))) => {
                let name = name.replace("~1", "/").replace("~0", "~");
                fields.insert(name, value.clone());
            }
            (Some("add"), _) => return Err(format!("there is no table at {parent}")),
            (other, _) => return Err(format!("{other:?} is not modelled in src/kyverno")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Way, merge, patch};
    use crate::object::{Object, Origin};
    use serde_json::{Value, json};

    fn deployment(spec: Value) -> Object {
        Object {
            body: json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "spec": { "template": { "spec": spec } },
            }),
            origin: Origin::Operator,
        }
    }

    fn merged(spec: Value, patch: Value, way: Way) -> Result<Value, String> {
        let mut object = deployment(spec);
        let patch = json!({ "spec": { "template": { "spec": patch } } });
        merge(&mut object, &patch, way)?;
        let once = object.body.clone();
        merge(&mut object, &patch, way)?;
        assert_eq!(object.body, once, "a second time changes nothing");
        Ok(once.pointer("/spec/template/spec").unwrap().clone())
    }

    #[test]
    fn lists_are_merged_by_their_keys_or_replaced_as_the_schema_says() {
        let spec = json!({
            "containers": [
                { "name": "app", "image": "a", "env": [{ "name": "A", "value": "1" }] },
                { "name": "other" },
            ],
            "tolerations": [{ "key": "old" }],
        });
        let patch = json!({
            "containers": [{
                "name": "app",
                "env": [{ "name": "A", "value": "2" }, { "name": "B", "value": "3" }],
                "securityContext": { "capabilities": { "drop": ["ALL"] } },
            }],
            "tolerations": [{ "key": "new" }],
        });
        let expected = json!({
            "containers": [
                {
                    "name": "app",
                    "image": "a",
                    "env": [{ "name": "A", "value": "2" }, { "name": "B", "value": "3" }],
                    "securityContext": { "capabilities": { "drop": ["ALL"] } },
                },
                { "name": "other" },
            ],
            "tolerations": [{ "key": "new" }],
        });
        assert_eq!(
            merged(spec.clone(), patch.clone(), Way::ServerSideApply),
            Ok(expected)
        );
        let refused = merged(spec, patch, Way::WithoutAtomicValues).unwrap_err();
        assert!(refused.contains("useServerSideApply"), "{refused}");
    }

    #[test]
    fn a_selector_is_one_value() {
        let spread = |labels: Value| {
            json!({ "topologySpreadConstraints": [{
                "topologyKey": "zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": { "matchLabels": labels },
            }]})
        };
        let (before, after) = (spread(json!({ "a": "1" })), spread(json!({ "b": "2" })));
        let made = merged(before, after.clone(), Way::ServerSideApply);
        assert_eq!(made, Ok(after));
    }

    #[test]
    fn a_field_that_does_not_exist_is_refused() {
        let said = merged(json!({}), json!({ "containrs": [] }), Way::ServerSideApply);
        assert!(
            said.unwrap_err()
                .contains("containrs: there is no such field")
        );
    }

    #[test]
    fn a_strategic_patch_removes() {
        let spec = json!({
            "affinity": { "nodeAffinity": {} },
            "containers": [{ "name": "app", "image": "a", "env": [{ "name": "A" }, { "name": "B" }] }],
        });
        let patch = json!({
            "affinity": null,
            "tolerations": null,
            "containers": [{ "name": "app", "env": [{ "name": "A", "$patch": "delete" }] }],
        });
        let expected = json!({
            "containers": [{ "name": "app", "image": "a", "env": [{ "name": "B" }] }],
        });
        assert_eq!(merged(spec, patch, Way::Strategic), Ok(expected));
    }

    #[test]
    fn an_operation_sets_a_field_as_a_whole() {
        let mut target = json!({ "a": { "b": [1] } });
        let operations = json!([{ "op": "add", "path": "/a/b", "value": [2] }]);
        patch(&mut target, &operations).unwrap();
        assert_eq!(target, json!({ "a": { "b": [2] } }));
        let operations = json!([{ "op": "add", "path": "/x/y", "value": 1 }]);
        assert!(patch(&mut target, &operations).is_err());
    }
}
