//! What a guest writes as its response's body. It has to be as long as the response says, and to
//! end by itself: nobody may take half an answer for a whole one.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::instance::lifetime::{Reader, Watch};

/// What is wrong with a guest's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// The guest wrote less than its `content-length` says.
    Shorter { declared: u64, written: u64 },
    /// The guest wrote more than that.
    Longer { declared: u64 },
    /// The instance ended in the middle of it.
    Ended,
    /// The guest gave it up without ending it.
    Unfinished,
    /// What it passes on broke, or it says so itself.
    Broken(String),
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shorter { declared, written } => write!(
                f,
                "its response says content-length: {declared}, and its body has {written} bytes"
            ),
            Self::Longer { declared } => write!(
                f,
                "its response says content-length: {declared}, and its body has more bytes"
            ),
            Self::Ended => f.write_str("its instance ended in the middle of the response's body"),
            Self::Unfinished => f.write_str("it gave the response's body up without ending it"),
            Self::Broken(error) => write!(f, "the response's body broke: {error}"),
        }
    }
}

/// Whether a response has no body whatever its head says (RFC 9110 §6.4.1).
pub(crate) fn is_without_body(is_head: bool, status: StatusCode) -> bool {
    is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// The length that a response's head says, which wasmtime has checked to be one number. A body of
/// WASI 0.3 knows it; only for one of WASI 0.2 (`is_classic`) the headers are looked at.
pub(crate) fn declared_length(response: &Response<WasiBody>, is_classic: bool) -> Option<u64> {
    if !is_classic {
        return response.body().size_hint().exact();
    }
    let length = response.headers().get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// A guest's body.
pub(crate) struct GuestBody {
    /// None for a response that has no body.
    body: Option<WasiBody>,
    instance: Arc<OnceLock<Arc<Watch>>>,
    declared: Option<u64>,
    written: u64,
    has_ended: bool,
    fault: Option<Box<BodyFault>>,
    /// Who reads it piece by piece, as far as the instance knows.
    reader: Option<Reader>,
}

impl GuestBody {
    /// A body of the `declared` length, if its length is known. `instance` says who writes it.
    pub(crate) fn new(
        body: WasiBody,
        instance: Arc<OnceLock<Arc<Watch>>>,
        declared: Option<u64>,
    ) -> Self {
        Self::made_of(Some(body), instance, declared)
    }

    fn made_of(
        body: Option<WasiBody>,
        instance: Arc<OnceLock<Arc<Watch>>>,
        declared: Option<u64>,
    ) -> Self {
        Self {
            body,
            instance,
            declared,
            written: 0,
            has_ended: false,
            fault: None,
            reader: None,
        }
    }

    /// What a response without a body has, such as one to HEAD. In another response it would have
    /// the `declared` length.
    pub(crate) fn withheld(instance: Arc<OnceLock<Arc<Watch>>>, declared: Option<u64>) -> Self {
        Self::made_of(None, instance, declared)
    }

    /// Whether it is of a response without a body.
    pub(crate) fn is_withheld(&self) -> bool {
        self.body.is_none()
    }

    /// How long it is, or would be, by its response's head.
    pub(crate) fn declared_length(&self) -> Option<u64> {
        self.declared
    }

    /// What is wrong with it, after an error.
    pub(crate) fn fault(&self) -> BodyFault {
        let fault = self.fault.as_deref();
        fault.cloned().unwrap_or(BodyFault::Unfinished)
    }

    /// Whether all that its head promises has passed, but not yet its end.
    pub(crate) fn is_at_length(&self) -> bool {
        self.declared == Some(self.written) && self.fault.is_none() && !self.is_end_stream()
    }

    /// The body itself; what is left here is over.
    pub(crate) fn take(&mut self) -> Self {
        let over = Self::withheld(Arc::clone(&self.instance), None);
        std::mem::replace(self, over)
    }

    /// It is read piece by piece. How long it may stand still depends on who reads it.
    pub(crate) fn is_read_by(&mut self, reader: Reader) {
        if let (Some(instance), None) = (self.instance.get(), self.reader) {
            self.reader = Some(reader);
            instance.body_opened(reader);
        }
    }

    fn has_lost_its_guest(&self) -> bool {
        self.instance
            .get()
            .is_some_and(|instance| instance.has_failed())
    }

    fn fault_of(&self, error: &Error) -> BodyFault {
        match (error, self.declared) {
            _ if self.has_lost_its_guest() => BodyFault::Ended,
            (Error::HttpResponseBodySize(Some(written)), Some(declared)) if *written < declared => {
                BodyFault::Shorter {
                    declared,
                    written: *written,
                }
            }
            (Error::HttpResponseBodySize(_), Some(declared)) => BodyFault::Longer { declared },
            // So ends a body of WASI 0.2 that the guest drops, or finishes too early.
            (Error::HttpProtocolError, Some(declared)) if self.written < declared => {
                BodyFault::Shorter {
                    declared,
                    written: self.written,
                }
            }
            (Error::HttpProtocolError, _) => BodyFault::Unfinished,
            (error, _) => BodyFault::Broken(error.to_string()),
        }
    }

    fn fails(&mut self, fault: BodyFault, error: Error) -> Option<Result<Frame<Bytes>, Error>> {
        self.fault.get_or_insert(Box::new(fault));
        Some(Err(error))
    }

    /// What a piece, or the end, comes to.
    fn judge(
        &mut self,
        frame: Option<Result<Frame<Bytes>, Error>>,
    ) -> Option<Result<Frame<Bytes>, Error>> {
        match (frame, self.declared) {
            (Some(Ok(frame)), declared) => {
                self.written += frame.data_ref().map_or(0, |data| data.len() as u64);
                if let Some(declared) = declared.filter(|declared| self.written > *declared) {
                    let error = Error::HttpResponseBodySize(Some(self.written));
                    return self.fails(BodyFault::Longer { declared }, error);
                }
                if let Some(instance) = self.instance.get() {
                    instance.body_progressed();
                }
                Some(Ok(frame))
            }
            (Some(Err(error)), _) => self.fails(self.fault_of(&error), error),
            (None, _) if self.has_lost_its_guest() => {
                self.fails(BodyFault::Ended, Error::HttpResponseIncomplete)
            }
            (None, Some(declared)) if self.written < declared => {
                let written = self.written;
                let error = Error::HttpResponseBodySize(Some(written));
                self.fails(BodyFault::Shorter { declared, written }, error)
            }
            (None, _) => {
                self.has_ended = true;
                None
            }
        }
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        Poll::Ready(self.judge(frame))
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            None => true,
            Some(_) if self.has_ended => true,
            // A body that is too short is found out only by asking for more.
            Some(body) => {
                body.is_end_stream()
                    && self
                        .declared
                        .is_none_or(|declared| self.written >= declared)
                    && !self.has_lost_its_guest()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.body, self.declared) {
            (Some(_), Some(declared)) => {
                SizeHint::with_exact(declared.saturating_sub(self.written))
            }
            (Some(body), None) => body.size_hint(),
            (None, _) => SizeHint::with_exact(0),
        }
    }
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        if let (Some(instance), Some(reader)) = (self.instance.get(), self.reader) {
            instance.body_closed(reader);
        }
    }
}
