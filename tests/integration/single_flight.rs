//! However many ask at once, one asks upstream.

use crate::app::App;
use futures::future::join_all;
use market_simulator::{Fault, Provider};
use std::time::Duration;

#[tokio::test]
async fn two_hundred_first_requests_make_one_upstream_call() {
    let app = App::start().await;
    // Slow enough for all requests to be there before the answer is.
    app.market.fail(
        Provider::CoinGecko,
        Fault::Delay(Duration::from_millis(500)),
    );
    let answers = join_all((0..200).map(|_| app.get("/v1/rates/BTC/USD"))).await;
    let has = |status: &str| {
        let answers = answers.iter();
        answers
            .filter(|answer| answer.header("cache-status") == status)
            .count()
    };
    assert_eq!(has("edge-rates; fwd=uri-miss; fwd-status=200; stored"), 1);
    assert!(has("edge-rates; fwd=uri-miss; collapsed") > 0);
    let mut bodies: Vec<String> = answers
        .into_iter()
        .map(|answer| answer.expect_status(200).text)
        .collect();
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "all see the same board");
    assert_eq!(app.market.calls(Provider::CoinGecko), 1);
}

#[tokio::test]
async fn a_due_board_is_refreshed_by_one_of_many() {
    let app = App::start().await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.market.fail(
        Provider::CoinGecko,
        Fault::Delay(Duration::from_millis(300)),
    );
    for round in 2..=4 {
        app.advance(Duration::from_secs(310));
        let answers = join_all((0..100).map(|_| app.get("/v1/rates/ETH/EUR"))).await;
        for answer in answers {
            answer.expect_status(200);
        }
        app.until("the refresh has ended", async || {
            let status = app.get("/v1/rates/ETH/EUR").await;
            !status.header("cache-status").contains("revalidating")
        })
        .await;
        assert_eq!(app.market.calls(Provider::CoinGecko), round);
    }
}
