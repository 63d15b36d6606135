//! Bitpin, an exchange in Iran: one call lists the ticker of every market. No key.
//!
//! It prices in tomans (IRT); a price in rials (IRR) is ten times that, to the digit. Its tickers
//! can be hours old, so each quote carries its time for the caller to judge.

use edge_rates_quotes::price::Price;

use super::Adapter;
use crate::endpoint::Base;
use crate::gathered::{Beside, Gathered};
use crate::json::{self, List, Object, Stated};
use crate::refusal::{Complaint, refusal};
use crate::tickers;
use crate::upstream::{Endpoint, Error, Pair, Provider, Quota, Quote, Request, Response, Scope};

const ID: &str = "bitpin";

/// The adapter for Bitpin.
pub(crate) struct Bitpin;

impl Adapter for Bitpin {
    fn provider(&self) -> Provider {
        Provider {
            id: ID,
            default_base_url: "https://api.bitpin.ir",
            attribution: "Data provided by Bitpin",
            scope: Scope::Market,
            takes_key: false,
        }
    }

    fn quota(&self, _: &Endpoint) -> Quota {
        // What its users report; it promises nothing itself.
        Quota {
            per_minute: Some(80),
            ..Quota::default()
        }
    }

    fn request(&self, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error> {
        let base = Base::of(ID, endpoint)?;
        if !pairs.iter().any(|pair| market(pair).is_some()) {
            return Err(Error::UnsupportedPair(format!(
                "{ID} prices in IRT and IRR only, and knows none of the pairs asked for"
            )));
        }
        Ok(vec![base.get("/api/v1/mkt/tickers/")])
    }

    fn parse(&self, pairs: &[Pair], response: &Response) -> Result<Vec<Quote>, Error> {
        if !response.is_success() {
            return Err(refusal(ID, response, complaint(response)));
        }
        // "USDT_IRT"; `code` in the answers of older versions.
        let tickers = json::by_name(&listing(response)?, &["symbol", "code"]);
        let markets: Vec<_> = pairs
            .iter()
            .filter_map(|pair| Some((pair, market(pair)?)))
            .collect();
        let mut gathered = Gathered::new(ID, markets.len());
        for (pair, market) in markets {
            let Some(ticker) = tickers.get(&market) else {
                continue;
            };
            let tomans = json::string(ticker.get("price"));
            let stated = match pair.quote.as_str() {
                "IRR" => ten_times(tomans),
                _ => tomans,
            };
            let beside = Beside {
                // In percent, whatever its name says.
                change_24h_pct: json::decimal(ticker.get("daily_change_price")),
                updated_ms: updated_ms(ticker),
                ..Beside::default()
            };
            gathered.price(pair, stated, beside);
        }
        gathered.finish_listing(tickers.len())
    }
}

/// What Bitpin calls the pair's market, if it may have one.
fn market(pair: &Pair) -> Option<String> {
    matches!(pair.quote.as_str(), "IRT" | "IRR").then_some(())?;
    Some(format!("{}_IRT", tickers::ticker(pair)?))
}

/// Rials for tomans: the point moves by one place, and no digit is touched. What is no price
/// stays as it is, to be refused for its own reason.
fn ten_times(tomans: Stated) -> Stated {
    match &tomans {
        Stated::Text(text) => match Price::parse(text) {
            Ok(price) => Stated::Text(format!("{price}e1")),
            Err(_) => tomans,
        },
        Stated::Absent | Stated::WrongType => tomans,
    }
}

/// When the price was made: Unix seconds with a fraction. Older versions have the time beside
/// where the price is from.
fn updated_ms(ticker: &Object<'_>) -> Option<u64> {
    json::millis(ticker.get("timestamp")).or_else(|| {
        let info: Object<'_> = json::field(ticker, "price_info")?;
        json::millis(info.get("created_at"))
    })
}

/// The tickers, be they a list by themselves or the `results` of a page.
fn listing(response: &Response) -> Result<List<'_>, Error> {
    let Some(page) = json::object(response) else {
        return json::read(ID, response);
    };
    // An error may come with status 200.
    json::field(&page, "results").ok_or_else(|| match complaint(response) {
        Some(complaint) => refusal(ID, response, Some(complaint)),
        None => json::another_shape(ID, response),
    })
}

