//! A host that serves one application: how it is set up, started, looked into and ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use runtime_host_keyvalue::{OpenError, StoreError, StoreLabel, Stores};
use runtime_host_manifest::{
    Application, ComponentId, Grant, KeyValueStore, ManifestError, ReadinessPath, RuntimeConfig,
    RuntimeConfigError, Target, VariableError, VariableOverride, VariableValues, Verdict,
};

use crate::app::{App, LoadError, Surroundings};
use crate::capabilities::outbound_http::OutboundSettings;
use crate::clock::{GuestClock, SystemClock, WallClock};
use crate::compiled::CompiledCode;
use crate::engine::{self, EngineError};
use crate::guest_output::GuestOutput;
use crate::oci;
use crate::server::listener::{self, ListenError};
use crate::server::threads::{DrainReport, Threads};
use crate::settings::Limits;
use crate::start_up_text::{PublicRoute, StartUpText};
use crate::telemetry::endpoint::Endpoint;
use crate::telemetry::traces::Traces;
use crate::telemetry::{Observed, Summary};

/// The store that `--key-value` writes to.
const DEFAULT_STORE: &str = "default";

/// What is left to write after the last answer gets at least this long.
const LAST_WRITES: Duration = Duration::from_secs(1);

/// The file of all stores, in the state directory. Spin uses the same name and layout.
const DATABASE: &str = "sqlite_key_value.db";

/// Why a host does not start. Each message is one sentence with the fix.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The runtime config cannot be used.
    #[error(transparent)]
    RuntimeConfig(#[from] RuntimeConfigError),
    /// A variable is missing or unknown.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// The components cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The key-value stores cannot be opened.
    #[error(transparent)]
    OpenStores(#[from] OpenError),
    /// A key that is to be set first cannot be set.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys are to be set in a store that nobody uses.
    #[error(
        "there is no store `default` to set a key in: list it in `key_value_stores` of a component"
    )]
    NoDefaultStore,
    /// Nothing listens.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// wasmtime does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The state directory cannot be made.
    #[error("{} cannot be made: {error}; name another folder with `--state-dir`", path.display())]
    StateDir {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The state directory is to be none.
    #[error(
        "an empty `--state-dir`, for stores in memory only, is not built into this host: name a \
         folder, or leave it out"
    )]
    NoStateDir,
    /// Metrics cannot be served where they should be.
    #[error(
        "metrics cannot be served on {address}: {error}; choose another address with \
         `--metrics-listen` or RUNTIME_HOST_METRICS_LISTEN"
    )]
    MetricsListen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// No threads can be started.
    #[error("the host's threads do not start: {0}")]
    Threads(io::Error),
}

/// Where an application comes from.
enum Origin {
    Manifest(PathBuf),
    Registry(Box<oci::Pulled>),
}

/// What a host is to do. See [`Host::builder`].
pub struct HostBuilder {
    origin: Origin,
    listen: SocketAddr,
    find_free_port: bool,
    metrics_listen: Option<SocketAddr>,
    readiness_path: Option<ReadinessPath>,
    drain_delay: Option<Duration>,
    variables: Vec<VariableOverride>,
    environment: Vec<(String, String)>,
    key_values: Vec<(String, Vec<u8>)>,
    only: Vec<String>,
    runtime_config: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    log_dir: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
    keeps_compiled_code: bool,
    quiet: bool,
    workers: Option<usize>,
    limits: Limits,
    max_instance_memory: Option<usize>,
    clock: Arc<dyn WallClock>,
}

impl HostBuilder {
    /// Where to listen; port 0 takes any free one. 127.0.0.1:3000 by default.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Take the next free port if the one to listen on is taken.
    #[must_use]
    pub fn find_free_port(mut self, find: bool) -> Self {
        self.find_free_port = find;
        self
    }

    /// Serves metrics for Prometheus on an address of their own; nowhere by default. Port 0 takes
    /// any free one.
    #[must_use]
    pub fn metrics_listen(mut self, address: SocketAddr) -> Self {
        self.metrics_listen = Some(address);
        self
    }

    /// Where load balancers ask whether the host is ready, beside `/.well-known/spin/health`. Until
    /// [`Host::leave`] the application answers there.
    #[must_use]
    pub fn readiness_path(mut self, path: ReadinessPath) -> Self {
        self.readiness_path = Some(path);
        self
    }

    /// How long [`Host::leave`] goes on serving. Nothing by default.
    #[must_use]
    pub fn drain_delay(mut self, delay: Duration) -> Self {
        self.drain_delay = Some(delay);
        self
    }

