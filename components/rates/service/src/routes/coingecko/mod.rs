//! Routes of CoinGecko's API, in its own shapes and with its own errors, so that its clients
//! work when only their base URL changes: unknown parameters are ignored, unknown ids are
//! absent, numbers are JSON numbers with the upstream's digits, and what is not known is null.

mod asked;
mod exchange_rates;
mod lists;
mod markets;
mod priced;
mod simple_price;

use crate::adapters::Adapters;
use crate::admission::COINGECKOS_PARAMETERS;
use crate::cache::Served;
use crate::rendered::Rendered;
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::{KEY_PARAMETER, Query, Request};
use edge_rates_quotes::{Catalogue, Quote};
use http::StatusCode;
use serde_json::json;
use serde_json::value::RawValue;
use std::rc::Rc;

/// The routes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Ping,
    SimplePrice,
    SupportedVsCurrencies,
    ExchangeRates,
    CoinsList,
    CoinsMarkets,
    /// A route of CoinGecko's that needs prices of the past.
    History,
    /// Another one of its routes that is not served.
    Elsewhere,
    /// No route of CoinGecko's either.
    Unknown,
}

/// What CoinGecko's paths begin with.
const ITS_OWN: [&str; 18] = [
    "asset_platforms",
    "coins",
    "companies",
    "derivatives",
    "entities",
    "exchange_rates",
    "exchanges",
    "global",
    "insights",
    "key",
    "news",
    "nfts",
    "onchain",
    "public_treasury",
    "rwas",
    "search",
    "simple",
    "token_lists",
];

impl Route {
    /// The route by what follows /api/v3 in its path.
    pub(super) fn of(segments: &[&str]) -> Route {
        match *segments {
            ["ping"] => Route::Ping,
            ["simple", "price"] => Route::SimplePrice,
            ["simple", "supported_vs_currencies"] => Route::SupportedVsCurrencies,
            ["exchange_rates"] => Route::ExchangeRates,
            ["coins", "list"] => Route::CoinsList,
            ["coins", "markets"] => Route::CoinsMarkets,
            ["coins", _, "history" | "market_chart" | "ohlc"]
            | ["coins", _, "market_chart" | "ohlc", "range"] => Route::History,
            [first, ref rest @ ..] if ITS_OWN.contains(&first) && !rest.contains(&"") => {
                Route::Elsewhere
            }
            _ => Route::Unknown,
        }
    }

