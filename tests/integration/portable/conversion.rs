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
async fn an_amount_may_have_an_exponent_and_is_shown_without_one() {
    let app = Served::start().await;
    for (amount, plain) in [
        ("1e-7", "0.0000001"),
        ("1e-05", "0.00001"),
        ("1E3", "1000"),
        ("-2.5e%2B2", "-250"),
        // A plus that is sent as it is, as many clients do.
        ("1e+16", "10000000000000000"),
    ] {
        let converted = async |amount: &str| {
            let route = format!("/v1/convert?from=BTC&to=EUR&amount={amount}");
            app.get(&route).await.expect_status(200)
        };
        let (got, same) = (converted(amount).await, converted(plain).await);
        let body = got.json();
        assert_eq!(body["amount"], plain, "{amount}");
        assert_eq!(body, same.json(), "{amount}");
        assert_eq!(got.header("etag"), same.header("etag"), "{amount}");
        let result = body["result"].as_str().unwrap();
        assert!(!result.contains(['e', 'E', '+']), "{amount}: {result}");
        let numbers = converted(&format!("{amount}&numbers=number")).await;
        assert!(
            numbers.text.contains(&format!("\"amount\":{plain},")),
            "{}",
            numbers.text
        );
    }
    for amount in ["1e18", "1e-29", "1e999999999"] {
        let route = format!("/v1/convert?from=BTC&to=EUR&amount={amount}");
        let problem = app.get(&route).await.expect_status(422).json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("at most 18 digits"), "{detail}");
    }
}

#[tokio::test]
async fn a_refund_is_converted_as_the_payment_was() {
    let app = Served::start().await;
    let result = async |amount: &str, form: &str| {
        let route = format!("/v1/convert?from=BTC&to=USD&amount={amount}{form}");
        let body = app.get(&route).await.expect_status(200).json();
        assert_eq!(body["amount"], amount);
        body["result"].as_str().unwrap().to_owned()
    };
    let rounded = |rounding: &str| format!("&precision=2&rounding={rounding}");
    let modes = ["half_even", "half_up", "down", "up"].map(rounded);
    for amount in ["1", "0.001", "1234.5"] {
        for form in modes.iter().map(String::as_str).chain([""]) {
            let paid = result(amount, form).await;
            let refunded = result(&format!("-{amount}"), form).await;
            assert_eq!(refunded, format!("-{paid}"), "{amount} {form}");
        }
    }
    let nothing = result("-0.0000000000001", &rounded("down")).await;
    assert_eq!(nothing, "0.00", "zero has no sign");
}

#[tokio::test]
async fn rounding_changes_the_result_and_not_the_rate() {
    let app = Served::start().await;
    // An inverse that does not end.
    let pair = app.get("/v1/rates/USD/BTC").await.expect_status(200).json();
    let mut results = Vec::new();
    for rounding in ["half_even", "half_up", "down", "up"] {
        let route = format!("/v1/convert?from=USD&to=BTC&amount=3&rounding={rounding}");
        let body = app.get(&route).await.expect_status(200).json();
        assert_eq!(body["rate"], pair["price"], "{rounding}");
        results.push(body["result"].clone());
    }
    assert_ne!(results[2], results[3], "down and up");
}

#[tokio::test]
async fn a_result_that_ends_is_cut_only_where_that_is_asked_for() {
    let app = Served::start().await;
    let amount = "123456789.0123456789012345";
    let result = async |form: &str| {
        let route = format!("/v1/convert?from=BTC&to=USD&amount={amount}{form}");
        let body = app.get(&route).await.expect_status(200).json();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        (text("rate"), text("result"))
    };
    let (rate, whole) = result("").await;
    let units = |text: &str| -> u128 { text.replace('.', "").parse().unwrap() };
    let digits = |text: &str| {
        text.split_once('.')
            .map_or(0, |(_, fraction)| fraction.len())
    };
    let scale = digits(&rate) + digits(amount);
    assert!(scale > 18, "{rate} is too short a price for this test");
    // The product in whole numbers, without the zeros at its end.
    let product = units(&rate).checked_mul(units(amount)).unwrap().to_string();
    let (integer, fraction) = product.split_at(product.len() - scale);
    let expected = format!("{integer}.{}", fraction.trim_end_matches('0'));
    assert_eq!(whole, expected);
    let (_, cut) = result("&precision=18&rounding=down").await;
    assert_eq!(digits(&cut), 18);
    assert!(
        whole.starts_with(cut.trim_end_matches('0')),
        "{cut}, {whole}"
    );
}

#[tokio::test]
async fn a_rate_that_is_worked_out_is_as_old_as_the_older_of_its_parts() {
    let app = Served::start().await;
    let updated = async |pair: &str| {
        let body = app.get(&format!("/v1/rates/{pair}")).await;
        let body = body.expect_status(200).json();
        body["updated_at"].as_str().unwrap_or_default().to_owned()
    };
    let bitcoin = updated("BTC/USD").await;
    assert_ne!(bitcoin, "");
    assert_eq!(updated("USD/BTC").await, bitcoin);
    let ether = updated("ETH/USD").await;
    assert_eq!(updated("BTC/ETH").await, bitcoin.clone().min(ether));
    // Crossed through bitcoin.
    let (pounds, euros) = (updated("BTC/GBP").await, updated("BTC/EUR").await);
    assert_eq!(updated("EUR/GBP").await, pounds.min(euros));
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
        ("from=BTC&to=EUR&amount=1e", "amount", "1e-7"),
        ("from=BTC&to=EUR&amount=--1", "amount", "-3"),
        ("from=BTC&to=EUR&amount=", "amount", "0.5"),
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
