//! An answer: status, headers, body, and what the request's conditions make of it.

use crate::coding::{Coding, etag_of_form, etags_of_forms};
use crate::request::Request;
use bytes::Bytes;
use edge_rates_quotes::Millis;
use edge_rates_quotes::etag::if_none_match;
use futures::stream::LocalBoxStream;
use futures::{Stream, StreamExt};
use http::{Method, StatusCode};
use std::borrow::Cow;
use std::fmt::{self, Debug, Formatter};
use std::time::{Duration, SystemTime};

/// A header's value: visible ASCII and spaces, which is for whoever sets it to see to.
pub type Value = Cow<'static, str>;

/// Headers that scripts on other origins may read (Fetch §3.3.5).
const EXPOSED: &str =
    "Age, Cache-Status, Date, ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/// A body that is written piece by piece while the client reads.
pub type Pieces = LocalBoxStream<'static, Bytes>;

/// What follows an answer's head.
pub enum Body {
    /// Known as a whole; perhaps nothing.
    Whole(Bytes),
    /// Its length is not known.
    Stream(Pieces),
}

impl Debug for Body {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Body::Whole(bytes) => write!(out, "{} bytes", bytes.len()),
            Body::Stream(_) => out.write_str("a stream"),
        }
    }
}

/// What a client gets.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    // A list: there are a dozen at most, and each is written out once. As a map of typed names
    // they cost a third of all instructions of a request.
    headers: Vec<(&'static str, Value)>,
    body: Body,
    last_modified: Option<Millis>,
}

/// Room for the headers that most answers have.
const HEADERS: usize = 16;

impl Answer {
    /// An answer without headers and body.
    pub fn new(status: StatusCode) -> Answer {
        Answer {
            status,
            headers: Vec::with_capacity(HEADERS),
            body: Body::Whole(Bytes::new()),
            last_modified: None,
        }
    }

    /// 200 with a JSON body.
    pub fn json(body: impl Into<Bytes>) -> Answer {
        let mut answer = Answer::new(StatusCode::OK).with_body(body);
        answer.set("content-type", "application/json");
        answer
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Answer {
        self.body = Body::Whole(body.into());
        self
    }

    /// Makes the body a stream. It is dropped as soon as the client has gone.
    #[must_use]
    pub fn with_stream(mut self, pieces: impl Stream<Item = Bytes> + 'static) -> Answer {
        self.body = Body::Stream(pieces.boxed_local());
        self
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Answer {
        self.status = status;
        self
    }

    /// Sets a header, replacing what it was. `name` is in lower case.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        match self.headers.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => self.headers.push((name, value)),
        }
    }

    /// Adds a header that is not there yet: nobody looks whether it is.
    pub fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        debug_assert!(self.header(name).is_none(), "{name} is there already");
        self.headers.push((name, value.into()));
    }

    /// Says that the body is in this coding.
    pub fn set_coding(&mut self, coding: Coding) {
        self.set("content-encoding", coding.name());
        if let Some(etag) = self.header("etag") {
            self.set("etag", etag_of_form(etag, coding));
        }
    }

    /// Sets the validators that conditional requests are held against.
    pub fn set_validators(&mut self, validators: &Validators) {
        self.set("etag", validators.etag.clone());
        if let Some((at, text)) = &validators.modified {
            self.set("last-modified", text.clone());
            self.last_modified = Some(*at);
        }
    }

    /// HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The body, as far as it is known: nothing of a stream.
    pub fn body(&self) -> &Bytes {
        static NOTHING: Bytes = Bytes::new();
        match &self.body {
            Body::Whole(bytes) => bytes,
            Body::Stream(_) => &NOTHING,
        }
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| *known == name)?;
        Some(value)
    }

    /// What remains of this answer for `request`: 304 where its conditions say that the client
    /// has it already, and the headers that every answer carries. For HEAD the body stays: the
    /// host's HTTP server leaves it out, and holds Content-Length against it before.
    #[must_use]
    pub fn for_request(mut self, request: &Request) -> Answer {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let unchanged = match is_read && self.status == StatusCode::OK {
            true => self.unchanged(request),
            false => None,
        };
        if let Some(unchanged) = unchanged {
            self.status = StatusCode::NOT_MODIFIED;
            self.headers
                .retain(|(name, _)| !matches!(*name, "content-type" | "content-encoding"));
            if let Unchanged::Form(etag) = unchanged {
                // What the client has, and may go on using.
                self.set("etag", etag);
            }
            self.body = Body::Whole(Bytes::new());
        } else if let Body::Stream(_) = self.body {
            if *request.method() == Method::HEAD {
                self.body = Body::Whole(Bytes::new());
            }
        } else if self.status != StatusCode::NO_CONTENT {
            self.add("content-length", self.body().len().to_string());
        }
        self.add("access-control-allow-origin", "*");
        self.add("access-control-expose-headers", EXPOSED);
        let id = request.id();
        self.add("x-request-id", id.id.to_string());
        self.add("traceparent", id.traceparent.clone());
        self
    }

    /// Whether the client has this answer already, in whatever coding. RFC 9110 §13.2.2:
    /// If-None-Match decides where it is present, If-Modified-Since otherwise.
    fn unchanged(&self, request: &Request) -> Option<Unchanged> {
        let etag = self.header("etag")?;
        if let Some(condition) = request.list("if-none-match") {
            if if_none_match(&condition, etag) {
                return Some(Unchanged::Same);
            }
            let mut forms = etags_of_forms(etag);
            return forms
                .find(|form| if_none_match(&condition, form))
                .map(Unchanged::Form);
        }
        let modified = self.last_modified?;
        let since = request.header("if-modified-since")?;
        let since = httpdate::parse_http_date(&since).ok()?;
        (to_the_second(modified) <= since).then_some(Unchanged::Same)
    }

    /// The answer's parts: status, headers, body.
    pub fn into_parts(self) -> (StatusCode, Vec<(&'static str, Value)>, Body) {
        (self.status, self.headers, self.body)
    }
}

