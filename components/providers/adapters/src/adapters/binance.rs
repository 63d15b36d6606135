//! Binance spot: one call lists the price of every market. No key.
//!
//! Its dollar is the tether: what is priced here is priced in USDT and never in USD. A list of
//! named markets would fail as a whole for one unknown name, and costs the same, so all markets
//! are asked for; halted and delisted ones keep their last price and are left out by the query.

use super::Adapter;
use crate::endpoint::Base;
use crate::gathered::{Beside, Gathered};
use crate::json::{self, List};
use crate::refusal::{Complaint, refusal};
use crate::tickers;
use crate::upstream::{Endpoint, Error, Pair, Provider, Quota, Quote, Request, Response, Scope};

const ID: &str = "binance";

/// What prices are in.
const QUOTE: &str = "USDT";

/// The adapter for Binance.
pub(crate) struct Binance;

impl Adapter for Binance {
    fn provider(&self) -> Provider {
        Provider {
            id: ID,
            // The host for public market data, which takes no keys.
            default_base_url: "https://data-api.binance.vision",
            attribution: "Data provided by Binance",
            scope: Scope::Market,
            takes_key: false,
        }
    }

    fn quota(&self, _: &Endpoint) -> Quota {
        // A weight of 6,000 a minute and address; the call weighs 4.
        Quota {
            per_minute: Some(1_500),
            ..Quota::default()
        }
    }

