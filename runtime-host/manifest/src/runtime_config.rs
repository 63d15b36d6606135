//! `runtime-config.toml`: what an application runs on here, as opposed to what it is. Which store
//! stands behind a label, where variables come from, where things are kept. The format is Spin's,
//! read as strictly as a manifest: no key is ignored, and what this host can't do is refused by
//! its name. Opening stores and connecting is not done here.
//!
//! There are passwords in this file, so no error shows its text.

mod reading;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::uri::PathAndQuery;

use crate::blocked_networks::BlockedNetworks;
use crate::error::Problem;
use crate::names::StoreLabel;
use crate::redis_url::RedisUrl;

pub use reading::load_runtime_config;

/// A runtime config file, read. The default is that of an empty file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// The stores behind labels. Other labels have their usual store.
    pub key_value_stores: BTreeMap<StoreLabel, KeyValueStore>,
    /// Where variables get their values, the strongest first.
    pub variables_providers: Vec<VariablesProvider>,
    /// Where stores are kept. A relative path starts in the current folder, as it does in Spin.
    pub state_dir: Option<PathBuf>,
    /// Where guest output is kept; nowhere if the path is empty. A relative path starts in the
    /// current folder.
    pub log_dir: Option<PathBuf>,
    /// Bytes that one instance may hold.
    pub max_instance_memory: Option<u64>,
    /// Whether outbound HTTP requests get a connection of their own each.
    pub never_reuses_connections: bool,
    /// What no component reaches.
    pub blocked_networks: BlockedNetworks,
    /// How the host leaves.
    pub drain: Drain,
}

/// `[drain]`: how a host leaves, so that load balancers notice before it is gone. Spin has no
/// such table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drain {
    /// The path on which a load balancer asks whether the host is ready.
    pub readiness_path: Option<ReadinessPath>,
    /// How long the host serves on after it has said that it is not ready.
    pub delay: Option<Duration>,
}

/// A path on which a load balancer asks whether the host is ready, such as `/ready`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadinessPath(String);

/// A readiness path that no request could have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a path without a query, such as `/ready`")]
pub struct InvalidReadinessPath;

impl ReadinessPath {
    /// The path, with the slash at its start.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReadinessPath {
    type Err = InvalidReadinessPath;

    fn from_str(text: &str) -> Result<Self, InvalidReadinessPath> {
        let path: PathAndQuery = text.parse().map_err(|_| InvalidReadinessPath)?;
        // What is left out in parsing, such as a fragment, could not be asked for either.
        if !text.starts_with('/') || path.path() != text {
            return Err(InvalidReadinessPath);
        }
        Ok(Self(text.to_owned()))
    }
}

/// What stands behind a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyValueStore {
    /// Type `spin`: an SQLite file. Without a path nothing is kept after the end of the process.
    Sqlite {
        /// The file. A relative path has been made one that starts beside the config file.
        path: Option<PathBuf>,
    },
    /// Type `redis`: a server, which other hosts can share.
    Redis {
        /// The server and the database on it.
        url: RedisUrl,
        /// What every key begins with on the server. Components don't see it.
        prefix: String,
    },
}

/// Where variables get their values.
#[derive(Clone, PartialEq, Eq)]
pub enum VariablesProvider {
    /// Type `static`: the values stand in the config file.
    Static(BTreeMap<String, String>),
    /// Type `env`: the variable `api_key` is `<prefix>_API_KEY` in the environment.
    Env {
        /// What the names in the environment begin with.
        prefix: String,
        /// A file of further `NAME=value` lines. A relative path starts in the current folder.
        dotenv: Option<PathBuf>,
    },
}

impl std::fmt::Debug for VariablesProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Static(values) => f.debug_tuple("Static").field(&values.keys()).finish(),
            Self::Env { prefix, dotenv } => f
                .debug_struct("Env")
                .field("prefix", prefix)
                .field("dotenv", dotenv)
                .finish(),
        }
    }
}

/// A runtime config file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeConfigError {
    /// The file cannot be read.
    #[error(
        "the runtime config {} cannot be read ({reason}): correct `--runtime-config-file` or \
         RUNTIME_CONFIG_FILE",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the runtime config {} is not valid TOML in line {line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// The file is TOML, but not a valid runtime config.
    #[error("{}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Box<Problem>,
    },
}
