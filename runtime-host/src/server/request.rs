//! A request as a component gets it: with an absolute URL, with Spin's `spin-*` headers, and
//! without any such header that the client made up.

use std::net::SocketAddr;

use bytes::BytesMut;
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderName, HeaderValue, Uri, Version, header};
use runtime_host_manifest::Match;

use crate::server::problem::Problem;

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");
const PATH_MATCH: &str = "spin-path-match-";

/// Where a request comes from. Made once per connection.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    address: HeaderValue,
    is_outside: bool,
    /// The server's own address, for clients of HTTP/1.0 that name no host.
    server: Option<Authority>,
}

impl Origin {
    pub(crate) fn client(client: SocketAddr, server: SocketAddr) -> Self {
        Self {
            address: HeaderValue::from_maybe_shared(client.to_string())
                .unwrap_or(HeaderValue::from_static("")),
            is_outside: true,
            server: Authority::from_maybe_shared(server.to_string()).ok(),
        }
    }

    /// Another component of the application, shown as Spin shows it.
    pub(crate) fn another_component() -> Self {
        Self {
            address: HeaderValue::from_static("0.0.0.0:0"),
            is_outside: false,
            server: None,
        }
    }
}

/// Completes the head of a request for the component that `matched` stands for.
pub(crate) fn complete(
    head: &mut Parts,
    matched: &Match<'_, '_>,
    origin: &Origin,
) -> Result<(), Problem> {
    let authority = authority(head, origin)?;
    let mut uri = std::mem::take(&mut head.uri).into_parts();
    // What a client says of the scheme in its request's target is not how the request has come.
    let said = uri.scheme.take().filter(|_| !origin.is_outside);
    let scheme = said.unwrap_or(Scheme::HTTP);
    let path = uri
        .path_and_query
        .as_ref()
        .map_or("/", |path| path.as_str());

    let mut full_url =
        BytesMut::with_capacity(scheme.as_str().len() + 3 + authority.as_str().len() + path.len());
    for part in [scheme.as_str(), "://", authority.as_str(), path] {
        full_url.extend_from_slice(part.as_bytes());
    }
    uri.scheme = Some(scheme);
    uri.authority = Some(authority);
    head.uri = Uri::from_parts(uri)
        .map_err(|_| Problem::BadRequest("The request's target is not a valid URL."))?;

    drop_forged(head);
    let headers = &mut head.headers;
    headers.insert(PATH_INFO, value(&matched.path_info())?);
    headers.insert(FULL_URL, shared(full_url)?);
    headers.insert(MATCHED_ROUTE, value(matched.matched_route())?);
    headers.insert(BASE_PATH, HeaderValue::from_static("/"));
    headers.insert(RAW_COMPONENT_ROUTE, value(matched.raw_component_route())?);
    headers.insert(COMPONENT_ROUTE, value(matched.component_route())?);
    headers.insert(CLIENT_ADDR, origin.address.clone());
    for (name, parameter) in matched.parameter_headers() {
        headers.insert(name.clone(), value(parameter)?);
    }
    Ok(())
}

/// The host that the request is for. A target with a host of its own is stronger than the `Host`
/// header, which then is not to be believed (RFC 9112 §3.2.2); the guest gets them alike. There
/// has to be exactly one such header all the same (§3.2).
fn authority(head: &mut Parts, origin: &Origin) -> Result<Authority, Problem> {
    let mut named = head.headers.get_all(header::HOST).iter();
    let host = named.next();
    if named.next().is_some() {
        return Err(Problem::BadRequest(
            "The request has more than one Host header.",
        ));
    }
    let host = host
        .map(|host| Authority::try_from(host.as_bytes()))
        .transpose()
        .map_err(|_| Problem::BadRequest("The request's Host header is not a host."))?;
    let target = head.uri.authority();
    let has_user = |authority: &Authority| authority.as_str().contains('@');
    if origin.is_outside && [target, host.as_ref()].into_iter().flatten().any(has_user) {
        return Err(Problem::BadRequest(
            "The request names a user where only a host belongs.",
        ));
    }
    match (target, host) {
        (Some(target), Some(host)) if *target == host => Ok(host),
        (Some(target), Some(_)) => {
            let target = target.clone();
            let host = HeaderValue::from_str(target.as_str()).map_err(|_| not_a_header())?;
            head.headers.insert(header::HOST, host);
            Ok(target)
        }
        (None, Some(host)) => Ok(host),
        (Some(target), None) if !origin.is_outside || head.version < Version::HTTP_11 => {
            Ok(target.clone())
        }
        (target, None) => match &origin.server {
            Some(server) if target.is_none() && head.version < Version::HTTP_11 => {
                Ok(server.clone())
            }
            _ => Err(Problem::BadRequest("The request has no Host header.")),
        },
    }
}

