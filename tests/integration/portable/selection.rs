//! /v1/rates by ids, symbols and quote currencies.

use super::served::Served;

#[tokio::test]
async fn a_selection_has_what_was_asked_for_and_nothing_else() {
    let app = Served::start().await;
    let body = app
        .get("/v1/rates?symbols=eth,BTC&vs=usd,EUR")
        .await
        .expect_status(200)
        .json();
    let mut pairs: Vec<String> = body["rates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rate| {
            format!(
                "{}/{}",
                rate["symbol"].as_str().unwrap(),
                rate["quote"].as_str().unwrap()
            )
        })
        .collect();
    pairs.sort();
    assert_eq!(pairs, ["BTC/EUR", "BTC/USD", "ETH/EUR", "ETH/USD"]);
}

#[tokio::test]
async fn the_board_and_the_pair_show_the_same_digits() {
    let app = Served::start().await;
    let board = app.get("/v1/rates").await.expect_status(200).json();
    for rate in board["rates"].as_array().unwrap().iter().step_by(10) {
        let route = format!(
            "/v1/rates/{}/{}",
            rate["symbol"].as_str().unwrap(),
            rate["quote"].as_str().unwrap()
        );
        let pair = app.get(&route).await.expect_status(200).json();
        for field in ["price", "id", "change_24h_pct", "updated_at"] {
            assert_eq!(pair[field], rate[field], "{route} {field}");
        }
    }
}

#[tokio::test]
async fn precision_rounds_and_full_does_not() {
    let app = Served::start().await;
    let body = app
        .get("/v1/rates?symbols=BTC&vs=USD&precision=0")
        .await
        .expect_status(200)
        .json();
    let rounded = body["rates"][0]["price"].as_str().unwrap().to_owned();
    assert!(rounded.bytes().all(|b| b.is_ascii_digit()), "{rounded}");
    let full = app
        .get("/v1/rates?symbols=BTC&vs=USD&precision=full")
        .await
        .expect_status(200)
        .json();
    assert!(full["rates"][0]["price"].as_str().unwrap().contains('.'));
}

#[tokio::test]
async fn unknown_names_are_refused_with_the_nearest_known_one() {
    let app = Served::start().await;
    for (query, parameter, hint) in [
        ("ids=bitcoinn", "ids", "bitcoin"),
        ("symbols=BTX", "symbols", "BTC"),
        ("vs=EUT", "vs", "EUR"),
        ("precision=many", "precision", "full"),
        ("simbols=BTC", "simbols", "symbols"),
        ("vs=", "vs", "empty"),
        ("ids=BTC", "ids", "`bitcoin`"),
        ("ids=BTX", "ids", "`bitcoin`"),
        ("symbols=bitcoin", "symbols", "`BTC`"),
        ("symbols=etherium", "symbols", "`ETH`"),
    ] {
        let problem = app
            .get(&format!("/v1/rates?{query}"))
            .await
            .expect_status(422)
            .json();
        assert_eq!(problem["parameter"], parameter, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(hint), "{problem}");
        // What is advised is taken.
        if let Some((_, meant)) = detail.split_once("Did you mean `") {
            let (name, _) = meant.split_once('`').unwrap();
            let path = format!("/v1/rates?{parameter}={name}");
            app.get(&path).await.expect_status(200);
        }
    }
}
