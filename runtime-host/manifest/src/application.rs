//! The application that a manifest describes, as types. A value of these types has been checked:
//! names follow their rules, components that are named exist, templates use declared variables.
//! What the host cannot do yet is kept too, so that the host can say so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::{HeaderMap, StatusCode};
use indexmap::IndexMap;

use crate::allowed_hosts::{AllowedHostError, AllowedHosts};
use crate::dependency::{Dependency, DependencySource};
use crate::names::{ComponentId, StoreLabel, VariableName};
use crate::route::Route;
use crate::template::Template;
use crate::variables::{VariableError, VariableValues};

/// A whole Spin application.
#[derive(Debug, Clone)]
pub struct Application {
    /// `application.name`.
    pub name: String,
    /// `application.version`; empty if not given.
    pub version: String,
    /// `application.description`; empty if not given.
    pub description: String,
    /// `application.authors`.
    pub authors: Vec<String>,
    /// `application.targets`: environments in which the application has to run.
    pub targets: Vec<TargetEnvironment>,
    /// The application variables that are declared.
    pub variables: BTreeMap<VariableName, VariableDeclaration>,
    /// The HTTP triggers, in the order of the manifest.
    pub triggers: Vec<HttpTrigger>,
    /// Types of other triggers that the manifest uses, such as `redis`. What stands in them is
    /// not read.
    pub other_triggers: Vec<String>,
    /// The components, in the order of the manifest; those that stand inside a trigger last.
    pub components: IndexMap<ComponentId, Component>,
    /// The manifest file itself, or the reference under which the application was pulled.
    pub manifest: PathBuf,
    /// The folder of the manifest, absolute: paths in the manifest start here. Of an application
    /// without a manifest, the current folder.
    pub base_dir: PathBuf,
}

impl Application {
    /// The variables of a component, filled in. A component that does not exist has none.
    ///
    /// # Errors
    /// `VariableError::Undeclared` if `values` are those of another application.
    pub fn component_variables(
        &self,
        component: &ComponentId,
        values: &VariableValues,
    ) -> Result<BTreeMap<String, String>, VariableError> {
        let Some(component) = self.components.get(component) else {
            return Ok(BTreeMap::new());
        };
        component
            .variables
            .iter()
            .map(|(name, template)| Ok((name.to_string(), template.expand(values)?)))
            .collect()
    }

    /// What a component may reach, with variables filled in. An entry whose variable is empty,
    /// so that nothing or only `http://` or `https://` is left, allows nothing: that is how an
    /// optional endpoint is written.
    ///
    /// # Errors
    /// `AllowedHostError` if an entry, filled in, is not an allowed host, or if `values` are
    /// those of another application.
    pub fn allowed_hosts(
        &self,
        component: &ComponentId,
        values: &VariableValues,
    ) -> Result<AllowedHosts, AllowedHostError> {
        let Some(component) = self.components.get(component) else {
            return Ok(AllowedHosts::default());
        };
        let mut hosts = AllowedHosts::default();
        for template in &component.allowed_outbound_hosts {
            let entry = template.expand(values)?;
            if !template.is_literal() && matches!(entry.trim(), "" | "http://" | "https://") {
                continue;
            }
            hosts
                .add(&entry)
                .map_err(|problem| AllowedHostError::Expanded {
                    component: component.id.clone(),
                    template: template.to_string(),
                    problem: Box::new(problem),
                })?;
        }
        Ok(hosts)
    }

    /// The Wasm file that a dependency comes from, or nothing if it would have to be fetched.
    pub fn dependency_content<'a>(&'a self, dependency: &'a Dependency) -> Option<Content<'a>> {
        match &dependency.source {
            DependencySource::Path(path) => Some(Content::File(path)),
            DependencySource::Content { digest } => Some(Content::Digest(digest)),
            DependencySource::Component(id) => self.components.get(id)?.source.content(),
            DependencySource::Url { .. } | DependencySource::Registry { .. } => None,
        }
    }
}

/// `[variables]`: how a variable of the application gets its value.
#[derive(Clone, PartialEq, Eq)]
pub struct VariableDeclaration {
    /// What the variable is for; empty if not given.
    pub description: String,
    /// What the value is if nobody sets it. Without it the variable has to be set.
    pub default: Option<String>,
    /// Whether the value must not be shown anywhere.
    pub secret: bool,
}

impl std::fmt::Debug for VariableDeclaration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let default = match (&self.default, self.secret) {
            (None, _) => "none",
            (Some(_), true) => "(secret)",
            (Some(default), false) => default,
        };
        f.debug_struct("VariableDeclaration")
            .field("description", &self.description)
            .field("default", &default)
            .field("secret", &self.secret)
            .finish()
    }
}

/// `[[trigger.http]]`: what answers the requests on a route.
#[derive(Debug, Clone)]
pub struct HttpTrigger {
    /// The trigger's id, as given, or made in Spin's way from the component or a counter.
    pub id: String,
    /// What answers.
    pub target: Target,
    /// Where requests come in.
    pub route: TriggerRoute,
    /// How the component is called.
    pub executor: Executor,
    /// Middleware and other extra components, by the key under which they are written, such as
    /// `dependencies.middleware`. What stands in them is not read.
    pub extra_components: Vec<String>,
}

