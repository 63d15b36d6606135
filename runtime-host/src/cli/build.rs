//! `runtime-host build`: runs the build commands that a manifest names.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use runtime_host_manifest::Application;

/// Arguments of `build`.
#[derive(Debug, Args)]
pub(super) struct Build {
    /// The manifest, or the folder with it.
    #[arg(short = 'f', long = "from", value_name = "PATH", default_value = ".")]
    from: PathBuf,

    /// Build only this component. May be given more than once.
    #[arg(short = 'c', long = "component-id", value_name = "ID")]
    component_ids: Vec<String>,
}

impl Build {
    pub(super) fn run(&self) -> Result<()> {
        build(&self.from, &self.component_ids)
    }
}

/// Builds the components of a manifest, or those named in `only`. What the commands print goes
/// where this process prints.
pub(super) fn build(manifest: &Path, only: &[String]) -> Result<()> {
    let application = runtime_host_manifest::load(manifest)?;
    if let Some(unknown) = only
        .iter()
        .find(|id| !application.components.contains_key(id.as_str()))
    {
        bail!("the manifest has no component `{unknown}`");
    }
    build_application(&application, only)
}

fn build_application(application: &Application, only: &[String]) -> Result<()> {
    for component in application.components.values() {
        let id = component.id.as_str();
        let Some(build) = &component.build else {
            continue;
        };
        if !only.is_empty() && !only.iter().any(|only| only == id) {
            continue;
        }
        for command in &build.commands {
            eprintln!("Building component {id} with `{command}`");
            let status = Command::new("sh")
                .arg("-c")
                .arg(command)
                .current_dir(&build.workdir)
                .status()
                .with_context(|| {
                    format!(
                        "the build of component `{id}` does not start in {}",
                        build.workdir.display()
                    )
                })?;
            if !status.success() {
                bail!("the build of component `{id}` failed: `{command}` ended with {status}");
            }
        }
    }
    Ok(())
}
