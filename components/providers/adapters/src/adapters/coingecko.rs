//! CoinGecko API v3: one `/simple/price` call prices every pair, with its market capitalisation,
//! volume, 24 h change and time. Keyless, with a demo key, or with a pro key on a host of its own.

use super::Adapter;
use crate::endpoint::{self, Base};
use crate::gathered::{Beside, Gathered};
use crate::json::{self, Object};
use crate::refusal::{Complaint, refusal};
use crate::upstream::{Endpoint, Error, Pair, Provider, Quota, Quote, Request, Response, Scope};

const ID: &str = "coingecko";

const PUBLIC_URL: &str = "https://api.coingecko.com/api/v3";

/// Paid keys work on this host only, and in a header of their own.
const PAID_HOST: &str = "pro-api.coingecko.com";
const PAID_URL: &str = "https://pro-api.coingecko.com/api/v3";

/// Currencies that people ask for and that CoinGecko doesn't price in.
const NOT_PRICED_IN: [&str; 4] = ["IRR", "IRT", "USDC", "USDT"];

/// One call takes about 515 ids, because its URL may have some 8 KB. One more is the canary.
const MOST_IDS: usize = 499;
const LONGEST_LIST: usize = 6_500;

/// A coin that is asked for with all others, because it always has a price: an answer that has it,
/// and nothing else, is one about coins that are not known, and no broken one.
const CANARY: &str = "bitcoin";

/// The adapter for CoinGecko.
pub(crate) struct CoinGecko;

impl Adapter for CoinGecko {
    fn provider(&self) -> Provider {
        Provider {
            id: ID,
            default_base_url: PUBLIC_URL,
            attribution: "Data provided by CoinGecko",
            scope: Scope::Market,
            takes_key: true,
        }
    }

    /// Below what it allows, for failed calls count too and others may share the key. Of paid
    /// plans it is the smallest that counts: 250 calls a minute and 100,000 a month.
    fn quota(&self, endpoint: &Endpoint) -> Quota {
        let (per_minute, per_month) = match Access::of(endpoint) {
            Ok(Access { is_pro: true, .. }) => (200, 95_000),
            Ok(Access { key: Some(_), .. }) => (60, 9_500),
            // Nothing is asked with settings that can't work.
            Ok(Access { key: None, .. }) | Err(_) => (8, 9_500),
        };
        Quota {
            per_minute: Some(per_minute),
            per_month: Some(per_month),
        }
    }

    fn request(&self, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error> {
        let access = Access::of(endpoint)?;
        let (ids, currencies): (Vec<&str>, Vec<String>) = pairs
            .iter()
            .filter(|pair| !NOT_PRICED_IN.contains(&pair.quote.as_str()))
            .filter_map(|pair| Some((id(pair)?, pair.quote.to_ascii_lowercase())))
            .unzip();
        if ids.is_empty() {
            return Err(Error::UnsupportedPair(format!(
                "{ID} prices none of the pairs asked for"
            )));
        }
        let currencies = endpoint::list(currencies.iter().map(String::as_str).collect());
        let requests = lists_of(endpoint::distinct(ids))
            .into_iter()
            .map(|mut ids| {
                ids.push(CANARY);
                let ids = endpoint::list(ids);
                access.get(&format!(
                    "/simple/price?ids={ids}&vs_currencies={currencies}\
                 &include_market_cap=true&include_24hr_vol=true&include_24hr_change=true\
                 &include_last_updated_at=true&precision=full"
                ))
            });
        Ok(requests.collect())
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
        for id in endpoint::distinct(pairs.iter().filter_map(id).collect()) {
            let Some(raw) = coins.get(id) else {
                continue;
            };
            let asked = pairs.iter().filter(|pair| self::id(pair) == Some(id));
            match json::value::<Object<'_>>(raw) {
                Some(coin) => asked.for_each(|pair| price(&mut gathered, pair, &coin)),
                None if raw.get() == "null" => {}
                None => asked.for_each(|pair| gathered.wrong_type(pair)),
            }
        }
        let canary: Option<Object<'_>> = coins.get(CANARY).and_then(json::value);
        let is_priced = |canary: &Object<'_>| {
            let mut currencies = pairs.iter().map(|pair| pair.quote.to_ascii_lowercase());
            currencies.any(|currency| json::decimal(canary.get(&currency)).is_some())
        };
        let listed = canary.filter(is_priced).map_or(0, |_| coins.len());
        gathered.finish_listing(listed)
    }
}

