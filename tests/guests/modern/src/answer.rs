//! The answers whose body is known at once. Streamed ones are in `body`.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use spin_sdk::http::{BoxBody, FullBody, HeaderName, HeaderValue, Request, StatusCode, box_body};

use crate::query::Query;

/// What every route gives back.
pub(crate) type Answer = http::Response<BoxBody>;

/// A 200 in plain text.
pub(crate) fn text(body: impl Into<Bytes>) -> Answer {
    with_status(StatusCode::OK, body)
}

/// A 200 in JSON.
pub(crate) fn json(body: impl Into<Bytes>) -> Answer {
    let mut answer = text(body);
    answer.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    answer
}

/// A plain-text answer of any status.
pub(crate) fn with_status(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = http::Response::new(box_body(FullBody::new(body.into())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain"),
    );
    answer
}

/// A 500 whose body is the `Debug` text of what the host answered.
pub(crate) fn failed(error: &impl Debug) -> Answer {
    with_status(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}"))
}

/// A 400 that says which parameter is missing.
pub(crate) fn missing(parameter: &str) -> Answer {
    with_status(
        StatusCode::BAD_REQUEST,
        format!("the query needs `{parameter}`"),
    )
}

/// A 404 that names the route.
pub(crate) fn not_found(route: &str) -> Answer {
    with_status(
        StatusCode::NOT_FOUND,
        format!("this guest has no route `{route}`"),
    )
}

/// The request as the guest saw it: `{"method", "uri", "headers": {name: value}}`. Values of a
/// repeated header are joined by `, `.
pub(crate) fn echo(request: &Request) -> Answer {
    let mut headers = BTreeMap::<&str, String>::new();
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.to_string());
    }
    let uri = request
        .uri()
        .path_and_query()
        .map_or("", |path_and_query| path_and_query.as_str());
    json(
        serde_json::json!({
            "method": request.method().as_str(),
            "uri": uri,
            "headers": headers,
        })
        .to_string(),
    )
}

/// `n` headers (10 by default) of the names `x-guest-0`, `x-guest-1`, …
pub(crate) fn headers(query: &Query) -> Answer {
    let mut answer = text("");
    for number in 0..query.number("n", 10_u32) {
        if let Ok(name) = HeaderName::try_from(format!("x-guest-{number}")) {
            answer.headers_mut().insert(name, HeaderValue::from(number));
        }
    }
    answer
}
