//! The user and password that a URL can have. They are for the server only, so they
//! leave the URL, and with it the Host header, logs and traces, for `Authorization`
//! (RFC 9110 §4.2.4, RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Uri};
use percent_encoding::percent_decode_str;
use wasmtime_wasi_http::Error;

/// Moves the user and password of a request's URL into its `Authorization`, if it has none.
///
/// # Errors
/// `Error::HttpRequestUriInvalid` if what is left is no host.
pub(super) fn take_out_of_url<B>(request: &mut Request<B>) -> Result<(), Error> {
    let Some(authority) = request.uri().authority() else {
        return Ok(());
    };
    let Some((user_info, host)) = authority.as_str().rsplit_once('@') else {
        return Ok(());
    };
    let host: Authority = host.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    if !user_info.is_empty() && !request.headers().contains_key(AUTHORIZATION) {
        let basic = basic(user_info)?;
        request.headers_mut().insert(AUTHORIZATION, basic);
    }
    let scheme = request.uri().scheme().cloned();
    readdress(request, scheme, host)
}

/// Has a request go to another host, of which its Host header speaks too.
///
/// # Errors
/// `Error::HttpRequestUriInvalid` if that makes no URL.
pub(super) fn readdress<B>(
    request: &mut Request<B>,
    scheme: Option<Scheme>,
    authority: Authority,
) -> Result<(), Error> {
    let named = HeaderValue::from_str(authority.as_str());
    let named = named.map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(HOST, named);
    let mut uri = std::mem::take(request.uri_mut()).into_parts();
    uri.scheme = scheme;
    uri.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(uri).map_err(|_| Error::HttpRequestUriInvalid)?;
    Ok(())
}

fn basic(user_info: &str) -> Result<HeaderValue, Error> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let mut plain: Vec<u8> = percent_decode_str(user).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain)));
    let mut value = value.map_err(|_| Error::HttpRequestUriInvalid)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(url: &str, authorization: Option<&str>) -> Request<()> {
        let mut request = Request::get(url).header("host", "whatever");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let mut request = request.body(()).unwrap();
        take_out_of_url(&mut request).unwrap();
        request
    }

    #[test]
    fn user_and_password_leave_the_url_for_their_header() {
        for (url, expected) in [
            ("http://me:secret@a:80/x?y=1", Some("Basic bWU6c2VjcmV0")),
            // `me:se cret`
            (
                "http://me:se%20cret@a:80/x?y=1",
                Some("Basic bWU6c2UgY3JldA=="),
            ),
            // `me:`
            ("http://me@a:80/x?y=1", Some("Basic bWU6")),
            // `me:a:b`
            ("http://me:a:b@a:80/x?y=1", Some("Basic bWU6YTpi")),
            ("http://@a:80/x?y=1", None),
        ] {
            let request = moved(url, None);
            assert_eq!(*request.uri(), "http://a:80/x?y=1", "{url}");
            assert_eq!(request.headers()["host"], "a:80", "{url}");
            let authorization = request.headers().get("authorization");
            let authorization = authorization.map(|value| value.to_str().unwrap());
            assert_eq!(authorization, expected, "{url}");
        }
    }

    #[test]
    fn what_the_guest_says_itself_stays() {
        let request = moved("http://me:secret@a/", Some("Bearer mine"));
        assert_eq!(request.headers()["authorization"], "Bearer mine");
        assert_eq!(request.headers()["host"], "a");
        let request = moved("http://a/", None);
        assert_eq!(request.headers()["host"], "whatever");
        assert!(!request.headers().contains_key("authorization"));
    }
}
