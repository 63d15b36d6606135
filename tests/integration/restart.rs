//! What was stored is there after a restart.

use crate::app::App;
use market_simulator::{Fault, Provider};

#[tokio::test]
async fn a_restart_keeps_the_board() {
    let mut app = App::start().await;
    let before = app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.restart().await;
    app.market.fail_all(Fault::ServerError);
    let after = app.get("/v1/rates/BTC/USD").await.expect_hit();
    assert_eq!(after.text, before.text);
    assert_eq!(app.market.calls(Provider::CoinGecko), 1);
}
