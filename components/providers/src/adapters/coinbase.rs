//! Coinbase exchange rates: one call per asset, which prices it in every currency. No key.

use serde::Deserialize;

use super::Adapter;
use crate::endpoint::{self, Base};
use crate::excerpt::excerpt;
use crate::gathered::Gathered;
use crate::json::{self, Object};
use crate::refusal::{Complaint, refusal};
use crate::tickers;
use crate::upstream::{Endpoint, Error, Pair, Provider, Quota, Quote, Request, Response};

const ID: &str = "coinbase";

/// The tickers that Coinbase is asked for.
const TRADED: &[&str] = &[
    "AAVE", "ADA", "ALGO", "APT", "ARB", "ATOM", "AVAX", "BCH", "BTC", "DAI", "DOGE", "DOT", "ETC",
    "ETH", "FIL", "LINK", "LTC", "NEAR", "OP", "PEPE", "POL", "SHIB", "SOL", "SUI", "UNI", "USDC",
    "USDT", "XLM", "XRP", "XTZ", "ZEC",
];

/// The adapter for Coinbase.
pub(crate) struct Coinbase;

impl Adapter for Coinbase {
    fn provider(&self) -> Provider {
        Provider {
            id: ID,
            default_base_url: "https://api.coinbase.com",
            attribution: "Data provided by Coinbase",
            // Keyed apps get 10,000 calls an hour; nothing is promised without a key.
            quota: Quota::default(),
            takes_key: false,
        }
    }

    fn request(&self, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error> {
        let base = Base::of(ID, endpoint)?;
        let tickers = pairs
            .iter()
            .filter(|pair| is_traded(pair))
            .map(|pair| pair.symbol.as_str())
            .collect();
        let requests: Vec<Request> = endpoint::distinct(tickers)
            .into_iter()
            .map(|ticker| base.get(&format!("/v2/exchange-rates?currency={ticker}")))
            .collect();
        if requests.is_empty() {
            return Err(Error::UnsupportedPair(format!(
                "{ID} trades none of the assets asked for"
            )));
        }
        Ok(requests)
    }

    fn parse(&self, pairs: &[Pair], response: &Response) -> Result<Vec<Quote>, Error> {
        if !response.is_success() {
            return Err(refusal(ID, response, complaint(response)));
        }
        let answer: Answer<'_> = json::read(ID, response)?;
        let Some(ExchangeRates { currency, rates }) = answer.data else {
            return Err(refusal(ID, response, complaint(response)));
        };
        let asked: Vec<&Pair> = pairs
            .iter()
            .filter(|pair| pair.symbol == currency && is_traded(pair))
            .collect();
        if asked.is_empty() {
            return Err(Error::Malformed(format!(
                "{ID} answered about '{}', which it wasn't asked for",
                excerpt(&currency)
            )));
        }
        let mut gathered = Gathered::new(ID, asked.len());
        for pair in asked {
            gathered.price(pair, json::string(rates.get(&pair.quote)), None, None);
        }
        gathered.finish()
    }
}

fn is_traded(pair: &Pair) -> bool {
    TRADED.contains(&pair.symbol.as_str()) && tickers::unambiguous(pair)
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<ExchangeRates<'a>>,
}

#[derive(Deserialize)]
struct ExchangeRates<'a> {
    currency: String,
    #[serde(borrow)]
    rates: Object<'a>,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    id: String,
    #[serde(default)]
    message: String,
}

/// The first of the reasons in `{"errors": [{"id": …, "message": …}]}`.
fn complaint(response: &Response) -> Option<Complaint> {
    let reasons: Errors = serde_json::from_slice(&response.body).ok()?;
    let reason = reasons.errors.into_iter().next()?;
    Some(Complaint {
        status: (reason.id == "rate_limit_exceeded").then_some(429),
        unknown_pair: reason.id == "not_found",
        text: format!("{}: {}", reason.id, reason.message),
    })
}

