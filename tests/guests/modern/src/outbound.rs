//! Requests to other servers.

use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt as _;
use http_body_util::BodyExt as _;
use spin_sdk::http::{BoxBody, EmptyBody, FullBody, IntoRequest as _, StatusCode, box_body};
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::answer::{self, Answer};
use crate::query::Query;

/// Fetches `url` and answers with its status and body, or with 502 and the error's `Debug` text.
/// The request has the `method` (GET by default), the `body` (none by default) so many `times`,
/// and if it is given, `length` as its content-length. With `ms` the body is sent letter by letter,
/// with that much time before each. With `path=none` the request names no path.
pub(crate) async fn fetch(query: &Query) -> Answer {
    let Some(url) = query.text("url") else {
        return answer::missing("url");
    };
    match send(url, query).await {
        Ok(answer) => answer,
        Err(error) => answer::with_status(StatusCode::BAD_GATEWAY, format!("{error:?}")),
    }
}

async fn send(url: &str, query: &Query) -> Result<Answer, ErrorCode> {
    let method = query.text("method").unwrap_or("GET");
    let mut request = http::Request::builder().method(method).uri(url);
    if let Some(length) = query.text("length") {
        request = request.header(http::header::CONTENT_LENGTH, length);
    }
    let request = request
        .body(body(query))
        .map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    let request = request.into_request()?;
    if query.text("path") == Some("none") {
        request
            .set_path_with_query(None)
            .map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    }
    let response = spin_sdk::http::send(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok(answer::with_status(status, body))
}

fn body(query: &Query) -> BoxBody {
    let Some(text) = query.text("body") else {
        return box_body(EmptyBody::new());
    };
    let text = text.repeat(query.number("times", 1));
    if query.text("ms").is_none() {
        return box_body(FullBody::new(Bytes::from(text)));
    }
    let pause = Duration::from_millis(query.number("ms", 0));
    let (mut sender, body) = spin_sdk::http::body::stream::<String>();
    spin_sdk::wasip3::spawn(async move {
        for letter in text.chars() {
            spin_sdk::time::sleep(pause).await;
            if sender.send(letter.to_string()).await.is_err() {
                return;
            }
        }
    });
    box_body(body)
}
