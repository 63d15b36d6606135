//! CoinGecko first, then Coinbase, then Kraken; each is named as the source of its prices.

use crate::app::App;
use market_simulator::{Fault, Provider};
use socket2::{Domain, Socket, Type};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

async fn source_with(failing: &[Provider]) -> String {
    let app = App::start().await;
    for provider in failing {
        app.market.fail(*provider, Fault::ServerError);
    }
    let body = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    assert_eq!(body["stale"], false);
    let status = app.get("/v1/rates/BTC/USD").await;
    status.expect_hit();
    body["source"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_next_provider_is_asked_when_one_fails() {
    use Provider::{CoinGecko, Coinbase};
    assert_eq!(source_with(&[]).await, "coingecko");
    assert_eq!(source_with(&[CoinGecko]).await, "coinbase");
    assert_eq!(source_with(&[CoinGecko, Coinbase]).await, "kraken");
}

#[tokio::test]
async fn one_that_hangs_is_given_up_in_time_for_the_next() {
    let app = App::start().await;
    app.market.fail(Provider::CoinGecko, Fault::Hang);
    let body = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    assert_eq!(body["source"], "coinbase");
}

/// An app whose CoinGecko is at another address.
async fn with_coingecko_at(listener: &std::net::TcpListener) -> App {
    let url = format!("http://{}", listener.local_addr().unwrap());
    App::with(&[
        ("coingecko_url", url.as_str()),
        ("other_upstream", "http://127.0.0.1:*"),
    ])
    .await
}

#[tokio::test]
async fn one_that_takes_no_connections_is_given_up_in_time_for_the_next() {
    // A listener that accepts nothing, with connections until the system completes no more.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
        waiting.push(stream);
    }
    let app = with_coingecko_at(&listener).await;
    let body = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    assert_eq!(body["source"], "coinbase");
}

#[tokio::test]
async fn one_that_never_ends_its_answer_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let app = with_coingecko_at(&listener).await;
    listener.set_nonblocking(true).unwrap();
    let upstream = TcpListener::from_std(listener).unwrap();
    let dripping = tokio::spawn(async move {
        let (mut stream, _) = upstream.accept().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{";
        stream.write_all(head).await.unwrap();
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    app.until("the next one is asked", async || {
        let answer = app.get("/v1/rates/BTC/USD").await;
        answer.status == 200 && answer.json()["source"] == "coinbase"
    })
    .await;
    dripping.await.unwrap();
}

#[tokio::test]
async fn figures_of_the_last_board_stay_beside_the_prices_of_who_steps_in() {
    const RATE: &str = "/v1/rates?ids=bitcoin&vs=usd&include=market_cap,volume,change";
    const PRICE: &str =
        "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd&include_market_cap=true";
    const MARKET: &str = "/api/v3/coins/markets?vs_currency=usd&ids=bitcoin";
    let app = App::start().await;
    let before = app.get(RATE).await.expect_status(200).json();
    let told = before["rates"][0].clone();
    assert!(told["market_cap"].is_string() && told["figures_at"].is_null());
    let price = app.get(PRICE).await.json()["bitcoin"].clone();
    assert!(price["figures_last_updated_at"].is_null(), "{price}");
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.advance(Duration::from_secs(600));
    app.until("the next one is asked", async || {
        app.get(RATE).await.json()["source"] == "coinbase"
    })
    .await;
    let after = app.get(RATE).await.expect_status(200).json();
    let rate = &after["rates"][0];
    assert_ne!(rate["price"], told["price"]);
    for figure in ["market_cap", "volume_24h", "change_24h_pct"] {
        assert_eq!(rate[figure], told[figure], "{figure}");
    }
    assert_eq!(rate["figures_at"], told["updated_at"], "their own time");
    assert_ne!(rate["updated_at"], told["updated_at"]);
    assert_eq!(after["stale"], false, "the prices are not");
    let price = app.get(PRICE).await.json()["bitcoin"].clone();
    assert!(price["usd_market_cap"].is_number(), "{price}");
    assert!(price["figures_last_updated_at"].is_u64(), "{price}");
    let market = app.get(MARKET).await.json()[0].clone();
    assert!(market["market_cap"].is_number(), "{market}");
    let at = market["figures_last_updated"].as_str().unwrap();
    assert!(at < market["last_updated"].as_str().unwrap(), "{market}");
}

#[tokio::test]
async fn rials_and_tomans_differ_by_ten_from_any_provider() {
    // In the simulated market Coinbase tells rials, and Bitpin tomans, at prices of their own.
    let app = App::with(&[("currencies", "IRR,IRT,USD")]).await;
    let board = app.get("/v1/rates").await.expect_status(200).json();
    let price = |symbol: &str, code: &str| {
        let rates = board["rates"].as_array().unwrap();
        let rate = rates
            .iter()
            .find(|rate| rate["symbol"] == symbol && rate["quote"] == code);
        Some(rate?["price"].as_str().unwrap().to_owned())
    };
    let digits = |price: &str| {
        let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
        format!("{whole}{fraction:0<20}")
    };
    let mut found = 0;
    for symbol in ["BTC", "ETH", "USDT", "XRP", "SOL", "DOGE"] {
        if let (Some(tomans), Some(rials)) = (price(symbol, "IRT"), price(symbol, "IRR")) {
            let (tomans, rials) = (digits(&tomans), digits(&rials));
            let tenfold = format!("{tomans}0");
            let trimmed = |digits: &str| digits.trim_start_matches('0').to_owned();
            assert_eq!(trimmed(&rials), trimmed(&tenfold), "{symbol}");
            found += 1;
        }
    }
    assert!(found >= 4, "{board}");
    let exact = app.get("/v1/rates/IRT/IRR").await.expect_status(200).json();
    assert_eq!(exact["price"], "10");
}

#[tokio::test]
async fn the_order_is_a_setting() {
    let app = App::with(&[("providers", "kraken,coingecko")]).await;
    let body = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    assert_eq!(body["source"], "kraken");
    // What the first does not price is asked of the second.
    let body = app
        .get("/v1/rates/USDC/JPY")
        .await
        .expect_status(200)
        .json();
    assert_eq!(body["source"], "coingecko");
    assert_eq!(app.market.calls(Provider::CoinGecko), 1);
}

#[tokio::test]
async fn providers_agree_on_prices() {
    let mut prices = Vec::new();
    for provider in ["coingecko", "coinbase", "kraken"] {
        let app = App::with(&[("providers", provider)]).await;
        for pair in ["BTC/USD", "ETH/EUR"] {
            let body = app
                .get(&format!("/v1/rates/{pair}"))
                .await
                .expect_status(200)
                .json();
            let price: f64 = body["price"].as_str().unwrap().parse().unwrap();
            prices.push((pair, price));
        }
    }
    for (pair, price) in &prices {
        let (_, reference) = prices.iter().find(|(other, _)| other == pair).unwrap();
        let apart = (price / reference - 1.0).abs();
        assert!(apart < 0.01, "{pair}: {prices:?}");
    }
}

#[tokio::test]
async fn what_nobody_prices_is_named_as_missing() {
    // Kraken prices in yen, though not this coin, and in zloty nothing.
    let app = App::with(&[("providers", "kraken"), ("currencies", "USD,JPY,PLN")]).await;
    let body = app
        .get("/v1/rates?symbols=USDC,BTC&vs=JPY,PLN")
        .await
        .expect_status(200)
        .json();
    assert_eq!(body["missing"], serde_json::json!(["BTC/PLN", "USDC/PLN"]));
    let methods: Vec<_> = body["rates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rate| {
            (
                rate["symbol"].as_str().unwrap(),
                rate["method"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(methods, [("BTC", "single"), ("USDC", "cross")]);
    app.get("/v1/rates/USDC/BTC").await.expect_status(200);
    app.get("/v1/rates?symbols=USDC&vs=PLN")
        .await
        .expect_status(200);
}

#[tokio::test]
async fn when_all_fail_the_answer_is_503() {
    let app = App::start().await;
    for provider in [Provider::CoinGecko, Provider::Coinbase, Provider::Kraken] {
        app.market.fail(provider, Fault::ServerError);
    }
    app.get("/v1/rates/BTC/USD").await.expect_unavailable();
}

#[tokio::test]
async fn what_a_fallback_does_not_price_is_kept_and_says_where_it_is_from() {
    let app = App::with(&[("providers", "coingecko,kraken"), ("currencies", "USD,PLN")]).await;
    let before = app
        .get("/v1/rates/USDC/PLN")
        .await
        .expect_status(200)
        .json();
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.advance(Duration::from_secs(500));
    let bitcoin = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    assert_eq!(bitcoin["source"], "kraken");
    assert_eq!(bitcoin["stale"], false);
    let kept = app
        .get("/v1/rates/USDC/PLN")
        .await
        .expect_status(200)
        .json();
    assert_eq!(kept["price"], before["price"]);
    assert_eq!(
        kept["updated_at"], before["updated_at"],
        "it keeps its time"
    );
    assert_eq!(kept["source"], "coingecko");
    let board = app
        .get("/v1/rates?symbols=USDC,BTC")
        .await
        .expect_status(200)
        .json();
    assert_eq!(board["source"], "kraken");
    for rate in board["rates"].as_array().unwrap() {
        let kept = (rate["quote"] == "PLN").then_some("coingecko");
        assert_eq!(rate["source"].as_str(), kept, "{rate}");
    }
    // Kraken goes on, but what it does not price gets too old to pass for fresh.
    app.advance(Duration::from_secs(500));
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    let kept = app
        .get("/v1/rates/USDC/PLN")
        .await
        .expect_status(200)
        .json();
    assert_eq!(kept["stale"], true);
    assert_eq!(app.get("/v1/rates/BTC/USD").await.json()["stale"], false);
    assert_eq!(
        app.get("/v1/rates").await.json()["missing"],
        serde_json::json!([])
    );
}