    /// Its name in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Route::Ping => "/api/v3/ping",
            Route::SimplePrice => "/api/v3/simple/price",
            Route::SupportedVsCurrencies => "/api/v3/simple/supported_vs_currencies",
            Route::ExchangeRates => "/api/v3/exchange_rates",
            Route::CoinsList => "/api/v3/coins/list",
            Route::CoinsMarkets => "/api/v3/coins/markets",
            Route::History | Route::Elsewhere | Route::Unknown => "other",
        }
    }

    /// Refuses a route that is not served, whatever its method.
    ///
    /// # Errors
    /// A 404 problem.
    pub(super) fn expect_served(self) -> Result<(), Problem> {
        let message = match self {
            Route::History => "prices of the past are not served here",
            Route::Elsewhere => "this route of the API is not served here",
            // CoinGecko begins so too, and names its documentation.
            Route::Unknown => "Incorrect path. Please check /openapi.json",
            _ => return Ok(()),
        };
        Err(Problem::plain(StatusCode::NOT_FOUND, message))
    }
}

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
    route: Route,
) -> Result<Answer, Problem> {
    match route {
        Route::Ping => {
            let mut answer = Answer::json(r#"{"gecko_says":"(V3) To the Moon!"}"#);
            answer.set("cache-control", "no-store");
            Ok(answer)
        }
        Route::SupportedVsCurrencies => lists::supported_vs_currencies(service, request),
        Route::CoinsList => lists::coins(service, request),
        Route::SimplePrice => {
            priced(
                service,
                request,
                simple_price::Asked::read,
                simple_price::render,
            )
            .await
        }
        Route::ExchangeRates => {
            let read = |_: &Query, catalogue| Ok(catalogue);
            priced(service, request, read, exchange_rates::render).await
        }
        Route::CoinsMarkets => {
            priced(service, request, markets::Asked::read, markets::render).await
        }
        Route::History | Route::Elsewhere | Route::Unknown => {
            route.expect_served()?;
            Err(Problem::unknown_path(request.path()))
        }
    }
}

/// The parameters that may hold a client's key, which no answer is kept under.
const KEYS: [&str; 3] = {
    let [demo, pro] = COINGECKOS_PARAMETERS;
    [demo, pro, KEY_PARAMETER]
};

/// Answers a route whose answer has prices in it.
async fn priced<'a, W: Capabilities, A: Adapters + 'static, Q>(
    service: &'a Rc<Service<W, A>>,
    request: &Request,
    read: impl Fn(&Query, &'a Catalogue) -> Result<Q, Problem>,
    render: impl FnOnce(&Q, &Served) -> Rendered,
) -> Result<Answer, Problem> {
    let catalogue = &service.settings.catalogue;
    let parse = || read(request.query(), catalogue);
    let render = |asked: Q, served: &Served| Ok(render(&asked, served));
    let key = request.question(&KEYS);
    super::kept_as(service, request, &key, parse, |problem| problem, render).await
}

/// A problem in the shape that CoinGecko has for it: one for clients that are not let in, and a
/// plainer one for everything else.
pub(super) fn refused(problem: &Problem) -> Answer {
    let status = problem.status();
    let code = match status {
        // Its number for a key that is missing or wrong.
        StatusCode::UNAUTHORIZED => Some(10_002),
        StatusCode::TOO_MANY_REQUESTS => Some(429),
        _ => None,
    };
    let body = match code {
        Some(code) => json!({"status": {"error_code": code, "error_message": problem.detail()}}),
        None => json!({"error": problem.detail()}),
    };
    let mut answer = Answer::json(body.to_string()).with_status(status);
    answer.set("cache-control", "no-store");
    for (name, value) in problem.headers() {
        answer.set(name, value.clone());
    }
    answer
}

/// A question that CoinGecko would refuse too.
fn unprocessable(message: impl Into<String>) -> Problem {
    Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, message)
}

fn missing(name: &str) -> Problem {
    unprocessable(format!("Missing parameter {name}"))
}

/// Whether an answer that shows these quotes is stale, or part of it.
fn is_stale<'q>(served: &Served, shown: impl IntoIterator<Item = &'q Quote>) -> bool {
    let mut shown = shown.into_iter();
    served.is_stale || shown.any(|quote| super::asked::is_stale(served, quote))
}

/// Decimal text as a JSON number with the same digits.
fn number(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).ok()
}

/// The same of text that may not be known.
fn known_number(text: Option<&str>) -> Option<Box<RawValue>> {
    text.and_then(number)
}

#[cfg(test)]
mod tests {
    use crate::route_tests::{Silent, get, json, quote, service};
    use crate::routes;
    use crate::service::Service;
    use edge_rates_kit::answer::Answer;
    use edge_rates_kit::fake::{World, incoming_to};
    use edge_rates_kit::problem::Problem;
    use futures::executor::block_on;
    use serde_json::json;
    use std::rc::Rc;

    fn ask(
        service: Result<&Rc<Service<World, Silent>>, &Problem>,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let world = World::new();
        let request = incoming_to(&world, method, target, headers, &[]);
        block_on(routes::answer(service, &request)).answer
    }

    /// The status, if the answer is an error of CoinGecko's plain shape.
    #[track_caller]
    fn error(answer: &Answer) -> (u16, String) {
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = json(answer);
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        let message = body["error"].as_str().unwrap().to_owned();
        (answer.status().as_u16(), message)
    }

