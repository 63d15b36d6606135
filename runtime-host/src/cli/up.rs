//! `runtime-host up`: serves an application. The arguments are those of `spin up`, as far as
//! the host does what they say.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::builder::{BoolishValueParser, OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use runtime_host_manifest::{ReadinessPath, VariableOverride};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::access::AccessArgs;
use super::address::listen_address;
use super::build::build;
use super::ignored_environment;
use super::limits::{LimitArgs, bytes};
use super::logging::{self, LogFormat};
use super::time::{delay, time};
use super::tls::TlsArgs;
use crate::Host;
use crate::oci::{self, Reference};
use crate::server::admission::raise_open_files;

/// How long Ctrl-C waits for what has begun: somebody sits in front of it.
const INTERRUPT_DRAIN: Duration = Duration::from_secs(2);

/// Arguments of `up`.
#[derive(Debug, Args)]
pub(super) struct Up {
    /// The manifest, or the folder with it, or an application in a registry:
    /// registry/name:tag, or registry/name@sha256:….
    #[arg(
        short = 'f',
        long = "from",
        value_name = "PATH|REFERENCE",
        default_value = "."
    )]
    from: String,

    /// Sets an environment variable of every component. May be given more than once.
    #[arg(short = 'e', long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    environment: Vec<(String, String)>,

    /// Serve only this component. May be given more than once.
    #[arg(
        short = 'c',
        long = "component-id",
        value_name = "ID",
        env = "SPIN_COMPONENTS_TO_RETAIN",
        value_delimiter = ','
    )]
    component_ids: Vec<String>,

    /// Build the components first.
    #[arg(long, env = "SPIN_ALWAYS_BUILD", value_parser = BoolishValueParser::new())]
    build: bool,

    /// Where to listen; port 0 takes any free one.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "SPIN_HTTP_LISTEN_ADDR",
        default_value = "127.0.0.1:3000",
        value_parser = listen_address
    )]
    listen: SocketAddr,

    #[command(flatten)]
    tls: TlsArgs,

    /// Take the next free port if the one to listen on is taken.
    #[arg(long)]
    find_free_port: bool,

    /// Where to serve metrics for Prometheus, apart from the application. [default: nowhere]
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "RUNTIME_HOST_METRICS_LISTEN",
        value_parser = listen_address
    )]
    metrics_listen: Option<SocketAddr>,

    /// A runtime-config.toml: which stores stand behind labels, where variables come from.
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE")]
    runtime_config_file: Option<PathBuf>,

    /// Where stores are kept. [default: .spin beside the manifest, or in the current folder]
    #[arg(long, value_name = "PATH", env = "RUNTIME_HOST_STATE_DIR")]
    state_dir: Option<PathBuf>,

    /// Where compiled code and what is pulled are kept. [default: runtime-host in the user's
    /// cache folder]
    #[arg(long, value_name = "PATH")]
    cache_dir: Option<PathBuf>,

    #[command(flatten)]
    access: AccessArgs,

    /// Compile at each start instead of keeping compiled code.
    #[arg(
        long,
        env = "DISABLE_WASMTIME_CACHE",
        value_parser = BoolishValueParser::new()
    )]
    disable_cache: bool,

    /// Where the output of components is kept; nowhere if it is empty. [default: logs in the state
    /// directory]
    #[arg(
        short = 'L',
        long,
        value_name = "PATH",
        env = "SPIN_LOG_DIR",
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    log_dir: Option<PathBuf>,

    /// Don't repeat the output of components here.
    #[arg(short = 'q', long)]
    quiet: bool,

    /// Sets a key of the store `default` first. May be given more than once.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    key_value: Vec<(String, String)>,

    /// Sets a variable of the application: NAME=VALUE, NAME=@FILE, or @FILE of TOML or JSON for
    /// many. May be given more than once.
    #[arg(long, value_name = "VARIABLE")]
    variable: Vec<String>,

    #[command(flatten)]
    limits: LimitArgs,

    /// Where load balancers ask whether the host is ready, beside /.well-known/spin/health. The
    /// application answers there until a SIGTERM, then the host: 503.
    #[arg(long, value_name = "PATH", env = "RUNTIME_HOST_READINESS_PATH")]
    readiness_path: Option<ReadinessPath>,

    /// How long everything is still served after a SIGTERM, so that load balancers leave. [default:
    /// 0s]
    #[arg(long, value_name = "TIME", env = "RUNTIME_HOST_DRAIN_DELAY", value_parser = delay)]
    drain_delay: Option<Duration>,

    /// How long a SIGTERM waits after that for what has begun.
    #[arg(
        long,
        value_name = "TIME",
        env = "RUNTIME_HOST_DRAIN_TIMEOUT",
        default_value = "30s",
        value_parser = time
    )]
    drain_timeout: Duration,

    /// Threads that serve requests. [default: one per processor]
    #[arg(long, value_name = "COUNT")]
    workers: Option<NonZeroUsize>,

    /// How the text at the start looks that says where the application is.
    #[arg(long, value_enum, default_value = "plain")]
    format: Format,

    /// How the host's own log looks.
    #[arg(
        long,
        value_enum,
        env = "RUNTIME_HOST_LOG_FORMAT",
        default_value = "plain"
    )]
    log_format: LogFormat,
}