    /// Sets a variable of the application, over whatever else gives it a value.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push(VariableOverride::new(name, value));
        self
    }

    /// Sets variables that have been read from command-line arguments.
    #[must_use]
    pub fn variables(mut self, variables: impl IntoIterator<Item = VariableOverride>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Sets a variable in the environment of every component.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Writes a key of the store `default` before anything is served.
    #[must_use]
    pub fn key_value(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.key_values.push((key.into(), value.into()));
        self
    }

    /// Serves only these components. All of them by default.
    #[must_use]
    pub fn only_components(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.only.extend(ids);
        self
    }

    /// A `runtime-config.toml`: which stores stand behind labels, and where variables come from.
    /// What is set here by other functions is stronger.
    #[must_use]
    pub fn runtime_config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.runtime_config = Some(path.into());
        self
    }

    /// Where stores are kept: `.spin` beside the manifest by default, or in the current folder if
    /// there is no manifest.
    #[must_use]
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(path.into());
        self
    }

    /// Where guest output is kept: by default `logs` in the state directory. With an empty path it
    /// is not kept.
    #[must_use]
    pub fn log_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.log_dir = Some(path.into());
        self
    }

    /// Compile at each start instead of keeping compiled code.
    #[must_use]
    pub fn without_compiled_code(mut self) -> Self {
        self.keeps_compiled_code = false;
        self
    }

    /// Where compiled code is kept: `runtime-host` in the user's cache folder by default.
    #[must_use]
    pub fn cache_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(path.into());
        self
    }

    /// Don't repeat guest output on the terminal.
    #[must_use]
    pub fn quiet(mut self, quiet: bool) -> Self {
        self.quiet = quiet;
        self
    }

    /// How many threads serve requests: one per processor by default. At least one.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers.max(1));
        self
    }

    /// All limits at once. The memory that a runtime config gives to instances is stronger.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// From the arrival of a request to its response's head; then the answer is 504.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.limits.request_timeout = timeout;
        self
    }

    /// Bytes that one instance may hold in all its memories and tables.
    #[must_use]
    pub fn max_instance_memory(mut self, bytes: usize) -> Self {
        self.max_instance_memory = Some(bytes);
        self
    }

    /// The time of day that guests see. Sleeps and monotonic clocks stay real.
    #[must_use]
    pub fn wall_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.clock = clock;
        self
    }

    /// Loads the application and serves it. It is reachable when this returns.
    ///
    /// # Errors
    /// Whatever keeps the application from being served, as one sentence with the fix.
    pub async fn start(self) -> Result<Host, StartError> {
        let first = self.key_values.clone();
        // Compiling takes seconds; meanwhile the caller's runtime goes on.
        let loaded = match tokio::task::spawn_blocking(move || self.load()).await {
            Ok(loaded) => loaded?,
            Err(panicked) => return Err(StartError::Threads(io::Error::other(panicked))),
        };
        // A server that is away now can be there when it is needed, so this is no error.
        loaded.stores.probe().await;
        if !first.is_empty() {
            let store = default_store(&loaded.labels).ok_or(StartError::NoDefaultStore)?;
            loaded.stores.set_many(store, first).await?;
        }
        let traces = Traces::from_environment(&loaded.app.name, &loaded.app.version);
        let server = Threads::start(
            &loaded.app,
            &loaded.limits,
            loaded.listener,
            loaded.workers,
            loaded.readiness_path.map(|path| path.as_str().to_owned()),
            traces.clone(),
        )
        .map_err(StartError::Threads)?;
        let mut host = Host {
            metrics: None,
            traces,
            server,
            app: loaded.app,
            stores: loaded.stores,
            output: loaded.output,
            drain_delay: loaded.drain_delay,
            started: Instant::now(),
        };
        if let Some(listener) = loaded.metrics {
            let endpoint = Endpoint::start(listener, host.observed());
            host.metrics = Some(endpoint.map_err(StartError::Threads)?);
        }
        Ok(host)
    }

    fn load(mut self) -> Result<Loaded, StartError> {
        let (mut application, contents) = match self.origin {
            Origin::Manifest(path) => (runtime_host_manifest::load(&path)?, None),
            Origin::Registry(pulled) => (pulled.application, Some(pulled.contents)),
        };
        keep_only(&mut application, &self.only)?;
        let config = match &self.runtime_config {
            Some(path) => runtime_host_manifest::load_runtime_config(path)?,
            None => RuntimeConfig::default(),
        };
        let configured = config.max_instance_memory;
        let configured = configured.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        if let Some(bytes) = self.max_instance_memory.or(configured) {
            self.limits.max_instance_memory = bytes;
        }
        let values = VariableValues::resolve_with_providers(
            &application,
            &self.variables,
            &config.variables_providers,
            |name| std::env::var(name).ok(),
        )?;
        check_chaining(&application, &values, &self.only)?;
        // A busy port is told before seconds of compiling.
        let listener = listener::listen(self.listen, self.find_free_port)?;
        let metrics = self.metrics_listen.map(listen_for_metrics).transpose()?;

        let given = self.state_dir.or(config.state_dir);
        let state_dir = given.unwrap_or_else(|| application.base_dir.join(".spin"));
        if state_dir.as_os_str().is_empty() {
            return Err(StartError::NoStateDir);
        }
        fs::create_dir_all(&state_dir).map_err(|error| StartError::StateDir {
            path: state_dir.clone(),
            error,
        })?;
        let given = self.log_dir.or(config.log_dir);
        let log_dir = given.unwrap_or_else(|| state_dir.join("logs"));
        let log_dir = Some(log_dir).filter(|folder| !folder.as_os_str().is_empty());
        let output = GuestOutput::start(log_dir, !self.quiet).map_err(StartError::Threads)?;
        let labels = labels(&application);
        let stores = stores_of(&labels, config.key_value_stores, &state_dir.join(DATABASE));
        let stores = Arc::new(Stores::open(stores)?);

        let surroundings = Surroundings {
            compiled: if self.keeps_compiled_code {
                CompiledCode::open(self.cache_dir)
            } else {
                CompiledCode::unkept()
            },
            engine: engine::shared(self.limits.guests_are_bounded)?,
            stores: Arc::clone(&stores),
            output: output.clone(),
            clock: GuestClock(self.clock),
            outbound: OutboundSettings {
                never_reuses_connections: config.never_reuses_connections,
                blocked_networks: Arc::new(config.blocked_networks),
            },
            environment: self.environment,
            contents,
        };
        Ok(Loaded {
            app: Arc::new(App::load(&application, &values, &surroundings)?),
            limits: Arc::new(self.limits),
            workers: self.workers.unwrap_or_else(processors),
            listener,
            metrics,
            readiness_path: self.readiness_path.or(config.drain.readiness_path),
            drain_delay: self.drain_delay.or(config.drain.delay).unwrap_or_default(),
            labels,
            stores,
            output,
        })
    }
}

