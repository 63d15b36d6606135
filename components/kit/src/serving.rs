//! From a request's head to its answer: what every component does around its own logic.

use crate::Capabilities;
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::recorder::Recorder;
use crate::request::Request;
use crate::series::{HTTP_DURATION, HTTP_REQUESTS};
use http::Method;
use std::rc::Rc;

/// Longest path with query, in bytes (RFC 9110 §4.1 asks for 8,000 at least).
const LONGEST_TARGET: usize = 8 << 10;

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
    let mut routed = match request.target().len() {
        0..=LONGEST_TARGET => handle(&request).await,
        _ => Routed::new(
            "other",
            &request,
            Err(Problem::uri_too_long(LONGEST_TARGET)),
        ),
    };
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
    routed.answer
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

/// What a route that only takes POST answers to other methods, and to a query, which it has none.
pub fn beside_posting(request: &Request) -> Option<Result<Answer, Problem>> {
    match *request.method() {
        Method::POST => Some(Err(request.query().expect(&[]).err()?)),
        Method::OPTIONS => Some(Ok(answer::options(POST))),
        _ => Some(Err(Problem::method_not_allowed(
            request.method().as_str(),
            POST,
        ))),
    }
}