/// Removes the client's own `spin-path-match-*`. The other names are overwritten.
fn drop_forged(head: &mut Parts) {
    let forged: Vec<_> = head
        .headers
        .keys()
        .filter(|name| name.as_str().starts_with(PATH_MATCH))
        .cloned()
        .collect();
    for name in forged {
        head.headers.remove(name);
    }
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(|_| not_a_header())
}

fn shared(text: BytesMut) -> Result<HeaderValue, Problem> {
    HeaderValue::from_maybe_shared(text.freeze()).map_err(|_| not_a_header())
}

fn not_a_header() -> Problem {
    Problem::BadRequest("The request's path has bytes that cannot be given on.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn completed(request: Request<()>, path: &str) -> Result<Parts, Problem> {
        let mut head = request.into_parts().0;
        let origin = Origin::client(([10, 0, 0, 1], 4000).into(), ([127, 0, 0, 1], 3000).into());
        complete(&mut head, &Match::chained(path), &origin)?;
        Ok(head)
    }

    #[test]
    fn the_guest_sees_an_absolute_url() {
        let request = Request::get("/v1/rates?x=1")
            .header("host", "example.com:3000")
            .body(())
            .unwrap();
        let head = completed(request, "/v1/rates").unwrap();
        assert_eq!(head.uri, "http://example.com:3000/v1/rates?x=1");
        assert_eq!(
            head.headers["spin-full-url"],
            "http://example.com:3000/v1/rates?x=1"
        );
        assert_eq!(head.headers["spin-path-info"], "/v1/rates");
        assert_eq!(head.headers["spin-client-addr"], "10.0.0.1:4000");
    }

    #[test]
    fn what_the_client_forged_is_gone() {
        let request = Request::get("/")
            .header("host", "a")
            .header("spin-client-addr", "6.6.6.6:6")
            .header("spin-path-match-user", "admin")
            .body(())
            .unwrap();
        let head = completed(request, "/").unwrap();
        assert_eq!(head.headers["spin-client-addr"], "10.0.0.1:4000");
        assert_eq!(head.headers.get("spin-path-match-user"), None);
    }

    #[test]
    fn two_host_headers_are_refused() {
        let request = Request::get("/")
            .header("host", "a")
            .header("host", "b")
            .body(())
            .unwrap();
        assert!(completed(request, "/").is_err());
    }

    #[test]
    fn the_host_of_an_absolute_target_is_stronger_than_the_header() {
        let request = Request::get("http://a:80/x")
            .header("host", "b")
            .body(())
            .unwrap();
        let head = completed(request, "/x").unwrap();
        assert_eq!(head.uri, "http://a:80/x");
        assert_eq!(head.headers["spin-full-url"], "http://a:80/x");
        assert_eq!(head.headers["host"], "a:80");
        let alone = Request::get("http://a/").body(()).unwrap();
        assert!(completed(alone, "/").is_err(), "HTTP/1.1 needs the header");
    }

    #[test]
    fn the_scheme_of_an_absolute_target_is_not_believed() {
        for target in ["https://a/x", "ftp://a/x", "HTTP://a/x"] {
            let request = Request::get(target).header("host", "a").body(()).unwrap();
            let head = completed(request, "/x").unwrap();
            assert_eq!(head.uri, "http://a/x", "{target}");
            assert_eq!(head.headers["spin-full-url"], "http://a/x", "{target}");
        }
    }

    #[test]
    fn a_host_has_no_user() {
        for (target, host) in [("/", "root@a"), ("http://root:secret@a/", "a")] {
            let request = Request::get(target).header("host", host).body(()).unwrap();
            assert!(completed(request, "/").is_err(), "{target} at {host}");
        }
    }

    #[test]
    fn only_http_1_0_may_leave_the_host_out() {
        let request = Request::get("/").body(()).unwrap();
        assert!(completed(request, "/").is_err());
        let request = Request::get("/")
            .version(Version::HTTP_10)
            .body(())
            .unwrap();
        let head = completed(request, "/").unwrap();
        assert_eq!(head.uri, "http://127.0.0.1:3000/");
    }
}
