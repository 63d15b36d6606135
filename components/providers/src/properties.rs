//! What holds for every adapter and whatever an upstream sends.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::adapters::{self, ADAPTERS};
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
];

fn pairs() -> Vec<Pair> {
    [("bitcoin", "BTC"), ("ethereum", "ETH")]
        .into_iter()
        .flat_map(|(asset, symbol)| {
            ["USD", "EUR"].map(|quote| Pair {
                asset: asset.to_owned(),
                symbol: symbol.to_owned(),
                quote: quote.to_owned(),
            })
        })
        .collect()
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
        ] {
            let body = body.replace("PRICE", &price).into_bytes();
            let response = Response { status: 200, headers: Vec::new(), body };
            let quotes = adapters::parse(provider, &pairs(), &response).unwrap();
            prop_assert_eq!(quotes.len(), 1);
            prop_assert_eq!(quotes[0].price.as_str(), price.as_str());
        }
    }

    #[test]
    fn any_endpoint_and_pairs_give_sound_requests_or_an_error(
        provider in provider(),
        base_url in prop_oneof![Just("https://api.example/v3".to_owned()), ".{0,40}"],
        api_key in prop_oneof![Just(Some(KEY.to_owned())), proptest::option::of(".{0,12}")],
        strange in (".{0,16}", ".{0,8}", ".{0,8}"),
    ) {
        let mut asked = pairs();
        let (asset, symbol, quote) = strange;
        asked.push(Pair { asset, symbol, quote });
        let endpoint = Endpoint { base_url, api_key };
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
