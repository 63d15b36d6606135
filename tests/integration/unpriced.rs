//! A coin that is listed and that nobody prices: absent, not about to come.

use crate::answer::Answer;
use crate::app::App;
use market_simulator::{Fault, Provider};
use serde_json::{Value, json};
use std::time::Duration;

/// An asset that no upstream has ever heard of.
const ASSETS: &str = "bitcoin,ethereum,my-coin:MY";

async fn batch(app: &App, items: Value) -> Value {
    let headers = [("content-type", "application/json")];
    let answer = app.post("/v1/rates:batch", &headers, items.to_string());
    answer.await.expect_status(200).json()
}

#[track_caller]
fn expect_unpriced(answer: Answer, parameter: &str) {
    let answer = answer.expect_status(404);
    assert_eq!(answer.header("retry-after"), "");
    assert_eq!(answer.header("cache-control"), "no-store");
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:edge-rates:problem:unpriced");
    assert_eq!(problem["parameter"], parameter);
    let said = problem["detail"].as_str().unwrap();
    assert!(said.contains("Nobody prices MY"), "{said}");
}

#[tokio::test]
async fn a_coin_that_every_upstream_lacks_is_not_found() {
    let app = App::with(&[("assets", ASSETS)]).await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    for _ in 0..2 {
        expect_unpriced(app.get("/v1/rates/MY/USD").await, "base");
        expect_unpriced(app.get("/v1/rates/EUR/my-coin").await, "quote");
        expect_unpriced(app.get("/v1/rates/BTC/MY").await, "quote");
        let convert = app.get("/v1/convert?from=MY&to=EUR&amount=2").await;
        expect_unpriced(convert, "from");
        let both = app.get("/v1/convert?from=ETH&to=MY&amount=2").await;
        expect_unpriced(both, "to");
    }
    let items = json!([
        {"base": "MY", "quote": "USD"},
        {"base": "ETH", "quote": "MY", "amount": "2"},
        {"base": "BTC", "quote": "USD"},
    ]);
    let results = batch(&app, items).await["results"].clone();
    for (place, parameter) in [(0, "base"), (1, "quote")] {
        let problem = &results[place]["problem"];
        assert_eq!(problem["status"], 404, "{problem}");
        assert_eq!(problem["type"], "urn:edge-rates:problem:unpriced");
        assert_eq!(problem["parameter"], parameter);
    }
    assert_eq!(results[2]["result"]["symbol"], "BTC");

    let listed = app.get("/v1/rates?vs=usd,eur").await.expect_status(200);
    assert_eq!(listed.json()["missing"], json!(["MY/EUR", "MY/USD"]));
    let target = "/api/v3/simple/price?ids=bitcoin,my-coin&vs_currencies=usd";
    let prices = app.get(target).await.expect_status(200).json();
    assert_eq!(prices.as_object().unwrap().len(), 1, "{prices}");
    let target = "/api/v3/coins/markets?vs_currency=usd";
    let markets = app.get(target).await.expect_status(200).json();
    assert_eq!(markets.as_array().unwrap().len(), 2, "{markets}");
}

#[tokio::test]
async fn it_stays_so_with_the_boards_that_follow() {
    let app = App::with(&[("assets", ASSETS)]).await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    let version = async || app.get("/v1/rates").await.json()["version"].clone();
    for _ in 0..3 {
        let last = version().await;
        // The board is due, and what was known of the upstreams is over.
        app.advance(Duration::from_secs(310));
        expect_unpriced(app.get("/v1/rates/MY/USD").await, "base");
        app.until("there is a new board", async || version().await != last)
            .await;
        expect_unpriced(app.get("/v1/rates/MY/USD").await, "base");
    }
}

#[tokio::test]
async fn while_an_upstream_has_not_said_so_it_may_have_a_price() {
    let app = App::with(&[("assets", ASSETS)]).await;
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.get("/v1/rates/MY/USD").await.expect_unavailable();
    let items = json!([{"base": "MY", "quote": "USD"}]);
    let results = batch(&app, items).await;
    assert_eq!(results["results"][0]["problem"]["status"], 503);
}

#[tokio::test]
async fn an_upstream_that_is_asked_for_nothing_else_can_say_so_too() {
    let app = App::with(&[("assets", ASSETS), ("providers", "kraken,coingecko")]).await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    expect_unpriced(app.get("/v1/rates/MY/USD").await, "base");
    let providers = app.get("/v1/providers").await.expect_status(200).text;
    assert!(!providers.contains("malformed"), "{providers}");
}

#[tokio::test]
async fn where_there_is_nothing_else_it_is_not_found_either() {
    let app = App::with(&[("assets", "my-coin:MY")]).await;
    app.until("the upstreams have said so", async || {
        app.get("/v1/rates/MY/USD").await.status == 404
    })
    .await;
    expect_unpriced(app.get("/v1/rates/MY/USD").await, "base");
    expect_unpriced(app.get("/v1/convert?from=MY&to=USD&amount=1").await, "from");
}
