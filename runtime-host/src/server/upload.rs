//! The body of a request on its way in: no longer than it may be, and with a record of how long
//! its client was waited for. That time is not the component's.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::server::body::empty;
use crate::server::client::{Client, moment, stamp};

/// Nobody waits for the client.
const NOBODY: u64 = 0;

/// How a request's body comes in.
pub(crate) struct Upload {
    client: Arc<Client>,
    is_too_long: AtomicBool,
    has_stalled: AtomicBool,
    /// Since when somebody waits for the client, or [`NOBODY`].
    waiting_since: AtomicU64,
    /// For how long the client was waited for before, in nanoseconds.
    waited: AtomicU64,
    reader: AtomicWaker,
}

impl Upload {
    /// A request's body, as a guest gets it. Longer than `limit` bytes, it ends in an error. None
    /// beside it if it has come whole, or there is none.
    pub(crate) fn of(
        body: Incoming,
        limit: u64,
        client: &Arc<Client>,
    ) -> (WasiBody, Option<Arc<Self>>) {
        if body.is_end_stream() {
            return (empty(), None);
        }
        client.watch_upload();
        let upload = Arc::new(Self::new(client));
        let bounded = Bounded {
            body: Some(body),
            limit,
            left: limit,
            upload: Arc::clone(&upload),
        };
        (bounded.boxed_unsync(), Some(upload))
    }

    fn new(client: &Arc<Client>) -> Self {
        Self {
            client: Arc::clone(client),
            is_too_long: AtomicBool::new(false),
            has_stalled: AtomicBool::new(false),
            waiting_since: AtomicU64::new(NOBODY),
            waited: AtomicU64::new(0),
            reader: AtomicWaker::new(),
        }
    }

    /// Whether it was longer than it may be.
    pub(crate) fn is_too_long(&self) -> bool {
        self.is_too_long.load(Ordering::Relaxed)
    }

    /// The client has sent nothing for too long: its connection ends, and who waits for it is told.
    pub(crate) fn stall(&self) {
        self.has_stalled.store(true, Ordering::Relaxed);
        self.reader.wake();
    }

    /// Whether the client has sent nothing for too long.
    pub(crate) fn has_stalled(&self) -> bool {
        self.has_stalled.load(Ordering::Relaxed)
    }

    /// Since when nothing has come while somebody waits for it; None while nobody does.
    pub(crate) fn awaited_since(&self) -> Option<Instant> {
        let since = self.waiting_since.load(Ordering::Relaxed);
        // What has come may wait to be read.
        (since != NOBODY).then(|| moment(since).max(self.client.moved_at()))
    }

    /// For how long the client was waited for, up to now.
    pub(crate) fn waited(&self) -> Duration {
        let since = self.waiting_since.load(Ordering::Relaxed);
        let now = if since == NOBODY {
            Duration::ZERO
        } else {
            moment(since).elapsed()
        };
        Duration::from_nanos(self.waited.load(Ordering::Relaxed)) + now
    }

    fn is_awaited(&self) {
        if self.waiting_since.load(Ordering::Relaxed) == NOBODY {
            let now = stamp(Instant::now());
            self.waiting_since.store(now, Ordering::Relaxed);
        }
    }

    fn has_come(&self) {
        if self.waiting_since.load(Ordering::Relaxed) != NOBODY {
            let waited = u64::try_from(self.waited().as_nanos()).unwrap_or(u64::MAX);
            self.waited.store(waited, Ordering::Relaxed);
            self.waiting_since.store(NOBODY, Ordering::Relaxed);
        }
    }
}

struct Bounded {
    /// None once nothing more of it is taken, so that the connection need not be kept for it.
    body: Option<Incoming>,
    limit: u64,
    left: u64,
    upload: Arc<Upload>,
}

impl Bounded {
    fn end(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.body = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        if this.upload.has_stalled() {
            return this.end(Error::ConnectionReadTimeout);
        }
        let frame = Pin::new(body).poll_frame(cx);
        if frame.is_pending() {
            this.upload.is_awaited();
            this.upload.reader.register(cx.waker());
        } else {
            this.upload.has_come();
        }
        let Some(frame) = ready!(frame) else {
            return Poll::Ready(None);
        };
        let frame = frame?;
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        if bytes > this.left {
            this.upload.is_too_long.store(true, Ordering::Relaxed);
            return this.end(Error::HttpRequestBodySize(Some(this.limit)));
        }
        this.left -= bytes;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ended = SizeHint::with_exact(0);
        self.body.as_ref().map_or(ended, Body::size_hint)
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        // Nobody reads it any more.
        self.upload.has_come();
    }
}
