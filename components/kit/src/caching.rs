//! What caches downstream are told: Cache-Control (RFC 9111, RFC 5861), Age and
//! Cache-Status (RFC 9211).

use crate::answer::Value;

/// Name of this cache in Cache-Status.
const CACHE: &str = "edge-rates";

/// The values of Cache-Control, made once from a deployment's settings.
#[derive(Debug, Clone)]
pub struct CacheTimes {
    fresh: Value,
    stale: Value,
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
            fresh: text.into(),
            stale: "public, max-age=0, s-maxage=15".into(),
        }
    }

    /// The same for answers that not everybody may have: caches that are shared must not keep
    /// them (RFC 9111 §3.5).
    #[must_use]
    pub fn private(self) -> CacheTimes {
        CacheTimes {
            fresh: private(&self.fresh),
            stale: private(&self.stale),
        }
    }

    /// For an answer from a fresh board.
    pub fn fresh(&self) -> Value {
        self.fresh.clone()
    }

    /// For a stale answer: shared caches may keep it for a moment only.
    pub fn stale(&self) -> Value {
        self.stale.clone()
    }
}

fn private(public: &str) -> Value {
    let directives = public
        .split(", ")
        .filter(|directive| !directive.starts_with("s-maxage"));
    let private = directives.map(|directive| match directive {
        "public" => "private",
        other => other,
    });
    private.collect::<Vec<_>>().join(", ").into()
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
    pub fn header(self) -> Value {
        match self {
            CacheStatus::Hit { ttl } => format!("{CACHE}; hit; ttl={ttl}").into(),
            CacheStatus::Revalidating { ttl } => {
                format!("{CACHE}; hit; ttl={ttl}; detail=revalidating").into()
            }
            CacheStatus::Filled => format!("{CACHE}; fwd=uri-miss; fwd-status=200; stored").into(),
            CacheStatus::Collapsed => format!("{CACHE}; fwd=uri-miss; collapsed").into(),
            CacheStatus::Refreshed => format!("{CACHE}; fwd=stale; fwd-status=200; stored").into(),
            CacheStatus::StaleOnError {
                status: Some(status),
            } => format!("{CACHE}; fwd=stale; fwd-status={status}; detail=stale-if-error").into(),
            CacheStatus::StaleOnError { status: None } => {
                format!("{CACHE}; fwd=stale; detail=stale-if-error").into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_is_kept_from_shared_caches() {
        let times = CacheTimes::new(300, 60, 86_400).private();
        assert_eq!(
            times.fresh(),
            "private, max-age=15, stale-while-revalidate=60, stale-if-error=86400"
        );
        assert_eq!(times.stale(), "private, max-age=0");
    }

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
            let text = status.header();
            assert_ne!(text.contains("; hit"), text.contains("; fwd="), "{text}");
        }
    }
}
