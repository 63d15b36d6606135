//! Kraken spot: one `Ticker` call prices every pair with its last trade. No key.
//!
//! One unknown pair makes the whole call fail, so only the markets listed here are asked for.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Adapter;
use crate::endpoint::{self, Base};
use crate::gathered::Gathered;
use crate::json::{self, Object};
use crate::refusal::{Complaint, refusal};
use crate::tickers;
use crate::upstream::{Endpoint, Error, Pair, Provider, Quota, Quote, Request, Response};

const ID: &str = "kraken";

/// Markets that are named with Kraken's own tickers (XBT, XDG) or, in answers, in its old style
/// (X before an asset, Z before a currency): ticker, currency, name to ask for, name in answers.
const NAMED_APART: &[(&str, &str, &str, &str)] = &[
    ("BTC", "AUD", "XBTAUD", "XBTAUD"),
    ("BTC", "CAD", "XBTCAD", "XXBTZCAD"),
    ("BTC", "CHF", "XBTCHF", "XBTCHF"),
    ("BTC", "EUR", "XBTEUR", "XXBTZEUR"),
    ("BTC", "GBP", "XBTGBP", "XXBTZGBP"),
    ("BTC", "JPY", "XBTJPY", "XXBTZJPY"),
    ("BTC", "USD", "XBTUSD", "XXBTZUSD"),
    ("DOGE", "EUR", "XDGEUR", "XDGEUR"),
    ("DOGE", "USD", "XDGUSD", "XDGUSD"),
    ("ETC", "EUR", "ETCEUR", "XETCZEUR"),
    ("ETC", "USD", "ETCUSD", "XETCZUSD"),
    ("ETH", "CAD", "ETHCAD", "XETHZCAD"),
    ("ETH", "EUR", "ETHEUR", "XETHZEUR"),
    ("ETH", "GBP", "ETHGBP", "XETHZGBP"),
    ("ETH", "JPY", "ETHJPY", "XETHZJPY"),
    ("ETH", "USD", "ETHUSD", "XETHZUSD"),
    ("LTC", "EUR", "LTCEUR", "XLTCZEUR"),
    ("LTC", "USD", "LTCUSD", "XLTCZUSD"),
    ("USDT", "USD", "USDTUSD", "USDTZUSD"),
    ("XLM", "EUR", "XLMEUR", "XXLMZEUR"),
    ("XLM", "USD", "XLMUSD", "XXLMZUSD"),
    ("XRP", "CAD", "XRPCAD", "XXRPZCAD"),
    ("XRP", "EUR", "XRPEUR", "XXRPZEUR"),
    ("XRP", "USD", "XRPUSD", "XXRPZUSD"),
    ("ZEC", "EUR", "ZECEUR", "XZECZEUR"),
    ("ZEC", "USD", "ZECUSD", "XZECZUSD"),
];

/// Markets that are named by ticker and currency in requests and in answers: "SOLUSD".
const NAMED_PLAINLY: &[(&str, &[&str])] = &[
    ("AAVE", &["EUR", "USD"]),
    ("ADA", &["AUD", "EUR", "GBP", "USD"]),
    ("ALGO", &["EUR", "USD"]),
    ("APT", &["EUR", "USD"]),
    ("ARB", &["EUR", "USD"]),
    ("ATOM", &["EUR", "USD"]),
    ("AVAX", &["EUR", "USD"]),
    ("BCH", &["EUR", "GBP", "USD"]),
    ("DAI", &["EUR", "USD"]),
    ("DOT", &["EUR", "GBP", "USD"]),
    ("ETH", &["AUD", "CHF"]),
    ("FIL", &["EUR", "USD"]),
    ("LINK", &["EUR", "GBP", "USD"]),
    ("LTC", &["GBP"]),
    ("NEAR", &["EUR", "USD"]),
    ("OP", &["EUR", "USD"]),
    ("PEPE", &["EUR", "USD"]),
    ("POL", &["EUR", "USD"]),
    ("SHIB", &["EUR", "USD"]),
    ("SOL", &["EUR", "GBP", "USD"]),
    ("SUI", &["EUR", "USD"]),
    ("TON", &["EUR", "USD"]),
    ("TRX", &["EUR", "USD"]),
    ("UNI", &["EUR", "USD"]),
    ("USDC", &["EUR", "GBP", "USD"]),
    ("XRP", &["AUD", "GBP"]),
    ("XTZ", &["EUR", "USD"]),
];

/// The adapter for Kraken.
pub(crate) struct Kraken;

impl Adapter for Kraken {
    fn provider(&self) -> Provider {
        Provider {
            id: ID,
            default_base_url: "https://api.kraken.com",
            attribution: "Data provided by Kraken",
            // About one call a second and address.
            quota: Quota {
                per_minute: Some(60),
                ..Quota::default()
            },
            takes_key: false,
        }
    }

