//! What comes back from another host: its response's body, given up when it stalls, and its
//! failures in the words of `wasi:http`.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use runtime_host_manifest::RefusalReason;
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::Error;

use super::connector::ConnectFailure;

/// A response's body that may not pause for longer than `between_bytes`.
pub(super) struct UpstreamBody {
    body: Incoming,
    between_bytes: Duration,
    /// Set only while waiting: a body that is there costs no timer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl UpstreamBody {
    pub(super) fn new(body: Incoming, between_bytes: Duration) -> Self {
        Self {
            body,
            between_bytes,
            timer: None,
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            if let Some(timer) = &mut this.timer {
                timer.as_mut().reset(Instant::now() + this.between_bytes);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| of_hyper(&error))));
        }
        let between_bytes = this.between_bytes;
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(sleep(between_bytes)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A failed request in the words of `wasi:http`.
pub(super) fn of_client(error: &hyper_util::client::legacy::Error) -> Error {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(failure) = cause.downcast_ref::<ConnectFailure>() {
            return of_connecting(failure);
        }
        // The guest's own error on the request's body comes back as it was.
        if let Some(Error::HttpRequestBodySize(size)) = cause.downcast_ref::<Error>() {
            return Error::HttpRequestBodySize(*size);
        }
        if let Some(failure) = cause.downcast_ref::<hyper::Error>() {
            return of_hyper(failure);
        }
        source = cause.source();
    }
    Error::ConnectionTerminated
}

fn of_connecting(failure: &ConnectFailure) -> Error {
    match failure {
        ConnectFailure::Refused(refusal) => match refusal.reason {
            // As in Spin.
            RefusalReason::Blocked(_) => Error::DestinationIpProhibited,
            RefusalReason::NotListed | RefusalReason::Restricted(_) => Error::HttpRequestDenied,
        },
        ConnectFailure::Unresolved { error, .. } => Error::DnsError {
            rcode: Some(error.to_string()),
            info_code: None,
        },
        ConnectFailure::Unconnected(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
            std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => {
                Error::DestinationUnavailable
            }
            _ => Error::ConnectionTerminated,
        },
        ConnectFailure::Tls(failure) => failure.for_guest(),
        ConnectFailure::TimedOut => Error::ConnectionTimeout,
        ConnectFailure::NoHost => Error::HttpRequestUriInvalid,
    }
}

/// A broken exchange on a connection that stood.
fn of_hyper(error: &hyper::Error) -> Error {
    if error.is_timeout() {
        Error::HttpResponseTimeout
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else if error.is_parse() {
        Error::HttpProtocolError
    } else {
        Error::ConnectionTerminated
    }
}
