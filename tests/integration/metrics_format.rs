//! Prometheus' own tool accepts what /metrics shows.

use crate::app::App;
use std::io::Write;
use std::process::{Command, Stdio};

#[tokio::test]
async fn promtool_finds_nothing_to_complain_about() {
    let app = App::start().await;
    for path in [
        "/v1/rates/BTC/USD",
        "/v1/convert?from=BTC&to=EUR&amount=1",
        "/nonsense",
        "/health",
    ] {
        app.get(path).await;
    }
    app.until("the series are there", async || {
        let text = app.get("/metrics").await.text;
        [
            "http_requests_total{",
            "http_request_duration_seconds_bucket{",
            "rates_cache_requests_total{",
            "rates_upstream_requests_total{",
            "rates_upstream_duration_seconds_sum{",
            "rates_board_age_seconds",
            "edge_rates_build_info{",
        ]
        .iter()
        .all(|series| text.contains(series))
    })
    .await;
    for path in ["/metrics", "/api/metrics"] {
        let answer = app.get(path).await.expect_status(200);
        assert_eq!(
            answer.header("content-type"),
            "text/plain; version=0.0.4; charset=utf-8"
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        accepted_by_promtool(&answer.text);
    }
}

fn accepted_by_promtool(text: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs: install Debian's package `prometheus`, or run `make packages`");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.trim().is_empty(),
        "{said}\n{text}"
    );
}
