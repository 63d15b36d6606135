//! Reads a locked application. It comes from elsewhere, so it is checked as strictly as a
//! manifest is.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component as Step, Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::{
    COMPONENT_HOST_REQUIREMENTS, FixedResponse, HOST_REQUIREMENTS, HTTP, HostRequirements,
    HttpConfig, HttpRoute, Inherit, LockedApplication, OPTIONAL, SERVICE_CHAINING, WasmSource,
};
use crate::allowed_hosts::AllowedHosts;
use crate::application::{
    Application, Component, Executor, FileMount, HttpTrigger, Source, StaticResponse, Target,
    TriggerRoute, VariableDeclaration,
};
use crate::dependency::{Dependency, DependencySource, Inheritance};
use crate::names::{ComponentId, VariableName};
use crate::template::Template;

/// The newest form that is known. Version 0 differs by having no `must_understand`.
const NEWEST_VERSION: u64 = 1;

/// A locked application that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// It is no locked application at all.
    #[error("it is not a locked Spin application ({0})")]
    NotLocked(String),
    /// It was made for a later Spin.
    #[error(
        "its lock version is {0}, and the newest that this host knows is {NEWEST_VERSION}: use a \
         newer host"
    )]
    Version(u64),
    /// It says that a host has to know something that this one does not.
    #[error(
        "it needs a host that knows `{0}`, and this one does not: use a newer host, or run it \
         with `spin up`"
    )]
    Requirement(String),
    /// A value that means nothing.
    #[error("{place}: {reason}")]
    Invalid {
        /// Where it stands.
        place: String,
        /// What is wrong, and what to do where that is known.
        reason: String,
    },
}

/// Reads a locked application that was found under `origin`, a reference of a registry.
///
/// # Errors
/// The first problem that is found.
pub fn unlock(json: &[u8], origin: &str) -> Result<Application, UnlockError> {
    let not_locked = |error: serde_json::Error| UnlockError::NotLocked(error.to_string());
    let written: Value = serde_json::from_slice(json).map_err(not_locked)?;
    let Some(version) = written.get("spin_lock_version") else {
        return Err(UnlockError::NotLocked(
            "it has no `spin_lock_version`".to_owned(),
        ));
    };
    match version.as_u64() {
        Some(version) if version <= NEWEST_VERSION => {}
        Some(version) => return Err(UnlockError::Version(version)),
        None => {
            return Err(UnlockError::NotLocked(
                "its `spin_lock_version` is no number".to_owned(),
            ));
        }
    }
    let locked: LockedApplication = serde_json::from_value(written).map_err(not_locked)?;
    check_requirements(&locked)?;

    let variables: BTreeMap<VariableName, VariableDeclaration> = locked
        .variables
        .into_iter()
        .map(|(name, variable)| {
            let declaration = VariableDeclaration {
                description: variable.description.unwrap_or_default(),
                default: variable.default,
                secret: variable.secret,
            };
            Ok((
                name.parse().map_err(|error| invalid("variables", error))?,
                declaration,
            ))
        })
        .collect::<Result<_, _>>()?;
    let mut components = IndexMap::new();
    for written in locked.components {
        let component = read_component(written, &variables)?;
        if let Some(twice) = components.insert(component.id.clone(), component) {
            return Err(invalid(of_component(twice.id.as_str()), "it occurs twice"));
        }
    }
    let (triggers, other_triggers) = read_triggers(locked.triggers, &components)?;
    Ok(Application {
        name: locked.metadata.name,
        version: locked.metadata.version,
        description: locked.metadata.description,
        authors: locked.metadata.authors,
        targets: Vec::new(),
        variables,
        triggers,
        other_triggers,
        components: components
            .into_iter()
            .map(|(id, read)| (id, read.component))
            .collect(),
        manifest: origin.into(),
        base_dir: std::path::absolute(".").unwrap_or_else(|_| PathBuf::from("/")),
    })
}

/// A component, and the roles of its middleware.
struct ReadComponent {
    id: ComponentId,
    component: Component,
    middleware: Vec<String>,
}

fn invalid(place: impl fmt::Display, reason: impl fmt::Display) -> UnlockError {
    UnlockError::Invalid {
        place: place.to_string(),
        reason: reason.to_string(),
    }
}

fn of_component(id: &str) -> String {
    format!("component `{id}`")
}