/// Where to ask, and with which key.
struct Access<'a> {
    base: Base,
    is_pro: bool,
    key: Option<(&'static str, &'a str)>,
}

impl<'a> Access<'a> {
    /// The plan says which host and which header a key is for. Without one the host tells, so
    /// that setting the URL of the paid host is enough.
    fn of(endpoint: &'a Endpoint) -> Result<Self, Error> {
        let refuse = |why| Err(Error::Unauthorised(format!("{ID} can't be asked: {why}")));
        let plan = endpoint.plan.as_deref().map_or("", str::trim);
        let is_pro = match plan {
            "" => None,
            _ if plan.eq_ignore_ascii_case("pro") => Some(true),
            _ if plan.eq_ignore_ascii_case("demo") => Some(false),
            _ => return refuse("its plan is neither `demo` nor `pro`; set coingecko_plan to one"),
        };
        let base = Base::of(ID, endpoint)?;
        let base = match is_pro {
            // The caller left the default, which is the other host's.
            Some(true) if base == Base::parse(ID, PUBLIC_URL)? => Base::parse(ID, PAID_URL)?,
            _ => base,
        };
        let is_pro = is_pro.unwrap_or(base.host() == PAID_HOST);
        let key = endpoint::api_key(ID, endpoint)?;
        if is_pro && key.is_none() {
            return refuse("the pro plan needs a key; set coingecko_api_key");
        }
        let header = match is_pro {
            true => "x-cg-pro-api-key",
            false => "x-cg-demo-api-key",
        };
        Ok(Self {
            base,
            is_pro,
            key: key.map(|key| (header, key)),
        })
    }

    fn get(&self, path: &str) -> Request {
        let mut request = self.base.get(path);
        if let Some((header, key)) = self.key {
            request.headers.push((header.to_owned(), key.to_owned()));
        }
        request
    }
}

/// CoinGecko's id of the pair's asset: ids are its own, unless the caller knows better.
fn id(pair: &Pair) -> Option<&str> {
    match pair.code {
        Some(_) => pair.code(),
        None => Some(&pair.asset),
    }
}

/// The ids in lists that each fit into one call.
fn lists_of(ids: Vec<&str>) -> Vec<Vec<&str>> {
    let mut lists = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let mut length = 0;
    for id in ids {
        if !names.is_empty() && (names.len() >= MOST_IDS || length + id.len() > LONGEST_LIST) {
            lists.push(std::mem::take(&mut names));
            length = 0;
        }
        names.push(id);
        length += id.len() + 1;
    }
    lists.push(names);
    lists
}

fn price(gathered: &mut Gathered, pair: &Pair, coin: &Object<'_>) {
    let currency = pair.quote.to_ascii_lowercase();
    let beside = |name: &str| json::decimal(coin.get(&format!("{currency}_{name}")));
    let stated = json::number(coin.get(&currency));
    let beside = Beside {
        change_24h_pct: beside("24h_change"),
        // Where nobody knows how many coins there are, it says 0.
        market_cap: beside("market_cap").filter(|cap| is_above_zero(cap)),
        volume_24h: beside("24h_vol").filter(|volume| !volume.starts_with('-')),
        updated_ms: json::millis(coin.get("last_updated_at")),
    };
    gathered.price(pair, stated, beside);
}

fn is_above_zero(decimal: &str) -> bool {
    !decimal.starts_with('-') && decimal.contains(|c: char| ('1'..='9').contains(&c))
}

/// CoinGecko reports errors as `{"error": text}`, `{"status": {…}}` or
/// `{"error": {"status": {…}}}`; the code may stand beside the status instead of inside it. A
/// coin with the id "status" or "error" isn't taken for one: it has neither code nor message.
fn complaint(body: &Object<'_>) -> Option<Complaint> {
    if let Some(text) = json::field::<String>(body, "error") {
        return Some(Complaint {
            unknown_pair: is_about_a_pair(&text),
            text,
            ..Complaint::default()
        });
    }
    let status: Option<Object<'_>> = json::field::<Object<'_>>(body, "error")
        .and_then(|error| json::field(&error, "status"))
        .or_else(|| json::field(body, "status"));
    let code = status
        .as_ref()
        .and_then(|status| status.get("error_code"))
        .or_else(|| body.get("error_code"))
        .and_then(|code| json::decimal(Some(code))?.parse().ok());
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
        advice: code.and_then(advice_on),
    })
}

