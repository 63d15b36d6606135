//! What came in: method, target, headers, identity. What most requests don't need is read when
//! it is asked for.

use crate::body::{self, BodyStream};
use crate::clock::Clock;
use crate::problem::{Problem, shortened};
use crate::random::Random;
use crate::request_id::RequestId;
use bytes::Bytes;
use http::Method;
use http::request::Parts;
use std::cell::OnceCell;
use std::fmt::Debug;
use std::time::Duration;

/// The parts of a request that are read when they are asked for.
pub trait Head: Debug {
    /// A header's value, if it is text: the first one's, where it was sent several times. `name`
    /// is in lower case.
    fn header(&self, name: &str) -> Option<String>;

    /// All values of a header that is a list, joined by commas (RFC 9110 §5.3).
    fn list(&self, name: &str) -> Option<String>;

    /// Host and port that the client asked for.
    fn authority(&self) -> Option<String>;

    /// The body, which can be taken once; empty from then on.
    fn take_body(&self) -> BodyStream;
}

impl Head for Parts {
    fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().ok()?.to_owned())
    }

    fn list(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all(name).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        Some(texts.collect::<Vec<_>>().join(", ")).filter(|list| !list.is_empty())
    }

    fn authority(&self) -> Option<String> {
        self.uri.authority().map(ToString::to_string)
    }

    fn take_body(&self) -> BodyStream {
        body::empty()
    }
}

/// Room for the segments that most paths have.
const SEGMENTS: usize = 6;

/// An incoming request.
#[derive(Debug)]
pub struct Request {
    method: Method,
    target: String,
    path_end: usize,
    query: OnceCell<Query>,
    head: Box<dyn Head>,
    id: RequestId,
    arrived: Duration,
}

impl Request {
    /// A request for `target`, a path with or without a query, that arrives now.
    pub fn new<W: Random + Clock>(
        method: Method,
        target: String,
        head: Box<dyn Head>,
        world: &W,
    ) -> Request {
        Request {
            arrived: world.elapsed(),
            method,
            path_end: target
                .bytes()
                .position(|byte| byte == b'?')
                .unwrap_or(target.len()),
            target,
            query: OnceCell::new(),
            id: RequestId::of(&*head, world),
            head,
        }
    }

    /// The same from a head that has been read as a whole.
    pub fn from_parts<W: Random + Clock>(head: Parts, world: &W) -> Request {
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let (method, target) = (head.method.clone(), target.to_owned());
        Request::new(method, target, Box::new(head), world)
    }

    /// Request method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Host and port that the client asked for.
    pub fn authority(&self) -> Option<String> {
        self.head.authority()
    }

    /// Path and query as they came.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Path as it came.
    pub fn path(&self) -> &str {
        self.target.get(..self.path_end).unwrap_or_default()
    }

    /// The path's segments; slashes at its end don't matter.
    pub fn segments(&self) -> Vec<&str> {
        let path = self.path().trim_end_matches('/');
        let mut segments = Vec::with_capacity(SEGMENTS);
        // What follows the slash that was seen last. Byte by byte: `split` is made for long texts.
        let mut start = None;
        for (place, byte) in path.bytes().enumerate() {
            if byte == b'/' {
                segments.extend(start.and_then(|start| path.get(start..place)));
                start = Some(place + 1);
            }
        }
        segments.extend(start.and_then(|start| path.get(start..)));
        segments
    }

    /// Query parameters.
    pub fn query(&self) -> &Query {
        let text = self.target.get(self.path_end + 1..).unwrap_or_default();
        self.query.get_or_init(|| Query::parse(text))
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.head.header(name)
    }

    /// A header that is a list, which may have been sent in several parts.
    pub fn list(&self, name: &str) -> Option<String> {
        self.head.list(name)
    }

    /// The JSON body, not parsed yet. It can be read once.
    ///
    /// # Errors
    /// A problem: 415 if it is said to be anything else, 413 if it is longer than `most` bytes,
    /// 400 if it does not arrive whole.
    pub async fn json_body(&self, most: usize) -> Result<Bytes, Problem> {
        body::expect_json(&*self.head)?;
        body::read(&*self.head, most).await
    }