/// Leaves out the triggers of other components than `only`, if those are told.
fn keep_only(application: &mut Application, only: &[String]) -> Result<(), LoadError> {
    if only.is_empty() {
        return Ok(());
    }
    if let Some(unknown) = only
        .iter()
        .find(|id| !application.components.contains_key(id.as_str()))
    {
        let known: Vec<_> = application
            .components
            .keys()
            .map(ToString::to_string)
            .collect();
        return Err(LoadError::NothingToServe(format!(
            "the manifest has no component `{unknown}`; it has {}",
            known.join(", ")
        )));
    }
    application
        .triggers
        .retain(|trigger| match &trigger.target {
            Target::Component(id) => is_kept(only, id),
            Target::StaticResponse(_) => false,
        });
    Ok(())
}

fn is_kept(only: &[String], id: &ComponentId) -> bool {
    only.is_empty() || only.iter().any(|only| only == id.as_str())
}

/// Refuses to serve a component without one that it calls by name: it would fail only when it
/// is asked.
fn check_chaining(
    application: &Application,
    values: &VariableValues,
    only: &[String],
) -> Result<(), LoadError> {
    let ids = || application.components.keys();
    if ids().all(|id| is_kept(only, id)) {
        return Ok(());
    }
    for component in ids().filter(|id| is_kept(only, id)) {
        let allowed = application.allowed_hosts(component, values);
        let allowed = allowed.map_err(|error| LoadError::AllowedHost {
            component: component.to_string(),
            error,
        })?;
        let calls = |called: &&ComponentId| {
            let verdict = allowed.check("http", &format!("{called}.spin.internal"), 80);
            verdict == Verdict::Allowed(Grant::Name)
        };
        if let Some(called) = ids().filter(|id| !is_kept(only, id)).find(calls) {
            return Err(LoadError::CalledIsLeftOut {
                component: component.to_string(),
                called: called.to_string(),
            });
        }
    }
    Ok(())
}

/// What is there when everything that can go wrong has gone well.
struct Loaded {
    app: Arc<App>,
    limits: Arc<Limits>,
    workers: usize,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    readiness_path: Option<ReadinessPath>,
    drain_delay: Duration,
    labels: BTreeSet<StoreLabel>,
    stores: Arc<Stores>,
    output: GuestOutput,
}

fn listen_for_metrics(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|error| StartError::MetricsListen { address, error })
}

fn labels(application: &Application) -> BTreeSet<StoreLabel> {
    let components = application.components.values();
    let used = components.flat_map(|component| &component.key_value_stores);
    used.cloned().collect()
}

