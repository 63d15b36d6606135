//! The answers that the host gives by itself: short `application/problem+json` bodies
//! (RFC 9457) that say what to do and nothing of the host's inside.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::engine::MAX_INSTANCES;
use crate::settings::Limits;

/// Why the host answers in place of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No trigger has a route for the path.
    NoRoute,
    /// The request cannot be given to a component as it is.
    BadRequest(&'static str),
    /// CONNECT, which only proxies answer.
    MethodNotAllowed,
    /// The request's body is longer than this many bytes.
    BodyTooLarge(u64),
    /// Nothing of the request's body has come for so long.
    UploadStalled(Duration),
    /// The component trapped, or gave no response, or none that can be sent.
    ComponentFailed {
        /// Its id.
        component: String,
        /// For the log.
        why: String,
    },
    /// The component gave no response in time.
    TimedOut {
        /// Its id.
        component: String,
        /// For the log.
        why: String,
    },
    /// As many requests or instances as allowed are there already.
    Overloaded(Overload),
    /// Somebody asks whether the host is ready, but it is shutting down.
    Leaving,
}

/// Of what there is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overload {
    /// Requests in flight.
    Requests,
    /// Instances.
    Instances,
}

impl Problem {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UploadStalled(_) => StatusCode::REQUEST_TIMEOUT,
            Self::ComponentFailed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Overloaded(_) | Self::Leaving => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// For the log: why the request was turned away.
    pub(crate) fn why(&self, limits: &Limits) -> String {
        match self {
            Self::Overloaded(Overload::Requests) => format!(
                "{} requests are in flight on this thread (--max-concurrent-requests)",
                limits.max_concurrent_requests
            ),
            Self::Overloaded(Overload::Instances) => {
                format!("{MAX_INSTANCES} instances are alive, as many as there can be at once")
            }
            Self::Leaving => "the host was told to end".to_owned(),
            Self::ComponentFailed { why, .. } | Self::TimedOut { why, .. } => why.clone(),
            other => other.detail(),
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::NoRoute => "No component of this application answers on this path.".to_owned(),
            Self::BadRequest(reason) => (*reason).to_owned(),
            Self::MethodNotAllowed => "CONNECT is for proxies; this is none.".to_owned(),
            Self::BodyTooLarge(limit) => {
                format!("The request's body may have at most {limit} bytes.")
            }
            Self::UploadStalled(limit) => format!(
                "Nothing of the request's body came for {} seconds. Send it again, without such \
                 pauses.",
                limit.as_secs_f64()
            ),
            Self::ComponentFailed { component, .. } => {
                format!("Component `{component}` failed; its log says why.")
            }
            Self::TimedOut { component, .. } => format!(
                "Component `{component}` did not answer in time. Try again, or ask for less."
            ),
            Self::Overloaded(_) => {
                "Too many requests are being answered right now. Try again in a second.".to_owned()
            }
            Self::Leaving => "This host is shutting down. Ask another one.".to_owned(),
        }
    }

    /// The whole answer.
    pub(crate) fn into_response(self) -> Response<Bytes> {
        let status = self.status();
        let body = serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": self.detail(),
        });
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        // What went wrong a moment ago is nothing to keep.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Overloaded(_) | Self::Leaving => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::UploadStalled(_) => {
                // What of the body still comes is not read (RFC 9110 §15.5.9).
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::MethodNotAllowed => {
                headers.insert(
                    header::ALLOW,
                    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
                );
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overloaded_host_says_when_to_come_back() {
        let response = Problem::Overloaded(Overload::Requests).into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }

    #[test]
    fn a_failure_names_the_component_and_nothing_internal() {
        let failed = Problem::ComponentFailed {
            component: "rates".into(),
            why: "unreachable code at 0x7f".into(),
        };
        let response = failed.into_response();
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["status"], 500);
        assert_eq!(body["title"], "Internal Server Error");
        assert_eq!(
            body["detail"],
            "Component `rates` failed; its log says why."
        );
    }
}
