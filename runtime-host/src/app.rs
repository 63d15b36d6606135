//! From a manifest to an application that can be served: Wasm files are read, composed with
//! their dependencies and compiled, and each component's rights are worked out once. Running
//! instances is not done here.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use runtime_host_keyvalue::Stores;
use runtime_host_manifest::{
    AllowedHostError, AllowedHosts, Application, Component as Declared, ComponentId, Content,
    DependencySource, Executor, HttpTrigger, RouteTable, Source, Target, TriggerRoute,
    VariableError, VariableValues,
};
use runtime_host_wasi::InstanceState;
use wasmtime::Engine;
use wasmtime::component::{InstancePre, Linker};
use wasmtime_wasi_http::handler::ProxyPre;
use wasmtime_wasi_http::{p2, p3};

use crate::capabilities;
use crate::capabilities::key_value::GrantedStores;
use crate::capabilities::outbound_http::OutboundSettings;
use crate::capabilities::variables::GrantedVariables;
use crate::clock::GuestClock;
use crate::compiled::CompiledCode;
use crate::composition::{self, CompositionError};
use crate::guest_output::GuestOutput;
use crate::imports::{self, ImportError};
use crate::oci;
use crate::settings::Limits;

/// Why an application cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The manifest asks for something that this version cannot do.
    #[error("{what} in {place} is not built into this host yet: {instead}")]
    NotBuiltIn {
        /// What is asked for.
        what: String,
        /// The table of the manifest that asks for it.
        place: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// There is no HTTP trigger, or none is left.
    #[error("there is nothing to serve: {0}")]
    NothingToServe(String),
    /// Of two components of which one calls the other, only that one is to be served.
    #[error(
        "component `{component}` may call `{called}`, which is left out: add `--component-id \
         {called}`, or take http://{called}.spin.internal out of its allowed_outbound_hosts"
    )]
    CalledIsLeftOut {
        /// The component that calls.
        component: String,
        /// The component that is left out.
        called: String,
    },
    /// A Wasm file is not there.
    #[error("{} of [{place}] does not exist: {fix}", path.display())]
    MissingFile {
        /// The table of the manifest that names the file.
        place: String,
        /// The file.
        path: PathBuf,
        /// How to make it.
        fix: String,
    },
    /// A Wasm file cannot be read.
    #[error("{} of [{place}] cannot be read: {error}", path.display())]
    UnreadableFile {
        /// The table of the manifest that names the file.
        place: String,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file is no component.
    #[error("{file} of [{place}] is {found}: build it for the target wasm32-wasip2")]
    NotAComponent {
        /// The table of the manifest that names the file.
        place: String,
        /// The file, or the layer that it is.
        file: String,
        /// What it is.
        found: &'static str,
    },
    /// A layer is not in the cache any more, or not as it was pulled.
    #[error(
        "the layer {digest} of [{place}] is not in the cache any more: pull the application again"
    )]
    MissingLayer {
        /// The component that is made of it.
        place: String,
        /// What it hashes to.
        digest: String,
    },
    /// A component does not fit its dependencies.
    #[error(transparent)]
    Composition(#[from] CompositionError),
    /// A component is broken.
    #[error("component `{component}` does not compile: {reason}")]
    Compilation {
        /// The component.
        component: String,
        /// What is wrong.
        reason: String,
    },
    /// The host's own interfaces contradict each other.
    #[error("the host's interfaces do not link: {0:#}")]
    Linker(wasmtime::Error),
    /// A component needs what the host does not have.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A component cannot answer HTTP requests.
    #[error(
        "component `{0}` exports neither `wasi:http/handler@0.3.0` nor \
         `wasi:http/incoming-handler@0.2`, so it cannot answer HTTP requests: build it with \
         spin-sdk 7, or remove its trigger"
    )]
    NoHandler(String),
    /// A variable has no value.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// A component's allowed hosts are not hosts.
    #[error("[component.{component}]: {error}")]
    AllowedHost {
        /// The component.
        component: String,
        /// Which entry, and why.
        error: AllowedHostError,
    },
}

