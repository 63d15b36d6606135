//! Bodies of answers on their way to the client: they leave together with their head where they
//! are ready by then, and are streamed otherwise.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::server::client::Exchange;
use crate::server::core::Permit;
use crate::server::guest_body::{BodyFault, GuestBody};
use crate::server::rest::Rest;

/// How often the guest gets another turn to write its body, or to end it, before what is there is
/// sent without.
pub(super) const TURNS: usize = 3;

/// No body.
pub(crate) fn empty() -> WasiBody {
    Empty::new().map_err(Error::from).boxed_unsync()
}

/// A body that is known as a whole, in the form that guests read.
pub(crate) fn whole(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(Error::from).boxed_unsync()
}

/// A response's body on its way to the client. The request is in flight until it is gone.
pub(crate) struct AnswerBody {
    ready: VecDeque<Frame<Bytes>>,
    /// The length of the body that a response to HEAD, or a 304, leaves out.
    withheld: Option<u64>,
    rest: Option<Box<Rest>>,
    exchange: Option<Exchange>,
    _in_flight: Option<Arc<Permit>>,
}

/// What is there of a guest's body when its head can be sent.
pub(crate) struct Gathered {
    ready: VecDeque<Frame<Bytes>>,
    rest: Option<GuestBody>,
}

impl Gathered {
    /// Guests write their body right after the head, so mostly all of it comes within the guest's
    /// next turns: then head and body leave in one write, with their length. What takes longer is
    /// streamed.
    pub(crate) async fn of(mut body: GuestBody) -> Result<Self, BodyFault> {
        let mut ready = VecDeque::new();
        let mut turns = 0;
        let rest = loop {
            if body.is_end_stream() {
                break None;
            }
            let frame = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
            match frame {
                Poll::Ready(None) => break None,
                Poll::Ready(Some(Ok(frame))) => {
                    ready.push_back(frame);
                    if ready.len() > 1 && !body.is_at_length() {
                        break Some(body);
                    }
                }
                Poll::Ready(Some(Err(_))) => return Err(body.fault()),
                Poll::Pending if turns == TURNS => break Some(body),
                Poll::Pending => {
                    turns += 1;
                    give_way().await;
                }
            }
        };
        Ok(Self { ready, rest })
    }

    /// What is still to come, if anything is.
    pub(crate) fn take_rest(&mut self) -> Option<GuestBody> {
        self.rest.take()
    }
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
            withheld: None,
            rest: None,
            exchange: None,
            _in_flight: None,
        }
    }

    /// No body. The head says all the same how long it would be, if that is known.
    pub(crate) fn withheld(length: Option<u64>, in_flight: Arc<Permit>) -> Self {
        Self {
            withheld: length,
            _in_flight: Some(in_flight),
            ..Self::whole(Bytes::new())
        }
    }

    /// A guest's body: what was gathered, and the rest.
    pub(crate) fn of_guest(
        gathered: Gathered,
        rest: Option<Box<Rest>>,
        in_flight: Arc<Permit>,
    ) -> Self {
        Self {
            ready: gathered.ready,
            withheld: None,
            rest,
            exchange: None,
            _in_flight: Some(in_flight),
        }
    }

    /// The connection is busy with this until it is gone.
    pub(crate) fn is_of(&mut self, exchange: Exchange) {
        self.exchange = Some(exchange);
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
        match (this.ready.pop_front(), &mut this.rest) {
            (Some(frame), rest) => {
                if let Some(rest) = rest {
                    rest.passed(&frame);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            (None, Some(rest)) => rest.poll_frame(cx),
            (None, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        // An end that is known keeps a length out of the head that was promised there.
        self.withheld.is_none()
            && self.ready.is_empty()
            && self.rest.as_ref().is_none_or(|rest| rest.is_over())
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(length) = self.withheld {
            return SizeHint::with_exact(length);
        }
        let ready: u64 = self
            .ready
            .iter()
            .filter_map(Frame::data_ref)
            .map(|data| data.len() as u64)
            .sum();
        let rest = match &self.rest {
            None => SizeHint::with_exact(0),
            Some(rest) => rest.size_hint(),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(ready + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(ready + upper);
        }
        hint
    }
}
