//! One route: how it is written, and whether a path falls under it.
//!
//! The rules are Spin's. A path is taken segment by segment; slashes at its ends, and doubled
//! slashes, don't count. `:name` stands for one segment, or for its part up to a dot, as in
//! `/:name.json`. `/...`, or `/*`, at the end stands for any rest, including none.
//! Where Spin lets `/foo/...` match `/foobar` too, this doesn't.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use http::HeaderName;

/// A route of a trigger, such as `/v1/...` or `/users/:id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    written: String,
    rooted: String,
    segments: Vec<Segment>,
    wildcard: bool,
    parameters: Vec<Parameter>,
}

/// A `:name` of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// The request header that carries its value to the component.
    pub(crate) header: HeaderName,
}

/// What must stand between two slashes: literal text, or pieces of it around parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Pieces(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Parameter,
}

/// What a path has in the places that its route leaves open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Captures<'p> {
    /// The values of the parameters, in the order of the route.
    pub(crate) parameters: Vec<&'p str>,
    /// What the wildcard stands for, without slashes at its ends; `None` without a wildcard.
    pub(crate) rest: Option<&'p str>,
}

/// A route that no request could match, or not in the way it looks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// It contains a character that a request path never contains.
    #[error(
        "a path never contains {0:?}: leave it out, or write it percent-encoded as clients send it"
    )]
    Character(char),
    /// A wildcard stands somewhere else than at the end.
    #[error("`...` and `*` may only be the last segment, as in `/files/...`")]
    Wildcard,
    /// `:` is not followed by a name that can be part of a header name.
    #[error("`{0}` is not a parameter: write `:name`, of letters, digits, `-` and `_`")]
    Parameter(String),
    /// Two parameters have the same name.
    #[error("the parameter `:{0}` occurs twice: give each its own name")]
    Twice(String),
}

/// The route that a component is called under by another component.
pub(crate) static CHAINED: LazyLock<Route> = LazyLock::new(|| Route {
    written: "/...".to_owned(),
    rooted: "/...".to_owned(),
    segments: Vec::new(),
    wildcard: true,
    parameters: Vec::new(),
});

impl Route {
    /// The route as it stands in the manifest.
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// The route with a slash at its start and none at its end; empty for `/`.
    pub fn rooted(&self) -> &str {
        &self.rooted
    }

    /// The rooted route without its wildcard.
    pub fn prefix(&self) -> &str {
        if !self.wildcard {
            return &self.rooted;
        }
        self.rooted
            .strip_suffix("/...")
            .or_else(|| self.rooted.strip_suffix("/*"))
            .unwrap_or(&self.rooted)
    }

    /// Whether the route ends in a wildcard.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// The names of the route's parameters, in order.
    pub(crate) fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The same for two routes under which the same paths fall.
    pub(crate) fn shape(&self) -> String {
        let mut shape = String::new();
        for segment in &self.segments {
            shape.push('/');
            match segment {
                Segment::Literal(text) => shape.push_str(text),
                Segment::Pieces(pieces) => {
                    for piece in pieces {
                        match piece {
                            Piece::Text(text) => shape.push_str(text),
                            Piece::Parameter => shape.push(':'),
                        }
                    }
                }
            }
        }
        if self.wildcard {
            shape.push_str("/*");
        }
        shape
    }

    /// Of two routes for the same path, the one with the smaller rank is meant: segment by
    /// segment, literal text before parameters before the wildcard.
    pub(crate) fn rank(&self) -> Vec<u8> {
        let mut rank: Vec<u8> = self
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(_) => 0,
                Segment::Pieces(pieces) if pieces.len() > 1 => 1,
                Segment::Pieces(_) => 2,
            })
            .collect();
        if self.wildcard {
            rank.push(3);
        }
        rank
    }

    /// What `path` has in the open places, if it falls under the route. Allocates only if the
    /// route has parameters.
    pub(crate) fn captures<'p>(&self, path: &'p str) -> Option<Captures<'p>> {
        let mut parameters = Vec::new();
        let mut rest = path.trim_matches('/');
        for segment in &self.segments {
            let (text, after) = rest.split_once('/').unwrap_or((rest, ""));
            match segment {
                Segment::Literal(literal) if literal == text => {}
                Segment::Literal(_) => return None,
                Segment::Pieces(pieces) => capture(pieces, text, &mut parameters)?,
            }
            rest = after.trim_start_matches('/');
        }
        if !self.wildcard && !rest.is_empty() {
            return None;
        }
        Some(Captures {
            parameters,
            rest: self.wildcard.then_some(rest),
        })
    }
}

