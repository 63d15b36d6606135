//! Counters are exact: what was answered is what is counted, at any concurrency.

use crate::app::App;
use futures::StreamExt;
use market_simulator::{Fault, Provider};
use std::time::Duration;

/// Sum of all series of a metric whose labels contain `label`.
fn sum(metrics: &str, metric: &str, label: &str) -> u64 {
    metrics
        .lines()
        .filter(|line| line.starts_with(&format!("{metric}{{")) && line.contains(label))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() as u64)
        .sum()
}

#[tokio::test]
async fn ten_thousand_requests_from_64_clients_are_counted_exactly() {
    let app = App::start().await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    let paths = [
        "/v1/rates/BTC/USD",
        "/healthz",
        "/v1/rates/ETH/EUR",
        "/nonsense",
    ];
    futures::stream::iter(0..9_999)
        .map(|n: usize| app.get(paths[n % paths.len()]))
        .buffer_unordered(64)
        .for_each(async |_| ())
        .await;
    let expected = [
        ("http_requests_total", "path=\"/healthz\"", 2_500),
        ("http_requests_total", "path=\"other\"", 2_499),
        (
            "http_requests_total",
            "path=\"/v1/rates/{base}/{quote}\"",
            5_001,
        ),
        (
            "http_request_duration_seconds_count",
            "path=\"/healthz\"",
            2_500,
        ),
        ("rates_cache_requests_total", "", 5_001),
        ("rates_cache_requests_total", "result=\"miss\"", 1),
        ("rates_upstream_requests_total", "outcome=\"ok\"", 1),
    ];
    app.until("every request is counted, once", async || {
        let metrics = app.get("/metrics").await.text;
        expected.iter().all(|(metric, label, count)| {
            let counted = sum(&metrics, metric, label);
            assert!(
                counted <= *count,
                "{metric} {label}: {counted}, expected {count}"
            );
            counted == *count
        })
    })
    .await;
}

#[tokio::test]
async fn what_the_cache_and_the_upstream_did_is_told_apart() {
    let app = App::with(&[("providers", "coingecko")]).await;
    let ask = async || app.get("/v1/rates/BTC/USD").await;
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    ask().await.expect_unavailable();
    ask().await.expect_unavailable();
    app.market.heal_all();
    app.advance(Duration::from_secs(11));
    ask().await.expect_status(200);
    ask().await.expect_hit();
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.advance(Duration::from_secs(1_000));
    ask().await.expect_stale();
    ask().await.expect_stale();
    ask().await.expect_stale();
    let expected = [
        ("rates_cache_requests_total", "result=\"miss\"", 2),
        ("rates_cache_requests_total", "result=\"negative\"", 1),
        ("rates_cache_requests_total", "result=\"hit\"", 1),
        ("rates_cache_requests_total", "result=\"stale\"", 3),
        ("rates_upstream_requests_total", "outcome=\"ok\"", 1),
        (
            "rates_upstream_requests_total",
            "outcome=\"unavailable\"",
            2,
        ),
        ("http_requests_total", "status=\"200\"", 5),
        ("http_requests_total", "status=\"503\"", 2),
    ];
    app.until("all of it is counted", async || {
        let metrics = app.get("/metrics").await.text;
        let metrics: Vec<_> = metrics
            .lines()
            .filter(|line| !line.contains("path=\"/metrics\""))
            .collect();
        let metrics = metrics.join("\n");
        expected
            .iter()
            .all(|(metric, label, count)| sum(&metrics, metric, label) == *count)
    })
    .await;
    let metrics = app.get("/metrics").await.text;
    assert!(
        metrics.contains("\nrates_board_age_seconds 1000\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_takes_long_is_seen_in_the_histograms() {
    let app = App::start().await;
    let delay = Fault::Delay(Duration::from_millis(1_100));
    app.market.fail(Provider::CoinGecko, delay);
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.until("it is counted", async || {
        let metrics = app.get("/metrics").await.text;
        [
            ("http_request_duration_seconds", "/v1/rates/"),
            ("rates_upstream_duration_seconds", "coingecko"),
        ]
        .iter()
        .all(|(metric, label)| {
            let buckets: String = metrics
                .lines()
                .filter(|line| line.contains(label))
                .map(|line| format!("{line}\n"))
                .collect();
            let up_to = |bound| {
                let bucket = format!("{metric}_bucket");
                sum(&buckets, &bucket, &format!("le=\"{bound}\""))
            };
            assert_eq!(up_to("1"), 0, "{buckets}");
            up_to("+Inf") == 1 && sum(&metrics, &format!("{metric}_sum"), label) >= 1
        })
    })
    .await;
}

#[tokio::test]
async fn replicas_that_share_a_store_count_apart() {
    let app = App::with(&[("replica", "pod-7")]).await;
    app.get("/healthz").await.expect_status(200);
    app.until("the request is counted", async || {
        sum(
            &app.get("/metrics").await.text,
            "http_requests_total",
            "/healthz",
        ) == 1
    })
    .await;
    let (stores, label) = (app.host.stores(), "default".parse().unwrap());
    let keys = stores.keys(&label).await.unwrap();
    assert!(
        keys.iter()
            .any(|key| key.starts_with("m/pod-7/http_requests_total|GET|/healthz")),
        "{keys:?}"
    );
    stores
        .increment(&label, "m/pod-8/http_requests_total|GET|/healthz|200|n", 5)
        .await
        .unwrap();
    let own = app.get("/metrics").await.text;
    assert_eq!(sum(&own, "http_requests_total", "/healthz"), 1);
    let all = app.get("/api/metrics?scope=app").await.text;
    assert_eq!(sum(&all, "http_requests_total", "/healthz"), 6);
}
