//! What the components write to their log: JSON lines that can be followed by request id, and
//! that hold no secret.

use crate::app::{App, until};
use market_simulator::{Fault, Provider};
use serde_json::Value;

const ROUTE: &str = "/v1/rates/BTC/USD";

/// The lines of the rates component so far.
fn lines(app: &App) -> Vec<Value> {
    let log = app.log("rates");
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

fn events<'a>(lines: &'a [Value], event: &'a str) -> impl Iterator<Item = &'a Value> {
    lines.iter().filter(move |line| line["event"] == event)
}

#[tokio::test]
async fn every_upstream_call_is_a_line_with_the_id_of_the_request_that_caused_it() {
    let app = App::with(&[
        ("providers", "coingecko"),
        ("coingecko_api_key", "CG-secret-key"),
    ])
    .await;
    let headers = [("x-request-id", "abc-1")];
    app.get_with(ROUTE, &headers).await.expect_status(200);
    until("the call is logged", async || {
        let lines = lines(&app);
        let mut calls = events(&lines, "upstream call");
        calls.any(|line| {
            line["request_id"] == "abc-1"
                && line["provider"] == "coingecko"
                && line["status"] == 200
                && line["outcome"] == "ok"
                && line["ms"].is_u64()
        })
    })
    .await;
    assert!(!app.log("rates").contains("secret"), "{}", app.log("rates"));
    let lines = lines(&app);
    assert_eq!(
        events(&lines, "request").count(),
        0,
        "only where it is asked for"
    );
}

#[tokio::test]
async fn a_failure_is_a_line_that_can_be_followed() {
    let app = App::with(&[("providers", "coingecko")]).await;
    app.market.fail(Provider::CoinGecko, Fault::ServerError);
    let answer = app.get(ROUTE).await.expect_unavailable();
    let id = answer.header("x-request-id").to_owned();
    until("both are logged", async || {
        let lines = lines(&app);
        let of_request = |event: &str| {
            let mut found = events(&lines, event).filter(|line| line["request_id"] == *id);
            found.next().cloned()
        };
        let (call, problem) = (of_request("upstream call"), of_request("problem"));
        call.is_some_and(|call| call["status"] == 500 && call["outcome"] == "unavailable")
            && problem.is_some_and(|problem| {
                problem["status"] == 503
                    && problem["route"] == "/v1/rates/{base}/{quote}"
                    && problem["detail"].is_string()
            })
    })
    .await;
}

#[tokio::test]
async fn requests_are_logged_where_it_is_asked_for_and_never_with_a_key() {
    let app = App::with(&[("log_requests", "true"), ("api_keys", "shop:k-1-secret")]).await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("x-api-key", "k-1-secret"), ("traceparent", parent)];
    let first = app.get_with(ROUTE, &headers).await.expect_status(200);
    let id = first.header("x-request-id").to_owned();
    app.get_with(ROUTE, &[("x-api-key", "k-2-secret")])
        .await
        .expect_status(401);
    let price = "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd&x_cg_pro_api_key=";
    app.get(&format!("{price}k-1-secret"))
        .await
        .expect_status(200);
    app.get(&format!("{price}k-3-secret"))
        .await
        .expect_status(401);
    until("all of it is logged", async || {
        let lines = lines(&app);
        let statuses: Vec<_> = events(&lines, "request")
            .map(|line| line["status"].clone())
            .collect();
        statuses == [200, 401, 200, 401]
    })
    .await;
    let lines = lines(&app);
    let line = events(&lines, "request").next().unwrap();
    assert_eq!(line["request_id"], id.as_str());
    assert_eq!(line["method"], "GET");
    assert_eq!(line["route"], "/v1/rates/{base}/{quote}");
    assert_eq!(line["cache"], "fwd=uri-miss; fwd-status=200; stored");
    assert!(line["ms"].is_number());
    // The trace goes on, in a span of its own.
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(line["parent_id"], "00f067aa0ba902b7");
    let span = line["span_id"].as_str().unwrap();
    assert_eq!(span.len(), 16);
    assert_ne!(span, "00f067aa0ba902b7");
    assert!(!app.log("rates").contains("secret"), "{}", app.log("rates"));
}