    fn request(&self, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error> {
        let base = Base::of(ID, endpoint)?;
        let names: Vec<String> = pairs
            .iter()
            .filter_map(Market::of)
            .map(|market| market.asked_as)
            .collect();
        if names.is_empty() {
            return Err(Error::UnsupportedPair(format!(
                "{ID} has a market for none of the pairs asked for"
            )));
        }
        Ok(vec![base.get(&format!(
            "/0/public/Ticker?pair={}",
            endpoint::list(names.iter().map(String::as_str).collect())
        ))])
    }

    fn parse(&self, pairs: &[Pair], response: &Response) -> Result<Vec<Quote>, Error> {
        let answer = json::read::<Answer<'_>>(ID, response);
        let complaint = answer.as_ref().ok().and_then(complaint);
        if complaint.is_some() || !response.is_success() {
            return Err(refusal(ID, response, complaint));
        }
        let tickers = answer?.result.unwrap_or_default();
        let markets: Vec<_> = pairs
            .iter()
            .filter_map(|pair| Some((pair, Market::of(pair)?)))
            .collect();
        let mut gathered = Gathered::new(ID, markets.len());
        for (pair, market) in markets {
            let Some(raw) = tickers
                .get(&market.answered_as)
                .or_else(|| tickers.get(&market.asked_as))
            else {
                continue;
            };
            match serde_json::from_str::<Ticker<'_>>(raw.get()) {
                Ok(ticker) => {
                    gathered.price(pair, json::string(ticker.last_trade.first()), None, None);
                }
                Err(_) => gathered.wrong_type(pair),
            }
        }
        gathered.finish()
    }
}

/// What Kraken calls a market.
struct Market {
    asked_as: String,
    answered_as: String,
}

