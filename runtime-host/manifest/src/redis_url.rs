//! The URL of a Redis server. There may be a password in it, so it is never shown as it is
//! written, not even where it is wrong.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// Where Redis listens unless its URL says otherwise.
const USUAL_PORT: u16 = 6379;

/// A URL such as `redis://user:password@cache.example:6379/0`, `rediss://…` with TLS, or
/// `unix:///run/redis.sock`. Shown without user and password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RedisUrl(Url);

/// Text that is not the URL of a Redis server. It doesn't tell the text: there may be a password
/// in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: write `redis://user:password@host:6379/0`, with `rediss` for TLS")]
pub struct RedisUrlError {
    what: &'static str,
}

impl RedisUrl {
    /// The URL with its password.
    pub fn secret(&self) -> &Url {
        &self.0
    }

    /// The number of the database, if it is given in the path.
    pub fn database(&self) -> i64 {
        match self.is_socket() {
            true => {
                let mut pairs = self.0.query_pairs();
                let database = pairs.find(|(name, _)| name == "db");
                database.and_then(|(_, number)| number.parse().ok())
            }
            false => self.0.path().trim_matches('/').parse().ok(),
        }
        .unwrap_or(0)
    }

    fn is_socket(&self) -> bool {
        matches!(self.0.scheme(), "unix" | "redis+unix" | "valkey+unix")
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let wrong = |what| Err(RedisUrlError { what });
        let Ok(url) = Url::parse(text) else {
            return wrong("this is not a URL");
        };
        let url = Self(url);
        if url.is_socket() {
            return Ok(url);
        }
        match url.0.scheme() {
            "redis" | "rediss" | "valkey" | "valkeys" => {}
            _ => return wrong("this is not the URL of a Redis server"),
        }
        if url.0.host_str().is_none_or(str::is_empty) {
            return wrong("this URL names no host");
        }
        let path = url.0.path().trim_matches('/');
        if !path.is_empty() && path.parse::<u32>().is_err() {
            return wrong("the path of this URL is not the number of a database");
        }
        if url.0.fragment().is_some() {
            return wrong("certificates are always checked, so this URL may not end with `#…`");
        }
        Ok(url)
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme();
        if self.is_socket() {
            return write!(f, "{scheme}://{}", self.0.path());
        }
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port().unwrap_or(USUAL_PORT);
        write!(f, "{scheme}://{host}:{port}/{}", self.database())
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_url_is_shown_without_user_and_password() {
        for (written, shown) in [
            ("redis://cache", "redis://cache:6379/0"),
            ("redis://me:hunter2@cache:7000/3", "redis://cache:7000/3"),
            ("rediss://:hunter2@[::1]", "rediss://[::1]:6379/0"),
            ("valkey://cache/2?protocol=resp3", "valkey://cache:6379/2"),
            (
                "unix:///run/redis.sock?db=1&pass=hunter2",
                "unix:///run/redis.sock",
            ),
        ] {
            let url: RedisUrl = written.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_showing_it() {
        for wrong in [
            "",
            "cache:6379",
            "hunter2",
            "http://:hunter2@cache",
            "redis://",
            "redis://:hunter2@cache/hunter2",
            "rediss://:hunter2@cache/#insecure",
            "redis://:hunter2@cache:port",
        ] {
            let told = wrong.parse::<RedisUrl>().unwrap_err().to_string();
            assert!(!told.contains("hunter2"), "{told}");
            assert!(told.contains("write `redis://"), "{told}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_url_or_an_error(text in any::<String>()) {
            let _ = text.parse::<RedisUrl>();
        }

        #[test]
        fn a_password_is_never_shown(password in "[A-Z]{8}") {
            let url: RedisUrl = format!("redis://:{password}@cache").parse().unwrap();
            let shown = format!("{url} {url:?}");
            prop_assert!(!shown.contains(&password));
        }
    }
}
