//! From an answer without prices to the reason for it: what the status means, and what the
//! body may change about that.

use crate::excerpt::excerpt;
use crate::upstream::{Error, Response};

/// How much of a body is looked at for an excerpt.
const LOOKED_AT: usize = 4096;

/// What the body of an error says, as far as its adapter can read it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Complaint {
    /// The status that the body claims. It outranks the one of the response, because some
    /// upstreams report errors with 200.
    pub(crate) status: Option<u16>,
    /// The message. Untrusted.
    pub(crate) text: String,
    /// It is about a pair that isn't known there.
    pub(crate) unknown_pair: bool,
    /// What the operator can do about it.
    pub(crate) advice: Option<&'static str>,
}

/// The error for an answer without prices.
pub(crate) fn refusal(provider: &str, response: &Response, complaint: Option<Complaint>) -> Error {
    let complaint = complaint.unwrap_or_else(|| Complaint {
        text: body_text(response),
        ..Complaint::default()
    });
    let status = complaint.status.unwrap_or(response.status);
    let mut detail = format!("{provider} answered {status}");
    let said = excerpt(&complaint.text);
    if !said.is_empty() {
        detail.push_str(": ");
        detail.push_str(&said);
    }
    if let Some(advice) = complaint.advice {
        detail.push_str("; ");
        detail.push_str(advice);
    }
    match status {
        429 => Error::RateLimited(retry_after(response)),
        401 | 403 | 418 => Error::Unauthorised(detail),
        408 | 451 | 500..=599 => Error::Unavailable(detail),
        _ if complaint.unknown_pair => Error::UnsupportedPair(detail),
        _ => Error::Malformed(detail),
    }
}

/// Whether the body is a page for people: a block page or a gateway's error page.
pub(crate) fn is_html(response: &Response) -> bool {
    response.body.trim_ascii_start().starts_with(b"<")
}

/// The seconds of `Retry-After` (RFC 9110 §10.2.3). Its other form, a date, counts as none: no
/// clock here could turn it into seconds.
fn retry_after(response: &Response) -> Option<u32> {
    response.header("retry-after")?.trim().parse().ok()
}

fn body_text(response: &Response) -> String {
    if is_html(response) {
        return "an HTML page".to_owned();
    }
    let beginning = response.body.get(..LOOKED_AT).unwrap_or(&response.body);
    String::from_utf8_lossy(beginning).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::answer;

    fn said(text: &str) -> Option<Complaint> {
        Some(Complaint {
            text: text.to_owned(),
            ..Complaint::default()
        })
    }

    #[test]
    fn each_status_has_its_meaning() {
        let error = |status| refusal("x", &answer(status, "no"), None);
        let text = |status: u16| format!("x answered {status}: no");
        for status in [401, 403, 418] {
            assert_eq!(error(status), Error::Unauthorised(text(status)));
        }
        for status in [408, 451, 500, 502, 503, 530, 599] {
            assert_eq!(error(status), Error::Unavailable(text(status)));
        }
        for status in [0, 204, 302, 400, 404, 422, 600] {
            assert_eq!(error(status), Error::Malformed(text(status)));
        }
        assert_eq!(error(429), Error::RateLimited(None));
    }

    #[test]
    fn an_unknown_pair_is_the_meaning_of_a_bad_request_but_not_of_a_failure() {
        let unknown = || {
            Some(Complaint {
                unknown_pair: true,
                ..Complaint::default()
            })
        };
        assert_eq!(
            refusal("x", &answer(404, ""), unknown()),
            Error::UnsupportedPair("x answered 404".to_owned())
        );
        assert_eq!(
            refusal("x", &answer(503, ""), unknown()),
            Error::Unavailable("x answered 503".to_owned())
        );
    }

    #[test]
    fn the_status_that_the_body_claims_outranks_the_one_of_the_response() {
        let complaint = Complaint {
            status: Some(429),
            ..Complaint::default()
        };
        assert_eq!(
            refusal("x", &answer(200, ""), Some(complaint)),
            Error::RateLimited(None)
        );
    }

    #[test]
    fn retry_after_is_read_in_seconds_only() {
        for (value, seconds) in [
            ("119", Some(119)),
            (" 7 ", Some(7)),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
            ("-1", None),
            ("99999999999", None),
        ] {
            let mut limited = answer(429, "");
            limited
                .headers
                .push(("Retry-After".to_owned(), value.to_owned()));
            assert_eq!(
                refusal("x", &limited, said("slow down")),
                Error::RateLimited(seconds),
                "{value}"
            );
        }
    }

    #[test]
    fn a_page_is_named_and_not_quoted() {
        let page = "<!DOCTYPE html><title>Access denied</title>";
        assert_eq!(
            refusal("x", &answer(403, page), None),
            Error::Unauthorised("x answered 403: an HTML page".to_owned())
        );
    }
}
