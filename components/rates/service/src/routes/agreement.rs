//! All routes show the same digits where they show the same number, whatever the board.

use super::tests::{Rates, quote};
use edge_rates_quotes::Quote;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const ASSETS: [(&str, &str); 3] = [("bitcoin", "BTC"), ("ethereum", "ETH"), ("tether", "USDT")];
const CURRENCIES: [&str; 3] = ["USD", "EUR", "BTC"];

/// Prices as upstreams write them: with zeros at the end, very small, very long.
fn price() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (1_u64..10_000_000, 0_usize..6).prop_map(|(whole, zeros)| format!("{whole}.{}", "0".repeat(zeros + 1))),
        4 => (0_u64..100_000, "[0-9]{1,12}").prop_map(|(whole, fraction)| format!("{whole}.{fraction}")),
        2 => (0_usize..20, 1_u64..1_000_000).prop_map(|(zeros, digits)| format!("0.{}{digits}", "0".repeat(zeros))),
        1 => (1_u64..=999_999_999_999_999_999).prop_map(|whole| whole.to_string()),
        // More than arithmetic takes.
        1 => "[1-9][0-9]{28,58}".prop_map(|fraction| format!("0.{fraction}")),
    ]
    .prop_filter("a price is above zero", |text| text.contains(['1', '2', '3', '4', '5', '6', '7', '8', '9']))
}

fn board() -> impl Strategy<Value = Vec<Quote>> {
    let pairs = ASSETS.len() * CURRENCIES.len();
    prop::collection::vec(prop::option::weighted(0.8, price()), pairs).prop_map(|prices| {
        let names = ASSETS
            .iter()
            .flat_map(|(id, _)| CURRENCIES.map(|code| (*id, code)));
        names
            .zip(prices)
            .filter_map(|((id, code), price)| Some(quote(id, code, &price?)))
            .collect()
    })
}

fn precision() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("full".to_owned()),
        (0_u8..=18).prop_map(|digits| digits.to_string())
    ]
}

/// The digits of a member that is a string or a number, or None where the answer is a problem.
fn digits(rates: &Rates, target: &str, member: &str) -> Option<String> {
    let answer = rates.get(target);
    let body: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(answer.body()).unwrap();
    match answer.status().as_u16() {
        200 => Some(body[member].get().trim_matches('"').to_owned()),
        // A price that is too long to calculate with, or none.
        404 | 422 | 503 => None,
        other => panic!("{target}: {other}"),
    }
}

/// Each pair's digits in a JSON board.
fn of_board(rates: &Rates, target: &str) -> Option<BTreeMap<(String, String), String>> {
    #[derive(serde::Deserialize)]
    struct Body {
        rates: Vec<Entry>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        symbol: String,
        quote: String,
        price: Box<RawValue>,
    }
    let answer = rates.get(target);
    if answer.status() != 200 {
        return None;
    }
    let body: Body = serde_json::from_slice(answer.body()).unwrap();
    let entries = body.rates.into_iter().map(|entry| {
        let digits = entry.price.get().trim_matches('"').to_owned();
        ((entry.symbol, entry.quote), digits)
    });
    Some(entries.collect())
}

/// Each pair's digits in a table.
fn of_table(rates: &Rates, target: &str) -> Option<BTreeMap<(String, String), String>> {
    let answer = rates.get(target);
    if answer.status() != 200 {
        return None;
    }
    let text = std::str::from_utf8(answer.body()).unwrap();
    let lines = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        (
            (fields[1].to_owned(), fields[2].to_owned()),
            fields[3].to_owned(),
        )
    });
    Some(lines.collect())
}

/// Each pair's digits in CoinGecko's shape.
fn of_simple_price(rates: &Rates, precision: &str) -> BTreeMap<(String, String), String> {
    let target = format!(
        "/api/v3/simple/price?ids=bitcoin,ethereum,tether&vs_currencies=usd,eur,btc&precision={precision}"
    );
    let answer = rates.get(&target);
    let body: BTreeMap<String, BTreeMap<String, Box<RawValue>>> =
        serde_json::from_slice(answer.body()).unwrap();
    let symbol = |id: &str| {
        ASSETS
            .iter()
            .find(|(known, _)| *known == id)
            .unwrap()
            .1
            .to_owned()
    };
    body.iter()
        .flat_map(|(id, prices)| {
            prices.iter().map(move |(code, price)| {
                ((symbol(id), code.to_uppercase()), price.get().to_owned())
            })
        })
        .filter(|(_, price)| price != "null")
        .collect()
}

