//! The routes: each file parses one route's parameters and shapes its answer.

#[cfg(test)]
mod agreement;
mod asked;
mod batch;
mod coingecko;
mod convert;
mod csv;
mod currencies;
#[cfg(test)]
mod described;
mod number;
mod pair;
pub(crate) mod providers;
mod rates;
mod stream;
mod symbols;
#[cfg(test)]
mod tests;
mod unanswered;

use crate::adapters::Adapters;
use crate::admission::Admitted;
use crate::cache::{self, Served};
use crate::rendered::Rendered;
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Request;
use edge_rates_kit::serving::{self, Routed, beside_posting, beside_reading};
use http::Method;
use std::rc::Rc;

/// A route by what follows in its path.
enum Route<'a> {
    Rates,
    Batch,
    Pair { base: &'a str, quote: &'a str },
    Convert,
    Stream,
    Symbols,
    Currencies,
    Providers,
    CoinGecko(coingecko::Route),
    Unknown,
}

impl<'a> Route<'a> {
    fn of(segments: &[&'a str]) -> Route<'a> {
        match *segments {
            ["v1", "rates"] => Route::Rates,
            ["v1", "rates:batch"] => Route::Batch,
            ["v1", "rates", base, quote] => Route::Pair { base, quote },
            ["v1", "convert"] => Route::Convert,
            ["v1", "stream"] => Route::Stream,
            ["v1", "symbols"] => Route::Symbols,
            ["v1", "currencies"] => Route::Currencies,
            ["api", "v3", ref rest @ ..] => Route::CoinGecko(coingecko::Route::of(rest)),
            ["v1", "providers"] => Route::Providers,
            _ => Route::Unknown,
        }
    }

    /// Its name in metrics.
    fn name(&self) -> &'static str {
        match self {
            Route::Rates => "/v1/rates",
            Route::Batch => "/v1/rates:batch",
            Route::Pair { .. } => "/v1/rates/{base}/{quote}",
            Route::Convert => "/v1/convert",
            Route::Stream => "/v1/stream",
            Route::Symbols => "/v1/symbols",
            Route::Currencies => "/v1/currencies",
            Route::CoinGecko(route) => route.name(),
            Route::Providers => "/v1/providers",
            Route::Unknown => "other",
        }
    }
}

/// Answers one request. `service` is an error if this deployment's settings make no sense.
pub async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: Result<&Rc<Service<W, A>>, &Problem>,
    request: &Request,
) -> Routed {
    let segments = request.segments();
    let route = Route::of(&segments);
    let is_coingecko = matches!(route, Route::CoinGecko(_));
    let mut admitted = None;
    let (name, result) = match serving::bounded(request) {
        Ok(()) => {
            let name = route.name();
            let result = of_route(service, request, route, &mut admitted).await;
            (name, result)
        }
        Err(too_long) => ("other", Err(too_long)),
    };
    let result = match result {
        // Whatever goes wrong below that API's path is said in its shape.
        Err(problem) if is_coingecko => Ok(coingecko::refused(&problem)),
        result => result,
    };
    let mut routed = Routed::new(name, request, result);
    if let Some(admitted) = admitted {
        admitted.tell(&mut routed.answer);
    }
    routed
}

/// What a route answers. `admitted` is set as soon as the client is let in.
async fn of_route<W: Capabilities, A: Adapters + 'static>(
    service: Result<&Rc<Service<W, A>>, &Problem>,
    request: &Request,
    route: Route<'_>,
    admitted: &mut Option<Admitted>,
) -> Result<Answer, Problem> {
    match &route {
        Route::Unknown => return Err(Problem::unknown_path(request.path())),
        // Browsers ask so whether they may ask at all.
        Route::CoinGecko(_) if *request.method() == Method::OPTIONS => {}
        Route::CoinGecko(route) => route.expect_served()?,
        _ => {}
    }
    let beside = match route {
        Route::Batch => beside_posting(request),
        _ => beside_reading(request, None),
    };
    if let Some(answer) = beside {
        return answer;
    }
    let service = service.map_err(Problem::clone)?;
    if service.settings.terms.is_key_in_query {
        request.take_key();
    }
    if let Some(admission) = &service.admission {
        let is_coingecko = matches!(route, Route::CoinGecko(_));
        *admitted = Some(admission.admit(&service.world, request, is_coingecko)?);
    }
    match route {
        Route::Rates => rates::answer(service, request).await,
        Route::Batch => batch::answer(service, request).await,
        Route::Pair { base, quote } => pair::answer(service, request, base, quote).await,
        Route::Convert => convert::answer(service, request).await,
        Route::Stream => stream::answer(service, request).await,
        Route::Symbols => symbols::answer(service, request),
        Route::Currencies => currencies::answer(service, request),
        Route::Providers => providers::answer(service, request).await,
        Route::CoinGecko(route) => coingecko::answer(service, request, route).await,
        Route::Unknown => Err(Problem::unknown_path(request.path())),
    }
}

/// Answers a question from the current board. One that was answered from that board before is
/// neither parsed nor rendered again; otherwise `parse` reads it, which fails before any board
/// is asked for, and `render` answers it. `unserved` puts into the route's form that there is no
/// board, or no form of the answer that the client takes.
async fn from_board<W: Capabilities, A: Adapters + 'static, Q, E>(
    service: &Rc<Service<W, A>>,
    request: &Request,
    parse: impl Fn() -> Result<Q, E>,
    unserved: impl Fn(Problem) -> E,
    render: impl FnOnce(Q, &Served) -> Result<Rendered, E>,
) -> Result<Answer, E> {
    let key = request.question(&[]);
    kept_as(service, request, &key, parse, unserved, render).await
}

/// The same where more or less than the request's question decides about the answer: `key` is
/// the name that it is kept under.
async fn kept_as<W: Capabilities, A: Adapters + 'static, Q, E>(
    service: &Rc<Service<W, A>>,
    request: &Request,
    key: &str,
    parse: impl Fn() -> Result<Q, E>,
    unserved: impl Fn(Problem) -> E,
    render: impl FnOnce(Q, &Served) -> Result<Rendered, E>,
) -> Result<Answer, E> {
    let known = service.shelf.find(key);
    let question = match known {
        Some(_) => None,
        None => Some(parse()?),
    };
    let served = cache::current(service, request.arrived());
    let served = served.await.map_err(&unserved)?;
    let times = &service.settings.cache_times;
    if let Some(known) = known.filter(|known| known.of == served.state()) {
        let before = known.body.bytes();
        let answer = served.answer(&known, request, times).map_err(&unserved)?;
        service.shelf.grow(known.body.bytes() - before);
        return Ok(answer);
    }
    let question = match question {
        Some(question) => question,
        None => parse()?,
    };
    let rendered = Rc::new(render(question, &served)?);
    let answer = served.answer(&rendered, request, times);
    let answer = answer.map_err(&unserved)?;
    service.shelf.keep(key, &rendered);
    Ok(answer)
}
