//! An answer before it is put on the wire, so that a fault can still change it.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// Status, headers and a whole body.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// A 200 with this JSON.
    pub(crate) fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// This JSON, with any status.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::of(status, "application/json; charset=utf-8", body),
            Err(error) => Self::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the simulator could not write its answer: {error}\n"),
            ),
        }
    }

    /// Plain text.
    pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::of(status, "text/plain; charset=utf-8", body)
    }

    /// A page of HTML.
    pub(crate) fn html(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::of(status, "text/html; charset=UTF-8", body)
    }

    /// The page a CDN shows to those it does not let through to `host`.
    pub(crate) fn blocked_by_cdn(host: &str) -> Self {
        Self::html(
            StatusCode::FORBIDDEN,
            format!(
                "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><title>Access denied | {host} used \
                 Cloudflare to restrict access</title></head>\n<body><h1>Error 1020</h1>\
                 <p>Access denied</p></body>\n</html>\n"
            ),
        )
    }

    /// The same, telling when to come back.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The same with one header more.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same without headers of that name.
    #[must_use]
    pub(crate) fn without(mut self, name: &HeaderName) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    /// The same with the first half of the body.
    #[must_use]
    pub(crate) fn truncated(mut self) -> Self {
        self.body.truncate(self.body.len() / 2);
        self
    }

    /// The same without the body.
    #[must_use]
    pub(crate) fn emptied(mut self) -> Self {
        self.body.clear();
        self
    }

    fn of(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))],
            body: body.into(),
        }
    }
}
