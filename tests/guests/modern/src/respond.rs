//! Responses that say one thing in their head and do another in their body.

use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt as _;
use spin_sdk::http::{StatusCode, box_body};

use crate::answer::{self, Answer};
use crate::query::Query;

/// A response of this `status` (200 by default), with `content-length: {length}` if told so. Its
/// body has `bytes` (0 by default) and, `ms` after them (0 by default), `more` (0 by default).
pub(crate) fn respond(query: &Query) -> Answer {
    let Ok(status) = StatusCode::from_u16(query.number("status", 200)) else {
        return answer::with_status(StatusCode::BAD_REQUEST, "there is no such status");
    };
    let first: usize = query.number("bytes", 0);
    let more: usize = query.number("more", 0);
    let pause = Duration::from_millis(query.number("ms", 0));
    let (mut sender, body) = spin_sdk::http::body::stream::<Bytes>();
    spin_sdk::wasip3::spawn(async move {
        if first > 0 && sender.send(vec![b'x'; first].into()).await.is_err() {
            return;
        }
        if !pause.is_zero() {
            spin_sdk::time::sleep(pause).await;
        }
        if more > 0 {
            let _nobody_reads = sender.send(vec![b'y'; more].into()).await;
        }
    });
    let mut response = http::Response::new(box_body(body));
    *response.status_mut() = status;
    if let Some(length) = query.text("length").and_then(|length| length.parse().ok()) {
        response
            .headers_mut()
            .insert(http::header::CONTENT_LENGTH, length);
    }
    response
}
