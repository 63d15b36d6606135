//! Prometheus' own tool accepts what /metrics shows, and a parser of OpenMetrics that isn't ours
//! what it shows to those who prefer that.

use crate::app::{App, root};
use crate::promtool::accepted_by_promtool;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Reads OpenMetrics as strictly as the standard is, and prints its families and samples.
const PARSE: &str = r"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = text_string_to_metric_families(sys.stdin.read())
print(json.dumps({
    family.name: [family.type, family.documentation, [
        [sample.name, sample.labels, sample.value] for sample in family.samples]]
    for family in families}))
";

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

/// Families by name, each with its type, its help and its samples.
fn parsed(openmetrics: &str) -> Value {
    let python = root().join("target/python/bin/python");
    let mut parser = Command::new(python)
        .args(["-c", PARSE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs: run `make packages`");
    let mut stdin = parser.stdin.take().unwrap();
    stdin.write_all(openmetrics.as_bytes()).unwrap();
    drop(stdin);
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "{openmetrics}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn clients_that_prefer_openmetrics_get_it_and_others_the_text_format() {
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    // What Prometheus sends.
    const SCRAPE: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    let app = App::with(&[("commit", "a\"b\\c")]).await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.until("the request is counted", async || {
        app.get("/metrics").await.text.contains("{base}")
    })
    .await;
    for (accept, expected) in [
        ("application/openmetrics-text; version=1.0.0", OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        (SCRAPE, OPENMETRICS),
        (
            "text/plain;q=0.5, application/openmetrics-text;version=1.0.0;q=0.6",
            OPENMETRICS,
        ),
        (
            "text/plain;q=0.6, application/openmetrics-text;version=1.0.0;q=0.5",
            TEXT,
        ),
        ("application/openmetrics-text;version=1.0.0;q=0, */*", TEXT),
        ("application/openmetrics-text;version=0.0.1", TEXT),
        ("text/html, */*;q=0.8", TEXT),
        ("*/*", TEXT),
        ("", TEXT),
    ] {
        for path in ["/metrics", "/api/metrics?scope=app"] {
            let answer = app.get_with(path, &[("accept", accept)]).await;
            let answer = answer.expect_status(200);
            assert_eq!(answer.header("content-type"), expected, "{accept}");
            assert_eq!(answer.header("vary"), "Accept");
            match expected {
                TEXT => accepted_by_promtool(&answer.text),
                _ => assert!(answer.text.ends_with("\n# EOF\n"), "{}", answer.text),
            }
        }
    }
    let answer = app.get_with("/metrics", &[("accept", SCRAPE)]).await;
    let families = parsed(&answer.text);
    for (name, kind) in [
        ("http_requests", "counter"),
        ("http_request_duration_seconds", "histogram"),
        ("rates_upstream_duration_seconds", "histogram"),
        ("rates_cache_requests", "counter"),
        ("rates_board_age_seconds", "gauge"),
        ("edge_rates_build", "info"),
    ] {
        assert_eq!(families[name][0], kind, "{name} in {}", answer.text);
        assert!(!families[name][1].as_str().unwrap().is_empty(), "{name}");
    }
    let requests = families["http_requests"][2].as_array().unwrap();
    let labels = json!({"method": "GET", "path": "/v1/rates/{base}/{quote}", "status": "200"});
    let counted = requests.iter().find(|sample| sample[1] == labels).unwrap();
    assert_eq!(counted[0], "http_requests_total");
    assert_eq!(counted[2].as_f64(), Some(1.0));
    let build = &families["edge_rates_build"][2][0];
    assert_eq!(build[0], "edge_rates_build_info");
    assert_eq!(build[1]["commit"], "a\"b\\c");
}