    /// When it came, in elapsed time.
    pub fn arrived(&self) -> Duration {
        self.arrived
    }

    /// Who this request is.
    pub fn id(&self) -> &RequestId {
        &self.id
    }
}

/// Query parameters in the order they came, percent-decoded
/// (application/x-www-form-urlencoded of the URL standard).
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Query {
        Query(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The value of `name`, the first one if it is repeated.
    pub fn first(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// The value of `name`, which must be there.
    ///
    /// # Errors
    /// A 422 problem that names the parameter and shows `example`.
    pub fn required(&self, name: &str, example: &str) -> Result<&str, Problem> {
        self.first(name)
            .ok_or_else(|| Problem::missing(name, example))
    }

    /// Checks that nothing but `known` was given, and each at most once.
    ///
    /// # Errors
    /// A 422 problem that names the parameter, and the nearest known one.
    pub fn expect(&self, known: &[&str]) -> Result<(), Problem> {
        for (index, (name, _)) in self.0.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(Problem::parameter(name, unknown_parameter(name, known)));
            }
            if self
                .0
                .iter()
                .take(index)
                .any(|(earlier, _)| earlier == name)
            {
                return Err(Problem::parameter(
                    name,
                    format!(
                        "`{}` was given more than once; give it once. A list has commas between its values.",
                        shortened(name)
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// What to say about a name that is none of those that are `known`: which one was probably meant,
/// or all of them.
pub fn unknown_parameter(name: &str, known: &[&str]) -> String {
    let name_shown = shortened(name);
    if known.is_empty() {
        return format!("`{name_shown}` is not known here: this route takes no parameters.");
    }
    let near = known
        .iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(candidate, &name_shown),
                candidate,
            )
        })
        .min()
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1));
    match near {
        Some((_, candidate)) => {
            format!("`{name_shown}` is not known here; did you mean `{candidate}`?")
        }
        None => format!(
            "`{name_shown}` is not known here; known are {}.",
            known.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::World;

    #[test]
    fn an_unknown_parameter_is_named_with_the_nearest_known_one() {
        let problem = Query::parse("amuont=1")
            .expect(&["from", "to", "amount"])
            .unwrap_err();
        assert_eq!(problem.status(), 422);
        assert!(
            problem.detail().contains("did you mean `amount`?"),
            "{}",
            problem.detail()
        );
    }

    #[test]
    fn what_is_like_nothing_is_told_all_names() {
        for name in ["at", "x", "zzz"] {
            let problem = Query::parse(&format!("{name}=1")).expect(&["ids", "vs"]);
            let problem = problem.unwrap_err();
            let detail = problem.detail();
            assert!(detail.ends_with("known are ids, vs."), "{detail}");
        }
    }

    #[test]
    fn a_repeated_parameter_is_refused() {
        let problem = Query::parse("vs=usd&vs=eur").expect(&["vs"]).unwrap_err();
        assert!(
            problem.detail().contains("more than once"),
            "{}",
            problem.detail()
        );
    }

    #[test]
    fn segments_are_what_slashes_begin() {
        for (target, expected) in [
            ("/v1/rates/BTC/USD", &["v1", "rates", "BTC", "USD"][..]),
            ("/v1/rates//?a=/b", &["v1", "rates"]),
            ("/a//b", &["a", "", "b"]),
            ("/ä/€", &["ä", "€"]),
            ("/", &[]),
            ("*", &[]),
            ("a/b", &["b"]),
        ] {
            let request = http::Request::new(()).into_parts().0;
            let target = target.to_owned();
            let request = Request::new(Method::GET, target, Box::new(request), &World::new());
            assert_eq!(request.segments(), expected, "{}", request.target());
        }
    }

    #[test]
    fn values_are_percent_decoded() {
        let query = Query::parse("ids=bitcoin%2Cethereum&x=a+b");
        assert_eq!(query.first("ids"), Some("bitcoin,ethereum"));
        assert_eq!(query.first("x"), Some("a b"));
    }
}
