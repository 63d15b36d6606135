//! Conditions (RFC 9110 §13) on an answer that turns stale.

use crate::app::App;
use market_simulator::{Fault, Provider};
use std::time::Duration;

const PAIR: &str = "/v1/rates/BTC/USD";

#[tokio::test]
async fn a_board_that_turned_stale_is_another_answer() {
    let app = App::with(&[("providers", "coingecko")]).await;
    let fresh = app.get(PAIR).await.expect_status(200);
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.advance(Duration::from_secs(1_000));
    let etag = fresh.header("etag").to_owned();
    let modified = fresh.header("last-modified").to_owned();
    let stale = app
        .get_with(PAIR, &[("if-none-match", &etag)])
        .await
        .expect_stale();
    assert_ne!(stale.header("etag"), etag);
    // Both are of the same board, so its time does not tell them apart.
    app.get_with(PAIR, &[("if-modified-since", &modified)])
        .await
        .expect_stale();
}