/// What all components of an application share.
pub(crate) struct Surroundings {
    pub(crate) engine: Engine,
    pub(crate) compiled: CompiledCode,
    pub(crate) stores: Arc<Stores>,
    pub(crate) output: GuestOutput,
    pub(crate) clock: GuestClock,
    pub(crate) outbound: OutboundSettings,
    /// Variables of the environment for every component, over those of the manifest.
    pub(crate) environment: Vec<(String, String)>,
    /// What came along with the application, if it came out of a registry.
    pub(crate) contents: Option<oci::Cache>,
}

/// An application, ready to be served.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) components: Vec<Arc<LoadedComponent>>,
    by_id: HashMap<Arc<str>, usize>,
    pub(crate) routes: RouteTable,
    /// What answers each trigger, by its place in the manifest.
    pub(crate) answerers: Vec<Answerer>,
    /// What each trigger is called, by the same place.
    pub(crate) triggers: Vec<TriggerName>,
}

/// What a trigger is called where somebody looks at its requests.
pub(crate) struct TriggerName {
    /// None for a fixed answer.
    pub(crate) component: Option<String>,
    /// As it is written in the manifest; None if the trigger is private.
    pub(crate) route: Option<String>,
    /// What the component is for, if the manifest says so.
    pub(crate) description: Option<String>,
}

impl TriggerName {
    fn of(trigger: &HttpTrigger, application: &Application) -> Self {
        let component = match &trigger.target {
            Target::Component(id) => application.components.get(id),
            Target::StaticResponse(_) => None,
        };
        let description = component.map(|component| component.description.clone());
        Self {
            description: description.filter(|text| !text.is_empty()),
            component: match &trigger.target {
                Target::Component(id) => Some(id.to_string()),
                Target::StaticResponse(_) => None,
            },
            route: match &trigger.route {
                TriggerRoute::Path(route) => Some(route.as_written().to_owned()),
                TriggerRoute::Private => None,
            },
        }
    }
}

/// What answers the requests of a trigger.
pub(crate) enum Answerer {
    /// The component at this place in [`App::components`].
    Component(usize),
    /// The same answer every time.
    Static(Box<Response<Bytes>>),
}

/// A component, compiled and linked, and what it may use.
pub(crate) struct LoadedComponent {
    pub(crate) id: Arc<str>,
    pub(crate) manifest_id: ComponentId,
    pub(crate) pre: ProxyPre<InstanceState>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) clock: GuestClock,
    pub(crate) stores: GrantedStores,
    pub(crate) variables: GrantedVariables,
    pub(crate) allowed_hosts: Arc<AllowedHosts>,
    pub(crate) outbound: OutboundSettings,
    pub(crate) output: GuestOutput,
}

impl LoadedComponent {
    /// How many requests an instance serves. Components for WASI 0.2 are not made to serve more
    /// than one.
    pub(crate) fn max_reuse(&self, limits: &Limits) -> usize {
        match self.pre {
            ProxyPre::P2(_) => 1,
            ProxyPre::P3(_) => limits.max_instance_reuse_count,
        }
    }
}

impl App {
    /// Loads what the triggers of `application` need.
    pub(crate) fn load(
        application: &Application,
        values: &VariableValues,
        surroundings: &Surroundings,
    ) -> Result<Self, LoadError> {
        check_built_in(application)?;
        let linker = capabilities::linker(&surroundings.engine).map_err(LoadError::Linker)?;
        let mut app = Self {
            engine: surroundings.engine.clone(),
            name: application.name.clone(),
            version: application.version.clone(),
            components: Vec::new(),
            by_id: HashMap::new(),
            routes: routes(&application.triggers),
            answerers: Vec::new(),
            triggers: names(application),
        };
        for trigger in &application.triggers {
            let answerer = match &trigger.target {
                Target::StaticResponse(fixed) => {
                    let mut response = Response::new(Bytes::from(fixed.body.clone()));
                    *response.status_mut() = fixed.status;
                    *response.headers_mut() = fixed.headers.clone();
                    Answerer::Static(Box::new(response))
                }
                Target::Component(id) => match app.component_named(id.as_str()) {
                    Some(index) => Answerer::Component(index),
                    None => {
                        let loaded =
                            load_component(application, id, values, surroundings, &linker)?;
                        Answerer::Component(app.add(loaded))
                    }
                },
            };
            app.answerers.push(answerer);
        }
        Ok(app)
    }

