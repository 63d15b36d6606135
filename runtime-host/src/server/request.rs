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
    /// The server's own address, for clients of HTTP/1.0 that name no host.
    server: Option<Authority>,
}

impl Origin {
    pub(crate) fn client(client: SocketAddr, server: SocketAddr) -> Self {
        Self {
            address: HeaderValue::from_maybe_shared(client.to_string())
                .unwrap_or(HeaderValue::from_static("")),
            server: Authority::from_maybe_shared(server.to_string()).ok(),
        }
    }

    /// Another component of the application, shown as Spin shows it.
    pub(crate) fn another_component() -> Self {
        Self {
            address: HeaderValue::from_static("0.0.0.0:0"),
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
    let scheme = uri.scheme.get_or_insert(Scheme::HTTP).clone();
    let path = uri
        .path_and_query
        .as_ref()
        .map_or("/", |path| path.as_str());

    let mut full_url =
        BytesMut::with_capacity(scheme.as_str().len() + 3 + authority.as_str().len() + path.len());
    for part in [scheme.as_str(), "://", authority.as_str(), path] {
        full_url.extend_from_slice(part.as_bytes());
    }
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

/// The host that the request is for: of the URL or of the `Host` header, which have to agree
/// (RFC 9112 §3.2).
fn authority(head: &Parts, origin: &Origin) -> Result<Authority, Problem> {
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
    match (head.uri.authority(), host) {
        (Some(target), Some(host)) if *target != host => Err(Problem::BadRequest(
            "The request's Host header and its URL name different hosts.",
        )),
        (Some(target), _) => Ok(target.clone()),
        (None, Some(host)) => Ok(host),
        (None, None) => match &origin.server {
            Some(server) if head.version < Version::HTTP_11 => Ok(server.clone()),
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
    fn two_hosts_are_refused() {
        let request = Request::get("http://a/")
            .header("host", "b")
            .body(())
            .unwrap();
        assert!(completed(request, "/").is_err());
        let request = Request::get("/")
            .header("host", "a")
            .header("host", "b")
            .body(())
            .unwrap();
        assert!(completed(request, "/").is_err());
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
