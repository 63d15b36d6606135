//! Writes a locked application, with everything that a manifest says and Spin runs by. What only
//! building is for stays out of it.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{
    COMPONENT_HOST_REQUIREMENTS, ComponentMetadata, FixedResponse, HTTP, HttpConfig, HttpRoute,
    LockedApplication, Metadata, REQUIRED, SERVICE_CHAINING, WASM, WasmSource,
};
use crate::application::{
    Application, Component, Executor, HttpTrigger, StaticResponse, Target, TriggerRoute,
    VariableDeclaration,
};
use crate::names::ComponentId;
use crate::template::Template;

/// Hosts under which components call each other.
const CHAINED_HOSTS: &str = ".spin.internal";

/// What a component is made of, found and hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedContents {
    /// What its Wasm file hashes to, with its dependencies composed in.
    pub wasm: String,
    /// Its files.
    pub files: Vec<FileContent>,
}

/// A file of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent {
    /// Its path inside the component, relative to the root, with `/` between the steps.
    pub path: String,
    /// What it hashes to.
    pub digest: String,
    /// Its content in Base64, if it is small.
    pub inline: Option<String>,
}

/// Why an application cannot be locked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It has something of which only the name has been read.
    #[error("{what} of {place} cannot be written here: push the application with Spin")]
    NotRead {
        /// What it is.
        what: String,
        /// Where it stands in the manifest.
        place: String,
    },
    /// A component has no contents.
    #[error("the component `{0}` has no Wasm file")]
    NoContents(ComponentId),
    /// A header's value is no text.
    #[error("the header `{header}` of the trigger `{trigger}` is not text")]
    Header {
        /// The header.
        header: String,
        /// The trigger.
        trigger: String,
    },
    /// It cannot be written as JSON.
    #[error("the application cannot be written as JSON: {0}")]
    Json(String),
}

/// Writes an application whose components are made of `contents`.
///
/// # Errors
/// If it has what a locked application of this host cannot carry.
pub fn lock(
    application: &Application,
    contents: &BTreeMap<ComponentId, LockedContents>,
) -> Result<Vec<u8>, LockError> {
    if let Some(other) = application.other_triggers.first() {
        return Err(LockError::NotRead {
            what: format!("the trigger type `{other}`"),
            place: format!("[[trigger.{other}]]"),
        });
    }
    let components: Vec<_> = application
        .components
        .values()
        .map(|component| {
            let contents = contents.get(&component.id);
            let contents = contents.ok_or_else(|| LockError::NoContents(component.id.clone()))?;
            Ok(lock_component(component, contents))
        })
        .collect::<Result<_, LockError>>()?;
    let chains = components
        .iter()
        .any(|component| !component.host_requirements.is_empty());
    let locked = LockedApplication {
        spin_lock_version: if chains { 1 } else { 0 },
        must_understand: match chains {
            true => vec![COMPONENT_HOST_REQUIREMENTS.to_owned()],
            false => Vec::new(),
        },
        metadata: Metadata {
            name: application.name.clone(),
            version: application.version.clone(),
            description: application.description.clone(),
            authors: application.authors.clone(),
            triggers: Map::new(),
            trigger: Map::from_iter([("type".to_owned(), Value::from(HTTP))]),
        },
        host_requirements: BTreeMap::new(),
        variables: application
            .variables
            .iter()
            .map(|(name, variable)| (name.to_string(), lock_variable(variable)))
            .collect(),
        triggers: application
            .triggers
            .iter()
            .map(lock_trigger)
            .collect::<Result<_, _>>()?,
        components,
    };
    serde_json::to_vec(&locked).map_err(not_json)
}

fn not_json(error: serde_json::Error) -> LockError {
    LockError::Json(error.to_string())
}

fn lock_variable(variable: &VariableDeclaration) -> super::Variable {
    super::Variable {
        description: Some(variable.description.clone()).filter(|text| !text.is_empty()),
        default: variable.default.clone(),
        secret: variable.secret,
    }
}

