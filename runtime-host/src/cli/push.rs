//! `runtime-host push`: puts an application into a registry. The arguments are those of
//! `spin registry push`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::access::{AccessArgs, wait};
use super::build::build;
use super::logging::{self, LogFormat};
use crate::oci::{self, Reference};

/// Arguments of `push`.
#[derive(Debug, Args)]
pub(super) struct Push {
    /// Where to push to: registry/name:tag.
    reference: String,

    /// The manifest, or the folder with it.
    #[arg(
        short = 'f',
        long = "from",
        alias = "file",
        value_name = "PATH",
        default_value = "."
    )]
    from: PathBuf,

    /// Build the components first.
    #[arg(long)]
    build: bool,

    /// Say something about the artefact. May be given more than once.
    #[arg(long = "annotation", value_name = "NAME=VALUE", value_parser = super::up::pair)]
    annotations: Vec<(String, String)>,

    #[command(flatten)]
    access: AccessArgs,
}

impl Push {
    pub(super) fn run(&self) -> Result<()> {
        let _log = logging::start(LogFormat::Plain);
        let reference: Reference = self.reference.parse()?;
        if self.build {
            build(&self.from, &[])?;
        }
        let annotations = self.annotations.iter().cloned().collect();
        let access = self.access.access(None);
        let digest =
            wait(async { Ok(oci::push(&self.from, &reference, annotations, &access).await?) })?;
        // In the words of Spin, so that scripts find it.
        writeln!(io::stdout(), "Pushed with digest {digest}")?;
        Ok(())
    }
}
