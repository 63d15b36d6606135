//! Bodies on their way through the host: a request's is bounded; a response's leaves together
//! with its head where it is ready by then, and ends in an error if its instance does.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::instance::lifetime::Watch;
use crate::server::core::Permit;
use crate::server::departure::Departure;

/// How often the guest gets another turn to write its body, or to end it, before the head is
/// sent without.
const TURNS: usize = 3;

/// A request's body, as a guest gets it. Longer than `limit` bytes, it ends in an error and
/// raises the flag.
pub(crate) fn bounded(body: Incoming, limit: u64) -> (WasiBody, Option<Arc<AtomicBool>>) {
    if body.is_end_stream() {
        return (empty(), None);
    }
    let exceeded = Arc::new(AtomicBool::new(false));
    let bounded = Bounded {
        body,
        limit,
        left: limit,
        exceeded: Arc::clone(&exceeded),
    };
    (bounded.boxed_unsync(), Some(exceeded))
}

/// No body.
pub(crate) fn empty() -> WasiBody {
    Empty::new().map_err(Error::from).boxed_unsync()
}

/// A body that is known as a whole, in the form that guests read.
pub(crate) fn whole(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(Error::from).boxed_unsync()
}

struct Bounded {
    body: Incoming,
    limit: u64,
    left: u64,
    exceeded: Arc<AtomicBool>,
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let frame = frame?;
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        if bytes > this.left {
            this.exceeded.store(true, Ordering::Relaxed);
            return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(this.limit)))));
        }
        this.left -= bytes;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a guest writes as its response's body. When the guest's instance ends in the middle of
/// it, that is an error rather than the end: nobody may take half an answer for a whole one.
pub(crate) struct GuestBody {
    body: WasiBody,
    instance: Arc<OnceLock<Arc<Watch>>>,
}

impl GuestBody {
    /// `instance` says who writes the body.
    pub(crate) fn new(body: WasiBody, instance: Arc<OnceLock<Arc<Watch>>>) -> Self {
        Self { body, instance }
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let Some(instance) = self.instance.get() else {
            return frame;
        };
        match frame {
            Poll::Ready(Some(Ok(_))) => instance.body_progressed(),
            Poll::Ready(None) if instance.has_failed() => {
                return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
            }
            _ => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
            && !self
                .instance
                .get()
                .is_some_and(|instance| instance.has_failed())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body on its way to the client. The request is in flight until it is gone.
pub(crate) struct AnswerBody {
    ready: VecDeque<Frame<Bytes>>,
    rest: Option<GuestBody>,
    events: Option<Events>,
    _in_flight: Option<Arc<Permit>>,
}

/// A stream of server-sent events. It has no end of its own, so a drain ends it after an event:
/// its client comes back, and finds another host.
struct Events {
    departure: Arc<Departure>,
    is_between: bool,
}

impl AnswerBody {
    /// A body that is known as a whole.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let ready = if bytes.is_empty() {
            VecDeque::new()
        } else {
            VecDeque::from([Frame::data(bytes)])
        };
        Self {
            ready,
            rest: None,
            events: None,
            _in_flight: None,
        }
    }

    /// A guest's body. Guests write it right after the head, so mostly all of it comes within
    /// the guest's next turns: then head and body leave in one write, with their length. What
    /// takes longer is streamed.
    pub(crate) async fn of_guest(
        mut body: GuestBody,
        in_flight: Arc<Permit>,
    ) -> Result<Self, Error> {
        let mut ready = VecDeque::new();
        let mut turns = 0;
        let rest = loop {
            if body.is_end_stream() {
                break None;
            }
            let frame = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
            match frame {
                Poll::Ready(None) => break None,
                Poll::Ready(Some(frame)) => {
                    ready.push_back(frame?);
                    if ready.len() > 1 {
                        break Some(body);
                    }
                }
                Poll::Pending if turns == TURNS => break Some(body),
                Poll::Pending => {
                    turns += 1;
                    give_way().await;
                }
            }
        };
        Ok(Self {
            ready,
            rest,
            events: None,
            _in_flight: Some(in_flight),
        })
    }

    /// Whether some of it is still to come.
    pub(crate) fn is_streaming(&self) -> bool {
        self.rest.is_some()
    }

    /// Notes that these are events, which end once the host drains.
    pub(crate) fn end_after_event(&mut self, departure: &Arc<Departure>) {
        self.events = Some(Events {
            departure: Arc::clone(departure),
            is_between: true,
        });
    }
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

/// Lets the other tasks that can go on run first. Unlike tokio's yield it does not look at the
/// sockets, which costs a system call.
async fn give_way() {
    let mut given = false;
    poll_fn(|cx| {
        if given {
            return Poll::Ready(());
        }
        given = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let frame = match (this.ready.pop_front(), &mut this.rest) {
            (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
            (None, Some(body)) => {
                if this.events.as_ref().is_some_and(Events::are_over) {
                    this.rest = None;
                    return Poll::Ready(None);
                }
                Pin::new(body).poll_frame(cx)
            }
            (None, None) => Poll::Ready(None),
        };
        if let (Some(events), Poll::Ready(Some(Ok(frame)))) = (&mut this.events, &frame) {
            events.passed(frame);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ready: u64 = self
            .ready
            .iter()
            .filter_map(Frame::data_ref)
            .map(|data| data.len() as u64)
            .sum();
        let rest = match &self.rest {
            None => SizeHint::with_exact(0),
            Some(body) => body.size_hint(),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(ready + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(ready + upper);
        }
        hint
    }
}
