//! A locked application: the JSON in which Spin writes an application when everything that it is
//! made of has been found, and which it puts into registries. [`unlock`] reads it, [`lock`] writes
//! it; both to and from the same [`Application`](crate::Application) that a manifest describes.
//! Fetching what it names is not done here.

mod reading;
mod writing;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use reading::{UnlockError, unlock};
pub use writing::{FileContent, LockError, LockedContents, lock};

/// Requirements on the host, by name, with `required` or `optional`.
type HostRequirements = BTreeMap<String, Value>;

/// A component calls another one as `<component>.spin.internal`.
const SERVICE_CHAINING: &str = "local_service_chaining";

const REQUIRED: &str = "required";
const OPTIONAL: &str = "optional";

/// What a host has to know before it may run the application.
const HOST_REQUIREMENTS: &str = "host_requirements";
const COMPONENT_HOST_REQUIREMENTS: &str = "component_host_requirements";

const HTTP: &str = "http";
const WASM: &str = "application/wasm";

#[derive(Debug, Serialize, Deserialize)]
struct LockedApplication {
    spin_lock_version: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    must_understand: Vec<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    host_requirements: HostRequirements,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    variables: BTreeMap<String, Variable>,
    triggers: Vec<Trigger>,
    components: Vec<Component>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    authors: Vec<String>,
    /// Settings for all triggers of a type, once for each type, and in an older form.
    #[serde(default, skip_deserializing)]
    triggers: Map<String, Value>,
    #[serde(default, skip_deserializing)]
    trigger: Map<String, Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Variable {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    secret: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Trigger {
    id: String,
    trigger_type: String,
    trigger_config: Value,
    /// Middleware, by role.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    trigger_dependencies: Map<String, Value>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    static_response: Option<FixedResponse>,
    route: HttpRoute,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    executor: Option<HttpExecutor>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum HttpRoute {
    Path(String),
    Private { private: bool },
}

#[derive(Debug, Serialize, Deserialize)]
struct HttpExecutor {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FixedResponse {
    #[serde(default)]
    status_code: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Component {
    id: String,
    #[serde(default, skip_serializing_if = "ComponentMetadata::is_empty")]
    metadata: ComponentMetadata,
    source: WasmSource,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<File>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    config: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    dependencies: BTreeMap<String, Dependency>,
    /// Middleware of the triggers that name the component, by role.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    trigger_dependencies: Map<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    host_requirements: HostRequirements,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ComponentMetadata {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowed_outbound_hosts: Vec<String>,
    /// The name of the same before Spin 2.
    #[serde(default, skip_serializing)]
    allowed_http_hosts: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    key_value_stores: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    databases: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ai_models: Vec<String>,
}

impl ComponentMetadata {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct WasmSource {
    #[serde(default)]
    content_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct File {
    path: String,
    /// Small files stand here, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inline: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Dependency {
    source: WasmSource,
    #[serde(default)]
    export: Option<String>,
    #[serde(default)]
    inherit: Inherit,
}

/// Which rights a dependency gets: `"All"`, or `{ "Some": [keys] }`.
#[derive(Debug, Serialize, Deserialize)]
enum Inherit {
    All,
    Some(Vec<String>),
}

impl Default for Inherit {
    fn default() -> Self {
        Self::Some(Vec::new())
    }
}
