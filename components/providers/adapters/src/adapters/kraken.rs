//! Kraken spot: one `Ticker` call gives the last trade of every market. No key.
//!
//! A list of named markets fails as a whole for one unknown name, and a market that is there today
//! may be gone tomorrow. So none is named: the answer has all that are traded, and those asked for
//! are looked up in it, by the names that Kraken's answers use.

use super::Adapter;
use crate::endpoint::Base;
use crate::gathered::{Beside, Gathered};
use crate::json::{self, List, Object};
use crate::refusal::{Complaint, refusal};
use crate::tickers;
use crate::upstream::{Endpoint, Error, Pair, Provider, Quota, Quote, Request, Response, Scope};

const ID: &str = "kraken";

/// What prices are in, by Kraken's codes. No code ends with another one, so that the name of a
/// market can be taken apart in one way only.
const QUOTES: [&str; 11] = [
    "AUD", "CAD", "CHF", "ETH", "EUR", "GBP", "JPY", "USD", "USDC", "USDT", "XBT",
];

/// Assets of Kraken's first years: markets of two old names have an X before an asset and a Z
/// before a currency. It is a closed list, and more than these must not be looked up in that form:
/// XTZUSD is the tezos, not some T in Z-dollars.
const OLD_ASSETS: [&str; 11] = [
    "ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XDG", "XLM", "XMR", "XRP", "ZEC",
];
const OLD_CURRENCIES: [&str; 6] = ["AUD", "CAD", "EUR", "GBP", "JPY", "USD"];

/// The adapter for Kraken.
pub(crate) struct Kraken;

impl Adapter for Kraken {
    fn provider(&self) -> Provider {
        Provider {
            id: ID,
            default_base_url: "https://api.kraken.com",
            attribution: "Data provided by Kraken",
            scope: Scope::Market,
            takes_key: false,
        }
    }

    fn quota(&self, _: &Endpoint) -> Quota {
        // About one call a second and address.
        Quota {
            per_minute: Some(60),
            ..Quota::default()
        }
    }

    fn request(&self, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error> {
        let base = Base::of(ID, endpoint)?;
        if !pairs.iter().any(|pair| Market::of(pair).is_some()) {
            return Err(Error::UnsupportedPair(format!(
                "{ID} knows none of the pairs asked for"
            )));
        }
        Ok(vec![base.get("/0/public/Ticker")])
    }

    fn parse(&self, pairs: &[Pair], response: &Response) -> Result<Vec<Quote>, Error> {
        let answer = json::read::<Object<'_>>(ID, response);
        let complaint = answer.as_ref().ok().and_then(complaint);
        if complaint.is_some() || !response.is_success() {
            return Err(refusal(ID, response, complaint));
        }
        let answer = answer?;
        let errors: Option<List<'_>> = json::field(&answer, "error");
        let tickers: Option<Object<'_>> = json::field(&answer, "result");
        let (Some(_), Some(tickers)) = (errors, tickers) else {
            return Err(json::another_shape(ID, response));
        };
        let markets: Vec<_> = pairs
            .iter()
            .filter_map(|pair| Some((pair, Market::of(pair)?)))
            .collect();
        let mut gathered = Gathered::new(ID, markets.len());
        for (pair, market) in markets {
            let Some(raw) = market.names().find_map(|name| tickers.get(&name)) else {
                continue;
            };
            // Price and volume of the last trade.
            let last_trade: Option<List<'_>> =
                json::value(raw).and_then(|ticker: Object<'_>| json::field(&ticker, "c"));
            match last_trade {
                Some(last_trade) => {
                    gathered.price(pair, json::string(last_trade.first()), Beside::default());
                }
                None => gathered.wrong_type(pair),
            }
        }
        gathered.finish_listing(tickers.len())
    }
}

/// A market, by Kraken's codes of the asset and of what its price is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Market<'a> {
    asset: &'a str,
    quote: &'a str,
}

impl<'a> Market<'a> {
    /// The pair's market, if there may be one.
    fn of(pair: &'a Pair) -> Option<Self> {
        let quote = own_code(&pair.quote);
        QUOTES.contains(&quote).then_some(Self {
            asset: own_code(tickers::ticker(pair)?),
            quote,
        })
    }

