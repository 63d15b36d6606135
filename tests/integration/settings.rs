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
async fn a_setting_that_cannot_work_is_named_by_readiness_and_health() {
    for (name, value, reason) in [
        (
            "providers",
            "coingecko,coingeko",
            "there is no provider `coingeko`",
        ),
        ("fresh_seconds", "soon", "no whole number of seconds"),
        ("coinbase_url", "ftp://example.com", "https:// or http://"),
        ("coinbase_url", "http://u:hunter2@127.0.0.1", "login"),
        ("assets", "bitcion", "did you mean bitcoin?"),
        ("currencies", "USD,QQQ", "'QQQ'"),
        ("coingecko_plan", "hunter2", "neither `demo` nor `pro`"),
        ("coingecko_plan", "pro", "needs a key"),
        ("coingecko_per_minute", "few", "no whole number of calls"),
        ("jump_percent", "much", "above zero"),
        ("api_keys", "hunter2", "entry 1"),
        ("api_key_in_query", "perhaps", "true or false"),
        ("trusted_proxies", "10.0.0.0/99", "CIDR block"),
        ("log_requests", "yes", "true or false"),
    ] {
        let app = App::with(&[(name, value)]).await;
        let ready = app.get("/ready").await.expect_status(503);
        assert_eq!(ready.header("retry-after"), "10");
        assert_eq!(ready.header("cache-control"), "no-store");
        let body = ready.json();
        assert_eq!(body["ready"], false);
        let wrong = body["settings"].as_array().unwrap();
        assert_eq!(wrong.len(), 1, "{name}: {body}");
        let named = wrong[0]["variable"].as_str().unwrap();
        assert!(
            named.split(", ").any(|named| named == name),
            "{name}: {named}"
        );
        let said = wrong[0]["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{name}: {said}");
        let health = app.get("/health").await.expect_status(503);
        assert!(!health.header("retry-after").is_empty());
        assert_eq!(
            health.json()["checks"]["settings"]["wrong"],
            body["settings"]
        );
        for text in [&ready.text, &health.text] {
            assert!(!text.contains("hunter2"), "{text}");
        }

        let answer = app.get("/v1/rates/BTC/USD").await.expect_status(500);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(answer.text.contains("/ready"), "{}", answer.text);
        for text in [answer.text, app.log("rates"), app.log("health")] {
            assert!(!text.contains("hunter2"), "{text}");
        }
        app.get("/healthz").await.expect_status(200);
        assert_eq!(
            app.get("/api/info").await.json()["name"],
            json!("edge-rates")
        );
    }
}

#[tokio::test]
async fn all_settings_that_cannot_work_are_named_at_once() {
    let app = App::with(&[("assets", "bitcion"), ("rate_limit", "few")]).await;
    let body = app.get("/ready").await.expect_status(503).json();
    let names = [0, 1].map(|place| body["settings"][place]["variable"].clone());
    assert_eq!(names, ["assets", "rate_limit"]);
    app.get("/health").await.expect_status(503);
    for name in ["variable `assets`", "variable `rate_limit`"] {
        app.until("the log names it", async || {
            app.log("health").contains(name)
        })
        .await;
    }
}

#[tokio::test]
async fn all_listed_assets_in_all_of_coingeckos_currencies_simply_work() {
    let app = App::with(&[
        ("assets", "top:282"),
        ("currencies", "coingecko"),
        ("providers", "coingecko"),
    ])
    .await;
    app.get("/ready").await.expect_status(200);
    let bitcoin = app
        .get("/v1/rates/BTC/SATS")
        .await
        .expect_status(200)
        .json();
    assert_eq!(bitcoin["id"], "bitcoin");
    // The code means the hundred-millionth of a bitcoin; the token of that name has its id.
    let currency = app
        .get("/v1/rates/SATS/BTC")
        .await
        .expect_status(200)
        .json();
    assert_eq!(currency.get("id"), None);
    assert_eq!(currency["symbol"], "SATS");
    let listed = app.get("/v1/rates?ids=sats-ordinals&vs=sats").await;
    let listed = listed.expect_status(200).json();
    assert_eq!(listed["missing"], json!(["SATS/SATS"]), "no identity");
}

