//! Budgets: an upstream is asked no more often than its limits allow, failed calls included.

use crate::app::App;
use market_simulator::{Fault, Provider};
use std::time::Duration;

const PAIR: &str = "/v1/rates/BTC/USD";

/// The source of the board after letting the present one get old.
async fn next_source(app: &App, after: Duration) -> String {
    app.advance(after);
    let source = std::cell::RefCell::new(String::new());
    app.until("the board is refreshed", async || {
        let answer = app.get(PAIR).await.expect_status(200);
        let is_old = answer.header("cache-status").contains("revalidating");
        source.replace(answer.json()["source"].as_str().unwrap().to_owned());
        !is_old
    })
    .await;
    source.into_inner()
}

/// Boards that are past their grace after two seconds, so that several fit into a minute.
async fn app(limit: (&str, &str)) -> App {
    App::with(&[
        ("providers", "coingecko,coinbase"),
        ("fresh_seconds", "2"),
        ("jitter_seconds", "0"),
        ("grace_seconds", "0"),
        limit,
    ])
    .await
}

#[tokio::test]
async fn over_the_budget_of_a_minute_the_next_one_is_asked_until_the_minute_ends() {
    let app = app(("coingecko_per_minute", "2")).await;
    let seconds = Duration::from_secs;
    // The test's clock starts with a minute.
    assert_eq!(next_source(&app, seconds(0)).await, "coingecko");
    assert_eq!(next_source(&app, seconds(10)).await, "coingecko");
    assert_eq!(next_source(&app, seconds(10)).await, "coinbase");
    assert_eq!(next_source(&app, seconds(10)).await, "coinbase");
    assert_eq!(app.market.calls(Provider::CoinGecko), 2);
    let listing = app.get("/v1/providers").await.expect_status(200).json();
    let minute = &listing["providers"][0]["calls"]["minute"];
    assert_eq!(minute["made"], 2, "{listing}");
    assert_eq!(minute["left"], 0);
    assert_eq!(minute["resets_at"], "2026-11-21T01:41:00Z");
    let metrics = app.get("/metrics").await.expect_status(200).text;
    let remaining = |window: &str, left: u64| {
        format!(
            "rates_upstream_budget_remaining{{provider=\"coingecko\",window=\"{window}\"}} {left}\n"
        )
    };
    assert!(metrics.contains(&remaining("minute", 0)), "{metrics}");
    assert!(metrics.contains(&remaining("month", 9_498)), "{metrics}");
    for (window, limit) in [("minute", 2), ("month", 9_500)] {
        let line = format!(
            "rates_upstream_budget_limit{{provider=\"coingecko\",window=\"{window}\"}} {limit}\n"
        );
        assert!(metrics.contains(&line), "{metrics}");
    }
    assert_eq!(next_source(&app, seconds(30)).await, "coingecko");
    assert_eq!(app.market.calls(Provider::CoinGecko), 3);
}

#[tokio::test]
async fn over_the_budget_of_a_month_the_next_one_is_asked_until_the_month_ends() {
    let app = app(("coingecko_per_month", "1")).await;
    let days = |days: u64| Duration::from_secs(days * 86_400);
    assert_eq!(next_source(&app, days(0)).await, "coingecko");
    assert_eq!(next_source(&app, days(1)).await, "coinbase");
    // From the 22nd to the 30th, and to the first of December.
    assert_eq!(next_source(&app, days(8)).await, "coinbase");
    assert_eq!(next_source(&app, days(1)).await, "coingecko");
    assert_eq!(app.market.calls(Provider::CoinGecko), 2);
}

#[tokio::test]
async fn failed_calls_count_and_with_the_budget_spent_clients_are_told_when_it_is_renewed() {
    let app = App::with(&[("providers", "coingecko"), ("coingecko_per_minute", "1")]).await;
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.get(PAIR).await.expect_unavailable();
    app.market.heal_all();
    app.advance(Duration::from_secs(20));
    let answer = app.get(PAIR).await.expect_unavailable();
    assert_eq!(answer.header("retry-after"), "40", "until the minute ends");
    assert_eq!(app.market.calls(Provider::CoinGecko), 1);
    app.advance(Duration::from_secs(40));
    app.get(PAIR).await.expect_status(200);
}

#[tokio::test]
async fn a_limit_that_is_no_number_is_refused_by_its_name() {
    let app = App::with(&[("coingecko_per_minute", "many")]).await;
    app.get(PAIR).await.expect_status(500);
}

#[tokio::test]
async fn a_paid_plan_has_a_budget_of_its_own() {
    let limits = async |variables: &[(&str, &str)]| {
        let app = App::with(variables).await;
        let listing = app.get("/v1/providers").await.expect_status(200).json();
        let calls = &listing["providers"][0]["calls"];
        (
            calls["minute"]["limit"].clone(),
            calls["month"]["limit"].clone(),
        )
    };
    let key = ("coingecko_api_key", "CG-1");
    assert_eq!(limits(&[]).await, (8.into(), 9_500.into()));
    assert_eq!(limits(&[key]).await, (60.into(), 9_500.into()));
    let paid = [key, ("coingecko_plan", "pro")];
    assert_eq!(limits(&paid).await, (200.into(), 95_000.into()));
    let own = [paid[0], paid[1], ("coingecko_per_month", "500000")];
    assert_eq!(limits(&own).await, (200.into(), 500_000.into()));
}