/// What the operator can do about CoinGecko's `error_code`.
fn advice_on(code: u32) -> Option<&'static str> {
    match code {
        10002 => Some("set coingecko_api_key, and coingecko_plan to the key's plan"),
        10005 | 10012 => Some("the key's plan does not include this"),
        10010 => Some("the key is a pro one: set coingecko_plan to pro"),
        10011 => Some("the key is a demo one: set coingecko_plan to demo"),
        _ => None,
    }
}

/// The HTTP status that says the same as CoinGecko's `error_code`.
fn status_of(code: u32) -> Option<u16> {
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
    use crate::sample::{self, answer_until, endpoint};

    fn pair(asset: &str, quote: &str) -> Pair {
        sample::pair(asset, "ANY", quote)
    }

    fn with_plan(plan: &str, base_url: &str, api_key: Option<&str>) -> Endpoint {
        Endpoint {
            plan: Some(plan.to_owned()),
            ..endpoint(base_url, api_key)
        }
    }

    fn only_request(endpoint: &Endpoint) -> Request {
        let mut planned = CoinGecko
            .request(endpoint, &[pair("bitcoin", "USD")])
            .unwrap();
        assert_eq!(planned.len(), 1);
        planned.remove(0)
    }

    fn answer(status: u16, body: &str) -> Response {
        answer_until("7", status, body)
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
             &include_market_cap=true&include_24hr_vol=true&include_24hr_change=true\
             &include_last_updated_at=true&precision=full"
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
    fn the_plan_says_which_host_and_header_the_key_is_for() {
        let mirror = "http://localhost:1/coingecko-pro";
        for (plan, base_url, url, header) in [
            ("pro", PUBLIC_URL, PAID_URL, "x-cg-pro-api-key"),
            (
                " PRO ",
                "https://api.coingecko.com/api/v3/",
                PAID_URL,
                "x-cg-pro-api-key",
            ),
            ("pro", mirror, mirror, "x-cg-pro-api-key"),
            ("demo", PUBLIC_URL, PUBLIC_URL, "x-cg-demo-api-key"),
            ("demo", PAID_URL, PAID_URL, "x-cg-demo-api-key"),
            ("", PUBLIC_URL, PUBLIC_URL, "x-cg-demo-api-key"),
        ] {
            let request = only_request(&with_plan(plan, base_url, Some("CG-key")));
            assert!(
                request.url.starts_with(&format!("{url}/simple/price?")),
                "{plan}: {}",
                request.url
            );
            let wanted = (header.to_owned(), "CG-key".to_owned());
            assert!(request.headers.contains(&wanted), "{plan} {base_url}");
        }
    }

    #[test]
    fn each_plan_has_its_own_quota() {
        let quota = |endpoint: Endpoint| {
            let quota = CoinGecko.quota(&endpoint);
            (quota.per_minute, quota.per_month)
        };
        let (keyless, demo, paid) = ((8, 9_500), (60, 9_500), (200, 95_000));
        for (endpoint, (per_minute, per_month)) in [
            (endpoint(PUBLIC_URL, None), keyless),
            (endpoint(PUBLIC_URL, Some("CG-1")), demo),
            (with_plan("demo", PUBLIC_URL, Some("CG-1")), demo),
            (with_plan("pro", PUBLIC_URL, Some("CG-1")), paid),
            // Without a plan the host tells.
            (endpoint(PAID_URL, Some("CG-1")), paid),
            // What can't work asks nothing.
            (with_plan("pro", PUBLIC_URL, None), keyless),
            (with_plan("best", PUBLIC_URL, Some("CG-1")), keyless),
        ] {
            let expected = (Some(per_minute), Some(per_month));
            assert_eq!(quota(endpoint.clone()), expected, "{endpoint:?}");
        }
    }

    #[test]
    fn a_plan_that_cannot_work_is_told_before_anything_is_sent() {
        for (endpoint, said) in [
            (with_plan("pro", PUBLIC_URL, None), "set coingecko_api_key"),
            (
                with_plan("pro", PUBLIC_URL, Some(" ")),
                "set coingecko_api_key",
            ),
            (endpoint(PAID_URL, None), "set coingecko_api_key"),
            (
                with_plan("gold", PUBLIC_URL, Some("k")),
                "set coingecko_plan",
            ),
        ] {
            let planned = CoinGecko.request(&endpoint, &[pair("bitcoin", "USD")]);
            let Err(Error::Unauthorised(why)) = planned else {
                panic!("{planned:?}");
            };
            assert!(why.contains(said), "{why}");
        }
    }

    #[test]
    fn more_ids_than_a_url_takes_become_several_requests() {
        let pairs: Vec<Pair> = (0..1_200)
            .flat_map(|n| ["USD", "EUR"].map(|quote| pair(&format!("coin-{n:04}"), quote)))
            .collect();
        let planned = CoinGecko
            .request(&endpoint(PUBLIC_URL, None), &pairs)
            .unwrap();
        assert_eq!(planned.len(), 3);
        let mut ids = Vec::new();
        for request in &planned {
            assert!(request.url.len() < 8_000);
            let list = request.url.split("ids=").nth(1).unwrap();
            ids.extend(list.split('&').next().unwrap().split(','));
        }
        ids.retain(|id| *id != CANARY);
        assert_eq!(ids.len(), 1_200, "each once");
        let long: Vec<Pair> = (0..200).map(|n| pair(&format!("{n:090}"), "USD")).collect();
        let planned = CoinGecko
            .request(&endpoint(PUBLIC_URL, None), &long)
            .unwrap();
        assert_eq!(planned.len(), 3);
        assert!(planned.iter().all(|request| request.url.len() < 8_000));
    }

    #[test]
    fn a_code_that_the_caller_gives_is_asked_for_and_found() {
        let pairs = [Pair {
            code: Some("wrapped-one".to_owned()),
            ..pair("one", "USD")
        }];
        let planned = CoinGecko
            .request(&endpoint(PUBLIC_URL, None), &pairs)
            .unwrap();
        assert!(planned[0].url.contains("ids=bitcoin,wrapped-one&"));
        let body = r#"{"one":{"usd":1},"wrapped-one":{"usd":2}}"#;
        let quotes = CoinGecko.parse(&pairs, &answer(200, body)).unwrap();
        assert_eq!(quotes.len(), 1);
        assert_eq!(
            (quotes[0].asset.as_str(), quotes[0].price.as_str()),
            ("one", "2")
        );
    }

    #[test]
    fn market_cap_and_volume_are_read_where_they_are_known() {
        let read = |fields: &str| {
            let body = format!(r#"{{"bitcoin":{{"usd":5{fields}}}}}"#);
            let quotes = CoinGecko
                .parse(&[pair("bitcoin", "USD")], &answer(200, &body))
                .unwrap();
            (quotes[0].market_cap.clone(), quotes[0].volume_24h.clone())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            read(r#","usd_market_cap":1542226908349.8406,"usd_24h_vol":2.909660341889408e10"#),
            (some("1542226908349.8406"), some("29096603418.89408"))
        );
        assert_eq!(
            read(r#","usd_market_cap":0.0,"usd_24h_vol":0.0"#),
            (None, some("0.0"))
        );
        assert_eq!(
            read(r#","usd_market_cap":null,"usd_24h_vol":-1"#),
            (None, None)
        );
        assert_eq!(
            read(r#","usd_market_cap":"1","usd_24h_vol":[]"#),
            (None, None)
        );
    }

    #[test]
    fn a_refused_key_comes_with_what_to_do() {
        for (code, advice) in [
            (10002, "set coingecko_api_key"),
            (10005, "plan does not include"),
            (10010, "set coingecko_plan to pro"),
            (10011, "set coingecko_plan to demo"),
            (10012, "plan does not include"),
        ] {
            let body = format!(
                r#"{{"status":{{"error_code":{code},"error_message":"See the documentation"}}}}"#
            );
            let Error::Unauthorised(why) = error(400, &body) else {
                panic!("{code} is not unauthorised");
            };
            assert!(why.contains(advice) && why.contains("See the"), "{why}");
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
    fn an_answer_about_coins_that_are_not_known_is_no_broken_one() {
        let pairs = ["new-coin", "old-coin"].map(|asset| pair(asset, "USD"));
        let planned = CoinGecko.request(&endpoint(PUBLIC_URL, None), &pairs);
        let url = &planned.unwrap()[0].url;
        assert!(url.contains("ids=bitcoin,new-coin,old-coin&"), "{url}");
        let read = |body| CoinGecko.parse(&pairs, &answer(200, body));
        let unknown = read(r#"{"bitcoin":{"usd":64123.45}}"#);
        assert!(
            matches!(unknown, Err(Error::UnsupportedPair(_))),
            "{unknown:?}"
        );
        let one = read(r#"{"bitcoin":{"usd":64123.45},"new-coin":{"usd":2}}"#);
        assert_eq!(one.unwrap().len(), 1, "nobody asked for the other");
        for broken in ["{}", r#"{"bitcoin":{}}"#] {
            assert!(matches!(read(broken), Err(Error::Malformed(_))), "{broken}");
        }
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
