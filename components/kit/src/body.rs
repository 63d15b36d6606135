//! The body of a request: read only by routes that take one, and never longer than they allow.

use crate::problem::{Problem, shortened};
use crate::request::Head;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::LocalBoxStream;
use serde::Deserialize;
use serde_json::error::Category;

/// A body on its way in, piece by piece.
pub type BodyStream = LocalBoxStream<'static, Result<Bytes, BodyBroken>>;

/// The client went away, or broke the rules of HTTP, before the body was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The body did not arrive whole")]
pub struct BodyBroken;

/// The body of a request that has none.
pub fn empty() -> BodyStream {
    futures::stream::empty().boxed_local()
}

/// Checks that the body is said to be JSON (RFC 8259), or of a type that is written in it
/// (RFC 6839 §3.1), and not compressed.
pub(crate) fn expect_json(head: &dyn Head) -> Result<(), Problem> {
    const WANTED: &str = "application/json";
    let given = head.header("content-type").unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let is_json = kind == WANTED || kind.starts_with("application/") && kind.ends_with("+json");
    if !is_json {
        let detail = match kind.is_empty() {
            true => format!("The body has no Content-Type; send {WANTED}."),
            false => format!(
                "A body of type `{}` is not read here; send {WANTED}.",
                shortened(&kind)
            ),
        };
        return Err(Problem::unsupported_media(detail, WANTED));
    }
    match head.list("content-encoding") {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => {
            Err(Problem::unsupported_media(
                "A compressed body is not read here; send it as it is.".to_owned(),
                WANTED,
            ))
        }
        _ => Ok(()),
    }
}

/// Reads the whole body.
pub(crate) async fn read(head: &dyn Head, most: usize) -> Result<Bytes, Problem> {
    let announced = head.header("content-length");
    let announced = announced.and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(Problem::too_large(most));
    }
    let mut pieces = head.take_body();
    let mut body = BytesMut::with_capacity(announced.unwrap_or(0));
    while let Some(piece) = pieces.next().await {
        let piece =
            piece.map_err(|broken| Problem::unreadable(format!("{broken}; send it again.")))?;
        if body.len() + piece.len() > most {
            return Err(Problem::too_large(most));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// Reads JSON.
///
/// # Errors
/// A problem: 400 with line and column where the text is no JSON, 422 where it is JSON of another
/// shape than `shape` says, such as "an array of objects".
pub fn parse_json<'t, T: Deserialize<'t>>(text: &'t [u8], shape: &str) -> Result<T, Problem> {
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        Category::Data => Problem::parameter("body", format!("The body is JSON, but not {shape}.")),
        Category::Eof if text.trim_ascii().is_empty() => {
            Problem::unreadable(format!("The body is empty; send {shape} as JSON."))
        }
        Category::Eof => Problem::unreadable("The body ends in the middle of its JSON.".into()),
        Category::Syntax | Category::Io => Problem::unreadable(format!(
            "The body is no JSON from line {}, column {} on.",
            error.line(),
            error.column()
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::incoming;
    use futures::executor::block_on;

    fn read_of(
        headers: &[(&'static str, &'static str)],
        pieces: &[&'static str],
    ) -> Result<Bytes, Problem> {
        let request = incoming("POST", "/", headers, pieces);
        block_on(request.json_body(8))
    }

    const JSON: (&str, &str) = ("content-type", "application/json");

    #[test]
    fn a_body_is_put_together_from_its_pieces() {
        assert_eq!(read_of(&[JSON], &["[1,", "", "2]"]).unwrap(), "[1,2]");
        assert_eq!(read_of(&[JSON], &[]).unwrap(), "");
        for kind in [
            "application/json; charset=utf-8",
            "Application/JSON",
            "application/vnd.api+json",
        ] {
            assert!(
                read_of(&[("content-type", kind)], &["[]"]).is_ok(),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_longer_one_is_not_read_to_its_end() {
        let problem = read_of(&[JSON], &["12345678", "9"]).unwrap_err();
        assert_eq!(problem.status(), 413);
        assert!(problem.detail().contains("8 bytes"), "{}", problem.detail());
        let announced = read_of(&[JSON, ("content-length", "9")], &[]).unwrap_err();
        assert_eq!(announced.status(), 413);
        assert!(read_of(&[JSON], &["12345678"]).is_ok());
    }

    #[test]
    fn another_type_is_refused_and_the_right_one_named() {
        for headers in [
            &[][..],
            &[("content-type", "text/plain")],
            &[("content-type", "application/jsonp")],
            &[JSON, ("content-encoding", "gzip")],
        ] {
            let problem = read_of(headers, &["[]"]).unwrap_err();
            assert_eq!(problem.status(), 415, "{headers:?}");
            let answer = problem.into_answer("/");
            assert_eq!(answer.header("accept"), Some("application/json"));
        }
    }

    #[test]
    fn the_place_of_an_error_is_named() {
        let wrong =
            |text: &str| parse_json::<Vec<u8>>(text.as_bytes(), "an array of numbers").unwrap_err();
        let syntax = wrong("[1,\n 2,x]");
        assert_eq!(syntax.status(), 400);
        assert!(
            syntax.detail().contains("line 2, column 4"),
            "{}",
            syntax.detail()
        );
        assert_eq!(wrong("[1,").status(), 400);
        assert!(wrong("  ").detail().contains("empty"));
        let shape = wrong("{\"a\":1}");
        assert_eq!(shape.status(), 422);
        assert!(
            shape.detail().contains("an array of numbers"),
            "{}",
            shape.detail()
        );
    }
}
