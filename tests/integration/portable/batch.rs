//! Many questions in one request: each is answered as its own route would, or is a problem in
//! its place.

use super::served::Served;
use serde_json::{Value, json};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn batch(app: &Served, questions: &Value) -> Value {
    let answer = app
        .post("/v1/rates:batch", &[JSON], questions.to_string())
        .await
        .expect_status(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

#[tokio::test]
async fn every_question_is_answered_as_its_own_route_answers_it() {
    let app = Served::start().await;
    let questions = json!([
        {"base": "BTC", "quote": "USD"},
        {"base": "usd", "quote": "BTC"},
        {"base": "BTC", "quote": "ETH"},
        {"base": "EUR", "quote": "EUR"},
        {"base": "BTC", "quote": "EUR", "amount": "0.1"},
        {"base": "DOGE", "quote": "JPY", "amount": 1234567.0000010},
        {"base": "BTC", "quote": "USD", "amount": "1E3"},
        {"base": "BTC", "quote": "USD", "amount": -0.5},
        {"base": "BTC", "quote": "USD", "amount": null, "at": null},
    ]);
    let got = batch(&app, &questions).await;
    let routes = [
        "/v1/rates/BTC/USD",
        "/v1/rates/USD/BTC",
        "/v1/rates/BTC/ETH",
        "/v1/rates/EUR/EUR",
        "/v1/convert?from=BTC&to=EUR&amount=0.1",
        "/v1/convert?from=DOGE&to=JPY&amount=1234567.000001",
        "/v1/convert?from=BTC&to=USD&amount=1000",
        "/v1/convert?from=BTC&to=USD&amount=-0.5",
        "/v1/rates/BTC/USD",
    ];
    assert_eq!(got["results"].as_array().unwrap().len(), routes.len());
    for (place, route) in routes.iter().enumerate() {
        let alone = app.get(route).await.expect_status(200).json();
        assert_eq!(got["results"][place]["result"], alone, "{route}");
    }
    let pair = app.get(routes[0]).await.json();
    assert_eq!(got["version"], pair["version"]);
    assert_eq!(got["as_of"], pair["as_of"]);
}

#[tokio::test]
async fn amounts_are_taken_as_json_writes_them() {
    let app = Served::start().await;
    let written = ["1e-7", "1e-05", "1E3", "1E+3", "-2.50e-3"];
    let plain = ["0.0000001", "0.00001", "1000", "1000", "-0.00250"];
    let numbers = written.map(str::to_owned);
    let texts = written.map(|text| format!("\"{text}\""));
    for forms in [numbers, texts] {
        let questions = forms
            .map(|amount| format!("{{\"base\":\"BTC\",\"quote\":\"USD\",\"amount\":{amount}}}"));
        let body = format!("[{}]", questions.join(","));
        let answer = app.post("/v1/rates:batch", &[JSON], body).await;
        let got = answer.expect_status(200).json();
        for (place, plain) in plain.iter().enumerate() {
            let alone = format!("/v1/convert?from=BTC&to=USD&amount={plain}");
            let alone = app.get(&alone).await.expect_status(200).json();
            assert_eq!(alone["amount"], *plain);
            assert_eq!(got["results"][place]["result"], alone, "{plain}");
        }
    }
}

/// What the libraries say that read JSON, and the types that they read it into.
const WORDS_OF_PARSERS: [&str; 8] = [
    "expected",
    "struct",
    "Item",
    "invalid type",
    "invalid value",
    "unknown field",
    "missing field",
    "at line",
];

#[tokio::test]
async fn a_question_that_makes_no_sense_is_told_so_in_our_own_words() {
    let app = Served::start().await;
    for (question, parameter, said) in [
        ("7", "body", "is a number"),
        ("\"BTC/USD\"", "body", "is a text"),
        ("[\"BTC\",\"USD\"]", "body", "is an array"),
        ("null", "body", "is null"),
        ("true", "body", "is a truth value"),
        ("{}", "base", "`base` is missing"),
        (
            "{\"base\":\"BTC\",\"quote\":null}",
            "quote",
            "`quote` is missing",
        ),
        (
            "{\"base\":5,\"quote\":\"USD\"}",
            "base",
            "`base` is a number",
        ),
        (
            "{\"base\":\"BTC\",\"quote\":[\"USD\"]}",
            "quote",
            "`quote` is an array",
        ),
        (
            "{\"base\":\"BTC\",\"quote\":\"\\ud800\"}",
            "quote",
            "can't be read",
        ),
        (
            "{\"base\":\"BTC\",\"quote\":\"USD\",\"amount\":true}",
            "amount",
            "`true`",
        ),
        (
            "{\"base\":\"BTC\",\"quote\":\"USD\",\"amount\":{\"v\":1}}",
            "amount",
            "not a number",
        ),
        (
            "{\"base\":\"BTC\",\"quote\":\"USD\",\"at\":5}",
            "at",
            "leave `at` out",
        ),
        (
            "{\"base\":\"BTC\",\"base\":\"ETH\",\"quote\":\"USD\"}",
            "base",
            "more than once",
        ),
        (
            "{\"base\":\"BTC\",\"quote\":\"USD\",\"precision\":2}",
            "precision",
            "known are base, quote, amount.",
        ),
    ] {
        let answer = app
            .post("/v1/rates:batch", &[JSON], format!("[{question}]"))
            .await
            .expect_status(200);
        let problem = &answer.json()["results"][0]["problem"];
        assert_eq!(problem["status"], 422, "{question}: {problem}");
        assert_eq!(problem["parameter"], parameter, "{question}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{question}: {detail}");
        for word in WORDS_OF_PARSERS {
            assert!(!detail.contains(word), "{question}: {detail}");
        }
    }
    for body in [
        "{}",
        "7",
        "",
        "[",
        "[1,]",
        "[{\"base\"}]",
        "nonsense",
        "[\"\u{7}\"]",
    ] {
        let answer = app.post("/v1/rates:batch", &[JSON], body).await;
        let detail = answer.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{body}");
        for word in WORDS_OF_PARSERS {
            assert!(!detail.contains(word), "{body}: {detail}");
        }
    }
}

#[tokio::test]
async fn what_cant_be_answered_is_a_problem_in_its_place() {
    let app = Served::start().await;
    let questions = json!([
        {"base": "BTC", "quote": "USD"},
        {"base": "BTD", "quote": "USD"},
        {"base": "BTC", "quote": "USD", "at": "2026-01-01T00:00:00Z"},
        {"base": "BTC", "quote": "USD", "amount": "-1,5"},
        {"base": "BTC"},
        {"base": "BTC", "quote": "USD", "amuont": 1},
        7,
        {"base": "ETH", "quote": "USD"},
    ]);
    let got = batch(&app, &questions).await;
    let results = got["results"].as_array().unwrap();
    assert_eq!(results.len(), 8);
    for place in [0, 7] {
        assert_eq!(
            results[place]["result"]["quote"], "USD",
            "{}",
            results[place]
        );
    }
    for (place, status, parameter, said) in [
        (1, 404, "base", "BTC"),
        (2, 422, "at", "leave `at` out"),
        (3, 422, "amount", "-1,5"),
        (4, 422, "quote", "missing"),
        (5, 422, "amuont", "did you mean `amount`?"),
        (6, 422, "body", "base"),
    ] {
        let problem = &results[place]["problem"];
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["parameter"], parameter, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{detail}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_list_of_questions_is_refused_as_a_whole() {
    let app = Served::start().await;
    let many = |count| json!(vec![json!({"base": "BTC", "quote": "USD"}); count]).to_string();
    app.post("/v1/rates:batch", &[JSON], many(100))
        .await
        .expect_status(200);
    let cases = [
        (many(101), 422, "at most 100"),
        ("[]".to_owned(), 422, "nothing"),
        ("{\"base\":\"BTC\"}".to_owned(), 422, "an array"),
        (String::new(), 400, "empty"),
        (
            "[\n {\"base\":\"BTC\" \"quote\"}]".to_owned(),
            400,
            "line 2, column 16",
        ),
        (format!("[\"{}\"]", "x".repeat(64 << 10)), 413, "65536"),
    ];
    for (body, status, said) in cases {
        let shown = body.chars().take(60).collect::<String>();
        let answer = app.post("/v1/rates:batch", &[JSON], body).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(said), "{shown}: {detail}");
    }
    let text = app
        .post(
            "/v1/rates:batch",
            &[("content-type", "text/plain")],
            many(1),
        )
        .await
        .expect_status(415);
    assert_eq!(text.header("accept"), "application/json");
}

#[tokio::test]
async fn it_takes_post_only() {
    let app = Served::start().await;
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let answer = app.request(method, "/v1/rates:batch", &[]).await;
        let answer = answer.expect_status(405);
        assert_eq!(answer.header("allow"), "POST, OPTIONS", "{method}");
    }
    let options = app.request("OPTIONS", "/v1/rates:batch", &[]).await;
    let options = options.expect_status(204);
    assert_eq!(options.header("allow"), "POST, OPTIONS");
    assert_eq!(
        options.header("access-control-allow-methods"),
        "POST, OPTIONS"
    );
}
