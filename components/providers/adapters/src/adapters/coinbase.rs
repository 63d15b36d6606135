//! Coinbase exchange rates: one call per asset, which prices it in every currency. No key.
//!
//! Tickers collide there, so only those listed here are asked for, and what the caller gives a
//! code for.

use super::Adapter;
use crate::endpoint::Base;
use crate::gathered::{self, Beside, Gathered};
use crate::json::{self, List, Object};
use crate::refusal::{Complaint, refusal};
use crate::tickers;
use crate::upstream::{Endpoint, Error, Pair, Provider, Quote, Request, Response, Scope};

const ID: &str = "coinbase";

/// Most assets asked for in one refresh, the first ones first: more calls than this take longer
/// than a refresh has.
const MOST_CALLS: usize = 60;

/// The tickers that Coinbase is asked for.
const TRADED: &[&str] = &[
    "AAVE", "ADA", "ALGO", "APT", "ARB", "ATOM", "AVAX", "BCH", "BTC", "DAI", "DOGE", "DOT", "ETC",
    "ETH", "FIL", "HBAR", "LINK", "LTC", "NEAR", "OP", "PEPE", "POL", "SHIB", "SOL", "SUI", "UNI",
    "USDC", "USDT", "XLM", "XRP", "XTZ", "YFI", "ZEC",
];

/// The adapter for Coinbase.
pub(crate) struct Coinbase;

impl Adapter for Coinbase {
    fn provider(&self) -> Provider {
        Provider {
            id: ID,
            default_base_url: "https://api.coinbase.com",
            attribution: "Data provided by Coinbase",
            scope: Scope::Market,
            // Keyed apps get 10,000 calls an hour; nothing is promised without a key.
            takes_key: false,
        }
    }

    fn request(&self, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error> {
        let base = Base::of(ID, endpoint)?;
        let mut tickers: Vec<&str> = Vec::new();
        for ticker in pairs.iter().filter_map(traded) {
            if !tickers.contains(&ticker) && tickers.len() < MOST_CALLS {
                tickers.push(ticker);
            }
        }
        let requests: Vec<Request> = tickers
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
        let answer: Object<'_> = json::read(ID, response)?;
        let Some(data) = json::field::<Object<'_>>(&answer, "data") else {
            return Err(refusal(ID, response, complaint(response)));
        };
        let currency: Option<String> = json::field(&data, "currency");
        let rates: Option<Object<'_>> = json::field(&data, "rates");
        let (Some(currency), Some(rates)) = (currency, rates) else {
            return Err(json::another_shape(ID, response));
        };
        let asked = gathered::about(ID, &currency, pairs, traded)?;
        let mut gathered = Gathered::new(ID, asked.len());
        for pair in asked {
            if let Some(rate) = rates.get(&pair.quote) {
                gathered.price(pair, json::string(Some(rate)), Beside::default());
            }
        }
        gathered.finish_listing(rates.len())
    }
}

/// What the pair's asset is called there, if it is asked for. The toman has no code that it knows.
fn traded(pair: &Pair) -> Option<&str> {
    (pair.quote != "IRT").then_some(())?;
    let ticker = tickers::ticker(pair)?;
    (pair.code.is_some() || TRADED.contains(&ticker)).then_some(ticker)
}

/// The first of the reasons in `{"errors": [{"id": …, "message": …}]}`.
fn complaint(response: &Response) -> Option<Complaint> {
    let errors: List<'_> = json::field(&json::object(response)?, "errors")?;
    let reason: Object<'_> = json::value(errors.first()?)?;
    let id: String = json::field(&reason, "id")?;
    let message: String = json::field(&reason, "message").unwrap_or_default();
    Some(Complaint {
        status: (id == "rate_limit_exceeded").then_some(429),
        unknown_pair: id == "not_found",
        text: format!("{id}: {message}"),
        advice: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, answer, pair};

    fn pairs() -> [Pair; 4] {
        [
            pair("ethereum", "ETH", "USD"),
            pair("bitcoin", "BTC", "USD"),
            pair("bitcoin", "BTC", "EUR"),
            pair("bitcoin", "BTC", "XTS"),
        ]
    }

    fn endpoint() -> Endpoint {
        sample::endpoint("https://api.coinbase.com", Some("unused-key"))
    }

    fn error(status: u16, body: &str) -> Error {
        Coinbase.parse(&pairs(), &answer(status, body)).unwrap_err()
    }

    #[test]
    fn each_asset_is_one_request_without_a_key_in_the_order_asked() {
        let planned = Coinbase.request(&endpoint(), &pairs()).unwrap();
        let urls: Vec<_> = planned.iter().map(|request| request.url.as_str()).collect();
        assert_eq!(
            urls,
            [
                "https://api.coinbase.com/v2/exchange-rates?currency=ETH",
                "https://api.coinbase.com/v2/exchange-rates?currency=BTC",
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
    fn a_code_that_the_caller_gives_is_asked_for_and_found() {
        let coded = Pair {
            code: Some("AERGO".to_owned()),
            ..pair("aergo", "AERGO", "USD")
        };
        let pairs = [coded];
        let planned = Coinbase.request(&endpoint(), &pairs).unwrap();
        assert!(planned[0].url.ends_with("?currency=AERGO"));
        let body = r#"{"data":{"currency":"AERGO","rates":{"USD":"0.12"}}}"#;
        let quotes = Coinbase.parse(&pairs, &answer(200, body)).unwrap();
        assert_eq!(quotes[0].asset, "aergo");
    }

    #[test]
    fn no_more_is_asked_for_than_a_refresh_has_time_for() {
        let pairs: Vec<Pair> = (0..200)
            .map(|n| Pair {
                code: Some(format!("C{n}")),
                ..pair(&format!("coin-{n}"), "COIN", "USD")
            })
            .collect();
        let planned = Coinbase.request(&endpoint(), &pairs).unwrap();
        assert_eq!(planned.len(), MOST_CALLS);
        assert!(planned[0].url.ends_with("=C0"), "the first ones first");
    }

    #[test]
    fn a_currency_that_it_has_no_rate_for_is_no_failure() {
        let body = r#"{"data":{"currency":"ETH","rates":{"AED":"1"}}}"#;
        assert!(matches!(error(200, body), Error::UnsupportedPair(_)));
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