/// What a client has of an answer already.
enum Unchanged {
    /// The very form that it would get.
    Same,
    /// The same in another coding, with this tag.
    Form(String),
}

/// 204 for OPTIONS: what may be asked of the path, for browsers too (Fetch §3.3).
pub fn options(allowed: &'static str) -> Answer {
    let mut answer = Answer::new(StatusCode::NO_CONTENT);
    let headers = [
        ("allow", allowed),
        ("access-control-allow-methods", allowed),
        // The asterisk does not cover Authorization (Fetch §4.10).
        ("access-control-allow-headers", "*, Authorization"),
        ("access-control-max-age", "86400"),
    ];
    for (name, value) in headers {
        answer.set(name, value);
    }
    answer
}

/// What tells two states of an answer apart (RFC 9110 §8.8), as header text.
#[derive(Debug, Clone)]
pub struct Validators {
    etag: Value,
    modified: Option<(Millis, Value)>,
}

impl Validators {
    /// An entity tag, quotes included, and the time of the last change. Without a time only the
    /// tag counts.
    pub fn new(etag: String, modified: Option<Millis>) -> Validators {
        Validators {
            etag: etag.into(),
            modified: modified.map(|at| (at, http_date(at).into())),
        }
    }
}

/// IMF-fixdate of RFC 9110 §5.6.7.
fn http_date(at: Millis) -> String {
    httpdate::fmt_http_date(to_the_second(at))
}

/// RFC 3339 in UTC to the second: `2026-11-21T01:40:00Z`.
pub fn rfc3339(at: Millis) -> String {
    humantime::format_rfc3339_seconds(to_the_second(at)).to_string()
}

/// The same to the millisecond: `2026-11-21T01:40:00.000Z`.
pub fn rfc3339_millis(at: Millis) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(at.0.min(LAST_SECOND * 1000));
    humantime::format_rfc3339_millis(at).to_string()
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
        let etag = "\"v1-abc\"".to_owned();
        answer.set_validators(&Validators::new(etag, Some(Millis(1_795_225_200_999))));
        answer
    }

    fn request(headers: &[(&'static str, &str)]) -> Request {
        let mut builder = http::Request::get("/v1/rates");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        Request::from_parts(builder.body(()).unwrap().into_parts().0, &World::new())
    }

    #[test]
    fn a_matching_etag_gives_304_without_a_body() {
        let got = answer().for_request(&request(&[("if-none-match", "\"other\", W/\"v1-abc\"")]));
        assert_eq!(got.status(), 304);
        assert!(got.body().is_empty());
        assert_eq!(got.header("etag"), Some("\"v1-abc\""));
    }

    #[test]
    fn a_client_that_has_another_coding_of_it_keeps_that() {
        let coded = || {
            let mut answer = answer();
            answer.set_coding(Coding::Gzip);
            answer
        };
        assert_eq!(coded().header("etag"), Some("\"v1-abc-gzip\""));
        for tag in ["\"v1-abc\"", "\"v1-abc-gzip\"", "\"v1-abc-zstd\""] {
            for answer in [answer(), coded()] {
                let got = answer.for_request(&request(&[("if-none-match", tag)]));
                assert_eq!(got.status(), 304, "{tag}");
                assert_eq!(got.header("etag"), Some(tag));
                assert_eq!(got.header("content-encoding"), None);
            }
        }
        let other = request(&[("if-none-match", "\"v1-abd-gzip\"")]);
        assert_eq!(coded().for_request(&other).status(), 200);
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
        assert_eq!(
            rfc3339_millis(Millis(1_795_225_200_099)),
            "2026-11-21T01:40:00.099Z"
        );
        assert_eq!(rfc3339_millis(Millis(u64::MAX)), "9999-12-31T23:59:59.000Z");
    }
}
