//! An answer: status, headers, body, and what the request's conditions make of it.

use crate::request::Request;
use bytes::Bytes;
use edge_rates_quotes::Millis;
use edge_rates_quotes::etag::if_none_match;
use http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::time::{Duration, SystemTime};

/// Headers that scripts on other origins may read (Fetch §3.3.5).
const EXPOSED: &str =
    "Age, Cache-Status, Date, ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/// What a client gets.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    last_modified: Option<Millis>,
}

impl Answer {
    /// An answer without headers and body.
    pub fn new(status: StatusCode) -> Answer {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            last_modified: None,
        }
    }

    /// 200 with a JSON body.
    pub fn json(body: impl Into<Bytes>) -> Answer {
        let mut answer = Answer::new(StatusCode::OK).with_body(body);
        answer.set(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Answer {
        self.body = body.into();
        self
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Answer {
        self.status = status;
        self
    }

    /// Sets a header, replacing what it was.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Sets the validators (RFC 9110 §8.8) that conditional requests are held against.
    /// Without a time only the tag counts.
    pub fn set_validators(&mut self, etag: &str, modified: Option<Millis>) {
        if let Ok(value) = HeaderValue::from_str(etag) {
            self.set(ETAG, value);
        }
        if let Some(value) = modified.and_then(http_date) {
            self.set(LAST_MODIFIED, value);
        }
        self.last_modified = modified;
    }

    /// HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What remains of this answer for `request`: 304 where its conditions say that the client
    /// has it already, and the headers that every answer carries. For HEAD the body stays: the
    /// host's HTTP server leaves it out, and holds Content-Length against it before.
    #[must_use]
    pub fn for_request(mut self, request: &Request) -> Answer {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if is_read && self.status == StatusCode::OK && self.is_unchanged(request) {
            self.status = StatusCode::NOT_MODIFIED;
            self.headers.remove(CONTENT_TYPE);
            self.body = Bytes::new();
        } else if self.status != StatusCode::NO_CONTENT {
            self.set(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        self.set(
            HeaderName::from_static("access-control-allow-origin"),
            HeaderValue::from_static("*"),
        );
        self.set(
            HeaderName::from_static("access-control-expose-headers"),
            HeaderValue::from_static(EXPOSED),
        );
        let id = request.id();
        if let Ok(value) = HeaderValue::from_str(&id.id) {
            self.set(HeaderName::from_static("x-request-id"), value);
        }
        if let Ok(value) = HeaderValue::from_str(&id.traceparent) {
            self.set(HeaderName::from_static("traceparent"), value);
        }
        self
    }

    /// RFC 9110 §13.2.2: If-None-Match decides where it is present, If-Modified-Since otherwise.
    fn is_unchanged(&self, request: &Request) -> bool {
        let Some(etag) = self.header(ETAG.as_str()) else {
            return false;
        };
        if let Some(condition) = request.header(IF_NONE_MATCH.as_str()) {
            return if_none_match(condition, etag);
        }
        let since = request
            .header(IF_MODIFIED_SINCE.as_str())
            .and_then(|date| httpdate::parse_http_date(date).ok());
        match (since, self.last_modified) {
            (Some(since), Some(modified)) => to_the_second(modified) <= since,
            _ => false,
        }
    }

    /// The answer's parts: status, headers, body.
    pub fn into_parts(self) -> (StatusCode, HeaderMap, Bytes) {
        (self.status, self.headers, self.body)
    }
}

/// 204 for OPTIONS: what may be asked of the path, for browsers too (Fetch §3.3).
pub fn options(allowed: &'static str) -> Answer {
    let mut answer = Answer::new(StatusCode::NO_CONTENT);
    let headers = [
        ("allow", allowed),
        ("access-control-allow-methods", allowed),
        ("access-control-allow-headers", "*"),
        ("access-control-max-age", "86400"),
    ];
    for (name, value) in headers {
        answer.set(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    answer
}

/// IMF-fixdate of RFC 9110 §5.6.7.
fn http_date(at: Millis) -> Option<HeaderValue> {
    HeaderValue::from_str(&httpdate::fmt_http_date(to_the_second(at))).ok()
}

/// RFC 3339 in UTC to the second: `2026-11-21T01:40:00Z`.
pub fn rfc3339(at: Millis) -> String {
    humantime::format_rfc3339_seconds(to_the_second(at)).to_string()
}

/// The last second that both formats can write: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

fn to_the_second(at: Millis) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(at.secs().min(LAST_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::World;

    fn answer() -> Answer {
        let mut answer = Answer::json("{}");
        answer.set_validators("\"v1-abc\"", Some(Millis(1_795_225_200_999)));
        answer
    }

    fn request(headers: &[(&'static str, &str)]) -> Request {
        let mut builder = http::Request::get("/v1/rates");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        Request::read(builder.body(()).unwrap().into_parts().0, &World::new())
    }

    #[test]
    fn a_matching_etag_gives_304_without_a_body() {
        let got = answer().for_request(&request(&[("if-none-match", "\"other\", W/\"v1-abc\"")]));
        assert_eq!(got.status(), 304);
        assert!(got.body().is_empty());
        assert_eq!(got.header("etag"), Some("\"v1-abc\""));
    }

    #[test]
    fn if_none_match_outranks_if_modified_since() {
        let later = "Sat, 21 Nov 2026 23:00:00 GMT";
        let got = answer().for_request(&request(&[
            ("if-none-match", "\"other\""),
            ("if-modified-since", later),
        ]));
        assert_eq!(got.status(), 200);
        let got = answer().for_request(&request(&[("if-modified-since", later)]));
        assert_eq!(got.status(), 304);
    }

    #[test]
    fn last_modified_itself_counts_as_unmodified() {
        let text = answer().header("last-modified").unwrap().to_owned();
        assert_eq!(text, "Sat, 21 Nov 2026 01:40:00 GMT");
        let got = answer().for_request(&request(&[("if-modified-since", &text)]));
        assert_eq!(got.status(), 304);
    }

    #[test]
    fn times_are_written_as_the_standards_ask() {
        assert_eq!(rfc3339(Millis(1_795_225_200_999)), "2026-11-21T01:40:00Z");
        assert_eq!(rfc3339(Millis(u64::MAX)), "9999-12-31T23:59:59Z");
    }
}
