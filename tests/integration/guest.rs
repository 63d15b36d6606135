//! Guests that misbehave on purpose, in a host of their own.

use crate::answer::Answer;
use crate::app::{client, root};
use runtime_host::{Host, HostBuilder};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The guest for WASI 0.3 at `/modern/...`, the one for WASI 0.2 at `/classic/...`, and the
/// first one again at `/neighbour/...` and, as `hidden`, without a route of its own.
pub(crate) struct Guests {
    pub(crate) host: Host,
    client: reqwest::Client,
    folder: TempDir,
}

/// Path of a guest's wasm file.
pub(crate) fn wasm(name: &str) -> PathBuf {
    root().join(format!("target/wasm32-wasip2/release/{name}.wasm"))
}

/// Writes the guests' manifest into a folder and gives its path.
pub(crate) fn manifest(folder: &Path, allowed_outbound_hosts: &[&str]) -> PathBuf {
    let text = format!(
        r#"spin_manifest_version = 2
[application]
name = "guests"
version = "1.0.0"

[variables]
greeting = {{ default = "hello" }}

[[trigger.http]]
route = "/modern/..."
component = "modern"
[component.modern]
source = {modern:?}
key_value_stores = ["default"]
allowed_outbound_hosts = {allowed_outbound_hosts:?}
variables = {{ greeting = "{{{{ greeting }}}}" }}
build = {{ command = "make guests" }}

[[trigger.http]]
route = "/classic/..."
component = "classic"
[component.classic]
source = {classic:?}
allowed_outbound_hosts = {allowed_outbound_hosts:?}
environment = {{ PLACE = "manifest", OTHER = "kept" }}

[[trigger.http]]
route = "/neighbour/..."
component = "neighbour"
[component.neighbour]
source = {modern:?}
environment = {{ PLACE = "manifest", OTHER = "kept" }}

[[trigger.http]]
route = {{ private = true }}
component = "hidden"
[component.hidden]
source = {modern:?}
"#,
        modern = wasm("guest_modern"),
        classic = wasm("guest_classic"),
    );
    let path = folder.join("spin.toml");
    std::fs::write(&path, text).unwrap();
    path
}

impl Guests {
    pub(crate) async fn start() -> Guests {
        Guests::with(&[], |builder| builder).await
    }

    pub(crate) async fn with(
        allowed_outbound_hosts: &[&str],
        configure: impl FnOnce(HostBuilder) -> HostBuilder,
    ) -> Guests {
        let folder = TempDir::new().unwrap();
        let builder = Host::builder(manifest(folder.path(), allowed_outbound_hosts))
            .listen("127.0.0.1:0".parse().unwrap())
            .state_dir(folder.path().join("state"))
            .quiet(true);
        let host = configure(builder).start().await.expect("the host starts");
        Guests {
            host,
            client: client(),
            folder,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.host.url());
        let response = self.client.get(&url).send().await;
        Answer::read(response.unwrap_or_else(|error| panic!("{path}: {error:?}"))).await
    }

    /// What a component printed to its standard error.
    pub(crate) fn stderr_of(&self, component: &str) -> String {
        let log = self
            .folder
            .path()
            .join(format!("state/logs/{component}_stderr.txt"));
        std::fs::read_to_string(log).unwrap_or_default()
    }
}
