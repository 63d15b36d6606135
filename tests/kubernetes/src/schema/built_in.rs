//! The schemas of Kubernetes' own kinds, of one version, in their strict form.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::walk::Definitions;
use super::{apply, compile, lists};
use crate::fields::Fields;
use crate::finding::Finding;
use crate::object::Object;

const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";

/// The schemas of one version of Kubernetes.
pub struct BuiltIn {
    version: String,
    definitions: Map<String, Value>,
    /// The name of the definition, by apiVersion and kind.
    kinds: BTreeMap<(String, String), String>,
    compiled: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl std::fmt::Debug for BuiltIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuiltIn")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Whether an object is of a kind that every cluster has.
#[must_use]
pub fn is_built_in(object: &Object) -> bool {
    let group = object.group();
    !group.contains('.') || (group.ends_with(".k8s.io") && group != "gateway.networking.k8s.io")
}

impl BuiltIn {
    /// Those of the newest version that is installed.
    ///
    /// # Errors
    /// If there are none, or they can't be read.
    pub fn newest(folder: &Path) -> Result<Self> {
        let mut versions = BTreeSet::new();
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let numbers: Vec<u32> = name
                .split('.')
                .filter_map(|part| part.parse().ok())
                .collect();
            if let [major, minor, ..] = numbers.as_slice() {
                versions.insert((*major, *minor));
            }
        }
        let (major, minor) = versions
            .last()
            .with_context(|| format!("no schemas in {}", folder.display()))?;
        Self::of(folder, &format!("{major}.{minor}"))
    }

    /// Those of a version, such as `1.28`.
    ///
    /// # Errors
    /// If there are none, or they can't be read.
    pub fn of(folder: &Path, version: &str) -> Result<Self> {
        let path = folder.join(format!("{version}.0.json"));
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("the schemas of Kubernetes {version}: {}", path.display()))?;
        let mut all: Value = serde_json::from_str(&text)?;
        let Some(Value::Object(definitions)) = all.get_mut("$defs").map(Value::take) else {
            anyhow::bail!("{}: no $defs", path.display());
        };
        let mut kinds = BTreeMap::new();
        for (name, definition) in &definitions {
            for one in definition.list("/x-kubernetes-group-version-kind") {
                let part = |path| one.text(path).unwrap_or_default();
                let api_version = match part("/group") {
                    "" => part("/version").to_owned(),
                    group => format!("{group}/{}", part("/version")),
                };
                kinds.insert((api_version, part("/kind").to_owned()), name.clone());
            }
        }
        Ok(Self {
            version: version.to_owned(),
            definitions,
            kinds,
            compiled: Mutex::default(),
        })
    }

    /// The version, such as `1.28`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Every definition by its name.
    #[must_use]
    pub fn definitions(&self) -> &Map<String, Value> {
        &self.definitions
    }

    /// The definition of an object's kind.
    #[must_use]
    pub fn definition(&self, object: &Object) -> Option<&Value> {
        let kind = (object.api_version().to_owned(), object.kind().to_owned());
        self.definitions.get(self.kinds.get(&kind)?)
    }

    /// Holds an object against its schema.
    ///
    /// # Errors
    /// If the schema can't be used.
    pub fn check(&self, object: &Object, to: &mut Vec<Finding>) -> Result<()> {
        let kind = (object.api_version().to_owned(), object.kind().to_owned());
        let Some(name) = self.kinds.get(&kind) else {
            let problem = format!(
                "Kubernetes {} has no kind {} in {}",
                self.version, kind.1, kind.0
            );
            to.push(Finding::new(object, "/kind", problem));
            return Ok(());
        };
        let validator = self.validator(name)?;
        apply(&validator, &object.body, "", object, to);
        if let Some(schema) = self.definitions.get(name) {
            lists::check(schema, Definitions::new(&self.definitions), object, to);
        }
        Ok(())
    }

    /// Holds the metadata of an object of a custom kind against the schema that all share.
    ///
    /// # Errors
    /// If the schema can't be used.
    pub fn check_metadata(&self, object: &Object, to: &mut Vec<Finding>) -> Result<()> {
        let metadata = object.body.get("metadata").unwrap_or(&Value::Null);
        let validator = self.validator(METADATA)?;
        apply(&validator, metadata, "/metadata", object, to);
        Ok(())
    }

    fn validator(&self, name: &str) -> Result<Arc<Validator>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(name) {
            return Ok(validator.clone());
        }
        let mut schema = json!({ "$ref": format!("#/$defs/{name}") });
        if let Value::Object(schema) = &mut schema {
            schema.insert("$defs".to_owned(), Value::Object(self.reachable(name)));
        }
        let validator = Arc::new(compile(&schema)?);
        compiled.insert(name.to_owned(), validator.clone());
        Ok(validator)
    }

    /// A definition with all that it refers to: all 900 would take seconds to make ready.
    fn reachable(&self, name: &str) -> Map<String, Value> {
        let mut found = Map::new();
        let mut open = vec![name.to_owned()];
        while let Some(name) = open.pop() {
            if found.contains_key(&name) {
                continue;
            }
            let Some(definition) = self.definitions.get(&name) else {
                continue;
            };
            references(definition, &mut open);
            let definition = if name == QUANTITY {
                quantity()
            } else {
                definition.clone()
            };
            found.insert(name, definition);
        }
        found
    }
}

/// The schema of a quantity only says that it is a text or a number.
fn quantity() -> Value {
    json!({ "anyOf": [
        { "type": "string", "pattern": crate::quantity::PATTERN },
        { "type": ["number", "null"] },
    ]})
}

fn references(schema: &Value, to: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str().filter(|_| key == "$ref") {
                    Some(target) => to.extend(target.strip_prefix("#/$defs/").map(str::to_owned)),
                    None => references(value, to),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, to)),
        _ => {}
    }
}
