//! Frankfurter v1: the European Central Bank's reference rates of currencies. No key.
//!
//! One call gives what one currency costs in all others. The bank publishes once on each working
//! day, at about four in the afternoon in Frankfurt; the quotes carry the beginning of the day that
//! the answer names, in UTC. A rate is the current one until the next is out, which after a long
//! weekend takes five days: how old it may be is the caller's to know.

use edge_rates_quotes::Date;
use serde_json::value::RawValue;

use super::Adapter;
use crate::endpoint::{self, Base};
use crate::gathered::{self, Beside, Gathered};
use crate::json::{self, Object};
use crate::refusal::{Complaint, refusal};
use crate::upstream::{Endpoint, Error, Pair, Provider, Quote, Request, Response, Scope};

const ID: &str = "frankfurter";

/// The currencies that have a reference rate, and the euro, in which it is given.
const LISTED: [&str; 30] = [
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS",
    "INR", "ISK", "JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "RON", "SEK", "SGD",
    "THB", "TRY", "USD", "ZAR",
];

/// The adapter for Frankfurter.
pub(crate) struct Frankfurter;

impl Adapter for Frankfurter {
    fn provider(&self) -> Provider {
        Provider {
            id: ID,
            default_base_url: "https://api.frankfurter.dev",
            attribution: "Reference rates of the European Central Bank, provided by Frankfurter",
            scope: Scope::Currencies,
            takes_key: false,
        }
    }