/// `{"detail": text}`.
fn complaint(response: &Response) -> Option<Complaint> {
    let text: String = json::field(&json::object(response)?, "detail")?;
    let is_throttled = text.starts_with("Request was throttled");
    Some(Complaint {
        status: (is_throttled && response.is_success()).then_some(429),
        text,
        ..Complaint::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, answer_until, pair};

    fn pairs() -> [Pair; 4] {
        [
            pair("tether", "USDT", "IRT"),
            pair("tether", "USDT", "IRR"),
            pair("bitcoin", "BTC", "IRT"),
            pair("bitcoin", "BTC", "USD"),
        ]
    }

    fn endpoint() -> Endpoint {
        sample::endpoint("https://api.bitpin.ir/", None)
    }

    fn answer(status: u16, body: &str) -> Response {
        answer_until("17", status, body)
    }

    fn error(status: u16, body: &str) -> Error {
        Bitpin.parse(&pairs(), &answer(status, body)).unwrap_err()
    }

    fn read(body: &str) -> Vec<(String, String, Option<u64>)> {
        Bitpin
            .parse(&pairs(), &answer(200, body))
            .unwrap()
            .into_iter()
            .map(|quote| {
                let pair = format!("{}/{}", quote.asset, quote.quote);
                (pair, quote.price.to_string(), quote.updated_ms)
            })
            .collect()
    }

    #[test]
    fn one_request_lists_every_market() {
        let planned = Bitpin.request(&endpoint(), &pairs()).unwrap();
        assert_eq!(planned.len(), 1);
        assert_eq!(planned[0].url, "https://api.bitpin.ir/api/v1/mkt/tickers/");
    }

    #[test]
    fn only_tomans_and_rials_are_asked_for() {
        let others = [pair("bitcoin", "BTC", "USD"), pair("foo", "FOO", "IRT")];
        let planned = Bitpin.request(&endpoint(), &others);
        assert!(matches!(planned, Err(Error::UnsupportedPair(_))));
    }

    #[test]
    fn a_rial_is_a_tenth_of_a_toman_to_the_digit() {
        let body = r#"[{"symbol":"USDT_IRT","price":"112350.05","daily_change_price":0.5,
            "low":"1","high":"2","timestamp":1733400000.25}]"#;
        let time = Some(1_733_400_000_250);
        assert_eq!(
            read(body),
            [
                ("tether/IRT".to_owned(), "112350.05".to_owned(), time),
                ("tether/IRR".to_owned(), "1123500.5".to_owned(), time),
            ]
        );
        for (tomans, rials) in [
            ("112350", "1123500"),
            ("0.05", "0.5"),
            ("0.5", "5"),
            ("1.10", "11.0"),
            ("1.05e5", "1050000"),
        ] {
            assert_eq!(
                ten_times(Stated::Text(tomans.to_owned())),
                Stated::Text(format!("{}e1", Price::parse(tomans).unwrap()))
            );
            let body = format!(r#"[{{"symbol":"USDT_IRT","price":"{tomans}"}}]"#);
            assert_eq!(read(&body)[1].1, rials, "{tomans}");
        }
    }

    #[test]
    fn the_change_of_the_day_is_taken_where_there_is_one() {
        let change = |stated: &str| {
            let body =
                format!(r#"[{{"symbol":"USDT_IRT","price":"1","daily_change_price":{stated}}}]"#);
            let quotes = Bitpin.parse(&pairs(), &answer(200, &body)).unwrap();
            quotes[0].change_24h_pct.clone()
        };
        assert_eq!(change("-1.2").as_deref(), Some("-1.2"));
        assert_eq!(change("null"), None);
        assert_eq!(change("\"up\""), None);
    }

    #[test]
    fn a_page_of_results_and_the_older_names_are_understood() {
        let body = r#"{"count":2,"next":null,"results":[
            {"id":2,"code":"BTC_IRT","price":"6460541035","price_info":{"created_at":1723117113.918,
             "price":"1"},"volume_24h":"44748676898.0","market_cap":"837148080052.0"},
            {"id":3,"code":"BTC_USDT","price":"57504.20"}]}"#;
        assert_eq!(
            read(body),
            [(
                "bitcoin/IRT".to_owned(),
                "6460541035".to_owned(),
                Some(1_723_117_113_918)
            )]
        );
    }

    #[test]
    fn a_ticker_without_a_name_or_time_does_not_spoil_the_others() {
        let body =
            r#"[{"price":"1"},{"symbol":null},{"symbol":"BTC_IRT","price":"5","timestamp":null}]"#;
        assert_eq!(
            read(body),
            [("bitcoin/IRT".to_owned(), "5".to_owned(), None)]
        );
    }

    #[test]
    fn a_listing_without_any_of_the_pairs_is_no_failure() {
        let body = r#"[{"symbol":"BTC_USDT","price":"1"}]"#;
        assert!(matches!(error(200, body), Error::UnsupportedPair(_)));
        assert!(matches!(error(200, "[]"), Error::Malformed(_)));
    }

    #[test]
    fn errors_are_told_apart() {
        let throttled = r#"{"detail":"Request was throttled. Expected available in 17 seconds."}"#;
        assert_eq!(error(429, throttled), Error::RateLimited(Some(17)));
        assert_eq!(error(200, throttled), Error::RateLimited(Some(17)));
        let login = r#"{"detail":"Authentication credentials were not provided."}"#;
        assert!(matches!(error(401, login), Error::Unauthorised(_)));
        let gone = r#"{"detail":"Not found."}"#;
        assert_eq!(
            error(404, gone),
            Error::Malformed("bitpin answered 404: Not found.".to_owned())
        );
        assert!(matches!(
            error(500, "<!doctype html>"),
            Error::Unavailable(_)
        ));
        assert!(matches!(error(403, "<html>"), Error::Unauthorised(_)));
    }

    #[test]
    fn a_body_of_another_shape_is_malformed() {
        for body in [
            "",
            "{}",
            "null",
            r#"{"results":null}"#,
            r#"{"results":{}}"#,
            r#"["BTC_IRT"]"#,
            r#"[{"symbol":5}]"#,
            r#"[{"symbol":"BTC_IRT"}]"#,
            r#"[{"symbol":"BTC_IRT","price":null}]"#,
            r#"[{"symbol":"BTC_IRT","price":5}]"#,
            r#"[{"symbol":"BTC_IRT","price":"5"#,
            "<html></html>",
        ] {
            assert!(matches!(error(200, body), Error::Malformed(_)), "{body}");
        }
    }

    #[test]
    fn impossible_prices_are_implausible_in_both_currencies() {
        for price in ["0", "-1", "NaN", "", "1e400", "9e17e1"] {
            let body = format!(r#"[{{"symbol":"USDT_IRT","price":"{price}"}}]"#);
            assert!(
                matches!(error(200, &body), Error::Implausible(_)),
                "{price}"
            );
        }
    }
}
