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
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
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

/// The parameter that clients add to get past caches on their way (`_=1795225200`), as jQuery
/// does. It says nothing about the answer and is taken everywhere.
const CACHE_BUSTER: &str = "_";

/// The parameter in which a client that can't send headers shows its API key, where a deployment
/// takes it there.
pub const KEY_PARAMETER: &str = "api_key";

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

    /// The target without the parameters that say nothing about the answer: what gets past
    /// caches, the key if it is [taken](Request::take_key) from there, and those of these names.
    /// What an answer is kept under is made of this, so that it is kept once, and without a key.
    pub fn question(&self, others: &[&str]) -> Cow<'_, str> {
        let Some(query) = self.target.get(self.path_end + 1..) else {
            return Cow::Borrowed(&self.target);
        };
        let is_beside = |parameter: &&str| {
            let written = parameter.split('=').next().unwrap_or_default();
            let name = match written.contains(['%', '+']) {
                false => Cow::Borrowed(written),
                // Names may be escaped like values.
                true => form_urlencoded::parse(written.as_bytes())
                    .next()
                    .map_or(Cow::Borrowed(written), |(name, _)| name),
            };
            name == CACHE_BUSTER
                || name == KEY_PARAMETER && self.is_key_taken()
                || others.contains(&&*name)
        };
        if !query.split('&').any(|parameter| is_beside(&parameter)) {
            return Cow::Borrowed(&self.target);
        }
        let rest = query.split('&').filter(|parameter| !is_beside(parameter));
        let mut question = self.path().to_owned();
        for (place, parameter) in rest.enumerate() {
            question.push(if place == 0 { '?' } else { '&' });
            question.push_str(parameter);
        }
        Cow::Owned(question)
    }

    /// Takes a key in the query from now on: [`key`](Request::key) gives it, and it is a
    /// parameter of every route.
    pub fn take_key(&self) {
        if self.path_end < self.target.len() {
            self.query().is_key_taken.set(true);
        }
    }

    fn is_key_taken(&self) -> bool {
        let query = self.query.get();
        query.is_some_and(|query| query.is_key_taken.get())
    }

    /// The key in the query, if it is taken from there.
    pub fn key(&self) -> Option<&str> {
        match self.is_key_taken() {
            true => self.query().first(KEY_PARAMETER),
            false => None,
        }
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
pub struct Query {
    pairs: Vec<(String, String)>,
    is_key_taken: Cell<bool>,
}

impl Query {
    fn parse(text: &str) -> Query {
        let pairs = form_urlencoded::parse(text.as_bytes());
        Query {
            pairs: pairs.into_owned().collect(),
            is_key_taken: Cell::new(false),
        }
    }

    /// The value of `name`, the first one if it is repeated.
    pub fn first(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().find(|(key, _)| key == name)?;
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

    /// Checks that nothing but `known` was given, and each at most once, beside what every route
    /// takes: what gets past caches, and the key where that is taken.
    ///
    /// # Errors
    /// A 422 problem that names the parameter, and the nearest known one.
    pub fn expect(&self, known: &[&str]) -> Result<(), Problem> {
        for (index, (name, _)) in self.pairs.iter().enumerate() {
            if name == CACHE_BUSTER {
                continue;
            }
            let is_known =
                known.contains(&name.as_str()) || name == KEY_PARAMETER && self.is_key_taken.get();
            if !is_known {
                return Err(Problem::parameter(name, unknown_parameter(name, known)));
            }
            if self
                .pairs
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

    fn request(target: &str) -> Request {
        let head = http::Request::new(()).into_parts().0;
        let target = target.to_owned();
        Request::new(Method::GET, target, Box::new(head), &World::new())
    }

    #[test]
    fn what_gets_past_caches_is_a_parameter_of_every_route() {
        for target in ["/a?_=1", "/a?vs=usd&_=1&_=2", "/a?_"] {
            assert_eq!(request(target).query().expect(&["vs"]), Ok(()), "{target}");
        }
        let other = request("/a?__=1").query().expect(&["vs"]).unwrap_err();
        assert_eq!(other.status(), 422);
    }

    #[test]
    fn a_key_in_the_query_is_one_only_where_it_is_taken() {
        let request = request("/a?api_key=k");
        assert_eq!(request.key(), None);
        assert_eq!(request.query().expect(&[]).unwrap_err().status(), 422);
        request.take_key();
        assert_eq!(request.key(), Some("k"));
        assert_eq!(request.query().expect(&[]), Ok(()));
    }

    #[test]
    fn the_question_has_neither_the_key_nor_what_says_nothing() {
        let question = |target: &str, others: &[&str]| {
            let request = request(target);
            request.take_key();
            request.question(others).into_owned()
        };
        for target in [
            "/a",
            "/a?_=1",
            "/a?api_key=k",
            "/a?api%5Fkey=k&_=2",
            "/a?seen=3&_",
        ] {
            assert_eq!(question(target, &["seen"]), "/a", "{target}");
        }
        assert_eq!(
            question("/a?x=1&_=5&y=2&api_key=k&x=3", &[]),
            "/a?x=1&y=2&x=3"
        );
        let kept = "/a?seen=3&_a=1&x=_=1&key=api_key";
        assert_eq!(question(kept, &[]), kept);
        assert!(matches!(request(kept).question(&[]), Cow::Borrowed(_)));
        let refused = request("/a?api_key=k");
        assert_eq!(refused.question(&[]), "/a?api_key=k");
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
            let request = request(target);
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
