//! What caches downstream are told: Cache-Control (RFC 9111, RFC 5861), Age and
//! Cache-Status (RFC 9211).

use http::HeaderValue;

/// Name of this cache in Cache-Status.
const CACHE: &str = "edge-rates";

/// The values of Cache-Control, made once from a deployment's settings.
#[derive(Debug, Clone)]
pub struct CacheTimes {
    fresh: HeaderValue,
    stale: HeaderValue,
}

impl CacheTimes {
    /// Times in seconds: how long an answer is fresh, may be served while it is revalidated, and
    /// may be served while the upstream fails (RFC 5861).
    pub fn new(fresh: u64, grace: u64, refuse: u64) -> CacheTimes {
        // Short for browsers, which revalidate cheaply by ETag; as long as a board lives for
        // shared caches.
        let browser = fresh.min(15);
        let text = format!(
            "public, max-age={browser}, s-maxage={fresh}, stale-while-revalidate={grace}, stale-if-error={refuse}"
        );
        CacheTimes {
            // Digits and commas are a header value.
            fresh: HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("no-cache")),
            stale: HeaderValue::from_static("public, max-age=0, s-maxage=15"),
        }
    }

    /// For an answer from a fresh board.
    pub fn fresh(&self) -> HeaderValue {
        self.fresh.clone()
    }

    /// For a stale answer: shared caches may keep it for a moment only.
    pub fn stale(&self) -> HeaderValue {
        self.stale.clone()
    }
}

/// How the cache came to its answer (RFC 9211 §2: `hit` and `fwd` exclude each other).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStatus {
    /// Served from the store; seconds of freshness left.
    Hit {
        /// Seconds until it is stale, negative once it is.
        ttl: i64,
    },
    /// Served from the store past its freshness while somebody else fetches.
    Revalidating {
        /// Seconds until it is stale, negative once it is.
        ttl: i64,
    },
    /// Nothing was stored; fetched just now.
    Filled,
    /// Nothing was stored; another request was just fetching it (RFC 9211 §2.6).
    Collapsed,
    /// What was stored was stale; fetched just now.
    Refreshed,
    /// What is stored is stale, and the upstream failed.
    StaleOnError {
        /// The upstream's HTTP status, where it answered at all.
        status: Option<u16>,
    },
}

impl CacheStatus {
    /// The value of the Cache-Status header.
    pub fn header(self) -> Option<HeaderValue> {
        let text = match self {
            CacheStatus::Hit { ttl } => format!("{CACHE}; hit; ttl={ttl}"),
            CacheStatus::Revalidating { ttl } => {
                format!("{CACHE}; hit; ttl={ttl}; detail=revalidating")
            }
            CacheStatus::Filled => format!("{CACHE}; fwd=uri-miss; fwd-status=200; stored"),
            CacheStatus::Collapsed => format!("{CACHE}; fwd=uri-miss; collapsed"),
            CacheStatus::Refreshed => format!("{CACHE}; fwd=stale; fwd-status=200; stored"),
            CacheStatus::StaleOnError {
                status: Some(status),
            } => format!("{CACHE}; fwd=stale; fwd-status={status}; detail=stale-if-error"),
            CacheStatus::StaleOnError { status: None } => {
                format!("{CACHE}; fwd=stale; detail=stale-if-error")
            }
        };
        HeaderValue::from_str(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hit_and_fwd_exclude_each_other() {
        let all = [
            CacheStatus::Hit { ttl: 212 },
            CacheStatus::Revalidating { ttl: -12 },
            CacheStatus::Filled,
            CacheStatus::Collapsed,
            CacheStatus::Refreshed,
            CacheStatus::StaleOnError { status: Some(429) },
            CacheStatus::StaleOnError { status: None },
        ];
        for status in all {
            let header = status.header().unwrap();
            let text = header.to_str().unwrap();
            assert_ne!(text.contains("; hit"), text.contains("; fwd="), "{text}");
        }
    }
}