/// Takes the parameters out of one segment, if it has the pieces.
fn capture<'p>(pieces: &[Piece], segment: &'p str, parameters: &mut Vec<&'p str>) -> Option<()> {
    if segment.is_empty() {
        return None;
    }
    let mut rest = segment;
    let mut pieces = pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Text(text) => rest = rest.strip_prefix(text.as_str())?,
            Piece::Parameter => {
                let end = if pieces.peek().is_some() {
                    rest.find('.')?
                } else {
                    rest.len()
                };
                let (value, after) = rest.split_at(end);
                parameters.push(value);
                rest = after;
            }
        }
    }
    rest.is_empty().then_some(())
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(written: &str) -> Result<Self, RouteError> {
        let is_path = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#');
        if let Some(stranger) = written.chars().find(|c| !is_path(*c)) {
            return Err(RouteError::Character(stranger));
        }
        let rooted = format!("/{}", written.strip_prefix('/').unwrap_or(written));
        let rooted = rooted.strip_suffix('/').unwrap_or(&rooted).to_owned();
        let fixed = rooted
            .strip_suffix("/...")
            .or_else(|| rooted.strip_suffix("/*"));
        let wildcard = fixed.is_some();

        let mut parameters = Vec::new();
        let segments = fixed
            .unwrap_or(&rooted)
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| parse_segment(segment, &mut parameters))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            written: written.to_owned(),
            rooted,
            segments,
            wildcard,
            parameters,
        })
    }
}