    /// What answers may call it.
    fn names(self) -> impl Iterator<Item = String> {
        let Self { asset, quote } = self;
        let old_asset = OLD_ASSETS.contains(&asset);
        let old = if old_asset && OLD_CURRENCIES.contains(&quote) {
            Some(format!("X{asset}Z{quote}"))
        } else if old_asset && OLD_ASSETS.contains(&quote) {
            Some(format!("X{asset}X{quote}"))
        } else if (asset, quote) == ("USDT", "USD") {
            Some("USDTZUSD".to_owned())
        } else {
            None
        };
        old.into_iter().chain([format!("{asset}{quote}")])
    }
}

/// Kraken's own code of what others call `code`.
fn own_code(code: &str) -> &str {
    match code {
        "BTC" => "XBT",
        "DOGE" => "XDG",
        other => other,
    }
}

/// The first error in `error`. Each has a letter for its severity, a category and a text:
/// "EQuery:Unknown asset pair". Warnings start with W and come beside good prices.
fn complaint(answer: &Object<'_>) -> Option<Complaint> {
    let errors: List<'_> = json::field(answer, "error")?;
    let text = errors
        .iter()
        .filter_map(json::value::<String>)
        .find(|error| !error.starts_with('W'))?;
    let status = match text.as_str() {
        "EAPI:Rate limit exceeded"
        | "EGeneral:Too many requests"
        | "EGeneral:Temporary lockout" => Some(429),
        "EGeneral:Permission denied" => Some(403),
        "EAPI:Invalid key" | "EAPI:Invalid signature" | "EAPI:Invalid nonce" => Some(401),
        "EGeneral:Internal error" => Some(500),
        _ if text.starts_with("EService:Throttled") => Some(429),
        _ if text.starts_with("EService:") => Some(503),
        _ => None,
    };
    Some(Complaint {
        status,
        unknown_pair: text.starts_with("EQuery:Unknown asset"),
        text,
        advice: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, answer, pair};

    fn coded(code: &str, quote: &str) -> Pair {
        Pair {
            code: Some(code.to_owned()),
            ..pair("any", "ANY", quote)
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
        sample::endpoint("https://api.kraken.com", None)
    }

    fn error(status: u16, body: &str) -> Error {
        Kraken.parse(&pairs(), &answer(status, body)).unwrap_err()
    }

    #[test]
    fn one_request_that_names_no_market_cannot_fail_for_one() {
        let planned = Kraken.request(&endpoint(), &pairs()).unwrap();
        assert_eq!(planned.len(), 1);
        assert_eq!(planned[0].url, "https://api.kraken.com/0/public/Ticker");
    }

    #[test]
    fn what_it_cannot_have_is_not_asked_for() {
        for unknown in [
            pair("solana", "SOL", "IRR"),
            pair("not-solana", "SOL", "USD"),
            pair("foo", "FOO", "USD"),
            coded("no code", "USD"),
        ] {
            let planned = Kraken.request(&endpoint(), &[unknown]);
            assert!(matches!(planned, Err(Error::UnsupportedPair(_))));
        }
    }

    #[test]
    fn markets_are_found_under_the_names_of_answers() {
        for (asset, symbol, quote, name) in [
            ("bitcoin", "BTC", "USD", "XXBTZUSD"),
            ("bitcoin", "BTC", "CHF", "XBTCHF"),
            ("bitcoin", "BTC", "AUD", "XBTAUD"),
            ("bitcoin", "BTC", "USDT", "XBTUSDT"),
            ("dogecoin", "DOGE", "EUR", "XDGEUR"),
            ("ethereum", "ETH", "BTC", "XETHXXBT"),
            ("ethereum", "ETH", "JPY", "XETHZJPY"),
            ("zcash", "ZEC", "USD", "XZECZUSD"),
            ("tether", "USDT", "USD", "USDTZUSD"),
            ("tether", "USDT", "EUR", "USDTEUR"),
            ("tezos", "XTZ", "USD", "XTZUSD"),
            ("solana", "SOL", "BTC", "SOLXBT"),
        ] {
            let pairs = [pair(asset, symbol, quote)];
            let body = format!(r#"{{"error":[],"result":{{"{name}":{{"c":["5","1"]}}}}}}"#);
            let quotes = Kraken.parse(&pairs, &answer(200, &body)).unwrap();
            assert_eq!(quotes[0].asset, asset, "{name}");
        }
        let pairs = [coded("XBT", "EUR"), coded("NANO", "USD")];
        let body = r#"{"error":[],"result":{"XXBTZEUR":{"c":["5"]},"NANOUSD":{"c":["6"]}}}"#;
        let quotes = Kraken.parse(&pairs, &answer(200, body)).unwrap();
        assert_eq!(quotes.len(), 2, "codes that the caller gives");
    }

    #[test]
    fn a_market_is_never_taken_for_another_one() {
        let body = r#"{"error":[],"result":{"XTZUSD":{"c":["3","1"]},"USDTZUSD":{"c":["1","1"]}}}"#;
        for other in ["T", "XT", "TZ", "USDTZ", "X"] {
            let read = Kraken.parse(&[coded(other, "USD")], &answer(200, body));
            // A code that spells the name of a market by itself is the caller's word.
            let is_same = format!("{other}USD") == "USDTZUSD";
            assert_eq!(read.is_ok(), is_same, "{other}");
        }
        for (one, other) in QUOTES
            .iter()
            .flat_map(|one| QUOTES.map(|other| (*one, other)))
        {
            assert!(one == other || !one.ends_with(other), "{one} {other}");
        }
    }

    #[test]
    fn a_listing_without_any_of_the_pairs_is_no_failure() {
        let body = r#"{"error":[],"result":{"NANOUSD":{"c":["1","1"]}}}"#;
        assert!(matches!(error(200, body), Error::UnsupportedPair(_)));
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
        for text in [
            "EService:Unavailable",
            "EService:Busy",
            "EGeneral:Internal error",
        ] {
            assert!(matches!(said(text), Error::Unavailable(_)), "{text}");
        }
        for text in ["EGeneral:Permission denied", "EAPI:Invalid key"] {
            assert!(matches!(said(text), Error::Unauthorised(_)), "{text}");
        }
        assert_eq!(
            error(
                200,
                r#"{"error":["EQuery:Unknown asset pair"],"result":{}}"#
            ),
            Error::UnsupportedPair("kraken answered 200: EQuery:Unknown asset pair".to_owned())
        );
        assert!(matches!(
            said("EGeneral:Unknown method"),
            Error::Malformed(_)
        ));
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