/// What a batch says about each pair: the price, and the result for one.
fn of_batch(rates: &Rates, pairs: &[(String, String)]) -> Vec<[Option<String>; 2]> {
    let questions: Vec<Value> = pairs
        .iter()
        .flat_map(|(base, quote)| {
            [
                serde_json::json!({"base": base, "quote": quote}),
                serde_json::json!({"base": base, "quote": quote, "amount": "1"}),
            ]
        })
        .collect();
    let body = Value::from(questions).to_string();
    let headers = [("content-type", "application/json")];
    let answer = rates.ask("POST", "/v1/rates:batch", &headers, &body);
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    let results = body["results"].as_array().unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    results
        .chunks(2)
        .map(|both| {
            [
                text(&both[0]["result"]["price"]),
                text(&both[1]["result"]["result"]),
            ]
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_route_shows_the_same_digits(quotes in board(), precision in precision()) {
        let rates = Rates::with(quotes.clone());
        let mut as_they_came: BTreeMap<_, _> = quotes
            .iter()
            .map(|quote| {
                let (_, symbol) = ASSETS.iter().find(|(id, _)| *id == quote.asset).unwrap();
                (((*symbol).to_owned(), quote.quote.to_string()), quote.price.to_string())
            })
            .collect();
        // Whatever an upstream says about bitcoin in bitcoin.
        as_they_came.insert(("BTC".to_owned(), "BTC".to_owned()), "1".to_owned());
        let full = of_board(&rates, "/v1/rates").unwrap();
        prop_assert_eq!(&full, &as_they_came);
        let mut of_compatible = of_simple_price(&rates, "full");
        for (key, digits) in &full {
            prop_assert_eq!(of_compatible.remove(key), Some(digits.clone()));
        }
        // What the board lacks follows from others there, as it does for a pair.
        for ((base, quote), crossed) in of_compatible {
            let pair = self::digits(&rates, &format!("/v1/rates/{base}/{quote}"), "price");
            prop_assert_eq!(pair, Some(crossed));
        }
        prop_assert_eq!(&of_table(&rates, "/v1/rates?format=csv").unwrap(), &full);

        // All other forms of the board are the pairs' own digits, or refused for one of them.
        let compatible = of_simple_price(&rates, &precision);
        let form = format!("precision={precision}");
        let boards = [
            of_board(&rates, &format!("/v1/rates?{form}")),
            of_board(&rates, &format!("/v1/rates?{form}&numbers=number")),
            of_table(&rates, &format!("/v1/rates?{form}&format=csv")),
        ];
        for (base, quote) in full.keys() {
            let key = (base.clone(), quote.clone());
            let pair = digits(&rates, &format!("/v1/rates/{base}/{quote}?{form}"), "price");
            let number = digits(&rates, &format!("/v1/rates/{base}/{quote}?{form}&numbers=number"), "price");
            prop_assert_eq!(&pair, &number);
            prop_assert_eq!(pair.as_ref(), compatible.get(&key));
            match &pair {
                Some(pair) => for board in boards.iter().flatten() {
                    prop_assert_eq!(&board[&key], pair);
                },
                None => prop_assert!(boards.iter().all(Option::is_none), "{}/{}", base, quote),
            }
        }
    }

    #[test]
    fn pair_convert_and_batch_agree_on_what_is_worked_out(
        quotes in board(), precision in precision(), rounding in prop::sample::select(vec!["half_even", "half_up", "down", "up"]),
    ) {
        let rates = Rates::with(quotes);
        let codes = ["BTC", "ETH", "USDT", "USD", "EUR"];
        let pairs: Vec<(String, String)> = codes
            .iter()
            .flat_map(|base| codes.map(|quote| ((*base).to_owned(), quote.to_owned())))
            .collect();
        let batch = of_batch(&rates, &pairs);
        prop_assert_eq!(batch.len(), pairs.len());
        for ((base, quote), [batch_price, batch_result]) in pairs.iter().zip(batch) {
            let pair = |form: &str| digits(&rates, &format!("/v1/rates/{base}/{quote}?{form}"), "price");
            let convert = |form: &str, member| {
                digits(&rates, &format!("/v1/convert?from={base}&to={quote}&amount=1&{form}"), member)
            };
            let full = pair("");
            prop_assert_eq!(&batch_price, &full);
            prop_assert_eq!(&batch_result, &convert("", "result"));
            let form = format!("precision={precision}&rounding={rounding}");
            let rounded = convert(&form, "result");
            if rounded.is_some() {
                prop_assert_eq!(&rounded, &pair(&form));
                // The rate is shown at full precision, whatever is wished for the result.
                prop_assert_eq!(convert(&form, "rate"), full.clone());
                prop_assert_eq!(convert("", "rate"), full.clone());
                prop_assert_eq!(convert("", "result"), full);
            }
            if base == quote {
                prop_assert_eq!(pair(""), Some("1".to_owned()));
            }
        }
    }
}
