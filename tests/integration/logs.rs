//! What the host says about itself on standard error: lines for people, or JSON for machines.

use crate::app::SOON;
use crate::guest::manifest;
use crate::process::binary;
use serde_json::Value;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// Starts the host, ends it by SIGTERM, and gives its log.
async fn log_with(arguments: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let mut host = Command::new(binary())
        .args(["up", "--listen", "127.0.0.1:0", "-q", "-f"])
        .arg(manifest(folder.path(), &[]))
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let serving = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("Serving ") {
                return;
            }
        }
        panic!("it ended without serving");
    };
    timeout(SOON, serving).await.expect("it serves soon");
    let pid = host.id().unwrap().to_string();
    let signalled = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(signalled.unwrap().success());
    let mut log = String::new();
    let reading = host.stderr.as_mut().unwrap().read_to_string(&mut log);
    timeout(SOON, reading).await.expect("it ends").unwrap();
    log
}

#[tokio::test]
async fn a_log_for_machines_has_one_json_object_per_line() {
    let log = log_with(&["--log-format", "json"]).await;
    let events: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let draining = events.iter().find(|event| {
        let message = event["message"].as_str().unwrap_or_default();
        message.starts_with("finishing what has begun")
    });
    let draining = draining.unwrap_or_else(|| panic!("nothing of the drain in {log}"));
    assert_eq!(draining["level"], "INFO");
    assert!(draining["timestamp"].is_string());
}

#[tokio::test]
async fn a_log_for_people_has_plain_lines() {
    let log = log_with(&[]).await;
    let draining = log
        .lines()
        .find(|line| line.contains("finishing what has begun"))
        .unwrap_or_else(|| panic!("nothing of the drain in {log}"));
    assert!(draining.contains("INFO"), "{draining}");
    assert!(!draining.contains('{'), "{draining}");
}
