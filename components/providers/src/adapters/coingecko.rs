//! CoinGecko API v3: one `/simple/price` call prices every pair, with its 24 h change and time.

use edge_rates_quotes::quote::signed_decimal_text;

use super::Adapter;
use crate::endpoint::{self, Base};
use crate::gathered::Gathered;
use crate::json::{self, Object, Stated};
use crate::refusal::{Complaint, refusal};
use crate::upstream::{Endpoint, Error, Pair, Provider, Quota, Quote, Request, Response};

const ID: &str = "coingecko";

/// Paid keys work on this host only, and in a header of their own.
const PAID_HOST: &str = "pro-api.coingecko.com";

/// Currencies that people ask for and that CoinGecko doesn't price in.
const NOT_PRICED_IN: [&str; 4] = ["IRR", "IRT", "USDC", "USDT"];

/// The adapter for CoinGecko.
pub(crate) struct CoinGecko;

impl Adapter for CoinGecko {
    fn provider(&self) -> Provider {
        Provider {
            id: ID,
            default_base_url: "https://api.coingecko.com/api/v3",
            attribution: "Data provided by CoinGecko",
            // Below what it allows, for failed calls count too and others may share the key.
            quota: Quota {
                per_minute: Some(8),
                per_minute_with_key: Some(60),
                per_month: Some(9_500),
            },
            takes_key: true,
        }
    }

    fn request(&self, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error> {
        let base = Base::of(ID, endpoint)?;
        let (ids, currencies): (Vec<&str>, Vec<String>) = pairs
            .iter()
            .filter(|pair| !NOT_PRICED_IN.contains(&pair.quote.as_str()))
            .map(|pair| (pair.asset.as_str(), pair.quote.to_ascii_lowercase()))
            .unzip();
        if ids.is_empty() {
            return Err(Error::UnsupportedPair(format!(
                "{ID} prices nothing in the currencies asked for"
            )));
        }
        let mut request = base.get(&format!(
            "/simple/price?ids={}&vs_currencies={}\
             &include_24hr_change=true&include_last_updated_at=true&precision=full",
            endpoint::list(ids),
            endpoint::list(currencies.iter().map(String::as_str).collect()),
        ));
        if let Some(key) = endpoint::api_key(ID, endpoint)? {
            let header = if base.host() == PAID_HOST {
                "x-cg-pro-api-key"
            } else {
                "x-cg-demo-api-key"
            };
            request.headers.push((header.to_owned(), key.to_owned()));
        }
        Ok(vec![request])
    }

    fn parse(&self, pairs: &[Pair], response: &Response) -> Result<Vec<Quote>, Error> {
        let body = json::read::<Object<'_>>(ID, response);
        let complaint = match &body {
            Ok(body) => complaint(body),
            Err(_) => throttled(response),
        };
        if complaint.is_some() || !response.is_success() {
            return Err(refusal(ID, response, complaint));
        }
        let coins = body?;
        let mut gathered = Gathered::new(ID, pairs.len());
        let assets = pairs.iter().map(|pair| pair.asset.as_str()).collect();
        for asset in endpoint::distinct(assets) {
            let Some(raw) = coins.get(asset) else {
                continue;
            };
            let asked = pairs.iter().filter(|pair| pair.asset == asset);
            match serde_json::from_str::<Option<Object<'_>>>(raw.get()) {
                Ok(Some(coin)) => asked.for_each(|pair| price(&mut gathered, pair, &coin)),
                Ok(None) => {}
                Err(_) => asked.for_each(|pair| gathered.wrong_type(pair)),
            }
        }
        gathered.finish()
    }
}

fn price(gathered: &mut Gathered, pair: &Pair, coin: &Object<'_>) {
    let currency = pair.quote.to_ascii_lowercase();
    let change = match json::number(coin.get(&format!("{currency}_24h_change"))) {
        Stated::Text(text) => signed_decimal_text(&text),
        Stated::Absent | Stated::WrongType => None,
    };
    let updated_ms =
        json::field::<u64>(coin, "last_updated_at").and_then(|seconds| seconds.checked_mul(1000));
    gathered.price(pair, json::number(coin.get(&currency)), change, updated_ms);
}

/// CoinGecko reports errors as `{"error": text}`, `{"status": {…}}` or
/// `{"error": {"status": {…}}}`; the code may stand beside the status instead of inside it. A
/// coin with the id "status" or "error" isn't taken for one: it has neither code nor message.
fn complaint(body: &Object<'_>) -> Option<Complaint> {
    if let Some(text) = json::field::<String>(body, "error") {
        return Some(Complaint {
            unknown_pair: is_about_a_pair(&text),
            status: None,
            text,
        });
    }
    let status: Option<Object<'_>> = json::field::<Object<'_>>(body, "error")
        .and_then(|error| json::field(&error, "status"))
        .or_else(|| json::field(body, "status"));
    let code = status
        .as_ref()
        .and_then(|status| json::field(status, "error_code"))
        .or_else(|| json::field(body, "error_code"));
    let text = status
        .as_ref()
        .and_then(|status| json::field(status, "error_message"));
    if code.is_none() && text.is_none() {
        return None;
    }
    Some(Complaint {
        status: code.and_then(status_of),
        text: text.unwrap_or_default(),
        unknown_pair: false,
    })
}

