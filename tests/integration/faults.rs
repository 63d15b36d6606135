//! Whatever an upstream does: warm requests stay 200 and say how old the board is, cold ones are
//! 503 with Retry-After. Nothing else ever comes out.

use crate::app::App;
use market_simulator::{Fault, Provider};
use std::time::{Duration, Instant};

/// Faults after which the upstream's answer can still be used: it is late, or in a form that a
/// correct client reads.
fn leaves_a_usable_answer(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Delay(_) | Fault::Scientific | Fault::Mislabelled
    )
}

async fn app_with_one_upstream() -> App {
    App::with(&[("providers", "coingecko")]).await
}

/// Every route that shows a price.
const ROUTES: [&str; 4] = [
    "/v1/rates/BTC/USD",
    "/v1/rates?symbols=BTC,ETH&vs=USD,EUR",
    "/v1/convert?from=BTC&to=EUR&amount=0.1",
    "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd",
];

#[tokio::test]
async fn warm_requests_are_answered_from_the_stale_board() {
    for fault in Fault::ALL
        .into_iter()
        .filter(|fault| !leaves_a_usable_answer(fault))
    {
        let app = app_with_one_upstream().await;
        let before = app.get(ROUTES[0]).await.expect_status(200).json();
        app.market.fail(Provider::CoinGecko, fault);
        app.advance(Duration::from_secs(1_000));
        // The first request may still give the board as one that is being refreshed, where the
        // upstream takes longer to fail than a client is made to wait.
        let first = app.get(ROUTES[0]).await.expect_status(200).json();
        assert_eq!(first["stale"], true, "{fault}: {first}");
        assert_eq!(first["price"], before["price"], "{fault}");
        app.until(&format!("{fault} is noticed"), async || {
            let answer = app.get(ROUTES[0]).await.expect_status(200);
            answer.header("cache-status").contains("stale-if-error")
        })
        .await;
        let warm = app.get(ROUTES[0]).await.expect_stale();
        assert_eq!(warm.json()["price"], before["price"], "{fault}");
        for route in &ROUTES[1..] {
            let warm = app.get(route).await.expect_status(200);
            let status = warm.header("cache-status");
            assert!(
                status.contains("stale-if-error"),
                "{fault} {route}: {status}"
            );
            let control = warm.header("cache-control");
            assert_eq!(control, "public, max-age=0, s-maxage=15", "{fault} {route}");
            // CoinGecko's shapes have no place for it.
            if route.starts_with("/v1/") {
                assert_eq!(warm.json()["stale"], true, "{fault} {route}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_waits_long_for_an_upstream_while_a_board_is_stored() {
    let app = app_with_one_upstream().await;
    let before = app.get(ROUTES[0]).await.expect_status(200).json();
    app.market.fail(Provider::CoinGecko, Fault::Hang);
    app.advance(Duration::from_secs(1_000));
    // It is answered before the upstream is given up.
    let first = app.get(ROUTES[0]).await.expect_status(200);
    let status = first.header("cache-status");
    assert!(status.ends_with("; detail=revalidating"), "{status}");
    assert_eq!(first.json()["price"], before["price"]);
    assert_eq!(first.json()["stale"], true);
}

#[tokio::test]
async fn cold_requests_are_refused_with_the_time_to_come_back() {
    for fault in Fault::ALL
        .into_iter()
        .filter(|fault| !leaves_a_usable_answer(fault))
    {
        let app = app_with_one_upstream().await;
        app.market.fail(Provider::CoinGecko, fault);
        for route in &ROUTES[..3] {
            app.get(route).await.expect_unavailable();
        }
        let compatible = app.get(ROUTES[3]).await.expect_status(503);
        assert!(
            compatible.json()["error"].is_string(),
            "CoinGecko's error shape: {}",
            compatible.text
        );
        assert!(!compatible.header("retry-after").is_empty());
        let calls = app.market.calls(Provider::CoinGecko);
        assert_eq!(
            calls, 1,
            "{fault}: a failure a moment ago is not repeated at once"
        );
    }
}

#[tokio::test]
async fn an_answer_in_scientific_notation_is_read_as_the_number_it_is() {
    let app = app_with_one_upstream().await;
    app.market.fail(Provider::CoinGecko, Fault::Scientific);
    let price = app.get(ROUTES[0]).await.expect_status(200).json()["price"].clone();
    let price = price.as_str().unwrap().to_owned();
    assert!(
        price.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
        "{price}"
    );
    assert!(price.parse::<f64>().unwrap() > 1_000.0, "{price}");
}

#[tokio::test]
async fn a_slow_upstream_is_waited_for_when_there_is_nothing_else() {
    let app = app_with_one_upstream().await;
    app.market.fail(
        Provider::CoinGecko,
        Fault::Delay(Duration::from_millis(700)),
    );
    app.get(ROUTES[0]).await.expect_status(200);
}

#[tokio::test]
async fn a_board_older_than_a_day_is_not_served() {
    let app = app_with_one_upstream().await;
    app.get(ROUTES[0]).await.expect_status(200);
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.advance(Duration::from_secs(86_300));
    app.get(ROUTES[0]).await.expect_stale();
    app.advance(Duration::from_secs(200));
    app.get(ROUTES[0]).await.expect_unavailable();
}

#[tokio::test]
async fn a_429_is_obeyed_for_as_long_as_it_says() {
    let app = app_with_one_upstream().await;
    app.market.fail(
        Provider::CoinGecko,
        Fault::RateLimited { retry_after_s: 120 },
    );
    let cold = app.get(ROUTES[0]).await.expect_unavailable();
    assert_eq!(cold.header("retry-after"), "120");
    app.market.heal_all();
    app.advance(Duration::from_secs(110));
    app.get(ROUTES[0]).await.expect_unavailable();
    assert_eq!(app.market.calls(Provider::CoinGecko), 1);
    app.advance(Duration::from_secs(11));
    app.get(ROUTES[0]).await.expect_status(200);
}

#[tokio::test]
async fn when_every_upstream_hangs_a_cold_client_waits_no_longer_than_seconds() {
    let app = App::start().await;
    app.market.fail_all(Fault::Hang);
    let started = Instant::now();
    app.get(ROUTES[0]).await.expect_unavailable();
    // Two upstreams time out meanwhile; the third is still being waited for.
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    let calls = app.market.calls(Provider::CoinGecko);
    assert_eq!(calls, 1);
}
