//! From a request's head to its answer: what every component does around its own logic.

use crate::Capabilities;
use crate::answer::{self, Answer};
use crate::log;
use crate::problem::{Problem, shortened};
use crate::recorder::Recorder;
use crate::request::Request;
use crate::series::{HTTP_DURATION, HTTP_REQUESTS};
use http::Method;
use serde_json::{Map, Value};
use std::rc::Rc;
use std::time::Duration;

/// Longest path with query, in bytes (RFC 9110 §4.1 asks for 8,000 at least): room for more than
/// 500 ids of CoinGecko's, also with their commas as `%2C`. It is what bounds lists in queries.
pub const LONGEST_TARGET: usize = 16 << 10;

/// Methods of a route that is only read.
pub const READ: &str = "GET, HEAD, OPTIONS";

/// Methods of a route that only takes what is sent to it.
pub const POST: &str = "POST, OPTIONS";

/// An answer and the route it belongs to.
pub struct Routed {
    /// Name of the route for metrics, from a fixed set: `/v1/rates/{base}/{quote}`.
    pub route: &'static str,
    /// What the client gets.
    pub answer: Answer,
}

impl Routed {
    /// An answer of `route`, where a problem is one too.
    pub fn new(route: &'static str, request: &Request, result: Result<Answer, Problem>) -> Routed {
        let answer = result.unwrap_or_else(|problem| problem.into_answer(request.path()));
        Routed { route, answer }
    }
}

/// Answers a request by `handle`, and counts it.
pub async fn serve<W: Capabilities>(
    world: &W,
    recorder: &Rc<Recorder>,
    request: Request,
    handle: impl AsyncFnOnce(&Request) -> Routed,
) -> Answer {
    let id = Rc::clone(&request.id().id);
    let mut routed = log::of_request(id, handle(&request)).await;
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::POST => "POST",
        _ => "other",
    };
    routed.answer = routed.answer.for_request(&request);
    let status = routed.answer.status();
    recorder.count(&HTTP_REQUESTS, &[method, routed.route, status.as_str()]);
    let took = world.elapsed().saturating_sub(request.arrived());
    recorder.observe(&HTTP_DURATION, &[method, routed.route], took);
    recorder.flush_soon(world);
    if status.is_server_error() {
        log::warning(problem_line(&request, &routed));
    }
    if recorder.is_logging() {
        log::info(request_line(&request, &routed, took));
    }
    routed.answer
}

/// What is written of every request where that is asked for. Its target is not: that may hold a
/// key.
fn request_line(request: &Request, routed: &Routed, took: Duration) -> Value {
    let mut line = about(request, routed, "request");
    // Only the answer's own words about the cache, without the name of ours.
    let cache = routed
        .answer
        .header("cache-status")
        .and_then(|status| status.split_once("; "));
    if let Some((_, result)) = cache {
        line.insert("cache".to_owned(), result.into());
    }
    let ms = took.as_micros() as f64 / 1000.0;
    line.insert("ms".to_owned(), ms.into());
    line.into()
}

/// What is written of every answer that is our own failure.
fn problem_line(request: &Request, routed: &Routed) -> Value {
    let mut line = about(request, routed, "problem");
    let body = serde_json::from_slice::<Value>(routed.answer.body());
    // A problem has a detail; CoinGecko's shape has an error.
    let members = ["detail", "error"];
    let detail = |body: Value| members.iter().find_map(|name| body.get(name).cloned());
    if let Some(detail) = body.ok().and_then(detail) {
        line.insert("detail".to_owned(), detail);
    }
    line.into()
}

fn about(request: &Request, routed: &Routed, event: &str) -> Map<String, Value> {
    let span = request.id().span();
    let mut line = Map::new();
    let fields = [
        ("event", event.into()),
        ("request_id", Value::from(&*request.id().id)),
        ("trace_id", span.trace.into()),
        ("span_id", span.span.into()),
        ("method", shortened(request.method().as_str()).into()),
        ("route", routed.route.into()),
        ("status", routed.answer.status().as_u16().into()),
    ];
    for (name, value) in fields {
        line.insert(name.to_owned(), value);
    }
    if let Some(parent) = span.parent {
        line.insert("parent_id".to_owned(), parent.into());
    }
    line
}

/// Refuses targets that are longer than any question. It is for routes to ask, because each API
/// has its own form of errors.
///
/// # Errors
/// A 414 problem.
pub fn bounded(request: &Request) -> Result<(), Problem> {
    match request.target().len() {
        0..=LONGEST_TARGET => Ok(()),
        _ => Err(Problem::uri_too_long(LONGEST_TARGET)),
    }
}

/// What a route that is only read answers to methods other than GET and HEAD, if that is asked.
/// `parameters` are those that it takes; None leaves them to the route.
pub fn beside_reading(
    request: &Request,
    parameters: Option<&[&str]>,
) -> Option<Result<Answer, Problem>> {
    match *request.method() {
        Method::GET | Method::HEAD => {
            let unexpected = request.query().expect(parameters?).err()?;
            Some(Err(unexpected))
        }
        Method::OPTIONS => Some(Ok(answer::options(READ))),
        _ => Some(Err(Problem::method_not_allowed(
            request.method().as_str(),
            READ,
        ))),
    }
}

/// Answers by `handle` if `route` is one and is read, with no parameters but these. None is a path
/// that nothing is at.
pub async fn read(
    request: &Request,
    route: Option<&'static str>,
    parameters: &[&str],
    handle: impl AsyncFnOnce(&'static str) -> Result<Answer, Problem>,
) -> Routed {
    if let Err(too_long) = bounded(request) {
        return Routed::new("other", request, Err(too_long));
    }
    let Some(route) = route else {
        let unknown = Problem::unknown_path(request.path());
        return Routed::new("other", request, Err(unknown));
    };
    let result = match beside_reading(request, Some(parameters)) {
        Some(result) => result,
        None => handle(route).await,
    };
    Routed::new(route, request, result)
}

/// What a route that only takes POST answers to other methods.
pub fn beside_posting(request: &Request) -> Option<Result<Answer, Problem>> {
    match *request.method() {
        Method::POST => None,
        Method::OPTIONS => Some(Ok(answer::options(POST))),
        _ => Some(Err(Problem::method_not_allowed(
            request.method().as_str(),
            POST,
        ))),
    }
}
