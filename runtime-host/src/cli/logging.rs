//! The host's own log: `tracing` events on standard error, plain or JSON, written by a thread of
//! their own so that no request waits for a terminal. `RUST_LOG` chooses what is logged.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_appender::non_blocking::{self, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// What is logged without `RUST_LOG`.
const DEFAULT_FILTER: &str = "warn,runtime_host=info";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Plain,
    /// One JSON object per line.
    Json,
}

/// Starts logging. What has been logged is written when the guard is dropped.
pub(super) fn start(format: LogFormat) -> WorkerGuard {
    let (writer, guard) = non_blocking(io::stderr());
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    let set = match format {
        LogFormat::Plain => subscriber
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    if let Err(error) = set {
        eprintln!("the log goes elsewhere: {error}");
    }
    guard
}

fn non_blocking(stderr: io::Stderr) -> (non_blocking::NonBlocking, WorkerGuard) {
    non_blocking::NonBlockingBuilder::default()
        .lossy(true)
        .finish(stderr)
}
