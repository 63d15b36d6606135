//! Within its freshness the board is served from the store, whoever asks for whatever.

use crate::app::App;
use market_simulator::Provider;
use std::time::Duration;

#[tokio::test]
async fn a_fresh_board_is_served_without_asking_upstream() {
    let app = App::start().await;
    let first = app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.advance(Duration::from_secs(60));
    let again = app.get("/v1/rates/BTC/USD").await.expect_hit();
    assert_eq!(
        again.text, first.text,
        "the body has nothing that changes with time"
    );
    assert_eq!(again.header("age"), "60");
    assert_eq!(
        again.header("cache-control"),
        "public, max-age=15, s-maxage=300, stale-while-revalidate=60, stale-if-error=86400"
    );
    assert_eq!(again.header("vary"), "Accept, Accept-Encoding");
    let ttl: i64 = again
        .header("cache-status")
        .rsplit_once('=')
        .unwrap()
        .1
        .parse()
        .unwrap();
    assert!(
        (210..=240).contains(&ttl),
        "300 s less 60, less up to 30 of jitter: {ttl}"
    );
    app.get("/v1/convert?from=ETH&to=EUR&amount=2")
        .await
        .expect_hit();
    app.get("/api/v3/simple/price?ids=solana&vs_currencies=jpy")
        .await
        .expect_hit();
    assert_eq!(app.market.calls(Provider::CoinGecko), 1);
}

#[tokio::test]
async fn a_board_past_its_freshness_is_served_while_it_is_refreshed() {
    let app = App::start().await;
    let first = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    app.advance(Duration::from_secs(301));
    let due = app.get("/v1/rates/BTC/USD").await.expect_status(200);
    let status = due.header("cache-status");
    assert!(status.starts_with("edge-rates; hit; ttl=-"), "{status}");
    assert!(status.ends_with("; detail=revalidating"), "{status}");
    assert_eq!(due.json()["version"], first["version"]);
    app.until("the refreshed board is served", async || {
        let now = app.get("/v1/rates/BTC/USD").await.expect_status(200);
        now.json()["version"] != first["version"]
    })
    .await;
    assert_eq!(app.market.calls(Provider::CoinGecko), 2);
}

#[tokio::test]
async fn a_board_past_its_grace_is_fetched_before_the_answer() {
    let app = App::start().await;
    let first = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    app.advance(Duration::from_secs(600));
    let late = app.get("/v1/rates/BTC/USD").await.expect_status(200);
    assert_eq!(
        late.header("cache-status"),
        "edge-rates; fwd=stale; fwd-status=200; stored"
    );
    assert_ne!(late.json()["version"], first["version"]);
    assert_eq!(late.json()["stale"], false);
}
