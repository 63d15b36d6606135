//! What the service says to requests that it can't answer: RFC 9457 problems.

use crate::app::App;
use std::time::Duration;

#[tokio::test]
async fn an_unknown_path_is_a_404_problem() {
    let app = App::start().await;
    for path in [
        "/nonsense",
        "/v1/nonsense",
        "/api/nonsense",
        "/api/v33",
        "//api/v3/ping",
    ] {
        let answer = app.get(path).await.expect_status(404);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("cache-control"), "no-store");
        let problem = answer.json();
        assert_eq!(problem["status"], 404);
        assert_eq!(problem["instance"], path);
        assert!(
            problem["detail"].as_str().unwrap().contains(path),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn an_unknown_pair_names_what_is_unknown_and_what_is_near() {
    let app = App::start().await;
    let problem = app.get("/v1/rates/BTC/XXX").await.expect_status(404).json();
    assert_eq!(problem["parameter"], "quote");
    assert!(
        problem["detail"].as_str().unwrap().contains("`XXX`"),
        "{problem}"
    );
    let problem = app.get("/v1/rates/BTD/USD").await.expect_status(404).json();
    assert_eq!(problem["parameter"], "base");
    assert!(
        problem["detail"].as_str().unwrap().contains("BTC"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_request_keeps_its_identity() {
    let app = App::start().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = app
        .get_with(
            "/v1/rates/BTC/USD",
            &[("x-request-id", "abc-1"), ("traceparent", parent)],
        )
        .await
        .expect_status(200);
    assert_eq!(answer.header("x-request-id"), "abc-1");
    assert_eq!(answer.header("traceparent"), parent);
    let made = app.get("/healthz").await.expect_status(200);
    assert!(!made.header("x-request-id").is_empty());
    assert_eq!(made.header("traceparent").len(), 55);
}

#[tokio::test]
async fn scripts_of_other_origins_may_read_answers_and_their_headers() {
    let app = App::start().await;
    for path in ["/v1/rates/BTC/USD", "/api/info", "/nonsense"] {
        let answer = app.get(path).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(
            answer.header("access-control-expose-headers"),
            "Age, Cache-Status, Date, ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
        );
    }
}

#[tokio::test]
async fn the_landing_page_and_the_information_are_there() {
    let app = App::start().await;
    let page = app.get("/").await.expect_status(200);
    assert!(page.text.contains("/v1/rates/BTC/USD"));
    assert!(page.header("content-type").starts_with("text/html"));
    let info = app.get("/api/info").await.expect_status(200).json();
    assert_eq!(info["name"], "edge-rates");
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert!(info["uptime"].is_u64());
}

#[tokio::test]
async fn the_information_tells_this_deployment_from_others() {
    let app = App::with(&[("commit", "abc1234"), ("replica", "pod-7")]).await;
    let info = app.get("/api/info").await.expect_status(200).json();
    assert_eq!(info["commit"], "abc1234");
    assert_eq!(info["replica"], "pod-7");
    assert_eq!(info["host"], app.host.address().to_string());
    app.advance(Duration::from_secs(90));
    // An instance that was idle for a moment is replaced by one that starts at 0.
    app.until("the time since the first answer is told", async || {
        let uptime = app.get("/api/info").await.json()["uptime"].clone();
        app.advance(Duration::from_secs(1));
        uptime.as_u64().unwrap() > 0
    })
    .await;
}
