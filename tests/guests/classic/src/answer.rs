//! Answers and how WASI 0.2 sends them: the head first, then the body through a stream.

use std::io::Write as _;

use wasi::http::types::{
    ErrorCode, Fields, HeaderError, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse,
    ResponseOutparam,
};
use wasi::io::streams::{InputStream, OutputStream, StreamError};

/// What a route gives back.
pub(crate) struct Answer {
    status: u16,
    content_type: &'static str,
    body: Body,
}

enum Body {
    Whole(Vec<u8>),
    /// The body of this request, as it comes in.
    Of(IncomingRequest),
}

/// What can go wrong while an answer is sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("a header was refused: {0:?}")]
    Header(#[from] HeaderError),
    #[error("the host refused {0}")]
    Refused(&'static str),
    #[error("the body ended early: {0}")]
    Write(#[from] std::io::Error),
    #[error("the body ended early: {0:?}")]
    Stream(#[from] StreamError),
    #[error("the body was not accepted: {0:?}")]
    Finish(#[from] ErrorCode),
}

impl Answer {
    /// A 200 in plain text.
    pub(crate) fn text(body: impl Into<Vec<u8>>) -> Self {
        Self::with_status(200, body)
    }

    /// A 200 in JSON.
    pub(crate) fn json(body: String) -> Self {
        Self {
            content_type: "application/json",
            ..Self::text(body)
        }
    }

    /// A plain-text answer of any status.
    pub(crate) fn with_status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type: "text/plain",
            body: Body::Whole(body.into()),
        }
    }

    /// A 200 with the request's own body.
    pub(crate) fn same_body(request: IncomingRequest) -> Self {
        Self {
            status: 200,
            content_type: "application/octet-stream",
            body: Body::Of(request),
        }
    }

    /// Sends it.
    pub(crate) fn send(self, to: ResponseOutparam) -> Result<(), SendError> {
        let fields = Fields::new();
        fields.append("content-type", self.content_type.as_bytes())?;
        let response = OutgoingResponse::new(fields);
        response
            .set_status_code(self.status)
            .map_err(|()| SendError::Refused("the status"))?;
        let (body, mut out) = begin(response, to)?;
        match self.body {
            Body::Whole(bytes) => {
                out.write_all(&bytes)?;
                out.flush()?;
            }
            Body::Of(request) => {
                let incoming = request
                    .consume()
                    .map_err(|()| SendError::Refused("the request's body"))?;
                pass_on(&incoming, &out)?;
            }
        }
        drop(out);
        OutgoingBody::finish(body, None)?;
        Ok(())
    }
}

/// Sends the head of a response, and gives its body to write.
pub(crate) fn begin(
    response: OutgoingResponse,
    to: ResponseOutparam,
) -> Result<(OutgoingBody, OutputStream), SendError> {
    let body = response
        .body()
        .map_err(|()| SendError::Refused("a body for the answer"))?;
    ResponseOutparam::set(to, Ok(response));
    let out = body
        .write()
        .map_err(|()| SendError::Refused("a stream for the body"))?;
    Ok((body, out))
}

/// Moves a body to `out` until it ends.
pub(crate) fn pass_on(body: &IncomingBody, out: &OutputStream) -> Result<(), SendError> {
    const AT_ONCE: u64 = 64 * 1024;
    let input: InputStream = body
        .stream()
        .map_err(|()| SendError::Refused("a stream of the request's body"))?;
    loop {
        match out.blocking_splice(&input, AT_ONCE) {
            Ok(_) => {}
            Err(StreamError::Closed) => break,
            Err(error) => return Err(error.into()),
        }
    }
    match out.blocking_flush() {
        Ok(()) | Err(StreamError::Closed) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