    /// The place of a component in [`App::components`].
    pub(crate) fn component_named(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    fn add(&mut self, component: LoadedComponent) -> usize {
        let index = self.components.len();
        self.by_id.insert(Arc::clone(&component.id), index);
        self.components.push(Arc::new(component));
        index
    }
}

fn names(application: &Application) -> Vec<TriggerName> {
    let triggers = application.triggers.iter();
    triggers
        .map(|trigger| TriggerName::of(trigger, application))
        .collect()
}

fn routes(triggers: &[HttpTrigger]) -> RouteTable {
    let (routes, warnings) = RouteTable::new(triggers);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    routes
}

/// Refuses what would otherwise be ignored without a word.
fn check_built_in(application: &Application) -> Result<(), LoadError> {
    let refuse = |what: &str, place: String, instead| {
        Err(LoadError::NotBuiltIn {
            what: what.to_owned(),
            place,
            instead,
        })
    };
    if let Some(other) = application.other_triggers.first() {
        return refuse(
            &format!("the trigger type `{other}`"),
            format!("[[trigger.{other}]]"),
            "remove the trigger, or run the application with `spin up`",
        );
    }
    if application.triggers.is_empty() {
        return Err(LoadError::NothingToServe(
            "the manifest has no [[trigger.http]]".to_owned(),
        ));
    }
    for trigger in &application.triggers {
        let place = format!("[[trigger.http]] of `{}`", trigger.shown_as());
        if trigger.executor == Executor::Wagi {
            return refuse(
                "the Wagi executor",
                place,
                "remove `executor` and build the component with spin-sdk 7",
            );
        }
        if let Some(extra) = trigger.extra_components.first() {
            return refuse(
                &format!("`{extra}`"),
                place,
                "call the component by service chaining",
            );
        }
    }
    for component in application.components.values() {
        let place = format!("[component.{}]", component.id);
        if !component.files.is_empty() {
            return refuse("`files`", place, "compile the files into the component");
        }
        if !component.sqlite_databases.is_empty() {
            return refuse("`sqlite_databases`", place, "use `key_value_stores`");
        }
        if !component.ai_models.is_empty() {
            return refuse("`ai_models`", place, "call a model over HTTP");
        }
    }
    Ok(())
}

fn load_component(
    application: &Application,
    id: &ComponentId,
    values: &VariableValues,
    surroundings: &Surroundings,
    linker: &Linker<InstanceState>,
) -> Result<LoadedComponent, LoadError> {
    let declared = application.components.get(id).ok_or_else(|| {
        LoadError::NothingToServe(format!("the manifest has no component `{id}`"))
    })?;
    let engine = &surroundings.engine;
    let bytes = composed(application, declared, surroundings.contents.as_ref())?;
    let component = surroundings.compiled.component(engine, &bytes);
    let component = component.map_err(|error| LoadError::Compilation {
        component: id.to_string(),
        reason: format!("{error:#}"),
    })?;
    let pre = linker
        .instantiate_pre(&component)
        .map_err(|error| imports::explain(id.as_str(), &component, engine, &error))?;

    let allowed_hosts =
        application
            .allowed_hosts(id, values)
            .map_err(|error| LoadError::AllowedHost {
                component: id.to_string(),
                error,
            })?;
    let mut environment = declared.environment.clone();
    environment.extend(surroundings.environment.iter().cloned());
    Ok(LoadedComponent {
        id: id.as_str().into(),
        manifest_id: id.clone(),
        pre: handler(pre).ok_or_else(|| LoadError::NoHandler(id.to_string()))?,
        environment: environment.into_iter().collect(),
        clock: surroundings.clock.clone(),
        stores: GrantedStores::new(Arc::clone(&surroundings.stores), &declared.key_value_stores),
        variables: Arc::new(application.component_variables(id, values)?),
        allowed_hosts: Arc::new(allowed_hosts),
        outbound: surroundings.outbound.clone(),
        output: surroundings.output.clone(),
    })
}

/// The HTTP handler that the component exports, of the newest generation.
fn handler(pre: InstancePre<InstanceState>) -> Option<ProxyPre<InstanceState>> {
    if let Ok(handler) = p3::bindings::ServicePre::new(pre.clone()) {
        return Some(ProxyPre::P3(handler));
    }
    p2::bindings::ProxyPre::new(pre).ok().map(ProxyPre::P2)
}

/// A component's Wasm file with its dependencies composed in.
pub(crate) fn composed(
    application: &Application,
    component: &Declared,
    contents: Option<&oci::Cache>,
) -> Result<Vec<u8>, LoadError> {
    let place = format!("component.{}", component.id);
    let content = match (component.source.content(), &component.source) {
        (Some(content), _) => content,
        (None, Source::Registry { .. }) => {
            return Err(not_fetched("a `source` from a registry", &place));
        }
        (None, _) => return Err(not_fetched("a `source` with `url`", &place)),
    };
    let socket = read_component(content, &place, component, contents)?;
    let mut plugs = Vec::new();
    for dependency in &component.dependencies {
        let place = format!("{place}.dependencies");
        let found = application.dependency_content(dependency);
        let content = match (found, &dependency.source) {
            (Some(content), _) => content,
            (None, DependencySource::Registry { .. }) => {
                return Err(not_fetched("a dependency from a registry", &place));
            }
            (None, _) => return Err(not_fetched("a dependency from a `url`", &place)),
        };
        plugs.push((
            dependency,
            read_component(content, &place, component, contents)?,
        ));
    }
    Ok(composition::compose(component, socket, plugs)?)
}

fn not_fetched(what: &str, place: &str) -> LoadError {
    LoadError::NotBuiltIn {
        what: what.to_owned(),
        place: format!("[{place}]"),
        instead: "download the file and name its path",
    }
}

fn read_component(
    content: Content<'_>,
    place: &str,
    component: &Declared,
    contents: Option<&oci::Cache>,
) -> Result<Vec<u8>, LoadError> {
    let (bytes, file) = match content {
        Content::File(path) => (
            read_file(path, place, component)?,
            path.display().to_string(),
        ),
        Content::Digest(digest) => (
            read_layer(digest, contents).ok_or_else(|| LoadError::MissingLayer {
                place: place.to_owned(),
                digest: digest.to_owned(),
            })?,
            format!("the layer {digest}"),
        ),
    };
    // A Wasm file begins with its magic number, then the version and the layer: 1 and 0 of a
    // core module, 13 and 1 of a component.
    let found = match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => return Ok(bytes),
        Some([0, b'a', b's', b'm', ..]) => "a core module and not a component",
        _ => "not a WebAssembly file",
    };
    Err(LoadError::NotAComponent {
        place: place.to_owned(),
        file,
        found,
    })
}

fn read_layer(digest: &str, contents: Option<&oci::Cache>) -> Option<Vec<u8>> {
    let content = contents?.read(&digest.parse().ok()?)?;
    Some(content.into())
}

fn read_file(path: &Path, place: &str, component: &Declared) -> Result<Vec<u8>, LoadError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => LoadError::MissingFile {
            place: place.to_owned(),
            path: path.to_owned(),
            fix: how_to_build(component),
        },
        _ => LoadError::UnreadableFile {
            place: place.to_owned(),
            path: path.to_owned(),
            error,
        },
    })
}

fn how_to_build(component: &Declared) -> String {
    match &component.build {
        Some(build) => format!(
            "build it with `runtime-host up --build`, or with `{}` in {}",
            build.commands.join(" && "),
            build.workdir.display()
        ),
        None => format!(
            "build it, or correct the path in [component.{}]",
            component.id
        ),
    }
}
