//! The arguments that say how registries are reached, and what commands that talk to one share.

use std::future::Future;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::oci::Access;

/// How registries are reached.
#[derive(Debug, Args)]
pub(super) struct AccessArgs {
    /// Talk plain HTTP to the registry.
    #[arg(short = 'k', long)]
    insecure: bool,

    /// Trust these certificates, in PEM, besides the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl AccessArgs {
    pub(super) fn access(&self, cache_dir: Option<PathBuf>) -> Access {
        Access {
            insecure: self.insecure,
            ca_file: self.ca_file.clone(),
            cache_dir,
        }
    }
}

/// Runs what is asynchronous to its end.
pub(super) fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the host's runtime does not start")?
        .block_on(work)
}
