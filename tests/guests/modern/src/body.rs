//! Bodies that are sent while they are made or received.

use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use spin_sdk::http::{Request, box_body};

use crate::answer::{self, Answer};
use crate::query::Query;

/// The request's own body, as it comes in.
pub(crate) fn echo(request: Request) -> Answer {
    http::Response::new(box_body(request.into_body()))
}

/// How many bytes the request's body has, read to its end, after `ms` (0 by default) in which
/// nothing is read.
pub(crate) async fn read(request: Request, query: &Query) -> Answer {
    let pause = Duration::from_millis(query.number("ms", 0));
    if !pause.is_zero() {
        spin_sdk::time::sleep(pause).await;
    }
    match request.into_body().collect().await {
        Ok(body) => answer::text(body.to_bytes().len().to_string()),
        Err(error) => answer::failed(&error),
    }
}

/// `chunks` lines (5 by default), each `ms` after the one before (0 by default).
pub(crate) fn stream(query: &Query) -> Answer {
    let chunks: u64 = query.number("chunks", 5);
    let pause = Duration::from_millis(query.number("ms", 0));
    let (mut sender, body) = spin_sdk::http::body::stream::<String>();
    spin_sdk::wasip3::spawn(async move {
        for chunk in 0..chunks {
            if !pause.is_zero() {
                spin_sdk::time::sleep(pause).await;
            }
            if sender.send(format!("chunk {chunk}\n")).await.is_err() {
                return;
            }
        }
    });
    http::Response::new(box_body(body))
}

/// So many `bytes` (1 MiB by default), never more than a chunk of them in memory.
pub(crate) fn big(query: &Query) -> Answer {
    const CHUNK: &[u8] = &[b'x'; 64 * 1024];
    let bytes: usize = query.number("bytes", 1 << 20);
    let whole = bytes / CHUNK.len();
    let rest = CHUNK.get(..bytes % CHUNK.len()).unwrap_or_default();
    let frames = std::iter::repeat_n(Bytes::from_static(CHUNK), whole)
        .chain([Bytes::from_static(rest)])
        .map(|chunk| Ok(http_body::Frame::data(chunk)));
    let body = StreamBody::new(futures::stream::iter(frames));
    http::Response::new(UnsyncBoxBody::new(body))
}
