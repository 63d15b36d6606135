//! From an upstream's base URL to the requests sent there.
//!
//! What all upstreams get alike is here: the headers, the escaping, and the checks of what the
//! operator configured. What to ask for is the adapters' business.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::upstream::{Endpoint, Error, Request};

/// Upstreams answer callers without a name with a block page.
const USER_AGENT: &str = concat!("edge-rates/", env!("CARGO_PKG_VERSION"));

/// Everything but RFC 3986's unreserved characters is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A checked base URL, without a trailing slash.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Base {
    prefix: String,
    host: String,
}

impl Base {
    /// Checks that the base URL is absolute, http or https, and has neither a login nor a query.
    ///
    /// # Errors
    /// [`Error::Unavailable`] that says what is wrong. The URL itself isn't repeated, since it
    /// may hold a login.
    pub(crate) fn of(provider: &str, endpoint: &Endpoint) -> Result<Self, Error> {
        Self::parse(provider, &endpoint.base_url)
    }

    /// As [`Base::of`], for the text of a URL.
    ///
    /// # Errors
    /// As [`Base::of`].
    pub(crate) fn parse(provider: &str, base_url: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            Error::Unavailable(format!(
                "the base URL set for {provider} {why}; use the form https://host/path"
            ))
        };
        let url: Uri = base_url.parse().map_err(|_| refuse("isn't a URL"))?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) =
            (url.scheme_str(), url.authority())
        else {
            return Err(refuse("isn't an absolute http or https URL"));
        };
        if authority.as_str().contains('@') {
            return Err(refuse("has a login in it"));
        }
        if url.query().is_some() {
            return Err(refuse("has a query in it"));
        }
        Ok(Self {
            prefix: format!("{scheme}://{authority}{}", url.path().trim_end_matches('/')),
            host: authority.host().to_ascii_lowercase(),
        })
    }

    /// The host in lower case, without the port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// A request for `path` (with its query) under this base, with the headers all upstreams get.
    pub(crate) fn get(&self, path: &str) -> Request {
        Request {
            url: format!("{}{path}", self.prefix),
            headers: vec![
                ("user-agent".to_owned(), USER_AGENT.to_owned()),
                ("accept".to_owned(), "application/json".to_owned()),
            ],
        }
    }
}

/// The API key that is set, if any. A key read from a file often ends with a line break, and an
/// unset variable is often an empty one.
///
/// # Errors
/// [`Error::Unauthorised`] for a key that no header can carry (RFC 9110 §5.5).
pub(crate) fn api_key<'a>(
    provider: &str,
    endpoint: &'a Endpoint,
) -> Result<Option<&'a str>, Error> {
    let Some(key) = endpoint.api_key.as_deref().map(str::trim) else {
        return Ok(None);
    };
    if !key.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Error::Unauthorised(format!(
            "the API key set for {provider} has characters that a header can't carry"
        )));
    }
    Ok(Some(key).filter(|key| !key.is_empty()))
}

/// Names as one query value: each once, in order, escaped, joined by commas.
pub(crate) fn list(names: Vec<&str>) -> String {
    let mut joined = String::new();
    for name in distinct(names) {
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.extend(utf8_percent_encode(name, ESCAPED));
    }
    joined
}

/// Each name once, in order.
pub(crate) fn distinct(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::endpoint;

    fn base(base_url: &str) -> Result<Base, Error> {
        Base::of("coinbase", &endpoint(base_url, None))
    }

    #[test]
    fn a_path_is_put_after_the_prefix_of_the_base_url() {
        let request = base("http://127.0.0.1:9000/fake/").unwrap().get("/v2?a=b");
        assert_eq!(request.url, "http://127.0.0.1:9000/fake/v2?a=b");
    }

    #[test]
    fn every_request_names_its_sender_and_asks_for_json() {
        let headers = base("https://api.example").unwrap().get("/").headers;
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            headers,
            [
                ("user-agent".to_owned(), format!("edge-rates/{version}")),
                ("accept".to_owned(), "application/json".to_owned()),
            ]
        );
    }

    #[test]
    fn a_base_url_that_cannot_work_is_refused_without_being_repeated() {
        for wrong in [
            "",
            "/v2",
            "api.example",
            "ftp://api.example",
            "https://",
            "https://user:secret@api.example",
            "https://api.example/?secret=1",
            "https://api example/secret",
        ] {
            let Err(Error::Unavailable(why)) = base(wrong) else {
                panic!("{wrong} was accepted");
            };
            assert!(!why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn the_host_is_compared_without_case_and_port() {
        assert_eq!(
            base("https://API.Example:8443").unwrap().host(),
            "api.example"
        );
    }

    #[test]
    fn a_key_is_trimmed_and_an_empty_one_is_none() {
        for (set, used) in [
            (None, None),
            (Some(" \n"), None),
            (Some("CG-abc\n"), Some("CG-abc")),
        ] {
            assert_eq!(api_key("x", &endpoint("https://a", set)), Ok(used));
        }
    }

    #[test]
    fn a_key_that_would_break_the_header_is_refused_without_being_repeated() {
        let Err(Error::Unauthorised(why)) =
            api_key("x", &endpoint("https://a", Some("secret\r\nhost: evil")))
        else {
            panic!("the key was accepted");
        };
        assert!(!why.contains("secret"), "{why}");
    }

    #[test]
    fn names_are_listed_once_in_order_and_escaped_one_by_one() {
        assert_eq!(
            list(vec!["f,g", "a-b", "c&d=e", "a-b"]),
            "a-b,c%26d%3De,f%2Cg"
        );
    }
}
