//! What caches downstream are told: Cache-Control (RFC 9111, RFC 5861), Age and
//! Cache-Status (RFC 9211).

use http::HeaderValue;

/// Name of this cache in Cache-Status.
const CACHE: &str = "edge-rates";

/// Headers of a fresh answer: short for browsers, which revalidate cheaply by ETag, as long as
/// a board lives for shared caches.
pub const FRESH: &str =
    "public, max-age=15, s-maxage=300, stale-while-revalidate=60, stale-if-error=86400";

/// Headers of a stale answer: shared caches may keep it for a moment only.
pub const STALE: &str = "public, max-age=0, s-maxage=15";

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