impl HttpTrigger {
    /// The name under which the trigger is shown to people: its component, or its own id if it
    /// has none.
    pub fn shown_as(&self) -> &str {
        match &self.target {
            Target::Component(id) => id.as_str(),
            Target::StaticResponse(_) => &self.id,
        }
    }
}

/// What answers a request.
#[derive(Debug, Clone)]
pub enum Target {
    /// A component of the application.
    Component(ComponentId),
    /// The same answer every time, given by the host itself.
    StaticResponse(StaticResponse),
}

/// `static_response`: an answer that needs no component.
#[derive(Debug, Clone)]
pub struct StaticResponse {
    /// 200 unless given.
    pub status: StatusCode,
    /// The headers as given.
    pub headers: HeaderMap,
    /// The body; empty unless given.
    pub body: String,
}

/// Where a trigger gets its requests from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerRoute {
    /// From outside, under this route.
    Path(Route),
    /// Only from other components, by service chaining: `route = { private = true }`.
    Private,
}

/// `executor`: how a component is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executor {
    /// Through the HTTP interface that it exports. This is the default.
    Http,
    /// As a CGI program, one process-like run per request.
    Wagi,
}

/// `[component.<id>]`.
#[derive(Debug, Clone)]
pub struct Component {
    /// The component's id.
    pub id: ComponentId,
    /// Where the Wasm file comes from.
    pub source: Source,
    /// What the component is for; empty if not given.
    pub description: String,
    /// Variables that the component can ask for.
    pub variables: BTreeMap<VariableName, Template>,
    /// Environment variables that the component sees.
    pub environment: BTreeMap<String, String>,
    /// Files that the component may read.
    pub files: Vec<FileMount>,
    /// Patterns of files that it may not read even so.
    pub exclude_files: Vec<String>,
    /// Hosts that it may reach. See [`Application::allowed_hosts`].
    pub allowed_outbound_hosts: Vec<Template>,
    /// Key-value stores that it may open.
    pub key_value_stores: Vec<StoreLabel>,
    /// SQLite databases that it may open, by label.
    pub sqlite_databases: Vec<String>,
    /// AI models that it may use.
    pub ai_models: Vec<String>,
    /// Environments in which it has to run, if they differ from the application's.
    pub targets: Option<Vec<TargetEnvironment>>,
    /// How to build it, if it is built here.
    pub build: Option<Build>,
    /// What fills the imports of the component.
    pub dependencies: Vec<Dependency>,
    /// Other settings under a name, such as `debug`.
    pub profiles: BTreeMap<String, Profile>,
}

/// Where a Wasm file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, by its absolute path. Whether it exists is not checked here.
    File(PathBuf),
    /// A download.
    Url {
        /// Where to get it.
        url: String,
        /// What it must hash to: `sha256:` and 64 hex digits.
        digest: String,
    },
    /// A package of a registry.
    Registry {
        /// The registry, or the default one if not given.
        registry: Option<String>,
        /// Name of the package: `namespace:name`.
        package: String,
        /// Version of the package.
        version: String,
    },
    /// What came along with the application, out of a registry.
    Content {
        /// What it hashes to: `sha256:` and 64 hex digits.
        digest: String,
    },
}

impl Source {
    /// The Wasm file itself, or nothing if it would have to be fetched.
    pub fn content(&self) -> Option<Content<'_>> {
        match self {
            Self::File(path) => Some(Content::File(path)),
            Self::Content { digest } => Some(Content::Digest(digest)),
            Self::Url { .. } | Self::Registry { .. } => None,
        }
    }
}

/// A Wasm file that need not be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// A file on this machine.
    File(&'a Path),
    /// What came along with the application, by what it hashes to.
    Digest(&'a str),
}

/// Files that a component may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileMount {
    /// All files that match a pattern, under their own paths.
    Pattern(String),
    /// A file or folder, under another path.
    Placement {
        /// Absolute path on this machine.
        source: PathBuf,
        /// Absolute path inside the component.
        destination: String,
    },
    /// A file that came along with the application, out of a registry.
    Content {
        /// What it hashes to; nothing for a small one that stands in the application itself.
        digest: Option<String>,
        /// Its path inside the component, relative to the root.
        destination: String,
    },
}

/// An environment that an application is meant to run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetEnvironment {
    /// By its name in the catalogue, such as `spin-up:3.3`.
    Catalogue(String),
    /// By the URL of its definition.
    Url(String),
    /// By the file of its definition.
    File(PathBuf),
}

/// `[component.<id>.build]`: how a component is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Shell commands, run one after the other.
    pub commands: Vec<String>,
    /// The folder in which they run, absolute.
    pub workdir: PathBuf,
    /// Files whose change asks for a new build: patterns, relative to `workdir`.
    pub watch: Vec<String>,
}

/// `[component.<id>.profile.<name>]`: what differs under a profile.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Another Wasm file.
    pub source: Option<Source>,
    /// Environment variables to add or replace.
    pub environment: BTreeMap<String, String>,
    /// Dependencies to add or replace.
    pub dependencies: Vec<Dependency>,
    /// Other build commands.
    pub build_commands: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_default_is_not_shown() {
        let declaration = VariableDeclaration {
            description: String::new(),
            default: Some("hunter2".to_owned()),
            secret: true,
        };
        assert!(!format!("{declaration:?}").contains("hunter2"));
    }
}
