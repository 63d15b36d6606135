//! Routes of CoinGecko's API, in its own shapes and with its own errors, so that its clients
//! work when only their base URL changes: unknown parameters are ignored, unknown ids are
//! absent, numbers are JSON numbers with the upstream's digits, and what is not known is null.

mod asked;
mod exchange_rates;
mod lists;
mod markets;
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
use edge_rates_quotes::{Catalogue, Precision, Quote, Rounding, convert};
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
    /// Another one that is not served.
    Elsewhere,
}

impl Route {
    /// The route by what follows /api/v3 in its path, if CoinGecko has it.
    pub(super) fn of(segments: &[&str]) -> Option<Route> {
        Some(match *segments {
            ["ping"] => Route::Ping,
            ["simple", "price"] => Route::SimplePrice,
            ["simple", "supported_vs_currencies"] => Route::SupportedVsCurrencies,
            ["exchange_rates"] => Route::ExchangeRates,
            ["coins", "list"] => Route::CoinsList,
            ["coins", "markets"] => Route::CoinsMarkets,
            ["coins", _, "history" | "market_chart" | "ohlc"]
            | ["coins", _, "market_chart" | "ohlc", "range"] => Route::History,
            ["coins" | "simple" | "search" | "exchanges" | "global", ..] => Route::Elsewhere,
            _ => return None,
        })
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
            Route::History | Route::Elsewhere => "other",
        }
    }

    /// The answer to a route that is not served, whatever its method.
    pub(super) fn unserved(self) -> Option<Answer> {
        let message = match self {
            Route::History => "prices of the past are not served here",
            Route::Elsewhere => "this route of the API is not served here",
            _ => return None,
        };
        Some(error(StatusCode::NOT_FOUND, message))
    }
}

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
    route: Route,
) -> Answer {
    match route {
        Route::Ping => {
            let mut answer = Answer::json(r#"{"gecko_says":"(V3) To the Moon!"}"#);
            answer.set("cache-control", "no-store");
            answer
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
        Route::History | Route::Elsewhere => route
            .unserved()
            .unwrap_or_else(|| error(StatusCode::NOT_FOUND, "not found")),
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
    read: impl Fn(&Query, &'a Catalogue) -> Result<Q, Refusal>,
    render: impl FnOnce(&Q, &Served) -> Rendered,
) -> Answer {
    let catalogue = &service.settings.catalogue;
    let parse = || {
        let asked = read(request.query(), catalogue);
        asked.map_err(Refusal::answer)
    };
    let unserved = |problem: Problem| {
        let in_problem = problem.into_answer(request.path());
        let mut answer = error(
            StatusCode::SERVICE_UNAVAILABLE,
            "No prices are available at the moment; try again later.",
        );
        if let Some(seconds) = in_problem.header("retry-after") {
            answer.set("retry-after", seconds.to_owned());
        }
        answer
    };
    let render = |asked: Q, served: &Served| Ok(render(&asked, served));
    let key = request.question(&KEYS);
    let answered = super::kept_as(service, request, &key, parse, unserved, render).await;
    answered.unwrap_or_else(|error| error)
}

/// An error in CoinGecko's plainest shape.
fn error(status: StatusCode, message: &str) -> Answer {
    let body = json!({"error": message}).to_string();
    let mut answer = Answer::json(body).with_status(status);
    answer.set("cache-control", "no-store");
    answer
}

/// A client that is not let in, in the shape that CoinGecko has for that.
pub(super) fn refused(problem: &Problem) -> Answer {
    let code = match problem.status() {
        // Its number for a key that is missing or wrong.
        StatusCode::UNAUTHORIZED => 10_002,
        status => status.as_u16(),
    };
    let body = json!({"status": {"error_code": code, "error_message": problem.detail()}});
    let mut answer = Answer::json(body.to_string()).with_status(problem.status());
    answer.set("cache-control", "no-store");
    for (name, value) in problem.headers() {
        answer.set(name, value.clone());
    }
    answer
}

/// A question that CoinGecko would refuse too.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn unprocessable(message: impl Into<String>) -> Refusal {
        Refusal {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message: message.into(),
        }
    }

    fn missing(name: &str) -> Refusal {
        Refusal::unprocessable(format!("Missing parameter {name}"))
    }

    fn bad(message: &str) -> Refusal {
        Refusal {
            status: StatusCode::BAD_REQUEST,
            message: message.to_owned(),
        }
    }

    fn answer(self) -> Answer {
        error(self.status, &self.message)
    }
}

/// Whether an answer that shows these quotes is stale, or part of it.
fn is_stale<'q>(served: &Served, shown: impl IntoIterator<Item = &'q Quote>) -> bool {
    let mut shown = shown.into_iter();
    served.is_stale || shown.any(|quote| super::asked::is_stale(served, quote))
}

/// A quote's price with the digits that are wanted; None if it can't be rounded.
fn price(quote: &Quote, precision: Precision) -> Option<Box<RawValue>> {
    let text = convert::round_price(&quote.price, precision, Rounding::HalfEven).ok()?;
    number(&text)
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
    use crate::route_tests::{get, json, service};
    use serde_json::json;

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
