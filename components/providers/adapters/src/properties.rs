//! What holds for every adapter and whatever an upstream sends.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::adapters::{self, ADAPTERS};
use crate::sample::pair;
use crate::upstream::{Endpoint, Error, Pair, Response};

/// A key that no URL and no error may hold.
const KEY: &str = "CG-q8Zr41xTnPvK22sWmLd907bY";

/// Answers as the upstreams really make them, for damaging.
const ANSWERS: &[(&str, u16, &str)] = &[
    (
        "coingecko",
        200,
        r#"{"bitcoin":{"usd":64123.45,"usd_24h_change":-0.5,"eur":5.9e4,"eur_24h_change":null,"last_updated_at":1700000000},"ethereum":{"usd":null}}"#,
    ),
    (
        "coingecko",
        200,
        r#"{"error":{"status":{"timestamp":"now","error_code":10012,"error_message":"Not in this plan"}}}"#,
    ),
    (
        "coinbase",
        200,
        r#"{"data":{"currency":"BTC","rates":{"USD":"64123.45","EUR":"5.9e4","AED":"0"}}}"#,
    ),
    (
        "coinbase",
        404,
        r#"{"errors":[{"id":"not_found","message":"Unknown currency"}]}"#,
    ),
    (
        "kraken",
        200,
        r#"{"error":[],"result":{"XXBTZUSD":{"a":["1","1","1"],"c":["64123.45000","0.1"],"o":"1"},"XETHZEUR":{"c":["3000","1"]}}}"#,
    ),
    ("kraken", 200, r#"{"error":["EService:Busy"],"result":{}}"#),
    (
        "binance",
        200,
        r#"[{"symbol":"BTCUSDT","price":"64123.45000000"},{"symbol":"ETHUSDT","price":"3.1e3"},{"symbol":"ETHBTC","price":"0.05"}]"#,
    ),
    (
        "binance",
        418,
        r#"{"code":-1003,"msg":"Way too much request weight used"}"#,
    ),
    (
        "bitpin",
        200,
        r#"[{"symbol":"BTC_IRT","price":"7204000000.5","daily_change_price":-1.2,"low":"1","high":"2","timestamp":1700000000.25},{"symbol":"ETH_IRT","price":"2e8","daily_change_price":null,"timestamp":null}]"#,
    ),
    (
        "bitpin",
        200,
        r#"{"count":1,"results":[{"code":"BTC_IRT","price":"5","price_info":{"created_at":1700000000.5}}]}"#,
    ),
    (
        "frankfurter",
        200,
        r#"{"amount":1.0,"base":"USD","date":"2026-05-15","rates":{"EUR":0.8594,"JPY":1.588e2,"GBP":0}}"#,
    ),
    ("frankfurter", 404, r#"{"message":"not found"}"#),
];

/// Something for every upstream.
fn pairs() -> Vec<Pair> {
    let market = [("bitcoin", "BTC"), ("ethereum", "ETH")]
        .into_iter()
        .flat_map(|(asset, symbol)| {
            ["USD", "EUR", "USDT", "IRT", "IRR"].map(|quote| pair(asset, symbol, quote))
        });
    let currencies = ["EUR", "JPY", "GBP"].map(|quote| pair("usd", "USD", quote));
    market.chain(currencies).collect()
}

fn provider() -> impl Strategy<Value = &'static str> {
    let ids: Vec<_> = ADAPTERS.iter().map(|known| known.provider().id).collect();
    select(ids)
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(
        (
            prop_oneof![Just("Retry-After".to_owned()), ".{0,12}"],
            prop_oneof!["[0-9]{1,12}", ".{0,24}"],
        ),
        0..4,
    )
}

/// One thing that goes wrong on the way.
#[derive(Debug, Clone)]
enum Damage {
    Cut(Index),
    Flip(Index, u8),
    Drop(Index),
    Insert(Index, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let junk = prop_oneof![
        vec(any::<u8>(), 1..6),
        select(vec![
            "null",
            "-",
            "0",
            "1e999",
            "NaN",
            "\"",
            "{",
            "]",
            ",",
            "\\u0000",
            "\u{1b}[1m"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        any::<Index>().prop_map(Damage::Drop),
        (any::<Index>(), junk).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
    ]
}

fn damaged(body: &str, damage: &[Damage]) -> Vec<u8> {
    let mut body = body.as_bytes().to_vec();
    for one in damage {
        if body.is_empty() {
            break;
        }
        match one {
            Damage::Cut(at) => body.truncate(at.index(body.len())),
            Damage::Flip(at, byte) => {
                let at = at.index(body.len());
                body[at] ^= byte;
            }
            Damage::Drop(at) => {
                body.remove(at.index(body.len()));
            }
            Damage::Insert(at, bytes) => {
                let at = at.index(body.len());
                body.splice(at..at, bytes.iter().copied());
            }
        }
    }
    body
}

/// What every answer of `parse` must be, whatever was read.
fn check(provider: &str, response: &Response) -> Result<(), TestCaseError> {
    let asked = pairs();
    match adapters::parse(provider, &asked, response) {
        Ok(quotes) => {
            prop_assert!((200..300).contains(&response.status));
            prop_assert!(!quotes.is_empty());
            for quote in quotes {
                prop_assert!(
                    asked
                        .iter()
                        .any(|pair| pair.asset == quote.asset && pair.quote == quote.quote)
                );
                prop_assert!(is_plain_decimal(quote.price.as_str()), "{:?}", quote.price);
                prop_assert!(
                    quote
                        .price
                        .as_str()
                        .contains(|c: char| ('1'..='9').contains(&c))
                );
                if let Some(change) = quote.change_24h_pct {
                    let digits = change.strip_prefix('-').unwrap_or(&change);
                    prop_assert!(is_plain_decimal(digits), "{change}");
                }
                for amount in quote.market_cap.iter().chain(&quote.volume_24h) {
                    prop_assert!(is_plain_decimal(amount), "{amount}");
                }
            }
        }
        Err(Error::RateLimited(_)) => {}
        Err(
            Error::Unauthorised(why)
            | Error::Unavailable(why)
            | Error::Malformed(why)
            | Error::UnsupportedPair(why)
            | Error::Implausible(why),
        ) => {
            prop_assert!(why.contains(provider), "{why}");
            prop_assert!(why.len() < 240, "{why}");
            prop_assert!(
                why.chars().all(|c| c == ' ' || c.is_ascii_graphic()),
                "{why}"
            );
            prop_assert!(!why.contains(KEY), "{why}");
        }
    }
    Ok(())
}

fn is_plain_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

proptest! {
    #[test]
    fn any_bytes_give_quotes_or_an_error(
        provider in provider(),
        status in any::<u16>(),
        headers in headers(),
        body in vec(any::<u8>(), 0..512),
    ) {
        check(provider, &Response { status, headers, body })?;
    }

    #[test]
    fn a_damaged_answer_gives_quotes_or_an_error(
        (provider, status, body) in select(ANSWERS),
        reader in provider(),
        headers in headers(),
        damage in vec(damage(), 0..6),
    ) {
        let body = damaged(body, &damage);
        check(provider, &Response { status, headers: headers.clone(), body: body.clone() })?;
        // An answer of one upstream under the name of another, too.
        check(reader, &Response { status, headers, body })?;
    }

    #[test]
    fn a_status_that_says_failure_never_gives_quotes(
        (provider, _, body) in select(ANSWERS),
        status in (0_u16..=999).prop_filter("2xx", |status| !(200..300).contains(status)),
    ) {
        let response = Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        prop_assert!(adapters::parse(provider, &pairs(), &response).is_err());
    }

    #[test]
    fn a_key_that_is_sent_back_is_not_passed_on(
        provider in provider(),
        status in 200_u16..600,
        shape in select(vec![
            r#"{"error":"KEY"}"#,
            r#"{"status":{"error_code":10002,"error_message":"the key KEY is wrong"}}"#,
            r#"{"errors":[{"id":"KEY","message":"KEY"}]}"#,
            r#"{"data":{"currency":"KEY","rates":{}}}"#,
            r#"{"error":["EAPI:Invalid key:KEY"]}"#,
            r#"{"bitcoin":{"usd":"KEY"}}"#,
            "KEY",
            "x-cg-demo-api-key=KEY&wrong",
        ]),
    ) {
        let body = shape.replace("KEY", KEY).into_bytes();
        check(provider, &Response { status, headers: Vec::new(), body })?;
    }

    #[test]
    fn every_upstream_keeps_the_digits_of_a_price(
        price in "[1-9][0-9]{0,11}(\\.[0-9]{1,20})?",
    ) {
        for (provider, body) in [
            ("coingecko", r#"{"bitcoin":{"usd":PRICE}}"#),
            ("coinbase", r#"{"data":{"currency":"BTC","rates":{"USD":"PRICE"}}}"#),
            ("kraken", r#"{"error":[],"result":{"XXBTZUSD":{"c":["PRICE","1"]}}}"#),
            ("binance", r#"[{"symbol":"BTCUSDT","price":"PRICE"}]"#),
            ("frankfurter", r#"{"amount":1.0,"base":"USD","rates":{"EUR":PRICE}}"#),
        ] {
            let body = body.replace("PRICE", &price).into_bytes();
            let response = Response { status: 200, headers: Vec::new(), body };
            let quotes = adapters::parse(provider, &pairs(), &response).unwrap();
            prop_assert_eq!(quotes.len(), 1);
            prop_assert_eq!(quotes[0].price.as_str(), price.as_str());
        }
    }

    /// In whole units of the last digit, so that nothing but integers is calculated with.
    #[test]
    fn a_price_in_rials_is_exactly_ten_times_that_in_tomans(
        whole in 1_u64..1_000_000_000_000,
        fraction in proptest::option::of("[0-9]{1,20}"),
    ) {
        let tomans = fraction.map_or(whole.to_string(), |fraction| format!("{whole}.{fraction}"));
        let body = format!(r#"[{{"symbol":"BTC_IRT","price":"{tomans}"}}]"#).into_bytes();
        let response = Response { status: 200, headers: Vec::new(), body };
        let quotes = adapters::parse("bitpin", &pairs(), &response).unwrap();
        prop_assert_eq!(quotes.len(), 2);
        let units = |price: &str, digits: usize| -> u128 {
            let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
            format!("{whole}{fraction:0<digits$}").parse().unwrap()
        };
        for quote in &quotes {
            match quote.quote.as_str() {
                "IRT" => prop_assert_eq!(quote.price.as_str(), &tomans),
                _ => prop_assert_eq!(units(quote.price.as_str(), 20), 10 * units(&tomans, 20)),
            }
        }
    }

    #[test]
    fn any_endpoint_and_pairs_give_sound_requests_or_an_error(
        provider in provider(),
        base_url in prop_oneof![Just("https://api.example/v3".to_owned()), ".{0,40}"],
        api_key in prop_oneof![Just(Some(KEY.to_owned())), proptest::option::of(".{0,12}")],
        plan in proptest::option::of(prop_oneof![Just("pro".to_owned()), ".{0,6}"]),
        strange in (".{0,16}", ".{0,8}", ".{0,8}", proptest::option::of(".{0,8}")),
    ) {
        let mut asked = pairs();
        let (asset, symbol, quote, code) = strange;
        asked.push(Pair { asset, symbol, quote, code });
        let endpoint = Endpoint { base_url, api_key, plan };
        for request in adapters::request(provider, &endpoint, &asked).unwrap_or_default() {
            let url: Result<http::Uri, _> = request.url.parse();
            prop_assert!(url.is_ok(), "{}", request.url);
            prop_assert!(!request.url.contains(KEY), "{}", request.url);
            for (name, value) in &request.headers {
                prop_assert!(http::HeaderName::from_bytes(name.as_bytes()).is_ok(), "{name}");
                prop_assert!(http::HeaderValue::from_str(value).is_ok(), "{name}");
            }
        }
    }
}

/// The longest body that the caller hands over.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// Bodies that cost an attacker little and a careless reader much.
#[test]
fn the_longest_bodies_give_quotes_or_an_error() {
    let fill = |start: &str, part: &str, end: &str| {
        let parts = (LONGEST_BODY - start.len() - end.len()) / part.len();
        format!("{start}{}{end}", part.repeat(parts))
    };
    let named = |start: &str, end: &str| {
        let mut body = start.to_owned();
        let mut n = 0;
        while body.len() < LONGEST_BODY - 20 {
            body.push_str(&format!("\"{n}\":0,"));
            n += 1;
        }
        body + end
    };
    let bodies = [
        fill("", "[", ""),
        fill("", "{\"a\":", ""),
        fill("[", "[],", "[]]"),
        fill("[", "\"\",", "\"\"]"),
        fill("\"", "x", "\""),
        fill("", " ", ""),
        fill("", "9", ""),
        fill("{\"error\":[", "\"\",", "\"\"],\"result\":{}}"),
        fill("{\"errors\":[", "{\"id\":\"\"},", "{\"id\":\"\"}]}"),
        fill("[", "{\"symbol\":\"\"},", "{\"symbol\":\"BTCUSDT\"}]"),
        fill("{\"bitcoin\":{\"usd\":", "1", "}}"),
        fill("{\"bitcoin\":", "[", "}"),
        fill("{\"error\":\"", "\\u0000", "\"}"),
        named("{", "\"bitcoin\":{\"usd\":1}}"),
        named("{\"bitcoin\":{", "\"usd\":1}}"),
        named(
            "{\"error\":[],\"result\":{",
            "\"XXBTZUSD\":{\"c\":[\"1\"]}}}",
        ),
        named(
            "{\"data\":{\"currency\":\"BTC\",\"rates\":{",
            "\"USD\":\"1\"}}}",
        ),
        named("{\"base\":\"USD\",\"rates\":{", "\"EUR\":1}}"),
    ];
    for body in bodies {
        for status in [200, 400] {
            for adapter in ADAPTERS {
                let response = Response {
                    status,
                    headers: vec![("content-type".to_owned(), "image/png".to_owned())],
                    body: body.clone().into_bytes(),
                };
                check(adapter.provider().id, &response).unwrap();
            }
        }
    }
}

/// What an answer says it is does not matter, only what it is.
#[test]
fn a_wrong_content_type_changes_nothing() {
    for (provider, status, body) in ANSWERS {
        let read = |content_type: Option<&str>| {
            let headers = content_type
                .map(|value| ("content-type".to_owned(), value.to_owned()))
                .into_iter()
                .collect();
            let response = Response {
                status: *status,
                headers,
                body: body.as_bytes().to_vec(),
            };
            adapters::parse(provider, &pairs(), &response)
        };
        let plain = read(None);
        for content_type in ["text/html", "image/png", "application/json", "\u{0}"] {
            assert_eq!(read(Some(content_type)), plain, "{provider} {content_type}");
        }
    }
}
