//! The schemas of custom kinds: `<group>/<Kind>_<version>.json`, as the operators publish them in
//! their CustomResourceDefinitions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::rules::Rules;
use super::walk::Definitions;
use super::{Verdict, apply, compile, lists};
use crate::finding::Finding;
use crate::object::Object;

/// Folders of schemas.
pub struct Custom {
    folders: Vec<PathBuf>,
    rules: Rules,
    read: Mutex<BTreeMap<PathBuf, Arc<Schema>>>,
}

struct Schema {
    published: Value,
    strict: Validator,
}

impl std::fmt::Debug for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Custom")
            .field("folders", &self.folders)
            .finish_non_exhaustive()
    }
}

impl Custom {
    /// The schemas in these folders; of two for one kind, the first.
    #[must_use]
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self {
            folders,
            rules: Rules::new(),
            read: Mutex::default(),
        }
    }

    /// Holds an object against its schema and its rules.
    ///
    /// # Errors
    /// If the schema can't be read.
    pub fn check(&self, object: &Object, verdict: &mut Verdict) -> Result<()> {
        let version = object.api_version().rsplit('/').next().unwrap_or_default();
        let name = format!("{}/{}_{version}.json", object.group(), object.kind());
        let mut paths = self.folders.iter().map(|folder| folder.join(&name));
        let Some(path) = paths.find(|path| path.is_file()) else {
            let problem = format!(
                "no schema is known for {} in {}: is it misspelt?",
                object.kind(),
                object.api_version()
            );
            verdict
                .findings
                .push(Finding::new(object, "/kind", problem));
            return Ok(());
        };
        let schema = self.schema(&path)?;
        let before = verdict.findings.len();
        apply(
            &schema.strict,
            &object.body,
            "",
            object,
            &mut verdict.findings,
        );
        lists::check(
            &schema.published,
            Definitions::default(),
            object,
            &mut verdict.findings,
        );
        // Rules rely on the types being right, as they do in a cluster.
        if verdict.findings.len() == before {
            self.rules.check(&schema.published, object, verdict);
        }
        Ok(())
    }

    fn schema(&self, path: &PathBuf) -> Result<Arc<Schema>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = read.get(path) {
            return Ok(schema.clone());
        }
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let published: Value = serde_json::from_str(&text)?;
        let mut strict = strict(&published);
        if let Some(Value::Object(fields)) = strict.get_mut("properties") {
            // What every object has; a schema may leave it out, and `metadata` is checked apart.
            fields.insert("apiVersion".to_owned(), json!({ "type": "string" }));
            fields.insert("kind".to_owned(), json!({ "type": "string" }));
            fields.insert("metadata".to_owned(), json!({ "type": "object" }));
        }
        let schema = Arc::new(Schema {
            strict: compile(&strict).with_context(|| path.display().to_string())?,
            published,
        });
        read.insert(path.clone(), schema.clone());
        Ok(schema)
    }
}

/// A published schema as plain JSON Schema that refuses unknown fields, except where it says that
/// they are to be kept. Only where it describes the structure, not inside of `oneOf` and the like,
/// which only narrow down what is there already.
fn strict(schema: &Value) -> Value {
    let Value::Object(fields) = schema else {
        return schema.clone();
    };
    let is_set = |key: &str| fields.get(key) == Some(&Value::Bool(true));
    let mut strict = Map::new();
    for (key, value) in fields {
        let value = match key.as_str() {
            "properties" => Value::Object(
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, field)| (name.clone(), self::strict(field)))
                    .collect(),
            ),
            "items" | "additionalProperties" => self::strict(value),
            "description" | "default" | "example" | "format" | "nullable" => continue,
            name if name.starts_with("x-") => continue,
            _ => value.clone(),
        };
        strict.insert(key.clone(), value);
    }
    let kept = is_set("x-kubernetes-preserve-unknown-fields");
    let is_object = fields.get("type").is_some_and(|kind| kind == "object");
    if is_object && !kept && !fields.contains_key("additionalProperties") {
        strict.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if is_set("x-kubernetes-int-or-string") {
        strict.insert("type".to_owned(), json!(["integer", "string"]));
    }
    if is_set("nullable")
        && let Some(kind) = fields.get("type")
    {
        strict.insert("type".to_owned(), json!([kind, "null"]));
    }
    Value::Object(strict)
}
