//! The servers of this repository: the host under test, the native twin, bare hyper, the market.

use std::path::Path;

use anyhow::Result;

use super::{App, Launcher, Server, free_address, variable_arguments};

impl Launcher<'_> {
    /// `runtime-host up` with more `arguments`. `cache` is where it keeps compiled code, if that
    /// is not the user's own folder.
    ///
    /// # Errors
    /// If it does not serve.
    pub async fn host(
        &self,
        name: &str,
        app: &App<'_>,
        arguments: &[&str],
        cache: Option<&Path>,
    ) -> Result<Server> {
        let folder = self.folder(name)?;
        let address = free_address()?;
        let mut command = self.command(&self.programs.host.path);
        command
            .args(["up", "--listen", &address.to_string(), "-f"])
            .arg(app.manifest)
            .arg("--state-dir")
            .arg(self.state(&folder, app).await?)
            .args(variable_arguments(app))
            .args(arguments);
        if let Some(cache) = cache {
            command.env("XDG_CACHE_HOME", cache);
        }
        self.start(name, command, &folder, address, app.probe).await
    }

    /// The native twin.
    ///
    /// # Errors
    /// If it does not serve.
    pub async fn twin(&self, name: &str, app: &App<'_>, arguments: &[&str]) -> Result<Server> {
        let folder = self.folder(name)?;
        let address = free_address()?;
        let mut command = self.command(&self.programs.twin.path);
        command
            .args(["--listen", &address.to_string(), "-f"])
            .arg(app.manifest)
            .arg("--state-dir")
            .arg(self.state(&folder, app).await?)
            .args(variable_arguments(app))
            .args(arguments);
        self.start(name, command, &folder, address, app.probe).await
    }
}