fn check_requirements(locked: &LockedApplication) -> Result<(), UnlockError> {
    let known = [HOST_REQUIREMENTS, COMPONENT_HOST_REQUIREMENTS];
    let mut parts = locked.must_understand.iter();
    if let Some(unknown) = parts.find(|part| !known.contains(&part.as_str())) {
        return Err(UnlockError::Requirement(unknown.clone()));
    }
    check_host(&locked.host_requirements)?;
    let mut components = locked.components.iter();
    components.try_for_each(|component| check_host(&component.host_requirements))
}

fn check_host(requirements: &HostRequirements) -> Result<(), UnlockError> {
    let mut requirements = requirements.iter();
    let unmet = requirements
        .find(|(name, need)| need.as_str() != Some(OPTIONAL) && *name != SERVICE_CHAINING);
    unmet.map_or(Ok(()), |(name, _)| {
        Err(UnlockError::Requirement(name.clone()))
    })
}

fn read_component(
    written: super::Component,
    variables: &BTreeMap<VariableName, VariableDeclaration>,
) -> Result<ReadComponent, UnlockError> {
    let place = of_component(&written.id);
    let id: ComponentId = written
        .id
        .parse()
        .map_err(|error| invalid("components", error))?;
    let metadata = written.metadata;
    if metadata.allowed_outbound_hosts.is_empty() && !metadata.allowed_http_hosts.is_empty() {
        return Err(invalid(
            &place,
            "it has `allowed_http_hosts`, which Spin 1 wrote: push it with a newer one",
        ));
    }
    let template = |text: &str| read_template(text, variables, &place);
    let allowed_outbound_hosts = metadata
        .allowed_outbound_hosts
        .iter()
        .map(|entry| {
            let template = template(entry)?;
            if template.is_literal() {
                AllowedHosts::default()
                    .add(entry)
                    .map_err(|error| invalid(&place, error))?;
            }
            Ok(template)
        })
        .collect::<Result<_, UnlockError>>()?;
    let config = written.config.iter().map(|(name, text)| {
        let name = name.parse().map_err(|error| invalid(&place, error))?;
        Ok((name, template(text)?))
    });
    let stores = metadata.key_value_stores.iter();
    let stores = stores.map(|label| label.parse().map_err(|error| invalid(&place, error)));
    let component = Component {
        id: id.clone(),
        source: Source::Content {
            digest: read_digest(written.source, &place)?,
        },
        description: metadata.description,
        variables: config.collect::<Result<_, UnlockError>>()?,
        environment: written.env,
        files: written
            .files
            .into_iter()
            .map(|file| read_file(file, &place))
            .collect::<Result<_, _>>()?,
        exclude_files: Vec::new(),
        allowed_outbound_hosts,
        key_value_stores: stores.collect::<Result<_, _>>()?,
        sqlite_databases: metadata.databases,
        ai_models: metadata.ai_models,
        targets: None,
        build: None,
        dependencies: written
            .dependencies
            .into_iter()
            .map(|(name, dependency)| read_dependency(&name, dependency, &place))
            .collect::<Result<_, _>>()?,
        profiles: BTreeMap::new(),
    };
    Ok(ReadComponent {
        id,
        component,
        middleware: roles(&written.trigger_dependencies),
    })
}

fn read_template(
    text: &str,
    variables: &BTreeMap<VariableName, VariableDeclaration>,
    place: &str,
) -> Result<Template, UnlockError> {
    let template: Template = text.parse().map_err(|error| invalid(place, error))?;
    let undeclared = template
        .variables()
        .find(|name| !variables.contains_key(*name));
    match undeclared {
        Some(name) => Err(invalid(
            place,
            format_args!("`{text}` uses the variable `{name}`, which the application doesn't have"),
        )),
        None => Ok(template),
    }
}

fn read_digest(source: WasmSource, place: &str) -> Result<String, UnlockError> {
    source
        .digest
        .ok_or_else(|| invalid(place, "its Wasm file has no digest"))
}

