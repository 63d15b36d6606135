//! What the chart refers to and whoever runs the cluster provides: the Secrets that the chart's
//! `secret.example.yaml` shows how to make, and what `provided.yaml` lists with its reason. A
//! reference to anything else is one too many.

use std::cell::RefCell;
use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::fields::Fields;
use crate::object::{Object, Origin};
use crate::{chart, project, yaml};

/// One of those objects.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provided {
    /// Its apiVersion.
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace; none for what belongs to the whole cluster.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The keys in it, for a Secret or ConfigMap.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Who provides it, and why the chart does not.
    pub why: String,
}

/// All of them, and which were referred to.
#[derive(Debug, Default)]
pub struct AllProvided {
    all: Vec<Provided>,
    examples: Vec<Object>,
    used: RefCell<BTreeSet<(String, String)>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    provided: Vec<Provided>,
}

impl AllProvided {
    /// Those of `provided.yaml`.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn listed() -> Result<Self> {
        let path = project::root().join("tests/kubernetes/provided.yaml");
        let File { provided } = yaml::read_file(&path)?;
        Ok(Self {
            all: provided,
            examples: examples()?,
            used: RefCell::default(),
        })
    }

    /// As objects, with no more in them than is known. The Secrets that somebody makes by hand are
    /// not there where a vault brings them.
    #[must_use]
    pub fn objects(&self, values: &Value) -> Vec<Object> {
        let by_hand = values.text("/secrets/source") != Some("external");
        let examples = self.examples.iter().filter(|_| by_hand);
        let made = self.all.iter().map(|one| {
            let data: Map<String, Value> = one
                .keys
                .iter()
                .map(|key| (key.clone(), Value::String(String::new())))
                .collect();
            let metadata = match &one.namespace {
                Some(namespace) => json!({ "name": one.name, "namespace": namespace }),
                None => json!({ "name": one.name }),
            };
            Object {
                body: json!({
                    "apiVersion": one.api_version,
                    "kind": one.kind,
                    "metadata": metadata,
                    "data": data,
                }),
                origin: Origin::Operator,
            }
        });
        made.chain(examples.cloned()).collect()
    }

    /// Notes that something refers to one.
    pub fn note_use(&self, object: &Object) {
        let key = (object.kind().to_owned(), object.name().to_owned());
        self.used.borrow_mut().insert(key);
    }

    /// Those to which nothing referred, as `Kind name`.
    #[must_use]
    pub fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        self.objects(&Value::Null)
            .iter()
            .filter(|one| !used.contains(&(one.kind().to_owned(), one.name().to_owned())))
            .map(ToString::to_string)
            .collect()
    }
}

/// The Secrets of `secret.example.yaml`, in the namespace of the release.
fn examples() -> Result<Vec<Object>> {
    let path = project::chart().join("secret.example.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let documents = yaml::documents(&text).with_context(|| path.display().to_string())?;
    let objects = documents.into_iter().map(|(_, mut body)| {
        if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
            metadata.insert("namespace".to_owned(), chart::NAMESPACE.into());
        }
        Object {
            body,
            origin: Origin::Operator,
        }
    });
    Ok(objects.collect())
}
