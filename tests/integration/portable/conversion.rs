//! Amounts are converted exactly, or rounded as asked.

use super::served::Served;

#[tokio::test]
async fn an_amount_is_multiplied_by_the_rate_that_the_pair_shows() {
    let app = Served::start().await;
    let rate = app.get("/v1/rates/BTC/EUR").await.expect_status(200).json();
    let body = app
        .get("/v1/convert?from=BTC&to=EUR&amount=10")
        .await
        .expect_status(200)
        .json();
    assert_eq!(body["from"], "BTC");
    assert_eq!(body["to"], "EUR");
    assert_eq!(body["amount"], "10");
    assert_eq!(body["rate"], rate["price"]);
    assert_eq!(body["stale"], false);
    assert_eq!(body["as_of"], rate["as_of"]);
    // Times ten moves the point by one place.
    let digits = |value: &serde_json::Value| {
        value
            .as_str()
            .unwrap()
            .replace('.', "")
            .trim_matches('0')
            .to_owned()
    };
    assert_eq!(digits(&body["result"]), digits(&rate["price"]));
}

#[tokio::test]
async fn the_same_on_both_sides_is_exactly_one() {
    let app = Served::start().await;
    let body = app
        .get("/v1/convert?from=eur&to=EUR&amount=12.50")
        .await
        .expect_status(200)
        .json();
    assert_eq!(body["rate"], "1");
    assert_eq!(body["result"], "12.5");
    let body = app.get("/v1/rates/BTC/BTC").await.expect_status(200).json();
    assert_eq!(body["price"], "1");
}

#[tokio::test]
async fn precision_and_rounding_are_obeyed() {
    let app = Served::start().await;
    let result = async |rounding: &str| {
        let route =
            format!("/v1/convert?from=BTC&to=USD&amount=0.001&precision=2&rounding={rounding}");
        let body = app.get(&route).await.expect_status(200).json();
        let text = body["result"].as_str().unwrap().to_owned();
        assert_eq!(text.split_once('.').unwrap().1.len(), 2, "{text}");
        text.replace('.', "").parse::<u64>().unwrap()
    };
    let (down, up) = (result("down").await, result("up").await);
    assert_eq!(up, down + 1, "the exact result lies between two cents");
    for rounding in ["half_even", "half_up"] {
        assert!((down..=up).contains(&result(rounding).await));
    }
}

#[tokio::test]
async fn rates_between_any_two_codes_are_worked_out() {
    let app = Served::start().await;
    for (pair, method) in [
        ("USD/BTC", "inverse"),
        ("BTC/ETH", "cross"),
        ("EUR/GBP", "cross"),
    ] {
        let body = app
            .get(&format!("/v1/rates/{pair}"))
            .await
            .expect_status(200)
            .json();
        assert_eq!(body["method"], method, "{pair}: {body}");
        assert!(body["price"].as_str().unwrap().parse::<f64>().unwrap() > 0.0);
    }
}

#[tokio::test]
async fn wrong_parameters_are_named_with_what_is_right() {
    let app = Served::start().await;
    for (query, parameter, hint) in [
        ("to=EUR&amount=1", "from", "from=BTC"),
        ("from=BTC&to=EUR", "amount", "amount=0.1"),
        ("from=BTC&to=EUR&amount=abc", "amount", "abc"),
        ("from=BTC&to=EUR&amount=-1", "amount", "-1"),
        ("from=BTC&to=EUE&amount=1", "to", "EUR"),
        (
            "from=BTC&to=EUR&amount=1&rounding=nearest",
            "rounding",
            "half_even",
        ),
        ("from=BTC&to=EUR&amount=1&precision=19", "precision", "18"),
        ("from=BTC&to=EUR&amount=1&amuont=2", "amuont", "amount"),
        ("from=BTC&to=EUR&amount=1&amount=2", "amount", "once"),
    ] {
        let problem = app
            .get(&format!("/v1/convert?{query}"))
            .await
            .expect_status(422)
            .json();
        assert_eq!(problem["parameter"], parameter, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(hint), "{query}: {detail}");
    }
}
