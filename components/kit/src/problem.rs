//! Problem details for HTTP APIs (RFC 9457): what went wrong, where, and what to do.
//!
//! A problem never shows internals: no paths of the machine, no keys, no upstream bodies.

use crate::answer::{Answer, Value};
use http::StatusCode;
use serde::Serialize;

/// An answer that is an error.
// Boxed, so that a `Result` which is hardly ever an error stays small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Details {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    instance: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    violated_policies: Vec<&'static str>,
    #[serde(skip)]
    headers: Vec<(&'static str, Value)>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_u16(status.as_u16())
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: String) -> Problem {
        Problem(Box::new(Details {
            kind,
            title,
            status,
            detail,
            instance: String::new(),
            parameter: None,
            violated_policies: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// A status and what to say, for routes whose errors have a shape of their own that shows no
    /// more than that.
    pub fn plain(status: StatusCode, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Error");
        Problem::new(status, "about:blank", title, detail.into())
    }

    /// 404: no route of that path.
    pub fn unknown_path(path: &str) -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "about:blank",
            "Not Found",
            format!(
                "Nothing is served at {}. GET / lists the routes.",
                shortened(path)
            ),
        )
    }

    /// 404: the path names something that is not served. `kind` is the problem type's URI.
    pub fn unknown(
        kind: &'static str,
        title: &'static str,
        parameter: &str,
        detail: String,
    ) -> Problem {
        let mut problem = Problem::new(StatusCode::NOT_FOUND, kind, title, detail);
        problem.0.parameter = Some(parameter.to_owned());
        problem
    }

    /// 405 with the methods that are allowed, such as "GET, HEAD, OPTIONS".
    pub fn method_not_allowed(method: &str, allowed: &'static str) -> Problem {
        let mut problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "about:blank",
            "Method Not Allowed",
            format!(
                "{} is not possible here; use one of {allowed}.",
                shortened(method)
            ),
        );
        problem.0.headers.push(("allow", allowed.into()));
        problem
    }

    /// 400: the body can't be read as what it should be.
    pub fn unreadable(detail: String) -> Problem {
        let kind = "urn:edge-rates:problem:unreadable-body";
        Problem::new(StatusCode::BAD_REQUEST, kind, "Unreadable body", detail)
    }

    /// 401: a key is asked for. `is_wrong` if one was shown that is not accepted (RFC 6750 §3).
    pub fn unauthorised(detail: String, is_wrong: bool) -> Problem {
        let kind = "urn:edge-rates:problem:api-key";
        let mut problem = Problem::new(StatusCode::UNAUTHORIZED, kind, "Unauthorized", detail);
        let challenge = match is_wrong {
            true => "Bearer realm=\"edge-rates\", error=\"invalid_token\"",
            false => "Bearer realm=\"edge-rates\"",
        };
        problem
            .0
            .headers
            .push(("www-authenticate", challenge.into()));
        problem
    }

    /// 429: the client has used up what `policies` give it, until `seconds` have passed. `told`
    /// are the headers that say so.
    pub fn quota_exceeded(
        policies: Vec<&'static str>,
        seconds: u64,
        told: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Problem {
        let mut problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "Quota exceeded",
            format!("Too many requests; the next one is possible in {seconds} s."),
        );
        problem.0.violated_policies = policies;
        problem.0.headers.extend(told);
        let seconds = seconds.to_string();
        problem.0.headers.push(("retry-after", seconds.into()));
        problem
    }

    /// 414: path and query are longer than `most` bytes.
    pub fn uri_too_long(most: usize) -> Problem {
        Problem::new(
            StatusCode::URI_TOO_LONG,
            "about:blank",
            "URI Too Long",
            format!("Path and query are longer than {most} bytes; ask for less at once."),
        )
    }

    /// 406: Accept-Encoding rules out all that could be sent.
    pub fn no_acceptable_coding() -> Problem {
        Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "about:blank",
            "Not Acceptable",
            "Accept-Encoding rules out everything that could be sent; allow gzip, zstd or identity."
                .to_owned(),
        )
    }

    /// 413: the body is longer than `most` bytes.
    pub fn too_large(most: usize) -> Problem {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "about:blank",
            "Content Too Large",
            format!("The body is longer than {most} bytes; send less at once."),
        )
    }

    /// 415: the body is of another type than `wanted`, or coded (RFC 9110 §15.5.16).
    pub fn unsupported_media(detail: String, wanted: &'static str) -> Problem {
        let mut problem = Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "about:blank",
            "Unsupported Media Type",
            detail,
        );
        problem.0.headers.push(("accept", wanted.into()));
        problem
            .0
            .headers
            .push(("accept-encoding", "identity".into()));
        problem
    }

    /// 422: a parameter is missing, unknown, repeated, or its value makes no sense.
    pub fn parameter(name: &str, detail: String) -> Problem {
        let mut problem = Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "urn:edge-rates:problem:parameter",
            "Invalid parameter",
            detail,
        );
        problem.0.parameter = Some(shortened(name));
        problem
    }

    /// 422: a parameter is missing; `example` shows it.
    pub fn missing(name: &str, example: &str) -> Problem {
        Problem::parameter(name, format!("`{name}` is missing; for example {example}."))
    }

    /// 503 with the seconds after which a retry makes sense (RFC 9110 §10.2.3).
    pub fn unavailable(detail: String, retry_after_seconds: u64) -> Problem {
        let mut problem = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "about:blank",
            "Service Unavailable",
            detail,
        );
        let seconds = retry_after_seconds.max(1).to_string();
        problem.0.headers.push(("retry-after", seconds.into()));
        problem
    }

    /// 500: a fault of this deployment that its operator has to mend; the log says more.
    pub fn misconfigured(detail: String) -> Problem {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "urn:edge-rates:problem:misconfigured",
            "Misconfigured",
            detail,
        )
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Its headers beside those that every problem has.
    pub fn headers(&self) -> &[(&'static str, Value)] {
        &self.0.headers
    }

    /// What happened and what to do, in a sentence.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The problem as an answer; `path` is the request's, for the `instance` member.
    pub fn into_answer(mut self, path: &str) -> Answer {
        self.0.instance = shortened(path);
        let mut answer = Answer::new(self.0.status);
        answer.set("content-type", "application/problem+json");
        answer.set("cache-control", "no-store");
        for (name, value) in self.0.headers.drain(..) {
            answer.set(name, value);
        }
        // A struct of strings and numbers always serialises.
        answer.with_body(serde_json::to_vec(&self.0).unwrap_or_default())
    }
}

/// A client's text, cut to a length that fits a sentence.
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 120;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(LONGEST).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_the_parameter_and_forbids_storing() {
        let answer = Problem::parameter("vs", "unknown currency".into()).into_answer("/v1/rates");
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(body["status"], 422);
        assert_eq!(body["parameter"], "vs");
        assert_eq!(body["instance"], "/v1/rates");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }

    #[test]
    fn a_503_always_says_when_to_come_back() {
        let answer = Problem::unavailable("no board yet".into(), 0).into_answer("/");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }

    #[test]
    fn a_hostile_path_is_cut() {
        let answer = Problem::unknown_path(&"x".repeat(10_000)).into_answer("/");
        assert!(answer.body().len() < 600);
    }
}
