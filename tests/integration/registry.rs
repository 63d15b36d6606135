//! A registry, and `runtime-host` as somebody who uses it: with a home of their own, where their
//! password, their cache and their stores are.

use crate::app::SOON;
use crate::guest::wasm;
use crate::process::{Process, binary};
use registry_server::{PASSWORD, RegistryServer, USER};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

pub(crate) struct Registry {
    pub(crate) server: RegistryServer,
    pub(crate) home: Home,
}

/// A folder for somebody's files.
pub(crate) struct Home(TempDir);

impl Registry {
    /// One with TLS by its own CA and with a password, which its user knows and trusts.
    pub(crate) fn start() -> Registry {
        let server = RegistryServer::start().unwrap_or_else(|error| panic!("{error}"));
        let home = Home::new();
        let registry = Registry { server, home };
        registry.log_in(USER, PASSWORD);
        registry
    }

    /// One for everybody, without TLS.
    pub(crate) fn start_plain() -> Registry {
        let server = RegistryServer::start_plain().unwrap_or_else(|error| panic!("{error}"));
        let home = Home::new();
        Registry { server, home }
    }

    /// Gives the user's docker config this password.
    pub(crate) fn log_in(&self, user: &str, password: &str) {
        let folder = self.home.path("docker");
        std::fs::create_dir_all(&folder).unwrap();
        let config = self.server.docker_config(user, password);
        std::fs::write(folder.join("config.json"), config).unwrap();
    }

    /// `runtime-host` in the user's home, with the registry's CA.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(&self.home, arguments)
    }

    /// The same in somebody's home.
    pub(crate) fn command_at(&self, home: &Home, arguments: &[&str]) -> Command {
        let mut command = home.command(arguments);
        match self.server.ca_file() {
            Some(ca_file) => command.env("SSL_CERT_FILE", ca_file),
            None => command.arg("--insecure"),
        };
        command
    }

    /// Pushes the application of a manifest and gives its digest.
    pub(crate) async fn push(&self, manifest: &Path, name: &str) -> String {
        let reference = self.server.reference(name);
        let manifest = manifest.to_str().unwrap();
        let output = self
            .command(&["push", &reference, "-f", manifest])
            .output()
            .await
            .unwrap();
        let text = succeeded(&output);
        let digest = text.trim().strip_prefix("Pushed with digest ");
        digest
            .unwrap_or_else(|| panic!("no digest: {text}"))
            .to_owned()
    }

    /// Serves what is under a name, with more arguments.
    pub(crate) async fn up(&self, name: &str, arguments: &[&str]) -> Process {
        Process::of(self.up_command(name, arguments)).await
    }

    pub(crate) fn up_command(&self, name: &str, arguments: &[&str]) -> Command {
        let reference = self.server.reference(name);
        let mut all = vec!["up", "--listen", "127.0.0.1:0", "-q", "-f", &reference];
        all.extend(arguments);
        self.command(&all)
    }

    /// A content that the registry has, by its digest.
    pub(crate) fn content(&self, digest: &str) -> Vec<u8> {
        std::fs::read(self.server.content(digest)).unwrap()
    }

    /// The same as JSON.
    pub(crate) fn json(&self, digest: &str) -> Value {
        serde_json::from_slice(&self.content(digest)).unwrap()
    }

    /// The locked application of what was pushed under a digest.
    pub(crate) fn application(&self, digest: &str) -> Value {
        let manifest = self.json(digest);
        let last = manifest["layers"].as_array().unwrap().last().unwrap();
        assert_eq!(
            last["mediaType"],
            "application/vnd.fermyon.spin.application.v1+config"
        );
        self.json(last["digest"].as_str().unwrap())
    }
}

impl Home {
    pub(crate) fn new() -> Home {
        Home(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `runtime-host` with nothing of what the one who runs these tests has.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("HOME", self.0.path())
            .env("DOCKER_CONFIG", self.path("docker"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR")
            .env_remove("RUST_LOG")
            .env_remove("SOURCE_DATE_EPOCH")
            .kill_on_drop(true);
        command
    }

    /// Where the cache keeps a content.
    pub(crate) fn cached(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        self.path("cache/runtime-host/registry/sha256").join(hex)
    }
}

/// What a command printed that has to succeed.
pub(crate) fn succeeded(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command says that cannot succeed: one sentence, and nothing about the program itself.
pub(crate) async fn refusal(mut command: Command) -> String {
    let output = timeout(SOON, command.output()).await;
    let output = output.expect("it ends soon").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        !said.contains("panicked") && !said.contains("stack backtrace"),
        "{said}"
    );
    let error = said.lines().find_map(|line| line.strip_prefix("error: "));
    let error = error.unwrap_or_else(|| panic!("no error: {said}"));
    assert!(
        said.trim_end().ends_with(error),
        "the error is one line, the last: {said}"
    );
    error.to_owned()
}

/// Writes the manifest of a small application into a folder: the guest at `/modern/...`, and a
/// text at `/text`. `more` goes into the guest's own table.
pub(crate) fn small_manifest(folder: &Path, text: &str, more: &str) -> PathBuf {
    let manifest = format!(
        r#"spin_manifest_version = 2
[application]
name = "small"
version = "1.2.3"
description = "A small application"
authors = ["someone"]

[variables]
greeting = {{ default = "hello" }}

[[trigger.http]]
route = "/text"
static_response = {{ body = {text:?} }}

[[trigger.http]]
route = "/modern/..."
component = "modern"
[component.modern]
source = {modern:?}
key_value_stores = ["default"]
variables = {{ greeting = "{{{{ greeting }}}}" }}
{more}
"#,
        modern = wasm("guest_modern"),
    );
    let path = folder.join("spin.toml");
    std::fs::write(&path, manifest).unwrap();
    path
}
