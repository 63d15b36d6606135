//! Circuit breakers: an upstream that fails, or that says so, is left alone for a while; then one
//! probe decides.

use crate::app::App;
use market_simulator::{Fault, Provider};
use std::time::Duration;

const PAIR: &str = "/v1/rates/BTC/USD";

/// What `/v1/providers` shows of CoinGecko's circuit.
async fn circuit(app: &App) -> serde_json::Value {
    let mut state = serde_json::Value::Null;
    // A look serves for a second.
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let listing = app.get("/v1/providers").await.expect_status(200).json();
    for provider in listing["providers"].as_array().unwrap() {
        if provider["id"] == "coingecko" {
            state = provider["circuit"].clone();
        }
    }
    state
}

fn calls(app: &App) -> u64 {
    app.market.calls(Provider::CoinGecko)
}

#[tokio::test]
async fn five_failures_within_a_minute_open_it_and_probes_come_ever_later() {
    let app = App::with(&[("providers", "coingecko")]).await;
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    for failures in 1..=5 {
        assert_eq!(circuit(&app).await["state"], "closed", "{failures}");
        app.get(PAIR).await.expect_unavailable();
        assert_eq!(calls(&app), failures);
        app.advance(Duration::from_secs(11));
    }
    // The fifth was 11 s ago.
    let open = circuit(&app).await;
    assert_eq!(open["state"], "open", "{open}");
    assert_eq!(open["reason"], "failures");
    let answer = app.get(PAIR).await.expect_unavailable();
    assert_eq!(answer.header("retry-after"), "19");
    assert_eq!(calls(&app), 5, "it is left alone");

    app.advance(Duration::from_secs(20));
    assert_eq!(circuit(&app).await["state"], "half_open");
    app.get(PAIR).await.expect_unavailable();
    assert_eq!(calls(&app), 6, "a probe");
    app.advance(Duration::from_secs(59));
    app.get(PAIR).await.expect_unavailable();
    assert_eq!(calls(&app), 6, "twice as long");

    app.market.heal_all();
    app.advance(Duration::from_secs(2));
    app.get(PAIR).await.expect_status(200);
    assert_eq!(calls(&app), 7);
    assert_eq!(circuit(&app).await, serde_json::json!({"state": "closed"}));
}

/// Fails CoinGecko, lets Coinbase give the board, and says for how many seconds CoinGecko is left
/// alone, in steps.
async fn left_alone_for(fault: Fault, reason: &str, step: u64) -> u64 {
    let app = App::with(&[("providers", "coingecko,coinbase"), ("jitter_seconds", "0")]).await;
    app.market.fail(Provider::CoinGecko, fault);
    let board = app.get(PAIR).await.expect_status(200).json();
    assert_eq!(board["source"], "coinbase");
    assert_eq!(board["stale"], false);
    let open = circuit(&app).await;
    assert_eq!(open["state"], "open", "{fault}: {open}");
    assert_eq!(open["reason"], reason);
    let health = app.get("/health").await.expect_status(200).json();
    assert_eq!(health["status"], "ok", "{health}");
    let shown = &health["checks"]["circuits"]["not_closed"]["coingecko"];
    assert_eq!(shown["reason"], reason, "{health}");
    app.until("the metric shows it", async || {
        let metrics = app.get("/metrics").await.expect_status(200).text;
        metrics.contains("rates_circuit_state{provider=\"coingecko\"} 1\n")
            && metrics.contains(
                "rates_circuit_transitions_total{provider=\"coingecko\",state=\"open\"} 1\n",
            )
    })
    .await;
    app.market.heal_all();
    let mut seconds = 0;
    while app.market.calls(Provider::CoinGecko) == 1 {
        assert!(seconds < 100_000, "{fault}: for ever");
        app.advance(Duration::from_secs(step));
        seconds += step;
        app.until("the board is refreshed", async || {
            let answer = app.get(PAIR).await.expect_status(200);
            answer.header("cache-status").contains("; hit; ttl=")
                && !answer.header("cache-status").contains("revalidating")
        })
        .await;
    }
    let board = app.get(PAIR).await.expect_hit().json();
    assert_eq!(board["source"], "coingecko", "{fault}");
    seconds
}

#[tokio::test]
async fn a_429_a_refused_key_and_a_ban_open_it_at_once() {
    let limited = Fault::RateLimited {
        retry_after_s: 1_000,
    };
    // A quarter of an hour at most.
    for (fault, reason) in [
        (limited, "rate_limited"),
        (Fault::Unauthorised, "unauthorised"),
        (Fault::ForbiddenHtml, "unauthorised"),
    ] {
        assert_eq!(left_alone_for(fault, reason, 400).await, 1_200, "{fault}");
    }
}

#[tokio::test]
async fn where_the_law_forbids_it_is_left_alone_for_a_day() {
    assert_eq!(left_alone_for(Fault::Legal, "legal", 21_600).await, 86_400);
}

#[tokio::test]
async fn while_it_is_open_the_old_board_is_stale_for_the_reason_that_opened_it() {
    let app = App::with(&[("providers", "coingecko")]).await;
    app.get(PAIR).await.expect_status(200);
    app.market.fail(
        Provider::CoinGecko,
        Fault::RateLimited { retry_after_s: 300 },
    );
    app.advance(Duration::from_secs(400));
    app.get(PAIR).await.expect_stale();
    for _ in 0..3 {
        app.advance(Duration::from_secs(90));
        let stale = app.get(PAIR).await.expect_stale();
        assert_eq!(
            stale.header("cache-status"),
            "edge-rates; fwd=stale; fwd-status=429; detail=stale-if-error"
        );
    }
    assert_eq!(calls(&app), 2);
}

#[tokio::test]
async fn an_open_circuit_outlives_the_host() {
    let mut app = App::with(&[("providers", "coingecko,coinbase")]).await;
    app.market.fail(Provider::CoinGecko, Fault::Legal);
    app.get(PAIR).await.expect_status(200);
    app.restart().await;
    app.advance(Duration::from_secs(1_000));
    app.get(PAIR).await.expect_status(200);
    assert_eq!(calls(&app), 1);
    assert_eq!(app.market.calls(Provider::Coinbase) % 2, 0, "two refreshes");
}
