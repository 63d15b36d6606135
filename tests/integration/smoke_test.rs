//! What `helm test` runs in the cluster is right about an app: it passes where all is well, and says
//! which route is not. It is run by busybox, as in the pod.

use std::os::unix::fs::symlink;
use std::process::Output;

use crate::app::{App, root};
use tokio::process::Command;

/// Runs the script against an app, with nothing on the path but what the pod's image has.
async fn smoke(app: &App, keys_required: bool) -> Output {
    let programs = tempfile::tempdir().unwrap();
    for program in ["nc", "sed", "sleep", "timeout", "wget"] {
        symlink("/bin/busybox", programs.path().join(program)).unwrap();
    }
    Command::new("/bin/busybox")
        .args(["sh", "-eu"])
        .arg(root().join("k8s/chart/tests/smoke.sh"))
        .env_clear()
        .env("PATH", programs.path())
        .env("BASE", app.url())
        .env("KEYS_REQUIRED", keys_required.to_string())
        .env("COMPONENTS", "")
        .output()
        .await
        .expect("busybox runs: install Debian's package `busybox`, or run `make packages`")
}

fn told(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

#[tokio::test]
async fn the_smoke_test_of_the_chart_passes_where_all_is_well() {
    let app = App::start().await;
    let output = smoke(&app, false).await;
    assert!(output.status.success(), "{}", told(&output));
    for route in ["/ready", "/metrics", "/v1/rates", "/api/v3/ping"] {
        let line = format!("ok      {route}\n");
        assert!(told(&output).contains(&line), "{line}{}", told(&output));
    }
}

#[tokio::test]
async fn the_smoke_test_of_the_chart_knows_whether_keys_are_asked_for() {
    let app = App::with(&[("api_keys", "shop:k-1")]).await;
    let output = smoke(&app, true).await;
    assert!(output.status.success(), "{}", told(&output));
}

#[tokio::test]
async fn the_smoke_test_of_the_chart_says_which_route_fails() {
    let app = App::with(&[("api_keys", "shop:k-1")]).await;
    let output = smoke(&app, false).await;
    assert!(!output.status.success(), "{}", told(&output));
    let failed = "FAILED  /v1/rates: no 200\n";
    assert!(told(&output).contains(failed), "{}", told(&output));
    assert!(told(&output).contains("ok      /healthz\n"));
}

#[tokio::test]
async fn the_smoke_test_of_the_chart_says_which_setting_is_wrong() {
    let app = App::with(&[("currencies", "USX"), ("rate_limit", "few")]).await;
    let output = smoke(&app, false).await;
    assert!(!output.status.success(), "{}", told(&output));
    let told = told(&output);
    for line in [
        "FAILED  /ready: these settings can't work:\n",
        "        currencies: currency 'USX': it is not among the listed currencies; did you mean USD?",
        "        rate_limit: `few` is no limit",
    ] {
        assert!(told.contains(line), "{line}{told}");
    }
    assert!(!told.contains('{'), "{told}");
}
