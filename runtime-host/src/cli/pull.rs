//! `runtime-host pull`: gets an application from a registry into the cache, so that `up` finds it
//! there.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::access::{AccessArgs, wait};
use super::logging::{self, LogFormat};
use crate::oci::{self, Reference};

/// Arguments of `pull`.
#[derive(Debug, Args)]
pub(super) struct Pull {
    /// What to pull: registry/name:tag, or registry/name@sha256:….
    reference: String,

    /// Where to keep it. [default: runtime-host in the user's cache folder]
    #[arg(long, value_name = "PATH")]
    cache_dir: Option<PathBuf>,

    #[command(flatten)]
    access: AccessArgs,
}

impl Pull {
    pub(super) fn run(&self) -> Result<()> {
        let _log = logging::start(LogFormat::Plain);
        let reference: Reference = self.reference.parse()?;
        let access = self.access.access(self.cache_dir.clone());
        let pulled = wait(async { Ok(oci::pull(&reference, &access).await?) })?;
        writeln!(io::stdout(), "Pulled with digest {}", pulled.digest())?;
        Ok(())
    }
}