/// How the text at the start looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Plain,
    /// A JSON object with `base_url` and `routes`.
    Json,
}

impl Up {
    pub(super) fn run(&self, give_back_memory: fn()) -> Result<()> {
        let _log = logging::start(self.log_format);
        self.tls.refuse()?;
        for warning in ignored_environment::warnings(|name| std::env::var(name).ok()) {
            tracing::warn!("{warning}");
        }
        let from = Origin::of(&self.from)?;
        match &from {
            Origin::Manifest(path) if self.build => build(path, &self.only_components())?,
            // What is in a registry has been built.
            Origin::Manifest(_) | Origin::Registry(_) => {}
        }
        raise_open_files();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the host's runtime does not start")?;
        let served = runtime.block_on(self.serve(from, give_back_memory));
        // After a second signal nothing is waited for.
        runtime.shutdown_background();
        served
    }

    /// The components to serve; all of them if there are none.
    fn only_components(&self) -> Vec<String> {
        let named = self.component_ids.iter().map(|id| id.trim());
        // An environment variable may be there and say nothing.
        let named = named.filter(|id| !id.is_empty());
        named.map(str::to_owned).collect()
    }

    async fn serve(&self, from: Origin, give_back_memory: fn()) -> Result<()> {
        let host = self.start(from).await?;
        let mut signals = Signals::new().context("signals cannot be received")?;
        self.announce(&host)?;
        if let Some(address) = host.metrics_address() {
            tracing::info!("metrics are on http://{address}/metrics");
        }
        give_back_memory();
        let ended = signals.next().await;
        tokio::select! {
            () = self.end(&host, ended) => {}
            _ = signals.next() => tracing::warn!("stopped at once by a second signal"),
        }
        tracing::info!("{}", host.summary());
        Ok(())
    }

    /// Says where the application is.
    fn announce(&self, host: &Host) -> Result<()> {
        let text = host.start_up_text();
        let text = match self.format {
            Format::Plain => text.plain(),
            Format::Json => text.json()?,
        };
        let mut stdout = io::stdout().lock();
        // Its reader may have gone.
        let _closed = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        Ok(())
    }

    /// Ends the host without losing a request.
    async fn end(&self, host: &Host, ended: Ended) {
        let limit = match ended {
            Ended::Terminated => {
                tracing::info!("not ready any more; serving on for the drain delay");
                host.leave().await;
                self.drain_timeout
            }
            Ended::Interrupted => self.drain_timeout.min(INTERRUPT_DRAIN),
        };
        tracing::info!(
            "finishing what has begun, for at most {} s",
            limit.as_secs_f64()
        );
        let report = host.drain(limit).await;
        if !report.complete {
            tracing::warn!(
                "stopped with work left: {} requests had no complete answer",
                report.abandoned_requests
            );
        }
    }

    async fn start(&self, from: Origin) -> Result<Host> {
        let builder = match from {
            Origin::Manifest(path) => Host::builder(path),
            Origin::Registry(reference) => {
                let access = self.access.access(self.cache_dir.clone());
                let pulled = oci::pull(&reference, &access).await?;
                tracing::info!("serving {reference}, which is {}", pulled.digest());
                Host::builder_of_pulled(pulled)
            }
        };
        let mut builder = builder
            .listen(self.listen)
            .find_free_port(self.find_free_port)
            .only_components(self.only_components())
            .quiet(self.quiet)
            .limits(self.limits.limits());
        for (name, value) in &self.environment {
            builder = builder.environment(name, value);
        }
        for (key, value) in &self.key_value {
            builder = builder.key_value(key, value.as_bytes());
        }
        for argument in &self.variable {
            builder = builder.variables(VariableOverride::from_argument(argument)?);
        }
        if let Some(size) = self.limits.max_instance_memory {
            builder = builder.max_instance_memory(bytes(size));
        }
        if let Some(address) = self.metrics_listen {
            builder = builder.metrics_listen(address);
        }
        if let Some(path) = &self.readiness_path {
            builder = builder.readiness_path(path.clone());
        }
        if let Some(delay) = self.drain_delay {
            builder = builder.drain_delay(delay);
        }
        if let Some(path) = &self.runtime_config_file {
            builder = builder.runtime_config_file(path);
        }
        if let Some(path) = &self.state_dir {
            builder = builder.state_dir(path);
        }
        if let Some(path) = &self.cache_dir {
            builder = builder.cache_dir(path);
        }
        if self.disable_cache {
            builder = builder.without_compiled_code();
        }
        if let Some(path) = &self.log_dir {
            builder = builder.log_dir(path);
        }
        if let Some(workers) = self.workers {
            builder = builder.workers(workers.get());
        }
        Ok(builder.start().await?)
    }
}

/// Where the application is.
#[derive(Debug)]
enum Origin {
    Manifest(PathBuf),
    Registry(Reference),
}

