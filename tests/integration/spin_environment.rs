//! Variables of the environment that `spin up` reads: they count here too, or the log says that
//! they do nothing.

use crate::answer::Answer;
use crate::app::{client, until};
use crate::guest::manifest;
use crate::process::Process;
use std::path::Path;
use tempfile::TempDir;

/// A host with such an environment, and its log in this folder.
async fn start(folder: &Path, environment: &[(&str, &str)]) -> Process {
    let log = std::fs::File::create(folder.join("host.txt")).unwrap();
    let mut command = Process::up(&manifest(folder, &[]), &[]);
    command.envs(environment.iter().copied()).stderr(log);
    Process::of(command).await
}

async fn get(host: &Process, path: &str) -> Answer {
    let answer = client().get(format!("{}{path}", host.url)).send().await;
    Answer::read(answer.unwrap()).await
}

#[tokio::test]
async fn the_folder_for_the_output_of_components_can_be_named() {
    let folder = TempDir::new().unwrap();
    let told = folder.path().join("told");
    let host = start(folder.path(), &[("SPIN_LOG_DIR", told.to_str().unwrap())]).await;
    get(&host, "/modern/log?text=hello")
        .await
        .expect_status(200);
    until("what it prints is there", async || {
        let log = std::fs::read_to_string(told.join("modern_stdout.txt"));
        log.unwrap_or_default() == "hello\n"
    })
    .await;
}

#[tokio::test]
async fn without_a_folder_the_output_of_components_is_not_kept() {
    let folder = TempDir::new().unwrap();
    let mut host = start(folder.path(), &[("SPIN_LOG_DIR", "")]).await;
    get(&host, "/modern/log?text=hello")
        .await
        .expect_status(200);
    host.signal("-TERM");
    assert_eq!(host.ended().await, Some(0));
    assert!(!folder.path().join(".spin/logs").exists());
    let log = std::fs::read_to_string(folder.path().join("host.txt")).unwrap();
    assert!(!log.contains("cannot be written"), "{log}");
}

#[tokio::test]
async fn components_are_built_first_where_spin_would() {
    let folder = TempDir::new().unwrap();
    let path = manifest(folder.path(), &[]);
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("make guests", "echo built > built.txt");
    std::fs::write(&path, text).unwrap();
    let mut command = Process::up(&path, &[]);
    command.env("SPIN_ALWAYS_BUILD", "true");
    let _host = Process::of(command).await;
    assert!(folder.path().join("built.txt").exists());
}

#[tokio::test]
async fn what_does_nothing_here_is_told() {
    let folder = TempDir::new().unwrap();
    let names = [
        "SPIN_HTTP1_MAX_BUF_SIZE",
        "SPIN_OUTBOUND_H2C_PRIOR_KNOWLEDGE",
        "WASMTIME_CACHE_FILE",
    ];
    let _host = start(folder.path(), &names.map(|name| (name, "65536"))).await;
    until("the log names them", async || {
        let log = std::fs::read_to_string(folder.path().join("host.txt")).unwrap();
        let told = |name: &str| log.contains(&format!("{name} does nothing here"));
        names.into_iter().all(told)
    })
    .await;
}
