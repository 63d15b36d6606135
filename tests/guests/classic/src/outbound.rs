//! Requests to other servers, by `wasi:http/outgoing-handler`.

use std::io::Read as _;

use http::Uri;
use wasi::http::outgoing_handler;
use wasi::http::types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingRequest, Scheme};

use crate::answer::Answer;

/// Fetches `url` and answers with its status and body, or with 502 and the error's `Debug` text.
pub(crate) fn fetch(url: &str) -> Answer {
    get(url).unwrap_or_else(|error| Answer::with_status(502, format!("{error:?}")))
}

fn get(url: &str) -> Result<Answer, ErrorCode> {
    let response = send(&Method::Get, url)?;
    let body = response
        .consume()
        .map_err(|()| ErrorCode::HttpProtocolError)?;
    let mut stream = body.stream().map_err(|()| ErrorCode::HttpProtocolError)?;
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    Ok(Answer::with_status(response.status(), bytes))
}

/// Sends a request without a body and waits for the head of the answer.
pub(crate) fn send(method: &Method, url: &str) -> Result<IncomingResponse, ErrorCode> {
    let invalid = || ErrorCode::HttpRequestUriInvalid;
    let uri: Uri = url.parse().map_err(|_| invalid())?;
    let scheme = match uri.scheme_str() {
        Some("https") => Scheme::Https,
        Some("http") => Scheme::Http,
        Some(other) => Scheme::Other(other.to_owned()),
        None => return Err(invalid()),
    };
    let path = uri.path_and_query().map(http::uri::PathAndQuery::as_str);
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(method).map_err(|()| invalid())?;
    request.set_scheme(Some(&scheme)).map_err(|()| invalid())?;
    request.set_authority(authority).map_err(|()| invalid())?;
    request.set_path_with_query(path).map_err(|()| invalid())?;
    let pending = outgoing_handler::handle(request, None)?;
    pending.subscribe().block();
    // Ready, and asked for the first time: there is one answer.
    match pending.get() {
        Some(Ok(answer)) => answer,
        Some(Err(())) | None => Err(ErrorCode::InternalError(None)),
    }
}
