//! What each upstream is asked for, and what is taken from it.

use crate::app::App;
use market_simulator::Provider;

#[tokio::test]
async fn binance_prices_in_tethers_and_in_nothing_else() {
    let app = App::with(&[("providers", "binance"), ("currencies", "USDT,USD")]).await;
    let body = app
        .get("/v1/rates/BTC/USDT")
        .await
        .expect_status(200)
        .json();
    assert_eq!(body["source"], "binance");
    let price = body["price"].as_str().unwrap();
    let (_, fraction) = price.split_once('.').unwrap();
    assert_eq!(fraction.len(), 8, "digit by digit as stated: {price}");
    let board = app.get("/v1/rates?vs=USD").await.expect_status(200).json();
    assert_eq!(
        board["rates"],
        serde_json::json!([]),
        "a tether is no dollar"
    );
    assert_eq!(
        app.market
            .calls_to(Provider::Binance, "/api/v3/ticker/price"),
        1
    );
}

#[tokio::test]
async fn bitpin_prices_in_tomans_and_ten_times_that_in_rials() {
    let app = App::with(&[("providers", "bitpin"), ("currencies", "IRT,IRR")]).await;
    for symbol in ["BTC", "ETH", "USDT", "DOGE"] {
        let price = async |quote: &str| {
            let path = format!("/v1/rates/{symbol}/{quote}");
            let body = app.get(&path).await.expect_status(200).json();
            body["price"].as_str().unwrap().to_owned()
        };
        let (tomans, rials) = (price("IRT").await, price("IRR").await);
        assert!(!tomans.contains('.'), "{symbol}: {tomans}");
        assert_eq!(rials, format!("{tomans}0"), "{symbol}");
    }
}

#[tokio::test]
async fn bitpin_is_asked_only_for_what_nobody_else_prices() {
    let app = App::with(&[("currencies", "USD,IRT")]).await;
    let price = async |pair: &str| {
        let path = format!("/v1/rates/{pair}");
        app.get(&path).await.expect_status(200).json()
    };
    let toman = price("BTC/IRT").await;
    assert_eq!(toman["source"], "bitpin", "{toman}");
    assert_eq!(price("BTC/USD").await["source"], "coingecko");

    let app = App::start().await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    assert_eq!(app.market.calls(Provider::CoinGecko), 1);
    for idle in Provider::ALL.into_iter().skip(1) {
        assert_eq!(app.market.calls(idle), 0, "{idle}");
    }
}

#[tokio::test]
async fn kraken_is_asked_once_for_all_that_it_trades() {
    let app = App::with(&[("providers", "kraken"), ("currencies", "USD,EUR,XAU")]).await;
    for pair in ["BTC/USD", "DOGE/EUR", "USDT/USD", "SOL/EUR"] {
        let path = format!("/v1/rates/{pair}");
        let body = app.get(&path).await.expect_status(200).json();
        assert_eq!(body["source"], "kraken", "{pair}");
    }
    assert_eq!(app.market.calls(Provider::Kraken), 1);
}