impl Origin {
    /// A path that exists is a path, whatever else it could mean.
    fn of(text: &str) -> Result<Self> {
        let path = Path::new(text);
        if !path.exists() && Reference::is_meant_by(text) {
            return Ok(Self::Registry(text.parse()?));
        }
        Ok(Self::Manifest(path.to_owned()))
    }
}

/// Why the process is to end.
enum Ended {
    Terminated,
    Interrupted,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Ended {
        tokio::select! {
            _ = self.terminate.recv() => Ended::Terminated,
            _ = self.interrupt.recv() => Ended::Interrupted,
        }
    }
}

pub(super) fn pair(argument: &str) -> Result<(String, String), String> {
    match argument.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as name=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        up: Up,
    }

    #[test]
    fn limits_have_the_defaults_of_the_library() {
        let up = Command::parse_from(["up"]).up;
        assert_eq!(
            format!("{:?}", up.limits.limits()),
            format!("{:?}", Limits::default())
        );
    }

    #[test]
    fn what_the_spin_operator_passes_is_understood() {
        let up = Command::parse_from([
            "runtime-host",
            "--listen",
            "0.0.0.0:80",
            "-f",
            ".",
            "--runtime-config-file",
            "/runtime-config.toml",
            "--component-id",
            "rates",
            "--component-id",
            "health",
        ])
        .up;
        assert_eq!(up.listen, "0.0.0.0:80".parse().unwrap());
        assert_eq!(up.only_components(), ["rates", "health"]);
        let config = Some(PathBuf::from("/runtime-config.toml"));
        assert_eq!(up.runtime_config_file, config);
    }

    #[test]
    fn lists_of_components_have_commas() {
        let only = |ids: &str| {
            let up = Command::parse_from(["up", "--component-id", ids]).up;
            up.only_components()
        };
        assert_eq!(only("rates,health"), ["rates", "health"]);
        assert_eq!(only(",rates,,"), ["rates"]);
        assert_eq!(only(""), [""; 0]);
    }

    #[test]
    fn memory_may_be_a_bare_number_of_bytes() {
        let up = Command::parse_from(["up", "--max-instance-memory", "40000000"]).up;
        assert_eq!(up.limits.limits().max_instance_memory, 40_000_000);
    }

    #[test]
    fn a_drain_delay_may_be_nothing() {
        let delay = |delay| Command::try_parse_from(["up", "--drain-delay", delay]);
        assert_eq!(delay("0s").unwrap().up.drain_delay, Some(Duration::ZERO));
        assert_eq!(delay("0").unwrap().up.drain_delay, Some(Duration::ZERO));
        assert!(delay("2d").is_err());
        for path in ["ready", "/ready?now", "http://x/ready", ""] {
            let parsed = Command::try_parse_from(["up", "--readiness-path", path]);
            assert!(parsed.is_err(), "{path} should be refused");
        }
    }

    #[test]
    fn sizes_and_times_have_units() {
        let up = Command::parse_from([
            "up",
            "--max-instance-memory",
            "64MiB",
            "--request-timeout",
            "500ms",
        ])
        .up;
        let limits = up.limits.limits();
        assert_eq!(limits.max_instance_memory, 64 << 20);
        assert_eq!(limits.request_timeout, Duration::from_millis(500));
    }

    #[test]
    fn times_without_a_unit_are_in_seconds() {
        let up = Command::parse_from([
            "up",
            "--request-timeout",
            "30",
            "--idle-instance-timeout",
            "5",
            "--drain-delay",
            "7",
            "--drain-timeout",
            "9",
        ])
        .up;
        let limits = up.limits.limits();
        assert_eq!(limits.request_timeout, Duration::from_secs(30));
        assert_eq!(limits.idle_instance_timeout, Duration::from_secs(5));
        assert_eq!(up.drain_delay, Some(Duration::from_secs(7)));
        assert_eq!(up.drain_timeout, Duration::from_secs(9));
    }

    #[test]
    fn names_that_lead_here_are_addresses() {
        let arguments = [
            "up",
            "--listen",
            "localhost:0",
            "--metrics-listen",
            "localhost:9",
        ];
        let up = Command::parse_from(arguments).up;
        assert_eq!(up.listen, "127.0.0.1:0".parse().unwrap());
        assert_eq!(up.metrics_listen, Some("127.0.0.1:9".parse().unwrap()));
    }

    #[test]
    fn a_path_that_exists_is_never_a_reference() {
        let folder = tempfile::tempdir().unwrap();
        let looks_like_one = folder.path().join("app:1");
        std::fs::create_dir(&looks_like_one).unwrap();
        let path = looks_like_one.to_str().unwrap();
        assert!(matches!(Origin::of(path).unwrap(), Origin::Manifest(_)));
        assert!(matches!(Origin::of(".").unwrap(), Origin::Manifest(_)));
        let reference = Origin::of("127.0.0.1:5000/app:1").unwrap();
        assert!(matches!(reference, Origin::Registry(_)));
    }

    #[test]
    fn times_that_cannot_be_meant_are_refused() {
        for time in ["0s", "100d", "fast"] {
            assert!(
                Command::try_parse_from(["up", "--request-timeout", time]).is_err(),
                "{time} should be refused"
            );
        }
    }
}
