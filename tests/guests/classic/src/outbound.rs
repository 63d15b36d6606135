//! Requests to other servers, by `wasi:http/outgoing-handler`.

use std::io::{Read as _, Write as _};

use http::Uri;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};

use crate::answer::Answer;
use crate::parameter;

/// Fetches `url` and answers with its status and body, or with 502 and the error's `Debug` text.
/// The request has the `method` (GET by default) and, if they are given, the `body`, which may be
/// empty, so many `times`, and `length` as its content-length. With `path=none` the
/// request names no path.
pub(crate) fn fetch(query: &str) -> Answer {
    match parameter(query, "url") {
        Some(url) => {
            get(&url, query).unwrap_or_else(|error| Answer::with_status(502, format!("{error:?}")))
        }
        None => Answer::with_status(400, "the query needs `url`"),
    }
}

fn get(url: &str, query: &str) -> Result<Answer, ErrorCode> {
    let method = parameter(query, "method").map_or(Method::Get, method);
    let response = send(&method, url, query)?;
    let body = response
        .consume()
        .map_err(|()| ErrorCode::HttpProtocolError)?;
    let mut stream = body.stream().map_err(|()| ErrorCode::HttpProtocolError)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map_err(failed)?;
    Ok(Answer::with_status(response.status(), bytes))
}

/// Sends a request, with what `query` says of its headers and body, and waits for the head of the
/// answer.
pub(crate) fn send(method: &Method, url: &str, query: &str) -> Result<IncomingResponse, ErrorCode> {
    let invalid = || ErrorCode::HttpRequestUriInvalid;
    let uri: Uri = url.parse().map_err(|_| invalid())?;
    let scheme = uri.scheme_str().map(|scheme| match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    });
    let path = match parameter(query, "path").as_deref() {
        Some("none") => None,
        _ => uri.path_and_query().map(http::uri::PathAndQuery::as_str),
    };
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let fields = Fields::new();
    if let Some(length) = parameter(query, "length") {
        fields
            .append("content-length", length.as_bytes())
            .map_err(failed)?;
    }
    let request = OutgoingRequest::new(fields);
    request
        .set_method(method)
        .map_err(|()| ErrorCode::HttpRequestMethodInvalid)?;
    request
        .set_scheme(scheme.as_ref())
        .map_err(|()| invalid())?;
    request.set_authority(authority).map_err(|()| invalid())?;
    request.set_path_with_query(path).map_err(|()| invalid())?;
    let body = match parameter(query, "body") {
        Some(text) => {
            let body = request.body().map_err(|()| ErrorCode::HttpProtocolError)?;
            let times = parameter(query, "times").and_then(|times| times.parse().ok());
            Some((body, text.repeat(times.unwrap_or(1))))
        }
        None => None,
    };
    let pending = outgoing_handler::handle(request, None)?;
    if let Some((body, text)) = body {
        let mut stream = body.write().map_err(|()| ErrorCode::HttpProtocolError)?;
        stream.write_all(text.as_bytes()).map_err(failed)?;
        drop(stream);
        OutgoingBody::finish(body, None)?;
    }
    pending.subscribe().block();
    // Ready, and asked for the first time: there is one answer.
    match pending.get() {
        Some(Ok(answer)) => answer,
        Some(Err(())) | None => Err(ErrorCode::InternalError(None)),
    }
}

fn method(name: String) -> Method {
    match name.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        _ => Method::Other(name),
    }
}

fn failed(error: impl std::fmt::Debug) -> ErrorCode {
    ErrorCode::InternalError(Some(format!("{error:?}")))
}
