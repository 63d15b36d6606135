//! Prometheus' own tool accepts what /metrics shows.

use crate::app::App;
use crate::promtool::accepted_by_promtool;

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
