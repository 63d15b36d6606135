//! What the chart tells Prometheus, Alertmanager and Grafana: judged by their own tools, held
//! against what the app and its host really export, and run. The files are in
//! k8s/chart/observability; see the README there.

mod alerting;
mod dashboards;
mod exported;
mod monitoring;
mod promql;
mod routing;
mod rules;
mod scrape;
mod yaml;

use crate::app::root;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The release that the rules are written for.
const NAMESPACE: &str = "edge-rates";
const RELEASE: &str = "edge-rates";

/// What `job` is of the app's own metrics, and of its host's.
const APP_JOB: &str = "edge-rates";
const HOST_JOB: &str = "edge-rates-host";

/// Labels that Prometheus gives to everything it scrapes here, as the PodMonitor tells it to.
const TARGET_LABELS: [&str; 5] = ["namespace", "app", "pod", "job", "instance"];

/// A file or folder of k8s/chart/observability.
fn path(of: &str) -> PathBuf {
    root().join("k8s/chart/observability").join(of)
}

/// The files in one of its folders that end so, by name.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(
        !files.is_empty(),
        "{folder} has files that end in {extension}"
    );
    files
}

/// Runs a tool of Prometheus or Alertmanager.
fn run(command: &mut Command, package: &str) -> Output {
    command.output().unwrap_or_else(|error| {
        panic!(
            "{} does not run ({error}): install Debian's package `{package}`, or run `make packages`",
            command.get_program().display()
        )
    })
}

/// Everything that a tool has printed.
fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}
