//! `/v1/providers`: who is asked, and how each of them is doing.

use crate::app::App;
use market_simulator::{Fault, Provider};
use std::time::Duration;

#[tokio::test]
async fn before_anything_was_asked_the_providers_are_listed_in_their_order() {
    let app = App::with(&[("providers", "kraken,coingecko")]).await;
    let answer = app.get("/v1/providers").await.expect_status(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=5");
    let body = answer.json();
    assert_eq!(body["mode"], "fallback");
    let ids: Vec<_> = body["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|provider| provider["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["kraken", "coingecko"]);
    let coingecko = &body["providers"][1];
    assert_eq!(coingecko["scope"], "market");
    assert_eq!(coingecko["attribution"], "Data provided by CoinGecko");
    assert_eq!(coingecko["circuit"], serde_json::json!({"state": "closed"}));
    assert_eq!(coingecko["calls"]["month"]["limit"], 9_500);
    assert_eq!(coingecko["calls"]["month"]["made"], 0);
    assert_eq!(
        coingecko["calls"]["month"]["resets_at"],
        "2026-12-01T00:00:00Z"
    );
    assert!(coingecko.get("last_success").is_none(), "{coingecko}");
}

#[tokio::test]
async fn it_tells_the_last_success_and_how_the_last_attempt_ended() {
    let app = App::start().await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.advance(Duration::from_secs(400));
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.advance(Duration::from_secs(20));
    let body = app.get("/v1/providers").await.expect_status(200).json();
    let coingecko = &body["providers"][0];
    assert_eq!(coingecko["last_success"], "2026-11-21T01:40:00Z");
    assert_eq!(coingecko["age_seconds"], 420);
    assert_eq!(coingecko["last_asked"], "2026-11-21T01:46:40Z");
    assert_eq!(coingecko["last_outcome"], "unavailable");
    assert_eq!(coingecko["last_status"], 500);
    let coinbase = &body["providers"][1];
    assert_eq!(coinbase["last_outcome"], "ok");
    assert_eq!(coinbase["age_seconds"], 20);
}

#[tokio::test]
async fn it_takes_no_parameters_and_is_only_read() {
    let app = App::start().await;
    let refused = app.get("/v1/providers?id=kraken").await.expect_status(422);
    assert_eq!(refused.json()["parameter"], "id");
    app.request("POST", "/v1/providers", &[])
        .await
        .expect_status(405);
    let head = app.request("HEAD", "/v1/providers", &[]).await;
    assert_eq!(head.expect_status(200).text, "");
}
