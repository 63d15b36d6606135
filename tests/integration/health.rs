//! /health, /healthz and /ready in each state.

use crate::app::App;
use market_simulator::{Fault, Provider};
use std::time::Duration;

#[tokio::test]
async fn a_new_deployment_is_alive_ready_and_well() {
    let app = App::start().await;
    for path in ["/healthz", "/healthz/"] {
        let answer = app.get(path).await.expect_status(200);
        assert_eq!(answer.text, r#"{"status":"ok"}"#);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let answer = app.get("/ready").await.expect_status(200);
    assert_eq!(answer.text, r#"{"ready":true}"#);
    assert_eq!(answer.header("cache-control"), "no-store");
    let health = app.get("/health").await.expect_status(200).json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["checks"]["store"]["status"], "ok");
    assert_eq!(health["checks"]["board"]["status"], "empty");
    assert_eq!(
        app.market.calls(Provider::CoinGecko),
        0,
        "probes ask nobody"
    );
}

#[tokio::test]
async fn health_tells_the_age_of_the_board() {
    let app = App::start().await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.advance(Duration::from_secs(42));
    let health = app.get("/health").await.expect_status(200).json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["checks"]["board"]["status"], "fresh");
    assert_eq!(health["checks"]["board"]["age_seconds"], 42);
}

#[tokio::test]
async fn an_upstream_that_fails_degrades_health_and_leaves_readiness() {
    let app = App::with(&[("providers", "coingecko")]).await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.advance(Duration::from_secs(1_000));
    app.get("/v1/rates/BTC/USD").await.expect_stale();
    app.get("/ready").await.expect_status(200);
    let health = app.get("/health").await.expect_status(200).json();
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["checks"]["upstream"]["provider"], "coingecko");
    assert_eq!(health["checks"]["upstream"]["outcome"], "unavailable");
}
