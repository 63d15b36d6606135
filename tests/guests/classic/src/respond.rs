//! Responses that say one thing in their head and do another in their body, and those of others,
//! passed on.

use std::hint::black_box;
use std::thread::sleep;
use std::time::{Duration, Instant};

use wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasi::io::streams::{OutputStream, StreamError};

use crate::answer::{SendError, begin, pass_on};
use crate::{number, outbound, parameter};

/// The most that is written at once: WASI 0.2 takes no more.
const PIECE: usize = 4_096;

/// A response of this `status` (200 by default), with `content-length: {length}` if that is given.
/// Its body has `bytes` (0 by default) and, `ms` after them (0 by default), `more` (0 by default);
/// the latter as often as `times` says (once by default), after computing for `busy` ms each time.
/// With `none`, the response has no body at all, and with `unfinished` it has no end.
pub(crate) fn respond(query: &str, to: ResponseOutparam) -> Result<(), SendError> {
    let fields = Fields::new();
    if let Some(length) = parameter(query, "length") {
        fields.append("content-length", length.as_bytes())?;
    }
    let response = OutgoingResponse::new(fields);
    let status = u16::try_from(number(query, "status")).unwrap_or(0);
    response
        .set_status_code(if status == 0 { 200 } else { status })
        .map_err(|()| SendError::Refused("the status"))?;
    if parameter(query, "none").is_some() {
        ResponseOutparam::set(to, Ok(response));
        return Ok(());
    }
    let (body, out) = begin(response, to)?;
    write(&out, b'x', number(query, "bytes"))?;
    for _ in 0..number(query, "times").max(1) {
        compute(Duration::from_millis(number(query, "busy")));
        sleep(Duration::from_millis(number(query, "ms")));
        write(&out, b'y', number(query, "more"))?;
    }
    drop(out);
    if parameter(query, "unfinished").is_some() {
        return Ok(());
    }
    OutgoingBody::finish(body, None)?;
    Ok(())
}

/// Asks `url` by the request's own method, and gives the response as it comes.
pub(crate) fn relay(
    request: &IncomingRequest,
    query: &str,
    to: ResponseOutparam,
) -> Result<(), SendError> {
    let url = parameter(query, "url").unwrap_or_default();
    let theirs = outbound::send(&request.method(), &url, "")?;
    let fields = Fields::new();
    for (name, value) in theirs.headers().entries() {
        // Those of the connection to the other server are refused.
        let _refused = fields.append(&name, &value);
    }
    let response = OutgoingResponse::new(fields);
    response
        .set_status_code(theirs.status())
        .map_err(|()| SendError::Refused("the status"))?;
    let (body, out) = begin(response, to)?;
    let incoming = theirs
        .consume()
        .map_err(|()| SendError::Refused("their body"))?;
    pass_on(&incoming, &out)?;
    drop(out);
    OutgoingBody::finish(body, None)?;
    Ok(())
}

/// Computes for so long without giving the processor back.
fn compute(time: Duration) {
    let began = Instant::now();
    let mut sum = 0_u64;
    while began.elapsed() < time {
        for turn in 0..100_000 {
            sum = black_box(sum.wrapping_add(turn));
        }
    }
}

fn write(out: &OutputStream, what: u8, bytes: u64) -> Result<(), StreamError> {
    let piece = [what; PIECE];
    let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
    while left > 0 {
        let now = left.min(PIECE);
        out.blocking_write_and_flush(piece.get(..now).unwrap_or_default())?;
        left -= now;
    }
    Ok(())
}
