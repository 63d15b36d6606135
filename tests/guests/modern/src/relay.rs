//! A proxy: another server's response, passed on without a look at its body.

use http::header::{CONNECTION, TRANSFER_ENCODING};
use spin_sdk::http::{EmptyBody, Error, Request, box_body};
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::answer::{self, Answer};
use crate::query::Query;

/// Asks `url` by the request's own method and gives the response: piece by piece, or with `whole`
/// as one that the host still has.
pub(crate) async fn relay(request: &Request, query: &Query) -> Result<Answer, Error> {
    let Some(url) = query.text("url") else {
        return Ok(answer::missing("url"));
    };
    let asked = http::Request::builder()
        .method(request.method())
        .uri(url)
        .body(EmptyBody::new())
        .map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let (mut head, mut body) = spin_sdk::http::send(asked).await?.into_parts();
    if query.text("whole").is_some()
        && let Some(response) = body.take_unstarted()
    {
        return Err(Error::Response(response));
    }
    // These are of the connection to the other server.
    head.headers.remove(CONNECTION);
    head.headers.remove(TRANSFER_ENCODING);
    Ok(http::Response::from_parts(head, box_body(body)))
}
