//! The first request fetches the board.

use crate::app::App;
use market_simulator::Provider;

#[tokio::test]
async fn the_first_request_fetches_the_board_and_says_so() {
    let app = App::start().await;
    let answer = app.get("/v1/rates/BTC/USD").await.expect_status(200);
    assert_eq!(
        answer.header("cache-status"),
        "edge-rates; fwd=uri-miss; fwd-status=200; stored"
    );
    let body = answer.json();
    assert_eq!(body["id"], "bitcoin");
    assert_eq!(body["symbol"], "BTC");
    assert_eq!(body["quote"], "USD");
    assert_eq!(body["source"], "coingecko");
    assert_eq!(body["stale"], false);
    assert_eq!(body["method"], "single");
    assert!(
        body["price"]
            .as_str()
            .expect("a decimal string")
            .parse::<f64>()
            .unwrap()
            > 0.0
    );
    assert_eq!(app.market.calls(Provider::CoinGecko), 1);
}

#[tokio::test]
async fn the_whole_board_comes_from_one_upstream_call() {
    let app = App::start().await;
    let body = app.get("/v1/rates").await.expect_status(200).json();
    assert_eq!(body["rates"].as_array().unwrap().len(), 15 * 7, "{body}");
    assert_eq!(body["missing"].as_array().unwrap().len(), 0, "{body}");
    assert_eq!(app.market.calls(Provider::CoinGecko), 1);
}

#[tokio::test]
async fn prices_keep_the_digits_that_the_upstream_sent() {
    let app = App::start().await;
    let url = format!(
        "{}/simple/price?ids=bitcoin&vs_currencies=usd&precision=full",
        app.market.base_url(Provider::CoinGecko)
    );
    let upstream = app.get_absolute(&url).await.expect_status(200);
    let ours = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    let price = ours["price"].as_str().unwrap();
    assert!(
        upstream.text.contains(&format!(":{price}")),
        "{price} is not in {}",
        upstream.text
    );
}
