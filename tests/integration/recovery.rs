//! When the upstream works again, the board is fresh again.

use crate::app::App;
use market_simulator::{Fault, Provider};
use std::time::Duration;

#[tokio::test]
async fn a_stale_board_is_renewed_once_the_upstream_recovers() {
    let app = App::with(&[("providers", "coingecko")]).await;
    let before = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.advance(Duration::from_secs(1_000));
    let stale = app.get("/v1/rates/BTC/USD").await.expect_stale();
    assert_eq!(
        stale.header("cache-status"),
        "edge-rates; fwd=stale; fwd-status=500; detail=stale-if-error"
    );
    app.market.heal_all();
    app.advance(Duration::from_secs(11));
    app.until("a new board is served as fresh", async || {
        let now = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
        now["stale"] == false && now["version"] != before["version"]
    })
    .await;
    app.get("/v1/rates/BTC/USD").await.expect_hit();
    assert_eq!(app.get("/health").await.json()["status"], "ok");
}

#[tokio::test]
async fn a_cold_start_during_an_outage_ends_with_the_outage() {
    let app = App::with(&[("providers", "coingecko")]).await;
    app.market.fail(Provider::CoinGecko, Fault::Reset);
    app.get("/v1/rates/BTC/USD").await.expect_unavailable();
    app.market.heal_all();
    app.advance(Duration::from_secs(11));
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
}
