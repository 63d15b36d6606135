//! The answers that the host gives by itself: short `application/problem+json` bodies
//! (RFC 9457) that say what to do and nothing of the host's inside.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

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
    /// The component trapped, or gave no response.
    ComponentFailed(String),
    /// The component gave no response in time.
    TimedOut(String),
    /// As many requests or instances as allowed are there already.
    Overloaded,
    /// Somebody asks whether the host is ready, but it is shutting down.
    Leaving,
}

impl Problem {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ComponentFailed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Overloaded | Self::Leaving => StatusCode::SERVICE_UNAVAILABLE,
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
            Self::ComponentFailed(component) => {
                format!("Component `{component}` failed; its log says why.")
            }
            Self::TimedOut(component) => format!(
                "Component `{component}` did not answer in time. Try again, or ask for less."
            ),
            Self::Overloaded => {
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
            Self::Overloaded | Self::Leaving => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
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
        let response = Problem::Overloaded.into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }

    #[test]
    fn a_failure_names_the_component_and_nothing_internal() {
        let response = Problem::ComponentFailed("rates".into()).into_response();
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["status"], 500);
        assert_eq!(body["title"], "Internal Server Error");
        assert_eq!(
            body["detail"],
            "Component `rates` failed; its log says why."
        );
    }
}
