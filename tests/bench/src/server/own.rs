//! The servers of this repository: the host under test, the native twin, bare hyper, the market.

use std::path::Path;

use anyhow::Result;

use super::{App, Launcher, Server, free_address, variable_arguments};

/// What a host is started with beside its application.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostOptions<'a> {
    /// More arguments.
    pub arguments: &'a [&'a str],
    /// Where it keeps compiled code, if that is not the user's own folder.
    pub cache: Option<&'a Path>,
    /// What it logs, if that is not the default.
    pub log: Option<&'a str>,
}

impl Launcher<'_> {
    /// `runtime-host up`.
    ///
    /// # Errors
    /// If it does not serve.
    pub async fn host(
        &self,
        name: &str,
        app: &App<'_>,
        options: &HostOptions<'_>,
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
            .args(options.arguments);
        if let Some(cache) = options.cache {
            command.env("XDG_CACHE_HOME", cache);
        }
        if let Some(log) = options.log {
            command.env("RUST_LOG", log);
        }
        self.start(name, command, &folder, address, app.probe).await
    }

    /// The native twin.
    ///
    /// # Errors
    /// If it does not serve.
    pub async fn twin(&self, name: &str, app: &App<'_>) -> Result<Server> {
        let folder = self.folder(name)?;
        let address = free_address()?;
        let mut command = self.command(&self.programs.twin.path);
        command
            .args(["--listen", &address.to_string(), "-f"])
            .arg(app.manifest)
            .arg("--state-dir")
            .arg(self.state(&folder, app).await?)
            .args(variable_arguments(app));
        self.start(name, command, &folder, address, app.probe).await
    }

    /// The server that does nothing but answer.
    ///
    /// # Errors
    /// If it does not serve.
    pub async fn bare_hyper(&self, name: &str) -> Result<Server> {
        let folder = self.folder(name)?;
        let address = free_address()?;
        let mut command = self.command(&self.programs.bare_hyper.path);
        command.args(["--listen", &address.to_string()]);
        self.start(name, command, &folder, address, "/").await
    }

    /// The market simulator: the upstream, which is not under load.
    ///
    /// # Errors
    /// If it does not serve.
    pub async fn market(&self) -> Result<Server> {
        let name = "market-simulator";
        let folder = self.folder(name)?;
        let address = free_address()?;
        let mut command = self.command(&self.programs.simulator.path);
        command.args(["--listen", &address.to_string()]);
        self.start(name, command, &folder, address, "/").await
    }
}

/// The variables with which an application asks this market instead of the real upstreams.
pub fn variables_of_market(market: &Server) -> Vec<(String, String)> {
    let url = market.url();
    let providers = [
        "coingecko",
        "coinbase",
        "kraken",
        "binance",
        "bitpin",
        "frankfurter",
    ];
    let mut variables = vec![
        ("other_upstream".to_owned(), url.clone()),
        ("source_name".to_owned(), "simulator".to_owned()),
    ];
    variables
        .extend(providers.map(|provider| (format!("{provider}_url"), format!("{url}/{provider}"))));
    variables
}
