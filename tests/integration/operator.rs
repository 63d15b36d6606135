//! What the Spin operator gives to a container of ours: exactly its arguments, and every variable
//! that it may set.

use crate::app::{client, until};
use crate::guest::manifest;
use crate::process::{Process, binary};
use std::path::Path;
use tempfile::TempDir;
use tokio::process::Command;

/// The operator's arguments, with another port: `up --listen … -f … --runtime-config-file …
/// [--component-id X]…`.
fn up(manifest: &Path, folder: &Path, components: &[&str]) -> Command {
    let config = folder.join("runtime-config.toml");
    std::fs::write(&config, "").unwrap();
    let mut command = Command::new(binary());
    command
        .args(["up", "--listen", "127.0.0.1:0", "-f"])
        .arg(manifest)
        .arg("--runtime-config-file")
        .arg(config);
    for component in components {
        command.args(["--component-id", component]);
    }
    command
}

async fn text(host: &Process, path: &str) -> (u16, String) {
    let url = format!("{}{path}", host.url);
    let answer = client().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// What it says of why it does not start.
async fn refusal(mut command: Command) -> String {
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "it should not start");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn its_arguments_and_its_environment_are_understood() {
    let folder = TempDir::new().unwrap();
    let manifest = manifest(folder.path(), &[]);
    let mut command = up(&manifest, folder.path(), &["modern", "classic"]);
    command
        .env("SPIN_VARIABLE_GREETING", "hello from the operator")
        // Weaker than the argument.
        .env("SPIN_HTTP_LISTEN_ADDR", "0.0.0.0:80")
        .env("SPIN_MAX_INSTANCE_MEMORY", "33554432")
        .env("SPIN_COMPONENTS_TO_RETAIN", "modern,classic");
    let host = Process::of(command).await;
    let greeting = text(&host, "/modern/variable?name=greeting").await;
    assert_eq!(greeting, (200, "hello from the operator".to_owned()));
    assert_eq!(text(&host, "/classic/hello").await.0, 200);
    assert_eq!(text(&host, "/neighbour/hello").await.0, 404);
    assert_eq!(text(&host, "/modern/allocate").await.0, 500);
    let log = folder.path().join(".spin/logs/modern_stderr.txt");
    until("the log names the limit", async || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        said.contains("its memory limit of 32 MiB")
    })
    .await;
}

#[tokio::test]
async fn the_environment_alone_says_where_to_listen_and_what_to_serve() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(binary());
    command
        .args(["up", "-q", "-f"])
        .arg(manifest(folder.path(), &[]))
        .env("SPIN_HTTP_LISTEN_ADDR", "127.0.0.1:0")
        .env("SPIN_COMPONENTS_TO_RETAIN", "neighbour");
    let host = Process::of(command).await;
    assert!(host.url.starts_with("http://127.0.0.1:"), "{}", host.url);
    assert_ne!(host.url, "http://127.0.0.1:3000");
    assert_eq!(text(&host, "/neighbour/hello").await.0, 200);
    assert_eq!(text(&host, "/modern/hello").await.0, 404);
}

#[tokio::test]
async fn a_private_component_is_served_where_it_is_named_beside_its_caller() {
    let folder = TempDir::new().unwrap();
    let manifest = manifest(folder.path(), &["http://hidden.spin.internal"]);
    let both = up(&manifest, folder.path(), &["modern", "hidden"]);
    let host = Process::of(both).await;
    let call = "/modern/fetch?url=http://hidden.spin.internal/hello";
    assert_eq!(text(&host, call).await, (200, "hello\n".to_owned()));
    assert_eq!(text(&host, "/hidden/hello").await.0, 404);

    let said = refusal(up(&manifest, folder.path(), &["modern"])).await;
    assert!(said.contains("add `--component-id hidden`"), "{said}");
}

#[tokio::test]
async fn a_component_that_is_not_there_is_told_with_those_that_are() {
    let folder = TempDir::new().unwrap();
    let manifest = manifest(folder.path(), &[]);
    let said = refusal(up(&manifest, folder.path(), &["modem"])).await;
    for part in ["`modem`", "modern", "classic", "neighbour", "hidden"] {
        assert!(said.contains(part), "{said}");
    }
}