#[tokio::test]
async fn an_asset_with_the_code_of_a_currency_is_answered_by_its_id() {
    let app = App::with(&[
        ("assets", "bitcoin,dogecoin:SATS"),
        ("currencies", "USD,SATS"),
        ("providers", "coingecko"),
    ])
    .await;
    let currency = app.get("/v1/rates/SATS/USD").await.expect_status(200);
    let currency = currency.json();
    assert_eq!(currency.get("id"), None);
    let asset = app.get("/v1/rates/dogecoin/USD").await.expect_status(200);
    let asset = asset.json();
    assert_eq!(asset["id"], "dogecoin");
    assert_eq!(asset["symbol"], "SATS");
    assert_ne!(asset["price"], currency["price"]);
    let named = app.get("/v1/rates?symbols=SATS&vs=usd").await;
    let named = named.expect_status(200).json();
    assert_eq!(named["rates"][0]["price"], asset["price"]);
}

#[tokio::test]
async fn an_asset_that_shares_its_symbol_is_answered_by_its_id() {
    const OTHER: &str = "ethereum";
    let app = App::with(&[
        ("assets", "bitcoin,ethereum:USDC;rank=99,usd-coin"),
        ("currencies", "USD,USDC"),
        ("providers", "coingecko"),
    ])
    .await;
    let by_symbol = app.get("/v1/rates/USDC/USD").await.expect_status(200);
    assert_eq!(by_symbol.json()["id"], "usd-coin");
    let by_id = app.get(&format!("/v1/rates/{OTHER}/USD")).await;
    let by_id = by_id.expect_status(200);
    assert_eq!(by_id.json()["id"], OTHER);
    assert_eq!(by_id.json()["symbol"], "USDC");
    assert_ne!(by_id.header("etag"), by_symbol.header("etag"));
    let between = format!("/v1/convert?from={OTHER}&to=USDC&amount=1");
    let between = app.get(&between).await.expect_status(200).json();
    assert_eq!(
        (&between["from"], &between["to"]),
        (&json!(OTHER), &json!("USDC"))
    );
    assert_ne!(between["method"], "identity", "{between}");
    let items = json!([{"base": OTHER, "quote": "USD"}]).to_string();
    let headers = [("content-type", "application/json")];
    let batch = app.post("/v1/rates:batch", &headers, items).await;
    assert_eq!(batch.json()["results"][0]["result"]["id"], OTHER);
}

#[tokio::test]
async fn what_gets_past_caches_is_ignored_by_every_route() {
    let app = App::start().await;
    for target in [
        "/v1/rates?vs=usd",
        "/v1/rates/BTC/USD",
        "/v1/convert?from=BTC&to=EUR&amount=1",
        "/v1/symbols",
        "/v1/currencies",
        "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd",
    ] {
        let plain = app.get(target).await.expect_status(200);
        let separator = if target.contains('?') { '&' } else { '?' };
        for number in 1..3 {
            let busting = app.get(&format!("{target}{separator}_={number}")).await;
            let busting = busting.expect_status(200);
            assert_eq!(busting.text, plain.text, "{target}");
            assert_eq!(busting.header("etag"), plain.header("etag"), "{target}");
        }
    }
    for target in [
        "/v1/providers",
        "/health",
        "/healthz",
        "/ready",
        "/metrics",
        "/api/info",
        "/",
    ] {
        app.get(&format!("{target}?_=1")).await.expect_status(200);
    }
    let headers = [("content-type", "application/json")];
    let batch = app.post(
        "/v1/rates:batch?_=1",
        &headers,
        r#"[{"base":"BTC","quote":"USD"}]"#,
    );
    batch.await.expect_status(200);
}
