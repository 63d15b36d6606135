//! Which price is believed: a liar among several providers, one who leaps alone, currencies that
//! no market quotes, and tethers that are no dollars.

use crate::app::App;
use market_simulator::{Fault, Provider};
use serde_json::Value;
use std::time::Duration;

/// A price as a number, to compare with others.
fn number(rate: &Value) -> f64 {
    rate["price"].as_str().unwrap().parse().unwrap()
}

async fn bitcoin(app: &App) -> Value {
    app.get("/v1/rates/BTC/USD").await.expect_status(200).json()
}

/// The next board, five minutes later: past its grace, so that the answer is of the new one.
async fn next_board(app: &App) -> Value {
    app.advance(Duration::from_secs(300));
    let before = bitcoin(app).await["version"].clone();
    app.until("the board is renewed", async || {
        bitcoin(app).await["version"] != before
    })
    .await;
    bitcoin(app).await
}

/// What Prometheus would read of a provider's divergence.
async fn divergence(app: &App, provider: &str) -> f64 {
    let text = app.get("/metrics").await.expect_status(200).text;
    let start = format!("rates_provider_divergence_ratio{{provider=\"{provider}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {start} in\n{text}"))
        .parse()
        .unwrap()
}

#[tokio::test]
async fn in_quorum_a_liar_is_outvoted() {
    // All three price bitcoin in dollars.
    let quorum = [
        ("price_mode", "quorum"),
        ("assets", "bitcoin"),
        ("currencies", "USD"),
    ];
    let app = App::with(&quorum).await;
    let honest = bitcoin(&app).await;
    assert_eq!(honest["method"], "median", "{honest}");
    assert_eq!(honest["sources"], 3);
    let liars = App::with(&quorum).await;
    // The first in the order, and it agrees with nobody.
    liars.market.skew(Provider::CoinGecko, 3.0);
    let outvoted = bitcoin(&liars).await;
    assert!(
        (number(&outvoted) / number(&honest) - 1.0).abs() < 0.002,
        "{outvoted}"
    );
    assert_eq!(outvoted["sources"], 2, "{outvoted}");
    assert!((divergence(&liars, "coingecko").await - 2.0).abs() < 0.01);
    assert!(divergence(&liars, "kraken").await < 0.002);
}

