//! All routes show the same digits where they show the same number, over HTTP.

use super::served::Served;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Members = BTreeMap<String, Box<RawValue>>;

/// The digits of a member that is a string or a number.
fn digits(text: &str, member: &str) -> String {
    let members: Members = serde_json::from_str(text).unwrap();
    members[member].get().trim_matches('"').to_owned()
}

/// What every route says that shows the price of a coin in a currency, in the digits it says it
/// in, beside the version of the board that it says it of, where it does.
async fn told(
    app: &Served,
    id: &str,
    symbol: &str,
    quote: &str,
) -> Vec<(&'static str, String, Option<String>)> {
    let get = async |path: String| app.get(&path).await.expect_status(200).text;
    let version = |text: &str| Some(digits(text, "version"));
    let entry = |text: &str| {
        let body: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
        let rates: Vec<Members> = serde_json::from_str(body["rates"].get()).unwrap();
        rates[0]["price"].get().trim_matches('"').to_owned()
    };
    let mut told = Vec::new();
    for (name, form) in [("board", ""), ("board, numbers", "&numbers=number")] {
        let text = get(format!("/v1/rates?ids={id}&vs={quote}{form}")).await;
        told.push((name, entry(&text), version(&text)));
    }
    let table = get(format!("/v1/rates?ids={id}&vs={quote}&format=csv")).await;
    let line = table.lines().nth(1).unwrap();
    told.push(("table", line.split(',').nth(3).unwrap().to_owned(), None));
    for (name, form) in [("pair", ""), ("pair, numbers", "?numbers=number")] {
        let text = get(format!("/v1/rates/{symbol}/{quote}{form}")).await;
        told.push((name, digits(&text, "price"), version(&text)));
    }
    let converted = get(format!("/v1/convert?from={symbol}&to={quote}&amount=1")).await;
    told.push(("rate", digits(&converted, "rate"), None));
    told.push(("result", digits(&converted, "result"), None));
    let questions =
        json!([{"base": symbol, "quote": quote}, {"base": symbol, "quote": quote, "amount": 1}]);
    let headers = [("content-type", "application/json")];
    let batch = app
        .post("/v1/rates:batch", &headers, questions.to_string())
        .await;
    let batch: Value = batch.expect_status(200).json();
    for (name, index, member) in [("batch", 0, "price"), ("batch, converted", 1, "result")] {
        let text = batch["results"][index]["result"][member].as_str().unwrap();
        told.push((name, text.to_owned(), None));
    }
    let compatible = get(format!(
        "/api/v3/simple/price?ids={id}&vs_currencies={quote}"
    ))
    .await;
    let prices: BTreeMap<String, Members> = serde_json::from_str(&compatible).unwrap();
    let price = prices[id][&quote.to_lowercase()].get().to_owned();
    told.push(("simple/price", price, None));
    told
}

#[tokio::test]
async fn every_route_shows_the_same_digits() {
    let app = Served::start().await;
    for (id, symbol, quote) in [
        ("bitcoin", "BTC", "USD"),
        ("dogecoin", "DOGE", "EUR"),
        ("ripple", "XRP", "JPY"),
    ] {
        // The board may be refreshed while its routes are asked; then they are asked again.
        let mut same_board = None;
        for _ in 0..5 {
            let told = told(&app, id, symbol, quote).await;
            let after = app.get(&format!("/v1/rates/{symbol}/{quote}")).await;
            let after = digits(&after.text, "version");
            if told
                .iter()
                .all(|(_, _, version)| version.as_ref().is_none_or(|version| *version == after))
            {
                same_board = Some(told);
                break;
            }
        }
        let told = same_board.expect("a board that stays for a moment");
        let (_, expected, _) = &told[0];
        for (name, digits, _) in &told {
            assert_eq!(digits, expected, "{symbol}/{quote} {name}: {told:?}");
        }
    }
}