/// The HTTP status that says the same as CoinGecko's `error_code`.
fn status_of(code: u64) -> Option<u16> {
    match code {
        // No key, not in this plan, key for the other host (both ways), history not in this plan.
        10002 | 10005 | 10010 | 10011 | 10012 => Some(401),
        // Cloudflare: access denied.
        1020 => Some(403),
        400..=599 => u16::try_from(code).ok(),
        _ => None,
    }
}

fn is_about_a_pair(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("not found") || text.contains("invalid vs_currency")
}

/// One of CoinGecko's limiters answers in plain text.
fn throttled(response: &Response) -> Option<Complaint> {
    (response.body.trim_ascii() == b"Throttled").then(|| Complaint {
        status: Some(429),
        ..Complaint::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(asset: &str, quote: &str) -> Pair {
        Pair {
            asset: asset.to_owned(),
            symbol: "ANY".to_owned(),
            quote: quote.to_owned(),
        }
    }

    fn endpoint(base_url: &str, api_key: Option<&str>) -> Endpoint {
        Endpoint {
            base_url: base_url.to_owned(),
            api_key: api_key.map(str::to_owned),
        }
    }

    fn answer(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: vec![("Retry-After".to_owned(), "7".to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    fn error(status: u16, body: &str) -> Error {
        CoinGecko
            .parse(&[pair("bitcoin", "USD")], &answer(status, body))
            .unwrap_err()
    }

    #[test]
    fn all_pairs_go_into_one_request() {
        let pairs = [
            pair("ethereum", "USD"),
            pair("bitcoin", "USD"),
            pair("bitcoin", "EUR"),
            pair("bitcoin", "USDT"),
        ];
        let planned = CoinGecko
            .request(&endpoint("http://localhost:1/api/v3", None), &pairs)
            .unwrap();
        assert_eq!(planned.len(), 1);
        assert_eq!(
            planned[0].url,
            "http://localhost:1/api/v3/simple/price?ids=bitcoin,ethereum&vs_currencies=eur,usd\
             &include_24hr_change=true&include_last_updated_at=true&precision=full"
        );
        assert_eq!(planned[0].headers.len(), 2, "{:?}", planned[0].headers);
    }

    #[test]
    fn the_key_goes_into_the_header_that_its_host_reads() {
        for (base_url, header) in [
            ("https://api.coingecko.com/api/v3", "x-cg-demo-api-key"),
            ("https://PRO-api.coingecko.com/api/v3", "x-cg-pro-api-key"),
            (
                "http://localhost:1/pro-api.coingecko.com",
                "x-cg-demo-api-key",
            ),
        ] {
            let planned = CoinGecko
                .request(
                    &endpoint(base_url, Some("CG-key")),
                    &[pair("bitcoin", "USD")],
                )
                .unwrap();
            let wanted = (header.to_owned(), "CG-key".to_owned());
            assert!(planned[0].headers.contains(&wanted), "{base_url}");
            assert!(!planned[0].url.contains("CG-key"), "{base_url}");
        }
    }

    #[test]
    fn currencies_that_it_does_not_price_in_are_not_asked_for() {
        let planned = CoinGecko.request(
            &endpoint("https://api.coingecko.com/api/v3", None),
            &[pair("bitcoin", "IRT"), pair("bitcoin", "USDT")],
        );
        assert!(matches!(planned, Err(Error::UnsupportedPair(_))));
    }

    #[test]
    fn prices_are_read_with_their_change_and_time() {
        let body = r#"{"bitcoin":{"usd":64123.4500,"usd_24h_change":-1.25e-1,"eur":1.051e-05,
            "eur_24h_change":null,"last_updated_at":1700000000}}"#;
        let quotes = CoinGecko
            .parse(
                &[
                    pair("bitcoin", "USD"),
                    pair("bitcoin", "EUR"),
                    pair("bitcoin", "GBP"),
                    pair("ethereum", "USD"),
                ],
                &answer(200, body),
            )
            .unwrap();
        let read: Vec<_> = quotes
            .iter()
            .map(|quote| (quote.price.as_str(), quote.change_24h_pct.as_deref()))
            .collect();
        assert_eq!(read, [("64123.4500", Some("-0.125")), ("0.00001051", None)]);
        assert!(
            quotes
                .iter()
                .all(|quote| quote.updated_ms == Some(1_700_000_000_000))
        );
    }

    #[test]
    fn a_price_without_change_and_time_is_still_a_price() {
        let quotes = CoinGecko
            .parse(
                &[pair("bitcoin", "USD")],
                &answer(200, r#"{"bitcoin":{"usd":5,"last_updated_at":"soon"}}"#),
            )
            .unwrap();
        assert_eq!(quotes[0].change_24h_pct, None);
        assert_eq!(quotes[0].updated_ms, None);
    }

    #[test]
    fn null_prices_and_coins_leave_the_pair_out() {
        let body = r#"{"bitcoin":{"usd":null},"ethereum":null,"solana":{"usd":1}}"#;
        let pairs = ["bitcoin", "ethereum", "solana"].map(|asset| pair(asset, "USD"));
        let quotes = CoinGecko.parse(&pairs, &answer(200, body)).unwrap();
        assert_eq!(quotes.len(), 1);
        assert_eq!(quotes[0].asset, "solana");
    }

    #[test]
    fn an_answer_that_prices_nothing_is_malformed() {
        for body in [
            "{}",
            r#"{"bitcoin":{}}"#,
            r#"{"bitcoin":null}"#,
            r#"{"bitcoin":{"usd":null}}"#,
        ] {
            assert_eq!(
                error(200, body),
                Error::Malformed("coingecko priced none of the 1 pairs".to_owned()),
                "{body}"
            );
        }
    }

    #[test]
    fn a_body_of_another_shape_is_malformed() {
        for body in [
            "",
            "[]",
            "null",
            "17",
            r#"{"bitcoin":{"usd":"#,
            r#"{"bitcoin":[1]}"#,
            r#"{"bitcoin":{"usd":"5"}}"#,
            r#"{"bitcoin":{"usd":true}}"#,
            r#"{"bitcoin":{"usd":NaN}}"#,
            "<html></html>",
        ] {
            assert!(matches!(error(200, body), Error::Malformed(_)), "{body}");
        }
    }

    #[test]
    fn impossible_prices_are_implausible() {
        for price in ["0", "0.0", "-5", "1e400", "1e-400"] {
            let body = format!(r#"{{"bitcoin":{{"usd":{price}}}}}"#);
            assert!(
                matches!(error(200, &body), Error::Implausible(_)),
                "{price}"
            );
        }
    }

    #[test]
    fn being_limited_is_seen_in_every_form() {
        for (status, body) in [
            (
                429,
                r#"{"status":{"error_code":429,"error_message":"Slow down"}}"#,
            ),
            (429, "Throttled"),
            (200, "Throttled\n"),
            (429, "<html>"),
            (
                200,
                r#"{"status":{"error_code":429,"error_message":"Slow down"}}"#,
            ),
            (
                200,
                r#"{"error_code":429,"status":{"error_message":"Slow down"}}"#,
            ),
            (503, r#"{"error":{"status":{"error_code":429}}}"#),
        ] {
            assert_eq!(error(status, body), Error::RateLimited(Some(7)), "{body}");
        }
    }

    #[test]
    fn a_refused_key_is_seen_in_every_form() {
        for (status, body) in [
            (
                401,
                r#"{"status":{"error_code":10002,"error_message":"No key"}}"#,
            ),
            (
                400,
                r#"{"status":{"error_code":10010,"error_message":"Other host"}}"#,
            ),
            (
                400,
                r#"{"error_code":10011,"status":{"error_message":"Other host"}}"#,
            ),
            (
                401,
                r#"{"error":{"status":{"error_code":10012,"error_message":"Plan"}}}"#,
            ),
            (200, r#"{"status":{"error_code":10005}}"#),
            (403, "<!DOCTYPE html><title>Blocked</title>"),
            (403, "error code: 1020"),
        ] {
            assert!(
                matches!(error(status, body), Error::Unauthorised(_)),
                "{body}"
            );
        }
    }

    #[test]
    fn a_bad_request_is_about_the_pair_or_about_us() {
        for (status, body) in [
            (404, r#"{"error":"coin not found"}"#),
            (400, r#"{"error":"invalid vs_currency"}"#),
        ] {
            assert!(
                matches!(error(status, body), Error::UnsupportedPair(_)),
                "{body}"
            );
        }
        for (status, body) in [
            (422, r#"{"error":"Missing parameter ids"}"#),
            (404, "<html>"),
            (302, ""),
        ] {
            assert!(matches!(error(status, body), Error::Malformed(_)), "{body}");
        }
    }

    #[test]
    fn a_failing_upstream_is_unavailable_whatever_it_sends() {
        for body in ["", "<html>", "{}", r#"{"bitcoin":{"usd":1}}"#] {
            assert!(matches!(error(502, body), Error::Unavailable(_)), "{body}");
        }
    }

    #[test]
    fn a_coin_may_be_called_like_a_field_of_an_error() {
        let body = r#"{"status":{"usd":2},"error":{"usd":3}}"#;
        let quotes = CoinGecko
            .parse(
                &[pair("status", "USD"), pair("error", "USD")],
                &answer(200, body),
            )
            .unwrap();
        assert_eq!(quotes.len(), 2);
    }
}