#[tokio::test]
async fn of_two_that_disagree_the_first_is_believed_and_the_answer_says_so() {
    let app = App::with(&[("price_mode", "quorum"), ("providers", "coinbase,kraken")]).await;
    app.market.skew(Provider::Kraken, 1.05);
    let rate = bitcoin(&app).await;
    assert_eq!(rate["source"], "coinbase", "{rate}");
    assert_eq!(rate["sources"], 1, "{rate}");
    assert_eq!(rate["divergent"], true, "{rate}");
    assert!((divergence(&app, "kraken").await - 0.05).abs() < 0.002);
    let expanded = "/v1/rates?ids=bitcoin&vs=USD&expand=providers";
    let board = app.get(expanded).await.expect_status(200).json();
    let shown = &board["rates"][0];
    assert_eq!(shown["divergent"], true, "{board}");
    let told: Vec<_> = shown["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| (told["provider"].as_str().unwrap(), &told["dropped"]))
        .collect();
    let used = Value::Null;
    let divergent = Value::from("divergent");
    assert_eq!(
        told,
        [("coinbase", &used), ("kraken", &divergent)],
        "{board}"
    );
}

#[tokio::test]
async fn a_leap_that_another_provider_sees_too_is_believed_at_once() {
    let app = App::start().await;
    let before = bitcoin(&app).await;
    for provider in Provider::ALL {
        app.market.skew(provider, 0.5);
    }
    let crashed = next_board(&app).await;
    assert!(
        (number(&crashed) / number(&before) - 0.5).abs() < 0.05,
        "{crashed}"
    );
    assert_eq!(crashed["stale"], false);
    assert_eq!(crashed["source"], "coingecko");
    assert!(app.market.calls(Provider::Coinbase) > 0);
}

#[tokio::test]
async fn a_leap_that_another_provider_does_not_see_is_not_believed() {
    let app = App::start().await;
    let before = bitcoin(&app).await;
    app.market.skew(Provider::CoinGecko, 100.0);
    let after = next_board(&app).await;
    assert!(
        (number(&after) / number(&before) - 1.0).abs() < 0.1,
        "{after}"
    );
    assert_eq!(after["source"], "coinbase");
    assert_eq!(after["stale"], false);
}

#[tokio::test]
async fn a_leap_without_a_second_provider_is_held_as_stale_and_released_after_ten_minutes() {
    let app = App::with(&[("providers", "coingecko"), ("assets", "bitcoin:BTC")]).await;
    let before = bitcoin(&app).await;
    app.market.skew(Provider::CoinGecko, 2.0);
    let held = next_board(&app).await;
    assert_eq!(held["price"], before["price"]);
    assert_eq!(held["stale"], true, "{held}");
    assert_eq!(
        held["updated_at"], before["updated_at"],
        "it keeps its time"
    );
    let board = app.get("/v1/rates").await.expect_status(200);
    assert_eq!(board.json()["stale"], true);
    assert_eq!(
        board.header("cache-control"),
        "public, max-age=0, s-maxage=15"
    );
    let convert = "/v1/convert?from=USD&to=BTC&amount=1";
    assert_eq!(app.get(convert).await.json()["stale"], true);
    next_board(&app).await;
    let released = next_board(&app).await;
    assert!(
        (number(&released) / number(&before) - 2.0).abs() < 0.2,
        "{released}"
    );
    assert_eq!(released["stale"], false);
}

#[tokio::test]
async fn a_currency_that_the_market_does_not_quote_follows_from_a_reference_rate() {
    // Kraken lists no Polish zloty.
    let app = App::with(&[
        ("providers", "kraken,frankfurter"),
        ("currencies", "USD,PLN"),
    ])
    .await;
    let dollars = number(&bitcoin(&app).await);
    let rate = app.get("/v1/rates/BTC/PLN").await.expect_status(200).json();
    assert_eq!(rate["method"], "cross", "{rate}");
    assert_eq!(rate["stale"], false);
    // The day of the last rates: it is the night to a Saturday.
    assert_eq!(rate["updated_at"], "2026-11-20T00:00:00Z", "{rate}");
    let zloty_per_dollar = number(&rate) / dollars;
    assert!((3.0..4.5).contains(&zloty_per_dollar), "{rate}");
    assert_eq!(app.market.calls(Provider::Frankfurter), 1);
    let board = app.get("/v1/rates").await.expect_status(200).json();
    assert_eq!(board["missing"], serde_json::json!([]), "{board}");
    let attribution = board["attribution"].as_str().unwrap();
    assert!(attribution.contains("Frankfurter"), "{attribution}");
    // Once a bank failed, its rates still hold.
    app.market.fail(Provider::Frankfurter, Fault::ServerError);
    for _ in 0..13 {
        next_board(&app).await;
    }
    let rate = app.get("/v1/rates/BTC/PLN").await.expect_status(200).json();
    assert_eq!(
        (&rate["method"], &rate["stale"]),
        (&"cross".into(), &false.into())
    );
    assert_eq!(rate["updated_at"], "2026-11-20T00:00:00Z", "{rate}");
    let calls = app.market.calls(Provider::Frankfurter);
    assert!((2..=4).contains(&calls), "asked {calls} times");
}

#[tokio::test]
async fn a_reference_rate_holds_over_a_long_weekend_and_not_for_ever() {
    let bank = [
        ("providers", "kraken,frankfurter"),
        ("currencies", "USD,PLN"),
        ("assets", "bitcoin"),
    ];
    let app = App::with(&bank).await;
    let zloty = async || app.get("/v1/rates/BTC/PLN").await;
    zloty().await.expect_status(200);
    app.market.fail(Provider::Frankfurter, Fault::ServerError);
    // Five days after the Friday whose rates they are, and then seven.
    let days = |days: u64| Duration::from_secs(days * 86_400);
    app.advance(days(4));
    bitcoin(&app).await;
    app.until("the board is renewed", async || {
        zloty().await.expect_status(200).json()["stale"] == false
    })
    .await;
    app.advance(days(2));
    bitcoin(&app).await;
    app.until("no price is made of old rates", async || {
        zloty().await.status == 503
    })
    .await;
    bitcoin(&app).await;
}

#[tokio::test]
async fn tethers_are_served_as_tethers_and_never_as_dollars() {
    let app = App::with(&[("providers", "binance"), ("currencies", "USDT,USD,EUR")]).await;
    let tethers = app
        .get("/v1/rates/BTC/USDT")
        .await
        .expect_status(200)
        .json();
    assert_eq!(tethers["quote"], "USDT");
    assert_eq!(tethers["source"], "binance");
    // Nobody prices anything in dollars here, and no later board will.
    app.get("/v1/rates/BTC/USD").await.expect_status(404);
    let board = app
        .get("/v1/rates?symbols=BTC")
        .await
        .expect_status(200)
        .json();
    let quotes: Vec<_> = board["rates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rate| rate["quote"].as_str().unwrap())
        .collect();
    assert_eq!(quotes, ["USDT"], "{board}");
    assert_eq!(board["missing"], serde_json::json!(["BTC/EUR", "BTC/USD"]));
}