/// What stands behind each label that is used: what the runtime config says, or `file`.
fn stores_of(
    labels: &BTreeSet<StoreLabel>,
    mut configured: BTreeMap<StoreLabel, KeyValueStore>,
    file: &Path,
) -> Vec<(StoreLabel, KeyValueStore)> {
    let used = labels.iter().map(|label| {
        let store = configured.remove(label);
        let usual = || KeyValueStore::Sqlite {
            path: Some(file.to_owned()),
        };
        (label.clone(), store.unwrap_or_else(usual))
    });
    let used = used.collect();
    for unused in configured.keys() {
        tracing::warn!(
            "the runtime config has a key-value store `{unused}`, but no component lists it in \
             `key_value_stores`"
        );
    }
    used
}

fn default_store(labels: &BTreeSet<StoreLabel>) -> Option<&StoreLabel> {
    labels.iter().find(|label| label.as_str() == DEFAULT_STORE)
}

fn processors() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

/// An application that is being served. Dropping it stops it at once: requests that are being
/// answered are cut off.
pub struct Host {
    /// Ends first: it looks into everything else.
    metrics: Option<Endpoint>,
    traces: Option<Arc<Traces>>,
    server: Threads,
    app: Arc<App>,
    stores: Arc<Stores>,
    output: GuestOutput,
    drain_delay: Duration,
    started: Instant,
}

impl Host {
    /// Sets up a host for the application of a manifest: a `spin.toml`, or a folder with one.
    pub fn builder(manifest: impl AsRef<Path>) -> HostBuilder {
        Self::builder_of(Origin::Manifest(manifest.as_ref().to_owned()))
    }

    /// Sets up a host for an application that has been pulled out of a registry.
    pub fn builder_of_pulled(pulled: oci::Pulled) -> HostBuilder {
        Self::builder_of(Origin::Registry(Box::new(pulled)))
    }

    fn builder_of(origin: Origin) -> HostBuilder {
        HostBuilder {
            origin,
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            find_free_port: false,
            metrics_listen: None,
            readiness_path: None,
            drain_delay: None,
            variables: Vec::new(),
            environment: Vec::new(),
            key_values: Vec::new(),
            only: Vec::new(),
            runtime_config: None,
            state_dir: None,
            log_dir: None,
            cache_dir: None,
            keeps_compiled_code: true,
            quiet: false,
            workers: None,
            limits: Limits::default(),
            max_instance_memory: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Where the host listens, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The same as a URL without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where metrics are served, if anywhere.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(Endpoint::address)
    }

    /// What the host has done and taken so far.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.observed(), self.started.elapsed())
    }

    fn observed(&self) -> Observed {
        Observed {
            app: Arc::clone(&self.app),
            cores: self.server.cores().to_vec(),
            stores: Arc::clone(&self.stores),
            departure: Arc::clone(self.server.departure()),
            connections: Arc::clone(self.server.connections()),
        }
    }

    /// Where the application is.
    pub fn start_up_text(&self) -> StartUpText {
        let routes = self.app.routes.listing().map(|route| {
            let name = self.app.triggers.get(route.trigger);
            PublicRoute {
                id: route.shown_as.to_owned(),
                route: match route.prefix {
                    "" => "/".to_owned(),
                    prefix => prefix.to_owned(),
                },
                wildcard: route.is_wildcard,
                description: name.and_then(|name| name.description.clone()),
            }
        });
        StartUpText {
            base_url: self.url(),
            routes: routes.collect(),
        }
    }

    /// The key-value stores that the components write to.
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// Says from now on that the host is not ready, and goes on serving everybody for the drain
    /// delay, so that load balancers leave before [`Host::drain`]. Every answer is the last of its
    /// connection: a proxy that keeps connections opens its next one elsewhere.
    pub async fn leave(&self) {
        self.server.departure().begin();
        tokio::time::sleep(self.drain_delay).await;
    }

    /// Stops accepting connections and finishes what has begun, for at most `limit`: requests,
    /// what guests still do after their answers, and writes to the stores. Afterwards the host
    /// serves nothing any more.
    pub async fn drain(&self, limit: Duration) -> DrainReport {
        let end = Instant::now() + limit;
        let report = self.server.drain(limit).await;
        let left = end
            .saturating_duration_since(Instant::now())
            .max(LAST_WRITES);
        match tokio::time::timeout(left, self.stores.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!("the last writes to the key-value stores failed: {error}");
            }
            Err(_) => tracing::error!("the last writes to the key-value stores take too long"),
        }
        let (output, traces) = (self.output.clone(), self.traces.clone());
        let finish = move || {
            output.flush(LAST_WRITES);
            if let Some(traces) = traces {
                traces.finish(LAST_WRITES);
            }
        };
        let _finished = tokio::task::spawn_blocking(finish).await;
        report
    }
}
