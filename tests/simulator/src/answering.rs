//! From a request to what goes onto the wire: whom it is for, the true answer, and what the
//! fault of the moment makes of it.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::figure::Form;
use crate::providers::{self, Asked, Refusal};
use crate::reply::Reply;
use crate::simulation::Simulation;
use crate::venue::Venue;
use crate::{COINGECKO_PRO, Fault, Provider, control};

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The connection is to be reset instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset on purpose")]
pub(crate) struct Reset;

const BAN_SECONDS: u64 = 120;
const NESTED_LISTS: usize = 1_000_000;
const HUGE_BYTES: usize = 100_000_000;
const HUGE_CHUNK_BYTES: usize = 64 * 1024;
const HOUR: Duration = Duration::from_secs(3_600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Answers one request.
pub(crate) async fn answer(
    simulation: &Simulation,
    request: Request<Incoming>,
) -> Result<Response<Body>, Reset> {
    let now = simulation.clock.now();
    let first = request.uri().path().split('/').nth(1).unwrap_or_default();
    match first {
        "" => {
            let host = request.headers().get(header::HOST);
            let host = host.and_then(|host| host.to_str().ok()).map(str::to_owned);
            Ok(whole(control::explanation(host.as_deref()), now))
        }
        "_control" => Ok(whole(control::answer(simulation, request).await, now)),
        COINGECKO_PRO => of_provider(simulation, Provider::CoinGecko, request).await,
        name => match name.parse::<Provider>() {
            Ok(provider) => of_provider(simulation, provider, request).await,
            Err(unknown) => Ok(whole(
                Reply::text(StatusCode::NOT_FOUND, format!("{unknown}\n")),
                now,
            )),
        },
    }
}

async fn of_provider(
    simulation: &Simulation,
    provider: Provider,
    request: Request<Incoming>,
) -> Result<Response<Body>, Reset> {
    let fault = simulation.fault(provider);
    let at = moment(provider, fault, simulation.clock.now());
    let venue = Venue::new(provider, simulation.walk, at, form(fault));
    let venue = venue.skewed(simulation.skew(provider));
    let (head, _) = request.into_parts();
    let answered = providers::answer(provider, &Asked::new(&head.uri, head.headers, venue));
    simulation.calls.count(provider, answered.endpoint);
    tracing::debug!(%provider, endpoint = answered.endpoint, ?fault, "asked");
    if head.method != Method::GET && head.method != Method::HEAD {
        return Ok(whole(
            Reply::text(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET and HEAD are answered here\n",
            )
            .header(header::ALLOW, HeaderValue::from_static("GET, HEAD")),
            at,
        ));
    }
    let truth = answered.reply;
    let refused = |refusal| providers::refuse(provider, refusal);
    let reply = match fault {
        None => truth,
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            truth
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Reset) => return Err(Reset),
        Some(Fault::RateLimited { retry_after_s }) => {
            refused(Refusal::RateLimited { retry_after_s })
        }
        Some(Fault::Throttled) => Reply::text(StatusCode::TOO_MANY_REQUESTS, "Throttled\n"),
        Some(Fault::RateLimitedAs200) => Reply {
            status: StatusCode::OK,
            ..refused(Refusal::RateLimited { retry_after_s: 0 }).without(&header::RETRY_AFTER)
        },
        Some(Fault::Banned) => refused(Refusal::Banned {
            retry_after_s: BAN_SECONDS,
        }),
        Some(Fault::Page) => Reply::html(
            StatusCode::OK,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Scheduled maintenance</title>\
             </head>\n<body><h1>We'll be back soon</h1></body>\n</html>\n",
        ),
        Some(Fault::Unauthorised) => refused(Refusal::Unauthorised),
        Some(Fault::ForbiddenHtml) => Reply::blocked_by_cdn(providers::host(provider)),
        Some(Fault::Legal) => refused(Refusal::Legal),
        Some(Fault::ServerError) => refused(Refusal::ServerError),
        Some(Fault::Empty) => truth.emptied(),
        Some(Fault::EmptyObject) => Reply::ok(&serde_json::json!({})),
        Some(Fault::Nested) => Reply {
            body: [b"[".repeat(NESTED_LISTS), b"]".repeat(NESTED_LISTS)]
                .concat()
                .into(),
            ..truth
        },
        Some(Fault::Mislabelled) => truth.without(&header::CONTENT_TYPE).header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=UTF-8"),
        ),
        Some(Fault::Truncated) => truth.truncated(),
        Some(Fault::Huge) => return Ok(with_body(truth, huge(), at)),
        Some(Fault::OldTimestamp) => {
            let age = simulation.clock.now().duration_since(at).as_secs();
            truth.header(header::AGE, HeaderValue::from(age))
        }
        // These are in the figures already.
        Some(
            Fault::WrongTypes
            | Fault::Null
            | Fault::Zero
            | Fault::Negative
            | Fault::Scientific
            | Fault::LongNumbers,
        ) => truth,
    };
    Ok(whole(reply, at))
}

/// The time the answer is of.
fn moment(provider: Provider, fault: Option<Fault>, now: Timestamp) -> Timestamp {
    let age = match (fault, provider) {
        (Some(Fault::OldTimestamp), Provider::Frankfurter) => WEEK,
        (Some(Fault::OldTimestamp), _) => HOUR,
        _ => Duration::ZERO,
    };
    now.saturating_sub(age).unwrap_or(now)
}

/// What stands in the place of prices.
fn form(fault: Option<Fault>) -> Form {
    match fault {
        Some(Fault::WrongTypes) => Form::WrongType,
        Some(Fault::Null) => Form::Null,
        Some(Fault::Zero) => Form::Zero,
        Some(Fault::Negative) => Form::Negative,
        Some(Fault::Scientific) => Form::Scientific,
        Some(Fault::LongNumbers) => Form::Long,
        _ => Form::Plain,
    }
}

fn whole(reply: Reply, at: Timestamp) -> Response<Body> {
    let body = Full::new(reply.body.clone()).boxed_unsync();
    with_body(reply, body, at)
}

/// The status and headers of `reply`, dated `at`, before this body.
fn with_body(reply: Reply, body: Body, at: Timestamp) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.extend(reply.headers);
    headers.insert(header::SERVER, HeaderValue::from_static("market-simulator"));
    // HTTP dates (RFC 9110 §5.6.7) know only the years from 0 on.
    if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&at)
        && let Ok(date) = HeaderValue::try_from(date)
    {
        headers.insert(header::DATE, date);
    }
    response
}

/// A JSON object of 100 MB, made as it is read, so that it ends when the client hangs up.
fn huge() -> Body {
    let start = Bytes::from_static(br#"{"padding":""#);
    let end = Bytes::from_static(br#""}"#);
    let chunk = Bytes::from_static(&[b'x'; HUGE_CHUNK_BYTES]);
    let chunks = std::iter::repeat_n(chunk, HUGE_BYTES.div_ceil(HUGE_CHUNK_BYTES));
    let frames = std::iter::once(start)
        .chain(chunks)
        .chain([end])
        .map(|bytes| Ok(Frame::data(bytes)));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}
