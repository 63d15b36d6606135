//! `spin up`, as it comes.

use std::path::Path;

use anyhow::Result;

use super::{App, Launcher, Server, free_address, variable_arguments};
use crate::programs::Program;

impl Launcher<'_> {
    /// `spin up` with more `arguments`. `cache` is where it keeps compiled code, if that is not
    /// the user's own folder.
    ///
    /// # Errors
    /// If it does not serve.
    pub async fn spin(
        &self,
        spin: &Program,
        name: &str,
        app: &App<'_>,
        arguments: &[&str],
        cache: Option<&Path>,
    ) -> Result<Server> {
        let folder = self.folder(name)?;
        let address = free_address()?;
        let mut command = self.command(&spin.path);
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
}
