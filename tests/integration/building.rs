//! `up --build` runs the build commands of the manifest before it looks for what they make.

use crate::answer::Answer;
use crate::app::client;
use crate::guest::wasm;
use crate::process::{Process, binary};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// A manifest in a folder, whose component is made by `command` in the folder `work`.
fn manifest(folder: &TempDir, command: &str) -> PathBuf {
    std::fs::create_dir(folder.path().join("work")).unwrap();
    let path = folder.path().join("spin.toml");
    let text = format!(
        r#"spin_manifest_version = 2
[application]
name = "built"
[[trigger.http]]
route = "/..."
component = "built"
[component.built]
source = "work/built.wasm"
build = {{ command = {command:?}, workdir = "work" }}
"#
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn what_is_missing_is_built_first() {
    let folder = TempDir::new().unwrap();
    let copy = format!("cp {} built.wasm", wasm("guest_modern").display());
    let host = Process::start(&manifest(&folder, &copy), &["--build"]).await;
    let answer = client().get(format!("{}/hello", host.url)).send().await;
    let answer = Answer::read(answer.unwrap()).await.expect_status(200);
    assert_eq!(answer.text, "hello\n");
}

#[tokio::test]
async fn a_build_that_fails_is_named_and_nothing_is_served() {
    let folder = TempDir::new().unwrap();
    let copy = format!("cp {} built.wasm && false", wasm("guest_modern").display());
    let output = Command::new(binary())
        .args(["up", "--build", "--listen", "127.0.0.1:0", "-f"])
        .arg(manifest(&folder, &copy))
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(crate::app::SOON, output).await;
    let output = output.expect("it does not serve").unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("`built`") && said.contains(&copy),
        "the component and its command: {said}"
    );
}