fn lock_component(component: &Component, contents: &LockedContents) -> super::Component {
    let hosts = component
        .allowed_outbound_hosts
        .iter()
        .map(Template::to_string);
    let hosts: Vec<_> = hosts.collect();
    let chains = hosts.iter().any(|host| is_chained(host));
    super::Component {
        id: component.id.to_string(),
        metadata: ComponentMetadata {
            description: component.description.clone(),
            allowed_outbound_hosts: hosts,
            allowed_http_hosts: Vec::new(),
            key_value_stores: component
                .key_value_stores
                .iter()
                .map(ToString::to_string)
                .collect(),
            databases: component.sqlite_databases.clone(),
            ai_models: component.ai_models.clone(),
        },
        source: WasmSource {
            content_type: WASM.to_owned(),
            digest: Some(contents.wasm.clone()),
        },
        env: component.environment.clone(),
        files: contents
            .files
            .iter()
            .map(|file| super::File {
                path: file.path.clone(),
                inline: file.inline.clone(),
                digest: Some(file.digest.clone()),
            })
            .collect(),
        config: component
            .variables
            .iter()
            .map(|(name, template)| (name.to_string(), template.to_string()))
            .collect(),
        dependencies: BTreeMap::new(),
        trigger_dependencies: Map::new(),
        host_requirements: match chains {
            true => BTreeMap::from_iter([(SERVICE_CHAINING.to_owned(), Value::from(REQUIRED))]),
            false => BTreeMap::new(),
        },
    }
}

/// Whether an allowed host stands for another component.
fn is_chained(entry: &str) -> bool {
    let host = entry.split_once("://").map_or(entry, |(_, rest)| rest);
    let end = host.find([':', '/']).unwrap_or(host.len());
    host.get(..end)
        .is_some_and(|host| host.ends_with(CHAINED_HOSTS))
}

fn lock_trigger(trigger: &HttpTrigger) -> Result<super::Trigger, LockError> {
    let not_read = |what: &str| LockError::NotRead {
        what: what.to_owned(),
        place: format!("[[trigger.http]] of `{}`", trigger.shown_as()),
    };
    if let Some(extra) = trigger.extra_components.first() {
        return Err(not_read(&format!("`{extra}`")));
    }
    if trigger.executor == Executor::Wagi {
        return Err(not_read("the Wagi executor"));
    }
    let (component, static_response) = match &trigger.target {
        Target::Component(id) => (Some(id.to_string()), None),
        Target::StaticResponse(response) => (None, Some(lock_static(response, &trigger.id)?)),
    };
    let config = HttpConfig {
        component,
        static_response,
        route: match &trigger.route {
            TriggerRoute::Path(route) => HttpRoute::Path(route.as_written().to_owned()),
            TriggerRoute::Private => HttpRoute::Private { private: true },
        },
        executor: None,
    };
    Ok(super::Trigger {
        id: trigger.id.clone(),
        trigger_type: HTTP.to_owned(),
        trigger_config: serde_json::to_value(config).map_err(not_json)?,
        trigger_dependencies: Map::new(),
    })
}

fn lock_static(response: &StaticResponse, trigger: &str) -> Result<FixedResponse, LockError> {
    Ok(FixedResponse {
        status_code: Some(response.status.as_u16()),
        headers: texts(&response.headers, trigger)?,
        body: Some(response.body.clone()).filter(|body| !body.is_empty()),
    })
}

fn texts(headers: &HeaderMap, trigger: &str) -> Result<BTreeMap<String, String>, LockError> {
    headers
        .iter()
        .map(|(name, value)| {
            let text = std::str::from_utf8(value.as_bytes()).map_err(|_| LockError::Header {
                header: name.to_string(),
                trigger: trigger.to_owned(),
            })?;
            Ok((name.to_string(), text.to_owned()))
        })
        .collect()
}
