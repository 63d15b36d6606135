//! The variables of spin.toml: each changes what it says.

use crate::app::App;
use market_simulator::{Fault, Provider};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test]
async fn assets_and_currencies_are_those_that_are_set() {
    let app = App::with(&[
        ("assets", "bitcoin:BTC,dogecoin:DOGE"),
        ("currencies", "CHF"),
    ])
    .await;
    let body = app.get("/v1/rates").await.expect_status(200).json();
    let pairs: Vec<_> = body["rates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rate| {
            (
                rate["id"].as_str().unwrap(),
                rate["quote"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(pairs, [("bitcoin", "CHF"), ("dogecoin", "CHF")]);
    for unknown in ["/v1/rates/ETH/CHF", "/v1/rates/BTC/USD"] {
        app.get(unknown).await.expect_status(404);
    }
}

#[tokio::test]
async fn a_board_is_fresh_then_due_then_refused_when_it_is_set_to_be() {
    let app = App::with(&[
        ("providers", "coingecko"),
        ("fresh_seconds", "1000"),
        ("jitter_seconds", "0"),
        ("grace_seconds", "500"),
        ("refuse_seconds", "3000"),
    ])
    .await;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    app.advance(Duration::from_secs(900));
    let fresh = app.get("/v1/rates/BTC/USD").await.expect_hit();
    assert_eq!(fresh.header("cache-status"), "edge-rates; hit; ttl=100");
    assert_eq!(
        fresh.header("cache-control"),
        "public, max-age=15, s-maxage=1000, stale-while-revalidate=500, stale-if-error=3000"
    );
    app.market.fail(Provider::CoinGecko, Fault::Hang);
    app.advance(Duration::from_secs(500));
    let due = app.get("/v1/rates/BTC/USD").await.expect_status(200);
    assert_eq!(due.json()["stale"], false, "within its grace");
    assert_eq!(
        due.header("cache-status"),
        "edge-rates; hit; ttl=-400; detail=revalidating"
    );
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    app.advance(Duration::from_secs(1_500));
    let late = app.get("/v1/rates/BTC/USD").await.expect_status(200);
    assert_eq!(late.json()["stale"], true);
    app.advance(Duration::from_secs(200));
    app.get("/v1/rates/BTC/USD").await.expect_unavailable();
}

#[tokio::test]
async fn prices_can_be_shown_under_another_source() {
    let app = App::with(&[("source_name", "simulator")]).await;
    let body = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    assert_eq!(body["source"], "simulator");
    assert_eq!(body["attribution"], "Data provided by simulator");
}

/// Head of the request that an upstream of its own gets from the app.
async fn request_to_coingecko(variables: &[(&str, &str)]) -> String {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap());
    let mut all = vec![
        ("providers", "coingecko"),
        ("coingecko_url", url.as_str()),
        ("other_upstream", url.as_str()),
    ];
    all.extend(variables);
    let app = App::with(&all).await;
    let asked = async {
        let (mut stream, _) = upstream.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let refusal = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(refusal).await.unwrap();
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    };
    let (head, answer) = tokio::join!(asked, app.get("/v1/rates/BTC/USD"));
    answer.expect_unavailable();
    head
}

#[tokio::test]
async fn the_key_goes_to_coingecko_in_its_header() {
    let head = request_to_coingecko(&[("coingecko_api_key", "CG-secret")]).await;
    assert!(head.contains("x-cg-demo-api-key: cg-secret"), "{head}");
    let first = head.lines().next().unwrap();
    assert!(!first.contains("secret"), "never in the URL: {first}");
    let head = request_to_coingecko(&[]).await;
    assert!(!head.contains("api-key"), "without a key: {head}");
}

#[tokio::test]
async fn the_plan_says_which_header_the_key_goes_into() {
    for (plan, header) in [("pro", "x-cg-pro-api-key"), ("demo", "x-cg-demo-api-key")] {
        let head =
            request_to_coingecko(&[("coingecko_api_key", "CG-secret"), ("coingecko_plan", plan)])
                .await;
        assert!(head.contains(&format!("{header}: cg-secret")), "{head}");
    }
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_a_500_that_tells_nothing_internal() {
    for (name, value) in [
        ("providers", "coingecko,coingeko"),
        ("fresh_seconds", "soon"),
        ("coinbase_url", "ftp://example.com"),
        ("assets", "bitcion"),
    ] {
        let app = App::with(&[(name, value)]).await;
        let answer = app.get("/v1/rates/BTC/USD").await.expect_status(500);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(!answer.text.contains(value), "{name}: {}", answer.text);
        app.get("/healthz").await.expect_status(200);
        assert_eq!(
            app.get("/api/info").await.json()["name"],
            json!("edge-rates")
        );
    }
}