impl Market {
    fn of(pair: &Pair) -> Option<Self> {
        if !tickers::unambiguous(pair) {
            return None;
        }
        let (ticker, currency) = (pair.symbol.as_str(), pair.quote.as_str());
        if let Some((_, _, asked_as, answered_as)) = NAMED_APART
            .iter()
            .find(|market| (market.0, market.1) == (ticker, currency))
        {
            return Some(Self {
                asked_as: (*asked_as).to_owned(),
                answered_as: (*answered_as).to_owned(),
            });
        }
        let (_, currencies) = NAMED_PLAINLY.iter().find(|market| market.0 == ticker)?;
        currencies.contains(&currency).then(|| Self {
            asked_as: format!("{ticker}{currency}"),
            answered_as: format!("{ticker}{currency}"),
        })
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    error: Vec<String>,
    #[serde(borrow)]
    result: Option<Object<'a>>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    /// Price and volume.
    #[serde(borrow, rename = "c")]
    last_trade: Vec<&'a RawValue>,
}

/// The first error in `error`. Each has a letter for its severity, a category and a text:
/// "EQuery:Unknown asset pair". Warnings start with W and come beside good prices.
fn complaint(answer: &Answer<'_>) -> Option<Complaint> {
    let text = answer
        .error
        .iter()
        .find(|error| !error.starts_with('W'))?
        .as_str();
    let status = match text {
        "EAPI:Rate limit exceeded"
        | "EGeneral:Too many requests"
        | "EGeneral:Temporary lockout" => Some(429),
        "EGeneral:Permission denied" => Some(403),
        _ if text.starts_with("EService:Throttled") => Some(429),
        _ if text.starts_with("EService:") => Some(503),
        _ => None,
    };
    Some(Complaint {
        status,
        text: text.to_owned(),
        unknown_pair: text.starts_with("EQuery:Unknown asset"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn pair(asset: &str, symbol: &str, quote: &str) -> Pair {
        Pair {
            asset: asset.to_owned(),
            symbol: symbol.to_owned(),
            quote: quote.to_owned(),
        }
    }

    fn pairs() -> [Pair; 4] {
        [
            pair("bitcoin", "BTC", "USD"),
            pair("dogecoin", "DOGE", "USD"),
            pair("solana", "SOL", "EUR"),
            pair("solana", "SOL", "JPY"),
        ]
    }

    fn endpoint() -> Endpoint {
        Endpoint {
            base_url: "https://api.kraken.com".to_owned(),
            api_key: None,
        }
    }

    fn answer(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn error(status: u16, body: &str) -> Error {
        Kraken.parse(&pairs(), &answer(status, body)).unwrap_err()
    }

    #[test]
    fn known_markets_go_into_one_request_under_their_own_names() {
        let planned = Kraken.request(&endpoint(), &pairs()).unwrap();
        assert_eq!(planned.len(), 1);
        assert_eq!(
            planned[0].url,
            "https://api.kraken.com/0/public/Ticker?pair=SOLEUR,XBTUSD,XDGUSD"
        );
    }

    #[test]
    fn a_market_that_is_not_listed_is_never_asked_for() {
        for unknown in [
            pair("solana", "SOL", "JPY"),
            pair("not-solana", "SOL", "USD"),
            pair("foo", "FOO", "USD"),
        ] {
            let planned = Kraken.request(&endpoint(), &[unknown]);
            assert!(matches!(planned, Err(Error::UnsupportedPair(_))));
        }
    }

    #[test]
    fn every_listed_ticker_has_a_meaning_and_no_market_is_listed_twice() {
        let apart = NAMED_APART.iter().map(|market| (market.0, market.1));
        let plain = NAMED_PLAINLY
            .iter()
            .flat_map(|(ticker, currencies)| currencies.iter().map(|code| (*ticker, *code)));
        let mut seen = BTreeSet::new();
        for market in apart.chain(plain) {
            assert!(seen.insert(market), "{market:?} is listed twice");
            assert!(
                tickers::asset_of(market.0).is_some(),
                "{market:?} can't be reached"
            );
        }
    }

    #[test]
    fn the_last_trade_is_the_price() {
        let body = r#"{"error":[],"result":{
            "XXBTZUSD":{"a":["1","1","1"],"c":["64000.10000","0.5"]},
            "XDGUSD":{"c":["0.0812","9"]},
            "SOLEUR":{"c":["120.5","1"]}}}"#;
        let quotes = Kraken.parse(&pairs(), &answer(200, body)).unwrap();
        let read: Vec<_> = quotes
            .iter()
            .map(|quote| {
                (
                    quote.asset.as_str(),
                    quote.quote.as_str(),
                    quote.price.as_str(),
                )
            })
            .collect();
        assert_eq!(
            read,
            [
                ("bitcoin", "USD", "64000.10000"),
                ("dogecoin", "USD", "0.0812"),
                ("solana", "EUR", "120.5"),
            ]
        );
    }

    #[test]
    fn the_name_that_was_asked_for_is_accepted_in_answers_too() {
        let body = r#"{"error":[],"result":{"XBTUSD":{"c":["5","1"]}}}"#;
        let quotes = Kraken.parse(&pairs(), &answer(200, body)).unwrap();
        assert_eq!(quotes[0].asset, "bitcoin");
    }

    #[test]
    fn a_warning_beside_prices_is_no_error() {
        let body = r#"{"error":["WGeneral:Old"],"result":{"SOLEUR":{"c":["1","1"]}}}"#;
        assert!(Kraken.parse(&pairs(), &answer(200, body)).is_ok());
    }

    #[test]
    fn errors_are_told_apart_although_the_status_is_200() {
        let said = |text: &str| error(200, &format!(r#"{{"error":["{text}"]}}"#));
        for text in [
            "EAPI:Rate limit exceeded",
            "EGeneral:Too many requests",
            "EGeneral:Temporary lockout",
            "EService:Throttled: 1700000000",
        ] {
            assert_eq!(said(text), Error::RateLimited(None), "{text}");
        }
        for text in ["EService:Unavailable", "EService:Busy"] {
            assert!(matches!(said(text), Error::Unavailable(_)), "{text}");
        }
        assert!(matches!(
            said("EGeneral:Permission denied"),
            Error::Unauthorised(_)
        ));
        assert_eq!(
            error(
                200,
                r#"{"error":["EQuery:Unknown asset pair"],"result":{}}"#
            ),
            Error::UnsupportedPair("kraken answered 200: EQuery:Unknown asset pair".to_owned())
        );
        assert!(matches!(said("EGeneral:Internal"), Error::Malformed(_)));
        assert!(matches!(error(520, "<html>"), Error::Unavailable(_)));
    }

    #[test]
    fn impossible_prices_are_implausible() {
        for price in ["0", "0.00000", "-1", "NaN", "", "null"] {
            let body = format!(r#"{{"error":[],"result":{{"SOLEUR":{{"c":["{price}"]}}}}}}"#);
            assert!(
                matches!(error(200, &body), Error::Implausible(_)),
                "{price}"
            );
        }
    }

    #[test]
    fn a_body_of_another_shape_is_malformed() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"error":"no","result":{}}"#,
            r#"{"error":[]}"#,
            r#"{"error":[],"result":null}"#,
            r#"{"error":[],"result":[]}"#,
            r#"{"error":[],"result":{}}"#,
            r#"{"error":[],"result":{"SOLEUR":{}}}"#,
            r#"{"error":[],"result":{"SOLEUR":{"c":[]}}}"#,
            r#"{"error":[],"result":{"SOLEUR":{"c":[5]}}}"#,
            r#"{"error":[],"result":{"SOLEUR":{"c":"5"}}}"#,
            r#"{"error":[],"result":{"SOLEUR":{"c":["5"#,
            "<html></html>",
        ] {
            assert!(matches!(error(200, body), Error::Malformed(_)), "{body}");
        }
    }
}
