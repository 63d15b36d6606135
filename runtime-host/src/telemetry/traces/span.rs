//! The spans: one for each request that a component answers, and under it one for each call that
//! the component makes for it. Names and attributes are those of OpenTelemetry's conventions for
//! HTTP. No query is told: keys stand in there.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, trace};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace as sdk;
use wasmtime_wasi_http::Error as OutboundError;

use super::Traces;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

const METHOD: &str = "http.request.method";
const ROUTE: &str = "http.route";
const STATUS: &str = "http.response.status_code";
const COMPONENT: &str = "component";
const PATH: &str = "url.path";
const SCHEME: &str = "url.scheme";
const SERVER: &str = "server.address";
const PORT: &str = "server.port";
const ERROR: &str = "error.type";

/// Where in a trace something happens.
pub(crate) type SpanContext = Arc<trace::SpanContext>;

impl Traces {
    /// Begins the span of a request that `component` answers, under the one that its headers name,
    /// and has the component see it in their place. `route` is None for a call from another
    /// component.
    pub(crate) fn request(
        &self,
        method: &Method,
        path: &str,
        headers: &mut HeaderMap,
        component: &str,
        route: Option<&str>,
    ) -> RequestSpan {
        let name = match route {
            Some(route) => format!("{method} {route}"),
            None => format!("{method} {component}"),
        };
        let mut attributes = vec![
            KeyValue::new(METHOD, method.as_str().to_owned()),
            KeyValue::new(PATH, path.to_owned()),
            KeyValue::new(SCHEME, "http"),
            KeyValue::new(COMPONENT, component.to_owned()),
        ];
        attributes.extend(route.map(|route| KeyValue::new(ROUTE, route.to_owned())));
        let builder = self
            .tracer
            .span_builder(name)
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let span = self.tracer.build_with_context(builder, &named_in(headers));
        let context = Arc::new(span.span_context().clone());
        name_in(headers, &context);
        RequestSpan { span, context }
    }

    /// Begins the span of a call, under the one that its headers name, or else under the one of
    /// the request that it is made for, and has whoever is called see it.
    pub(crate) fn call(
        &self,
        method: &Method,
        url: &Uri,
        headers: &mut HeaderMap,
        made_for: Option<&SpanContext>,
    ) -> CallSpan {
        let mut parent = named_in(headers);
        if let Some(request) = made_for
            && !parent.has_active_span()
        {
            parent = Context::new().with_remote_span_context(trace::SpanContext::clone(request));
        }
        let mut attributes = vec![
            KeyValue::new(METHOD, method.as_str().to_owned()),
            KeyValue::new(PATH, url.path().to_owned()),
        ];
        attributes.extend(
            url.host()
                .map(|host| KeyValue::new(SERVER, host.to_owned())),
        );
        attributes.extend(
            url.port_u16()
                .map(|port| KeyValue::new(PORT, i64::from(port))),
        );
        let builder = self
            .tracer
            .span_builder(method.as_str().to_owned())
            .with_kind(SpanKind::Client)
            .with_attributes(attributes);
        let span = self.tracer.build_with_context(builder, &parent);
        name_in(headers, span.span_context());
        CallSpan(span)
    }
}

/// The span of a request. It ends when it is dropped.
pub(crate) struct RequestSpan {
    span: sdk::Span,
    context: SpanContext,
}

impl RequestSpan {
    /// What calls are made under.
    pub(crate) fn context(&self) -> &SpanContext {
        &self.context
    }

    /// None if the client has left before.
    pub(crate) fn answered(&mut self, status: Option<StatusCode>) {
        match status {
            Some(status) => note_status(&mut self.span, status, status.is_server_error()),
            None => self.span.set_attribute(KeyValue::new(ERROR, "client_left")),
        }
    }
}

/// The span of a call. It ends when it is dropped.
pub(crate) struct CallSpan(sdk::Span);

impl CallSpan {
    pub(crate) fn ended(&mut self, result: Result<StatusCode, &OutboundError>) {
        match result {
            // Who calls is to blame for 4xx, which makes them errors here.
            Ok(status) => note_status(&mut self.0, status, status.as_u16() >= 400),
            Err(error) => {
                self.0.set_attribute(KeyValue::new(ERROR, "transport"));
                self.0.set_status(Status::error(format!("{error:?}")));
            }
        }
    }
}

fn note_status(span: &mut sdk::Span, status: StatusCode, is_error: bool) {
    span.set_attribute(KeyValue::new(STATUS, i64::from(status.as_u16())));
    if is_error {
        span.set_attribute(KeyValue::new(ERROR, status.as_str().to_owned()));
        span.set_status(Status::error(""));
    }
}

/// The span that headers name, if any (W3C Trace Context).
fn named_in(headers: &HeaderMap) -> Context {
    let propagator = TraceContextPropagator::new();
    propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers))
}

/// Names a span in headers. Its state, if there is any, is passed on as it came.
fn name_in(headers: &mut HeaderMap, context: &trace::SpanContext) {
    let text = format!(
        "00-{}-{}-{:02x}",
        context.trace_id(),
        context.span_id(),
        context.trace_flags() & trace::TraceFlags::SAMPLED
    );
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(TRACEPARENT, value);
    }
    let state = context.trace_state().header();
    match HeaderValue::from_str(&state) {
        Ok(value) if !state.is_empty() => {
            headers.insert(TRACESTATE, value);
        }
        // That of another trace means nothing in this one.
        _ => {
            headers.remove(TRACESTATE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    #[test]
    fn a_span_is_named_as_others_read_it() {
        let context = trace::SpanContext::new(
            TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128),
            SpanId::from(0x00f0_67aa_0ba9_02b7_u64),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        let mut headers = HeaderMap::new();
        headers.insert(TRACESTATE, HeaderValue::from_static("other=trace"));
        name_in(&mut headers, &context);
        assert_eq!(
            headers[TRACEPARENT],
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        );
        assert!(!headers.contains_key(TRACESTATE));
        let read = named_in(&headers);
        assert_eq!(read.span().span_context().trace_id(), context.trace_id());
        assert_eq!(read.span().span_context().span_id(), context.span_id());
        assert!(read.span().span_context().is_sampled());
    }

    #[test]
    fn headers_that_name_nothing_proper_name_nothing() {
        let mut headers = HeaderMap::new();
        assert!(!named_in(&headers).has_active_span());
        headers.insert(TRACEPARENT, HeaderValue::from_static("00-0-0-01"));
        assert!(!named_in(&headers).has_active_span());
    }
}
