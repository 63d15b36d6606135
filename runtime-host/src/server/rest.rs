//! What is still to come of a guest's body when its head has been sent. What goes wrong with it
//! now can only be told by cutting the connection, and in the log.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::time::timeout;
use wasmtime_wasi_http::Error;

use crate::instance::lifetime::Reader;
use crate::server::body::TURNS;
use crate::server::core::Core;
use crate::server::departure::Departure;
use crate::server::guest_body::GuestBody;

/// Whose body it is, and where to say what is wrong with it.
#[derive(Clone)]
pub(crate) struct Author {
    pub(crate) core: Arc<Core>,
    pub(crate) component: usize,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
}

impl Author {
    /// The same body, whose faults are reported. For a component that reads it itself.
    pub(crate) fn watch_over(self, mut body: GuestBody) -> impl Body<Data = Bytes, Error = Error> {
        body.is_read_by(Reader::Component);
        Watched { body, author: self }
    }

    fn report(&self, body: &GuestBody) {
        let Self {
            core,
            component,
            method,
            uri,
        } = self;
        core.report_cut(*component, method, uri.path(), &body.fault());
    }
}

struct Watched {
    body: GuestBody,
    author: Author,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        let piece = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if matches!(piece, Some(Err(_))) {
            self.author.report(&self.body);
        }
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The rest of a guest's body.
pub(crate) struct Rest {
    body: GuestBody,
    author: Author,
    events: Option<Events>,
    /// The last piece by the length that the head says, until it is known that no more comes.
    held: Option<Frame<Bytes>>,
    /// What came after it that is no data.
    trailers: Option<Frame<Bytes>>,
    turns: usize,
}

/// A stream of server-sent events. It has no end of its own, so a drain ends it after an event:
/// its client comes back, and finds another host.
struct Events {
    departure: Arc<Departure>,
    is_between: bool,
}

impl Events {
    fn are_over(&self) -> bool {
        self.is_between && self.departure.is_draining()
    }

    fn passed(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            // An empty line ends an event (HTML Standard §9.2.5).
            self.is_between = data.ends_with(b"\n\n") || data.ends_with(b"\r\n\r\n");
        }
    }
}

type Piece = Option<Result<Frame<Bytes>, Error>>;

impl Rest {
    pub(crate) fn new(mut body: GuestBody, author: Author) -> Self {
        body.is_read_by(Reader::Client);
        Self {
            body,
            author,
            events: None,
            held: None,
            trailers: None,
            turns: 0,
        }
    }

    /// Notes that these are events, which end once the host drains.
    pub(crate) fn ends_after_event(&mut self, departure: &Arc<Departure>) {
        self.events = Some(Events {
            departure: Arc::clone(departure),
            is_between: true,
        });
    }

    /// A piece has been passed on.
    pub(super) fn passed(&mut self, frame: &Frame<Bytes>) {
        if let Some(events) = &mut self.events {
            events.passed(frame);
        }
    }

    /// The next piece.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        if self.events.as_ref().is_some_and(Events::are_over) {
            return Poll::Ready(None);
        }
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(trailers)));
        }
        if let Some(held) = self.held.take() {
            return self.release(held, cx);
        }
        let piece = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match piece {
            Some(Ok(frame)) if self.body.is_at_length() => self.release(frame, cx),
            Some(Ok(frame)) => {
                self.passed(&frame);
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => self.fail(error),
            None => Poll::Ready(None),
        }
    }

    /// Passes on the last piece by the length, but not before the guest had a chance to write more
    /// than that: then its client shall not take for whole what it has.
    fn release(&mut self, last: Frame<Bytes>, cx: &mut Context<'_>) -> Poll<Piece> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Err(error))) => return self.fail(error),
            Poll::Ready(Some(Ok(trailers))) => self.trailers = Some(trailers),
            Poll::Ready(None) => {}
            Poll::Pending if self.turns < TURNS => {
                self.turns += 1;
                self.held = Some(last);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Pending => {}
        }
        Poll::Ready(Some(Ok(last)))
    }

    fn fail(&mut self, error: Error) -> Poll<Piece> {
        self.author.report(&self.body);
        Poll::Ready(Some(Err(error)))
    }

    /// Whether nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        self.held.is_none() && self.trailers.is_none() && self.body.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if !self.body.is_at_length() {
            return;
        }
        // The client has all that it was promised. Whether the guest goes on writing is still to
        // be seen; and one that only ends its body late is not told that nobody reads it.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (mut body, author) = (self.body.take(), self.author.clone());
        let limit = author.core.limits().response_body_timeout;
        runtime.spawn(async move {
            let end = async {
                while let Some(piece) = body.frame().await {
                    if piece.is_err() {
                        return author.report(&body);
                    }
                }
            };
            let _never_ended = timeout(limit, end).await;
        });
    }
}