    fn request(&self, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error> {
        let base = Base::of(ID, endpoint)?;
        if !pairs.iter().any(|pair| market(pair).is_some()) {
            return Err(Error::UnsupportedPair(format!(
                "{ID} prices in {QUOTE} only, and knows none of the pairs asked for"
            )));
        }
        Ok(vec![base.get("/api/v3/ticker/price?symbolStatus=TRADING")])
    }

    fn parse(&self, pairs: &[Pair], response: &Response) -> Result<Vec<Quote>, Error> {
        let listing = json::read::<List<'_>>(ID, response);
        let complaint = match listing {
            Ok(_) => None,
            Err(_) => complaint(response),
        };
        if complaint.is_some() || !response.is_success() {
            return Err(refusal(ID, response, complaint));
        }
        let tickers = json::by_name(&listing?, &["symbol"]);
        let markets: Vec<_> = pairs
            .iter()
            .filter_map(|pair| Some((pair, market(pair)?)))
            .collect();
        let mut gathered = Gathered::new(ID, markets.len());
        for (pair, market) in markets {
            if let Some(ticker) = tickers.get(&market) {
                gathered.price(pair, json::string(ticker.get("price")), Beside::default());
            }
        }
        gathered.finish_listing(tickers.len())
    }
}

/// What Binance calls the pair's market, if it may have one.
fn market(pair: &Pair) -> Option<String> {
    (pair.quote == QUOTE).then_some(())?;
    Some(format!("{}{QUOTE}", tickers::ticker(pair)?))
}

/// `{"code": -1121, "msg": …}`. The status of the response says what is wrong, unless it says that
/// all is well.
fn complaint(response: &Response) -> Option<Complaint> {
    let reason = json::object(response)?;
    let code = json::decimal(reason.get("code"))?;
    let message: String = json::field(&reason, "msg").unwrap_or_default();
    let status = match code.as_str() {
        // Too many requests, too many orders, too many connections.
        "-1003" | "-1015" | "-1034" => Some(429),
        // Unauthorised, key format, rejected key.
        "-1002" | "-2014" | "-2015" => Some(401),
        // Unknown error, disconnected, unexpected answer, timeout, overloaded.
        "-1000" | "-1001" | "-1006" | "-1007" | "-1008" => Some(503),
        _ => None,
    };
    Some(Complaint {
        status: status.filter(|_| response.is_success()),
        unknown_pair: code == "-1121",
        text: format!("{code}: {message}"),
        advice: (response.status == 451)
            .then_some("it does not serve this place: take it out of `providers`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, answer_until, pair};

    fn pairs() -> [Pair; 4] {
        [
            pair("bitcoin", "BTC", "USDT"),
            pair("bitcoin", "BTC", "USD"),
            pair("ethereum", "ETH", "USDT"),
            Pair {
                code: Some("1000SATS".to_owned()),
                ..pair("sats-ordinals", "SATS", "USDT")
            },
        ]
    }

    fn endpoint() -> Endpoint {
        sample::endpoint("https://data-api.binance.vision", Some("unused-key"))
    }

    fn answer(status: u16, body: &str) -> Response {
        answer_until("120", status, body)
    }

    fn error(status: u16, body: &str) -> Error {
        Binance.parse(&pairs(), &answer(status, body)).unwrap_err()
    }

    #[test]
    fn one_request_without_a_key_lists_what_is_traded() {
        let planned = Binance.request(&endpoint(), &pairs()).unwrap();
        assert_eq!(planned.len(), 1);
        assert_eq!(
            planned[0].url,
            "https://data-api.binance.vision/api/v3/ticker/price?symbolStatus=TRADING"
        );
        assert!(!format!("{planned:?}").contains("unused-key"));
    }

    #[test]
    fn a_price_in_tethers_is_never_one_in_dollars() {
        let dollars = [pair("bitcoin", "BTC", "USD"), pair("bitcoin", "BTC", "EUR")];
        let planned = Binance.request(&endpoint(), &dollars);
        assert!(matches!(planned, Err(Error::UnsupportedPair(_))));
        let body = r#"[{"symbol":"BTCUSDT","price":"64000.1"},{"symbol":"BTCUSD","price":"1"}]"#;
        let quotes = Binance.parse(&pairs(), &answer(200, body)).unwrap();
        assert_eq!(quotes.len(), 1);
        assert_eq!(quotes[0].quote, "USDT");
        assert!(matches!(
            Binance.parse(&dollars, &answer(200, body)),
            Err(Error::UnsupportedPair(_))
        ));
    }

    #[test]
    fn prices_are_found_by_ticker_and_by_code() {
        let body = r#"[{"symbol":"LTCBTC","price":"4.0"},{"symbol":"ETHUSDT","price":"2090.11000000"},
            {"symbol":"1000SATSUSDT","price":"0.00002100"},{"symbol":"SATSUSDT","price":"7"}]"#;
        let quotes = Binance.parse(&pairs(), &answer(200, body)).unwrap();
        let read: Vec<_> = quotes
            .iter()
            .map(|quote| (quote.asset.as_str(), quote.price.as_str()))
            .collect();
        assert_eq!(
            read,
            [
                ("ethereum", "2090.11000000"),
                ("sats-ordinals", "0.00002100")
            ]
        );
    }

    #[test]
    fn a_listing_without_any_of_the_pairs_is_no_failure() {
        let body = r#"[{"symbol":"LTCBTC","price":"4.0"}]"#;
        assert!(matches!(error(200, body), Error::UnsupportedPair(_)));
        assert!(matches!(error(200, "[]"), Error::Malformed(_)));
    }

    #[test]
    fn errors_are_told_apart() {
        let limited = r#"{"code":-1003,"msg":"Too much request weight used"}"#;
        assert_eq!(error(429, limited), Error::RateLimited(Some(120)));
        assert_eq!(error(200, limited), Error::RateLimited(Some(120)));
        assert_eq!(
            error(418, limited),
            Error::Unauthorised(
                "binance answered 418: -1003: Too much request weight used".to_owned()
            )
        );
        let unknown = r#"{"code":-1121,"msg":"Invalid symbol."}"#;
        assert_eq!(
            error(400, unknown),
            Error::UnsupportedPair("binance answered 400: -1121: Invalid symbol.".to_owned())
        );
        let restricted = r#"{"code":0,"msg":"Service unavailable from a restricted location"}"#;
        let Error::Unavailable(why) = error(451, restricted) else {
            panic!("451 is not unavailable");
        };
        assert!(why.contains("451") && why.contains("`providers`"), "{why}");
        let unknown_error = r#"{"code":-1000,"msg":"An unknown error occurred"}"#;
        assert!(matches!(error(500, unknown_error), Error::Unavailable(_)));
        assert!(matches!(error(200, unknown_error), Error::Unavailable(_)));
        let key = r#"{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}"#;
        assert!(matches!(error(401, key), Error::Unauthorised(_)));
        assert!(matches!(error(403, "<html>"), Error::Unauthorised(_)));
        assert!(matches!(error(451, "<html>"), Error::Unavailable(_)));
    }

    #[test]
    fn a_body_of_another_shape_is_malformed() {
        for body in [
            "",
            "{}",
            "null",
            r#"{"symbol":"BTCUSDT","price":"1"}"#,
            r#"[{"price":"1"}]"#,
            r#"["BTCUSDT"]"#,
            r#"[{"symbol":"BTCUSDT"}]"#,
            r#"[{"symbol":"BTCUSDT","price":null}]"#,
            r#"[{"symbol":"BTCUSDT","price":5}]"#,
            r#"[{"symbol":"BTCUSDT","price":"5"#,
            "<html></html>",
        ] {
            assert!(matches!(error(200, body), Error::Malformed(_)), "{body}");
        }
    }

    #[test]
    fn impossible_prices_are_implausible() {
        for price in ["0.00000000", "-1", "NaN", "", "1e400"] {
            let body = format!(r#"[{{"symbol":"BTCUSDT","price":"{price}"}}]"#);
            assert!(
                matches!(error(200, &body), Error::Implausible(_)),
                "{price}"
            );
        }
    }
}