fn parse_segment(segment: &str, parameters: &mut Vec<Parameter>) -> Result<Segment, RouteError> {
    if segment.contains('*') || segment.contains("...") {
        return Err(RouteError::Wildcard);
    }
    let mut pieces: Vec<Piece> = Vec::new();
    for (position, part) in segment.split('.').enumerate() {
        if position > 0 {
            push_text(&mut pieces, ".");
        }
        match part.strip_prefix(':') {
            Some(name) => {
                let parameter = parse_parameter(part, name)?;
                if parameters
                    .iter()
                    .any(|other| other.header == parameter.header)
                {
                    return Err(RouteError::Twice(name.to_owned()));
                }
                parameters.push(parameter);
                pieces.push(Piece::Parameter);
            }
            None => push_text(&mut pieces, part),
        }
    }
    Ok(match pieces.as_mut_slice() {
        [Piece::Text(text)] => Segment::Literal(std::mem::take(text)),
        _ => Segment::Pieces(pieces),
    })
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(before)) => before.push_str(text),
        _ if text.is_empty() => {}
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn parse_parameter(written: &str, name: &str) -> Result<Parameter, RouteError> {
    let refused = || RouteError::Parameter(written.to_owned());
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(refused());
    }
    let header = format!(
        "spin-path-match-{}",
        name.to_ascii_lowercase().replace('_', "-")
    );
    let header = HeaderName::try_from(header).map_err(|_| refused())?;
    Ok(Parameter {
        name: name.to_owned(),
        header,
    })
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn route(written: &str) -> Route {
        written.parse().unwrap()
    }

    #[test]
    fn a_path_falls_under_a_route_or_not() {
        for (written, path, parameters, rest) in [
            ("/", "/", Some(vec![]), None),
            ("/foo", "/foo", Some(vec![]), None),
            ("/foo", "/foo/", Some(vec![]), None),
            ("/foo/", "/foo", Some(vec![]), None),
            ("foo", "/foo", Some(vec![]), None),
            ("/foo/bar", "/foo//bar", Some(vec![]), None),
            ("/foo", "/foobar", None, None),
            ("/foo", "/Foo", None, None),
            ("/foo", "/foo/bar", None, None),
            ("/foo/bar", "/foo", None, None),
            ("/...", "/", Some(vec![]), Some("")),
            ("/...", "/a/b", Some(vec![]), Some("a/b")),
            ("/*", "/a/b", Some(vec![]), Some("a/b")),
            ("/foo/...", "/foo", Some(vec![]), Some("")),
            ("/foo/...", "/foo/", Some(vec![]), Some("")),
            ("/foo/...", "/foo/a/b/", Some(vec![]), Some("a/b")),
            ("/foo/...", "/foobar", None, None),
            ("/users/:id", "/users/7", Some(vec!["7"]), None),
            ("/users/:id", "/users", None, None),
            ("/users/:id", "/users/7/name", None, None),
            ("/users/:id", "/users7", None, None),
            ("/:a/:b/...", "/x/y/z", Some(vec!["x", "y"]), Some("z")),
            ("/:name.json", "/rates.json", Some(vec!["rates"]), None),
            ("/:name.json", "/rates.xml", None, None),
            (
                "/:name.:kind",
                "/rates.tar.gz",
                Some(vec!["rates", "tar.gz"]),
                None,
            ),
            ("/v.:n", "/v.2", Some(vec!["2"]), None),
            ("/a/.well-known/b", "/a/.well-known/b", Some(vec![]), None),
        ] {
            let captures = route(written).captures(path);
            assert_eq!(
                captures.as_ref().map(|c| (c.parameters.clone(), c.rest)),
                parameters.map(|p| (p, rest)),
                "{written} and {path}"
            );
        }
    }

    #[test]
    fn a_route_that_could_not_match_is_refused() {
        assert_eq!("/a b".parse::<Route>(), Err(RouteError::Character(' ')));
        assert_eq!("/a?b".parse::<Route>(), Err(RouteError::Character('?')));
        assert_eq!("/ü".parse::<Route>(), Err(RouteError::Character('ü')));
        assert_eq!("/a/*/b".parse::<Route>(), Err(RouteError::Wildcard));
        assert_eq!("/a/*rest".parse::<Route>(), Err(RouteError::Wildcard));
        assert_eq!("/a...".parse::<Route>(), Err(RouteError::Wildcard));
        assert_eq!("/.../a".parse::<Route>(), Err(RouteError::Wildcard));
        assert_eq!(
            "/:".parse::<Route>(),
            Err(RouteError::Parameter(":".to_owned()))
        );
        assert_eq!(
            "/:a$".parse::<Route>(),
            Err(RouteError::Parameter(":a$".to_owned()))
        );
        assert_eq!(
            "/:a/:a".parse::<Route>(),
            Err(RouteError::Twice("a".to_owned()))
        );
    }

    #[test]
    fn the_prefix_is_the_route_without_its_wildcard() {
        for (written, prefix) in [
            ("/", ""),
            ("/...", ""),
            ("/*", ""),
            ("/a/...", "/a"),
            ("/a/*", "/a"),
            ("/a/", "/a"),
        ] {
            assert_eq!(route(written).prefix(), prefix, "{written}");
        }
    }

    #[test]
    fn parameters_have_headers() {
        let route = route("/:userId/:user_name");
        let headers: Vec<_> = route
            .parameters()
            .iter()
            .map(|p| p.header.as_str())
            .collect();
        assert_eq!(
            headers,
            ["spin-path-match-userid", "spin-path-match-user-name"]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_route_or_an_error(written in any::<String>()) {
            let _ = written.parse::<Route>();
        }

        #[test]
        fn any_path_falls_under_a_route_or_not(
            written in "(/(a|b|:c|:d\\.e|f\\.:g)){0,3}(/\\.\\.\\.)?",
            path in any::<String>(),
        ) {
            if let Ok(route) = written.parse::<Route>() {
                let _ = route.captures(&path);
            }
        }

        // Where no segment starts with another one, Spin's router is right.
        #[test]
        fn paths_fall_under_the_same_routes_as_with_spin(
            written in "(/(ab|cd|:x|:y)){0,3}(/\\*)?",
            path in "(//?(ab|cd|ef)){0,4}/?",
        ) {
            if let Ok(route) = written.parse::<Route>() {
                let spin: routefinder::RouteSpec = written.parse().unwrap();
                let ours = route.captures(&path).map(|captures| {
                    captures.parameters.into_iter().chain(captures.rest).collect::<Vec<_>>()
                });
                prop_assert_eq!(ours, spin.matches(&path), "{} and {}", written, path);
            }
        }
    }
}