#[cfg(test)]
mod tests {
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
            pair("ethereum", "ETH", "USD"),
            pair("bitcoin", "BTC", "USD"),
            pair("bitcoin", "BTC", "EUR"),
            pair("bitcoin", "BTC", "XTS"),
        ]
    }

    fn endpoint() -> Endpoint {
        Endpoint {
            base_url: "https://api.coinbase.com".to_owned(),
            api_key: Some("unused-key".to_owned()),
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
        Coinbase.parse(&pairs(), &answer(status, body)).unwrap_err()
    }

    #[test]
    fn each_asset_is_one_request_without_a_key() {
        let planned = Coinbase.request(&endpoint(), &pairs()).unwrap();
        let urls: Vec<_> = planned.iter().map(|request| request.url.as_str()).collect();
        assert_eq!(
            urls,
            [
                "https://api.coinbase.com/v2/exchange-rates?currency=BTC",
                "https://api.coinbase.com/v2/exchange-rates?currency=ETH",
            ]
        );
        for request in &planned {
            assert!(!format!("{request:?}").contains("unused-key"));
        }
    }

    #[test]
    fn a_ticker_that_means_another_asset_there_is_not_asked_for() {
        for unknown in [
            pair("bitcoin-fork", "BTC", "USD"),
            pair("foo", "FOO", "USD"),
        ] {
            let planned = Coinbase.request(&endpoint(), &[unknown]);
            assert!(matches!(planned, Err(Error::UnsupportedPair(_))));
        }
    }

    #[test]
    fn the_asset_is_found_by_the_currency_of_the_answer() {
        let body =
            r#"{"data":{"currency":"BTC","rates":{"USD":"64000.10","EUR":"59000","AED":"1"}}}"#;
        let quotes = Coinbase.parse(&pairs(), &answer(200, body)).unwrap();
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
            [("bitcoin", "USD", "64000.10"), ("bitcoin", "EUR", "59000")]
        );
    }

    #[test]
    fn an_asset_that_was_not_asked_for_is_malformed() {
        let body = r#"{"data":{"currency":"SOL","rates":{"USD":"1"}}}"#;
        assert_eq!(
            error(200, body),
            Error::Malformed("coinbase answered about 'SOL', which it wasn't asked for".to_owned())
        );
    }

    #[test]
    fn impossible_prices_are_implausible() {
        for price in ["0", "0.000", "-1", "NaN", "", "1e999999999", "Infinity"] {
            let body = format!(r#"{{"data":{{"currency":"ETH","rates":{{"USD":"{price}"}}}}}}"#);
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
            "[]",
            "{}",
            r#"{"data":null}"#,
            r#"{"data":{"currency":"ETH"}}"#,
            r#"{"data":{"currency":"ETH","rates":[]}}"#,
            r#"{"data":{"currency":"ETH","rates":{}}}"#,
            r#"{"data":{"currency":"ETH","rates":{"USD":null}}}"#,
            r#"{"data":{"currency":"ETH","rates":{"USD":5}}}"#,
            r#"{"data":{"currency":"ETH","rates":{"USD":"5"#,
            "<html></html>",
        ] {
            assert!(matches!(error(200, body), Error::Malformed(_)), "{body}");
        }
    }

    #[test]
    fn errors_are_told_apart() {
        let not_found = r#"{"errors":[{"id":"not_found","message":"Unknown currency"}]}"#;
        let limited = r#"{"errors":[{"id":"rate_limit_exceeded","message":"Slow down"}]}"#;
        assert_eq!(
            error(404, not_found),
            Error::UnsupportedPair("coinbase answered 404: not_found: Unknown currency".to_owned())
        );
        assert!(matches!(error(200, not_found), Error::UnsupportedPair(_)));
        assert_eq!(error(429, limited), Error::RateLimited(None));
        assert_eq!(error(200, limited), Error::RateLimited(None));
        assert!(matches!(error(404, "gone"), Error::Malformed(_)));
        assert!(matches!(
            error(400, r#"{"errors":[]}"#),
            Error::Malformed(_)
        ));
        assert!(matches!(error(503, "<html>"), Error::Unavailable(_)));
        assert!(matches!(error(403, "<html>"), Error::Unauthorised(_)));
    }
}
