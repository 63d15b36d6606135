//! R10: the cache spares at least 80 % of upstream calls; in fact it makes one per board.

use crate::app::App;
use market_simulator::Provider;
use std::time::Duration;

#[tokio::test]
async fn a_thousand_requests_in_ten_minutes_make_at_most_three_upstream_calls() {
    let app = App::start().await;
    for _ in 0..1_000 {
        let answer = app.get("/v1/rates/BTC/USD").await.expect_status(200);
        if answer.header("cache-status").contains("revalidating") {
            // Simulated time is much faster than the refresh; it waits for it.
            app.until("the refresh has ended", async || {
                let again = app.get("/v1/rates/BTC/USD").await;
                !again.header("cache-status").contains("revalidating")
            })
            .await;
        }
        app.advance(Duration::from_millis(600));
    }
    let calls = app.market.calls(Provider::CoinGecko);
    println!("1,000 requests in 10 simulated minutes made {calls} upstream calls");
    assert!((2..=3).contains(&calls), "{calls} calls");
}
