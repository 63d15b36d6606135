//! The body of a request on its way to another host. Guests write a body piece by piece and mostly
//! say no length, although all of it is there a moment later: then its length is sent with it,
//! because many servers take no other body. What takes longer, or is longer, is streamed.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use wasmtime_wasi_http::{Error, WasiBody};

/// How often in a row the guest gets another turn to write more, before the head is sent without
/// a length.
const TURNS: usize = 8;

/// The most that is kept back for the sake of its length, in bytes.
const MOST_KEPT: usize = 128 << 10;

/// Gives a request the length of its body, if that can be known by now.
///
/// # Errors
/// What the guest's body ends with, if it fails this early.
pub(super) async fn with_length(request: Request<WasiBody>) -> Result<Request<WasiBody>, Error> {
    let (mut head, body) = request.into_parts();
    if head.headers.contains_key(CONTENT_LENGTH) {
        return Ok(Request::from_parts(head, body));
    }
    let body = Begun::of(body, head.headers.contains_key(TRAILER)).await?;
    say_length(&mut head, &body);
    let body = match body.is_empty() {
        true => Empty::new().map_err(Error::from).boxed_unsync(),
        false => body.boxed_unsync(),
    };
    Ok(Request::from_parts(head, body))
}

/// What the client does not say by itself.
fn say_length(head: &mut Parts, body: &Begun) {
    // Of no body only where one is meant to be (RFC 9110 §8.6).
    let expects_body = [Method::POST, Method::PUT, Method::PATCH].contains(&head.method);
    if body.is_empty() && expects_body {
        head.headers
            .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    // For other methods the client streams by itself, for these it would leave the body out.
    let usually_none = [Method::GET, Method::HEAD, Method::CONNECT].contains(&head.method);
    if usually_none && body.rest.is_some() && !body.ready.is_empty() {
        head.headers
            .insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

/// A body of which the beginning is there, or all of it.
struct Begun {
    ready: VecDeque<Frame<Bytes>>,
    /// None if nothing follows.
    rest: Option<WasiBody>,
}

impl Begun {
    async fn of(mut body: WasiBody, has_trailers: bool) -> Result<Self, Error> {
        let mut ready = VecDeque::new();
        let mut kept = 0;
        let mut turns = 0;
        let rest = loop {
            if body.is_end_stream() {
                break None;
            }
            let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
            match polled {
                Poll::Ready(None) => break None,
                Poll::Ready(Some(frame)) => {
                    let frame = frame?;
                    match frame.data_ref() {
                        Some(data) if data.is_empty() => continue,
                        Some(data) => kept += data.len(),
                        // They follow a streamed body only.
                        None if has_trailers => {
                            ready.push_back(frame);
                            break Some(body);
                        }
                        // The head does not announce them, so they are not sent.
                        None => continue,
                    }
                    ready.push_back(frame);
                    if kept > MOST_KEPT {
                        break Some(body);
                    }
                    turns = 0;
                }
                Poll::Pending if turns == TURNS => break Some(body),
                Poll::Pending => {
                    turns += 1;
                    // tokio's own yield: a guest of WASI 0.2 may wait for a wake-up of the system.
                    tokio::task::yield_now().await;
                }
            }
        };
        Ok(Self { ready, rest })
    }

    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.rest.is_none()
    }
}

impl Body for Begun {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match (this.ready.pop_front(), &mut this.rest) {
            (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
            (None, Some(rest)) => Pin::new(rest).poll_frame(cx),
            (None, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let data = self.ready.iter().filter_map(Frame::data_ref);
        let ready: usize = data.map(Bytes::len).sum();
        let ready = u64::try_from(ready).unwrap_or(u64::MAX);
        match self.rest {
            None => SizeHint::with_exact(ready),
            Some(_) => {
                let mut hint = SizeHint::new();
                hint.set_lower(ready);
                hint
            }
        }
    }
}