    fn request(&self, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error> {
        let base = Base::of(ID, endpoint)?;
        let bases = pairs
            .iter()
            .filter(|pair| LISTED.contains(&pair.quote.as_str()))
            .filter_map(currency)
            .collect();
        // Without a list of quotes it gives all that it has, and fails for none.
        let requests: Vec<Request> = endpoint::distinct(bases)
            .into_iter()
            .map(|code| base.get(&format!("/v1/latest?base={code}")))
            .collect();
        if requests.is_empty() {
            return Err(Error::UnsupportedPair(format!(
                "{ID} has a rate for none of the pairs asked for"
            )));
        }
        Ok(requests)
    }

    fn parse(&self, pairs: &[Pair], response: &Response) -> Result<Vec<Quote>, Error> {
        if !response.is_success() {
            return Err(refusal(ID, response, complaint(response)));
        }
        let answer: Object<'_> = json::read(ID, response)?;
        let base: Option<String> = json::field(&answer, "base");
        let rates: Option<Object<'_>> = json::field(&answer, "rates");
        let (Some(base), Some(rates)) = (base, rates) else {
            // An error may come with status 200.
            return Err(match complaint(response) {
                Some(complaint) => refusal(ID, response, Some(complaint)),
                None => json::another_shape(ID, response),
            });
        };
        if !is_one(answer.get("amount")) {
            return Err(Error::Malformed(format!(
                "{ID} answered with rates for another amount than 1"
            )));
        }
        let asked = gathered::about(ID, &base, pairs, currency)?;
        let date: Option<String> = json::field(&answer, "date");
        let date = date.and_then(|date| Date::parse(&date));
        let beside = Beside {
            updated_ms: date.map(|date| date.start().0),
            ..Beside::default()
        };
        let mut gathered = Gathered::new(ID, asked.len());
        for pair in asked {
            if let Some(rate) = rates.get(&pair.quote) {
                gathered.price(pair, json::number(Some(rate)), beside.clone());
            }
        }
        gathered.finish_listing(rates.len())
    }
}

/// The code of the currency that the pair's asset is, if it is one that has a rate.
fn currency(pair: &Pair) -> Option<&str> {
    let code = match pair.code {
        Some(_) => pair.code()?,
        None if pair.asset.eq_ignore_ascii_case(&pair.symbol) => &pair.symbol,
        None => return None,
    };
    (LISTED.contains(&code) && code != pair.quote).then_some(code)
}

/// Whether the amount that the rates are for is 1, as it is unless somebody asks for another.
fn is_one(amount: Option<&RawValue>) -> bool {
    amount.is_none_or(|amount| {
        json::decimal(Some(amount)).is_some_and(|text| {
            text.strip_prefix('1')
                .is_some_and(|rest| rest.is_empty() || rest.trim_end_matches('0') == ".")
        })
    })
}

/// `{"message": text}`.
fn complaint(response: &Response) -> Option<Complaint> {
    let text: String = json::field(&json::object(response)?, "message")?;
    Some(Complaint {
        unknown_pair: text == "not found",
        text,
        ..Complaint::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, answer};

    fn pair(base: &str, quote: &str) -> Pair {
        sample::pair(&base.to_ascii_lowercase(), base, quote)
    }

    fn pairs() -> [Pair; 5] {
        [
            pair("USD", "EUR"),
            pair("USD", "JPY"),
            pair("USD", "USD"),
            pair("USD", "IRR"),
            pair("EUR", "USD"),
        ]
    }

    fn endpoint() -> Endpoint {
        sample::endpoint("https://api.frankfurter.dev", None)
    }

    fn error(status: u16, body: &str) -> Error {
        Frankfurter
            .parse(&pairs(), &answer(status, body))
            .unwrap_err()
    }

    #[test]
    fn each_base_is_one_request_for_all_its_rates() {
        let planned = Frankfurter.request(&endpoint(), &pairs()).unwrap();
        let urls: Vec<_> = planned.iter().map(|request| request.url.as_str()).collect();
        assert_eq!(
            urls,
            [
                "https://api.frankfurter.dev/v1/latest?base=EUR",
                "https://api.frankfurter.dev/v1/latest?base=USD",
            ]
        );
    }

    #[test]
    fn what_is_no_currency_is_not_asked_for() {
        let bitcoin = Pair {
            asset: "bitcoin".to_owned(),
            ..pair("BTC", "USD")
        };
        let euro_token = Pair {
            asset: "euro-token".to_owned(),
            ..pair("EUR", "USD")
        };
        for unknown in [bitcoin, euro_token, pair("IRR", "USD"), pair("USD", "IRR")] {
            let planned = Frankfurter.request(&endpoint(), &[unknown]);
            assert!(matches!(planned, Err(Error::UnsupportedPair(_))));
        }
    }

    #[test]
    fn rates_are_read_to_the_digit_and_with_their_day() {
        let body = r#"{"amount":1.0,"base":"USD","date":"2026-05-15","rates":{"EUR":0.85940,"JPY":158.8,"GBP":0.7}}"#;
        let quotes = Frankfurter.parse(&pairs(), &answer(200, body)).unwrap();
        let read: Vec<_> = quotes
            .iter()
            .map(|quote| (quote.quote.as_str(), quote.price.as_str(), quote.updated_ms))
            .collect();
        // 2026-05-15T00:00:00Z
        let day = Some(1_778_803_200_000);
        assert_eq!(read, [("EUR", "0.85940", day), ("JPY", "158.8", day)]);
    }

    #[test]
    fn rates_without_a_day_have_no_time() {
        for date in [
            "",
            r#""date":null,"#,
            r#""date":20260515,"#,
            r#""date":"today","#,
        ] {
            let body = format!(r#"{{{date}"base":"USD","rates":{{"EUR":0.9}}}}"#);
            let quotes = Frankfurter.parse(&pairs(), &answer(200, &body)).unwrap();
            assert_eq!(quotes[0].updated_ms, None, "{date}");
        }
    }

    #[test]
    fn rates_for_another_amount_are_refused() {
        for (amount, is_taken) in [
            ("1", true),
            ("1.0", true),
            ("1e0", true),
            ("10", false),
            ("1.01", false),
            ("0", false),
            ("-1", false),
            ("\"1\"", false),
        ] {
            let body = format!(r#"{{"amount":{amount},"base":"USD","rates":{{"EUR":0.85}}}}"#);
            let read = Frankfurter.parse(&pairs(), &answer(200, &body));
            assert_eq!(read.is_ok(), is_taken, "{amount}");
        }
    }

    #[test]
    fn an_answer_about_another_base_is_malformed() {
        assert_eq!(
            error(200, r#"{"amount":1.0,"base":"CHF","rates":{"EUR":1.1}}"#),
            Error::Malformed(
                "frankfurter answered about 'CHF', which it wasn't asked for".to_owned()
            )
        );
    }

    #[test]
    fn errors_are_told_apart() {
        let unknown = r#"{"message":"not found"}"#;
        assert_eq!(
            error(404, unknown),
            Error::UnsupportedPair("frankfurter answered 404: not found".to_owned())
        );
        assert!(matches!(error(200, unknown), Error::UnsupportedPair(_)));
        assert!(matches!(error(404, "<html>"), Error::Malformed(_)));
        let strict = r#"{"status":422,"message":"unknown parameter"}"#;
        assert!(matches!(error(422, strict), Error::Malformed(_)));
        assert_eq!(
            error(429, r#"{"message":"too many requests"}"#),
            Error::RateLimited(None)
        );
        assert!(matches!(error(500, "{}"), Error::Unavailable(_)));
        assert!(matches!(error(403, "<html>"), Error::Unauthorised(_)));
    }

    #[test]
    fn a_body_of_another_shape_is_malformed() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"base":"USD"}"#,
            r#"{"rates":{"EUR":1}}"#,
            r#"{"base":"USD","rates":[]}"#,
            r#"{"base":"USD","rates":{}}"#,
            r#"{"base":"USD","rates":{"EUR":null}}"#,
            r#"{"base":"USD","rates":{"EUR":"0.85"}}"#,
            r#"{"base":"USD","rates":{"EUR":0.8"#,
            "<html></html>",
        ] {
            assert!(matches!(error(200, body), Error::Malformed(_)), "{body}");
        }
    }

    #[test]
    fn impossible_rates_are_implausible() {
        for rate in ["0", "0.0", "-0.85", "1e400"] {
            let body = format!(r#"{{"base":"USD","rates":{{"EUR":{rate}}}}}"#);
            assert!(matches!(error(200, &body), Error::Implausible(_)), "{rate}");
        }
    }
}