    #[test]
    fn what_is_not_served_is_a_404_of_coingeckos_shape() {
        let service = service("bitcoin", "USD", &[]);
        for (path, message) in [
            (
                "/api/v3/coins/bitcoin/history?date=30-12-2025",
                "prices of the past are not served here",
            ),
            (
                "/api/v3/coins/bitcoin/market_chart?vs_currency=usd&days=1",
                "prices of the past are not served here",
            ),
            (
                "/api/v3/coins/bitcoin/market_chart/range",
                "prices of the past are not served here",
            ),
            (
                "/api/v3/coins/bitcoin",
                "this route of the API is not served here",
            ),
            (
                "/api/v3/simple/token_price/ethereum",
                "this route of the API is not served here",
            ),
        ] {
            let answer = get(&service, path);
            assert_eq!(answer.status(), 404, "{path}");
            assert_eq!(json(&answer), json!({"error": message}), "{path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }

    #[test]
    fn a_route_that_coingecko_lacks_too_is_an_incorrect_path() {
        let service = service("bitcoin", "USD", &[]);
        for path in [
            "/api/v3",
            "/api/v3/",
            "/api/v3?x=1",
            "/api/v3/nonsense",
            "/api/v3/ping/1",
            "/api/v3//ping",
            "/api/v3/simple//price?ids=bitcoin&vs_currencies=usd",
            "/api/v3/Simple/Price",
        ] {
            let (status, message) = error(&get(&service, path));
            assert_eq!(status, 404, "{path}");
            assert!(message.starts_with("Incorrect path. "), "{path}: {message}");
        }
        for path in [
            "/api/v3/key",
            "/api/v3/asset_platforms",
            "/api/v3/derivatives",
            "/api/v3/derivatives/exchanges/bitmex",
            "/api/v3/nfts/list",
            "/api/v3/global",
            "/api/v3/search/trending",
            "/api/v3/onchain/networks",
        ] {
            let not_served = "this route of the API is not served here".to_owned();
            assert_eq!(error(&get(&service, path)), (404, not_served), "{path}");
        }
    }

    #[test]
    fn whatever_goes_wrong_has_coingeckos_shape() {
        let quotes: Vec<_> = (0..60)
            .map(|number| quote(&format!("coin-{number}"), "USD", "1"))
            .collect();
        let assets: Vec<_> = (0..60)
            .map(|number| format!("coin-{number}:C{number}"))
            .collect();
        let service = service(&assets.join(","), "USD", &quotes);
        let of = |method: &str, target: &str, headers: &[(&str, &str)]| {
            let answer = ask(Ok(&service), method, target, headers);
            let allow = answer.header("allow").map(str::to_owned);
            (error(&answer), allow)
        };
        let ((status, message), allow) = of("POST", "/api/v3/ping", &[]);
        assert_eq!(status, 405);
        assert_eq!(allow.as_deref(), Some("GET, HEAD, OPTIONS"));
        assert!(message.contains("GET"), "{message}");
        let long = format!("/api/v3/ping?x={}", "x".repeat(1 << 20));
        assert_eq!(of("GET", &long, &[]).0.0, 414);
        for target in [
            "/api/v3/coins/list",
            "/api/v3/coins/markets?vs_currency=usd",
        ] {
            let ((status, message), _) = of("GET", target, &[("accept-encoding", "*;q=0")]);
            assert_eq!(status, 406, "{target}");
            assert!(message.contains("Accept-Encoding"), "{message}");
        }
        let wrong = Problem::misconfigured("A setting is wrong.".to_owned());
        let answer = ask(Err(&wrong), "GET", "/api/v3/coins/list", &[]);
        assert_eq!(error(&answer), (500, "A setting is wrong.".to_owned()));
    }

    #[test]
    fn without_a_board_the_error_has_coingeckos_shape_too() {
        let service = service("bitcoin", "USD", &[]);
        for path in [
            "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd",
            "/api/v3/exchange_rates",
            "/api/v3/coins/markets?vs_currency=usd",
        ] {
            let answer = get(&service, path);
            assert_eq!(answer.status(), 503, "{path}");
            assert!(json(&answer)["error"].is_string(), "{path}");
            assert!(answer.header("retry-after").is_some(), "{path}");
        }
    }
}