/// A file's path may lead nowhere but below the component's own root.
fn read_file(file: super::File, place: &str) -> Result<FileMount, UnlockError> {
    let mut steps = Path::new(&file.path).components();
    let stays_below = steps.all(|step| matches!(step, Step::Normal(_)));
    if file.path.is_empty() || !stays_below {
        return Err(invalid(
            place,
            format_args!(
                "the path {:?} of a file leads out of the component's files",
                file.path
            ),
        ));
    }
    if file.digest.is_none() && file.inline.is_none() {
        return Err(invalid(
            place,
            format_args!(
                "the file {:?} has neither a digest nor a content",
                file.path
            ),
        ));
    }
    Ok(FileMount::Content {
        digest: file.digest.filter(|_| file.inline.is_none()),
        destination: file.path,
    })
}

fn read_dependency(
    name: &str,
    written: super::Dependency,
    place: &str,
) -> Result<Dependency, UnlockError> {
    Ok(Dependency {
        name: name.parse().map_err(|error| invalid(place, error))?,
        source: DependencySource::Content {
            digest: read_digest(written.source, place)?,
        },
        export: written.export,
        inherits: match written.inherit {
            Inherit::All => Inheritance::Everything,
            Inherit::Some(keys) if keys.is_empty() => Inheritance::Nothing,
            Inherit::Some(keys) => Inheritance::Only(keys),
        },
    })
}

/// The keys of middleware, as a manifest has them.
fn roles(dependencies: &Map<String, Value>) -> Vec<String> {
    dependencies
        .keys()
        .map(|role| format!("dependencies.{role}"))
        .collect()
}

/// The HTTP triggers, and the names of the other types.
fn read_triggers(
    triggers: Vec<super::Trigger>,
    components: &IndexMap<ComponentId, ReadComponent>,
) -> Result<(Vec<HttpTrigger>, Vec<String>), UnlockError> {
    let mut http = Vec::new();
    let mut others = Vec::new();
    for trigger in triggers {
        if trigger.trigger_type == HTTP {
            http.push(read_trigger(trigger, components)?);
        } else if !others.contains(&trigger.trigger_type) {
            others.push(trigger.trigger_type);
        }
    }
    Ok((http, others))
}

fn read_trigger(
    written: super::Trigger,
    components: &IndexMap<ComponentId, ReadComponent>,
) -> Result<HttpTrigger, UnlockError> {
    let place = format!("trigger `{}`", written.id);
    let config: HttpConfig = serde_json::from_value(written.trigger_config)
        .map_err(|error| invalid(&place, format_args!("its settings are not known: {error}")))?;
    let mut extra_components = roles(&written.trigger_dependencies);
    let target = match (config.component, config.static_response) {
        (Some(id), None) => {
            let component = components.get(id.as_str()).ok_or_else(|| {
                invalid(
                    &place,
                    format_args!("it names the component `{id}`, which doesn't exist"),
                )
            })?;
            extra_components.extend(component.middleware.iter().cloned());
            Target::Component(component.id.clone())
        }
        (None, Some(response)) => Target::StaticResponse(read_static(response, &place)?),
        _ => {
            return Err(invalid(
                &place,
                "it has to have exactly one of `component` and `static_response`",
            ));
        }
    };
    let route = match config.route {
        HttpRoute::Path(path) => {
            TriggerRoute::Path(path.parse().map_err(|error| invalid(&place, error))?)
        }
        HttpRoute::Private { private: true } => TriggerRoute::Private,
        HttpRoute::Private { private: false } => {
            return Err(invalid(&place, "its route is neither a path nor private"));
        }
    };
    Ok(HttpTrigger {
        id: written.id,
        target,
        route,
        executor: match config.executor.as_ref().map(|e| e.kind.as_str()) {
            None | Some("http" | "spin") => Executor::Http,
            Some("wagi") => Executor::Wagi,
            Some(other) => {
                return Err(invalid(
                    &place,
                    format_args!("its executor `{other}` is not known"),
                ));
            }
        },
        extra_components,
    })
}

fn read_static(response: FixedResponse, place: &str) -> Result<StaticResponse, UnlockError> {
    let mut headers = HeaderMap::new();
    for (name, value) in response.headers {
        let name: HeaderName = name.parse().map_err(|error| invalid(place, error))?;
        let value: HeaderValue = value.parse().map_err(|error| invalid(place, error))?;
        headers.insert(name, value);
    }
    Ok(StaticResponse {
        status: match response.status_code {
            Some(code) => StatusCode::from_u16(code).map_err(|error| invalid(place, error))?,
            None => StatusCode::OK,
        },
        headers,
        body: response.body.unwrap_or_default(),
    })
}
