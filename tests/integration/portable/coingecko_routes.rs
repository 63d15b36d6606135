//! The routes of CoinGecko's API have CoinGecko's shapes.

use super::served::Served;
use serde_json::json;

#[tokio::test]
async fn simple_price_has_the_shape_that_coingecko_clients_expect() {
    let app = Served::start().await;
    let answer = app
        .get("/api/v3/simple/price?ids=bitcoin,ethereum&vs_currencies=usd,eur&include_24hr_change=true&include_last_updated_at=true")
        .await
        .expect_status(200);
    let body = answer.json();
    for id in ["bitcoin", "ethereum"] {
        let mut fields: Vec<&str> = body[id]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "eur",
                "eur_24h_change",
                "last_updated_at",
                "usd",
                "usd_24h_change"
            ]
        );
        assert!(body[id]["usd"].is_number());
        assert!(body[id]["last_updated_at"].is_u64(), "UNIX seconds");
    }
    assert_eq!(body.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn a_price_is_a_json_number_with_the_digits_of_the_board() {
    let app = Served::start().await;
    let rate = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    let text = app
        .get("/api/v3/simple/price?ids=bitcoin&vs_currencies=usd")
        .await
        .expect_status(200)
        .text;
    assert_eq!(
        text,
        format!(
            "{{\"bitcoin\":{{\"usd\":{}}}}}",
            rate["price"].as_str().unwrap()
        )
    );
}

#[tokio::test]
async fn precision_and_symbols_are_obeyed() {
    let app = Served::start().await;
    let text = app
        .get("/api/v3/simple/price?symbols=btc&vs_currencies=usd&precision=0")
        .await
        .expect_status(200)
        .text;
    let price = text.strip_prefix("{\"btc\":{\"usd\":");
    let price = price.and_then(|rest| rest.strip_suffix("}}"));
    assert!(price.unwrap().parse::<u64>().is_ok(), "{text}");
    let body = app
        .get("/api/v3/simple/price?ids=bitcoin&vs_currencies=usd&precision=many")
        .await
        .expect_status(422)
        .json();
    assert!(body["error"].as_str().unwrap().contains("precision"));
}

#[tokio::test]
async fn unknown_ids_are_absent_and_unknown_parameters_ignored() {
    let app = Served::start().await;
    let route = "/api/v3/simple/price?ids=bitcoin,no-such-coin&vs_currencies=usd,zzz&x_cg_demo_api_key=k&what=ever";
    let body = app.get(route).await.expect_status(200).json();
    assert_eq!(
        body.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["bitcoin"]
    );
    assert_eq!(body["bitcoin"].as_object().unwrap().len(), 1);
    let body = app
        .get("/api/v3/simple/price?ids=no-such-coin&vs_currencies=usd")
        .await
        .expect_status(200)
        .json();
    assert_eq!(body, json!({}));
}

#[tokio::test]
async fn whatever_is_not_served_is_an_error_of_coingeckos_shape() {
    let app = Served::start().await;
    for path in [
        "/api/v3",
        "/api/v3//ping",
        "/api/v3/nonsense",
        "/api/v3/key",
    ] {
        let answer = app.get(path).await.expect_status(404);
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert!(answer.json()["error"].is_string(), "{path}");
    }
    let answer = app.request("POST", "/api/v3/ping", &[]).await;
    let answer = answer.expect_status(405);
    assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
    assert!(answer.json()["error"].is_string());
}

#[tokio::test]
async fn prices_in_coins_follow_from_others() {
    let app = Served::start().await;
    let route = "/api/v3/simple/price?ids=ethereum&vs_currencies=usd,eur,gbp,jpy,btc,eth";
    let prices = app.get(route).await.expect_status(200).text;
    for (code, path) in [("btc", "/v1/rates/ETH/BTC"), ("eur", "/v1/rates/ETH/EUR")] {
        let rate = app.get(path).await.expect_status(200).json();
        let number = format!("\"{code}\":{}", rate["price"].as_str().unwrap());
        assert!(prices.contains(&number), "{number} in {prices}");
    }
    assert!(prices.contains("\"eth\":1"), "{prices}");
    let route = "/api/v3/coins/markets?vs_currency=btc&ids=ethereum,bitcoin";
    let coins = app.get(route).await.expect_status(200).json();
    assert_eq!(coins[0]["market_cap_rank"], 1);
    assert_eq!(coins[0]["current_price"], json!(1));
    assert!(coins[1]["current_price"].is_number());
}

#[tokio::test]
async fn missing_parameters_are_errors_of_coingeckos_shape() {
    let app = Served::start().await;
    let body = app
        .get("/api/v3/simple/price?ids=bitcoin")
        .await
        .expect_status(422)
        .json();
    assert_eq!(body, json!({"error": "Missing parameter vs_currencies"}));
    let body = app
        .get("/api/v3/simple/price?vs_currencies=usd")
        .await
        .expect_status(422)
        .json();
    assert_eq!(body, json!({"error": "Missing parameter ids"}));
}

#[tokio::test]
async fn trailing_slashes_and_head_are_taken() {
    let app = Served::start().await;
    for path in [
        "/api/v3/ping/",
        "/api/v3/simple/price/?ids=bitcoin&vs_currencies=usd",
        "/api/v3/simple/supported_vs_currencies/",
        "/api/v3/exchange_rates/",
        "/api/v3/coins/list/",
        "/api/v3/coins/markets/?vs_currency=usd",
    ] {
        let got = app.get(path).await.expect_status(200);
        let head = app.request("HEAD", path, &[]).await.expect_status(200);
        assert_eq!(head.text, "", "{path}");
        assert_eq!(
            head.header("content-length"),
            got.text.len().to_string(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_route_shows_the_same_number_for_the_same_price() {
    let app = Served::start().await;
    let rate = app.get("/v1/rates/BTC/USD").await.expect_status(200).json();
    let digits = rate["price"].as_str().unwrap();
    for (path, around) in [
        (
            "/api/v3/exchange_rates",
            format!("\"usd\":{{\"name\":\"US Dollar\",\"unit\":\"$\",\"value\":{digits},"),
        ),
        (
            "/api/v3/coins/markets?vs_currency=usd&ids=bitcoin",
            format!("\"current_price\":{digits},"),
        ),
        (
            "/api/v3/simple/price?symbols=btc&vs_currencies=usd",
            format!("{{\"btc\":{{\"usd\":{digits}}}}}"),
        ),
    ] {
        let text = app.get(path).await.expect_status(200).text;
        assert!(text.contains(&around), "{path}: {around} in {text}");
    }
}

#[tokio::test]
async fn ping_answers_as_coingecko_does() {
    let app = Served::start().await;
    let body = app.get("/api/v3/ping").await.expect_status(200).json();
    assert_eq!(body, json!({"gecko_says": "(V3) To the Moon!"}));
}
