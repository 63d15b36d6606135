//! The metric families, and how their counters are named in the store.
//!
//! A counter's key is `m/<replica>/<family>|<label values…>|<cell>`. A plain counter has one cell;
//! a histogram has one per bucket (not cumulative, so that only buckets which saw something are
//! stored) and one for the sum. Label values come from fixed sets, never from what a client sends,
//! so the number of keys is bounded.

use std::time::Duration;

/// Every counter's key starts with this.
const PREFIX: &str = "m/";

/// A metric family (Prometheus data model).
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Metric name.
    pub name: &'static str,
    /// What it means, for HELP.
    pub help: &'static str,
    /// Label names, in the order of the values in keys.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram's buckets in microseconds; empty for a counter.
    pub buckets_us: &'static [u64],
}

/// Bounds of `http_request_duration_seconds`.
const REQUEST_BUCKETS_US: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// Bounds of `rates_upstream_duration_seconds`: another continent, up to the total deadline.
const UPSTREAM_BUCKETS_US: &[u64] = &[
    5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// Requests answered, by method, route and status.
pub const HTTP_REQUESTS: Family = Family {
    name: "http_requests_total",
    help: "Requests answered.",
    labels: &["method", "path", "status"],
    buckets_us: &[],
};

/// Time from the component's first instruction to its answer.
pub const HTTP_DURATION: Family = Family {
    name: "http_request_duration_seconds",
    help: "Time a component took to answer.",
    labels: &["method", "path"],
    buckets_us: REQUEST_BUCKETS_US,
};

/// How the cache answered requests for rates.
pub const CACHE_REQUESTS: Family = Family {
    name: "rates_cache_requests_total",
    help: "Requests for rates by what the cache had: hit, stale, miss or negative.",
    labels: &["result"],
    buckets_us: &[],
};

/// Requests sent to upstreams.
pub const UPSTREAM_REQUESTS: Family = Family {
    name: "rates_upstream_requests_total",
    help: "Requests sent to an upstream, by how it ended.",
    labels: &["provider", "outcome"],
    buckets_us: &[],
};

/// How long upstreams take.
pub const UPSTREAM_DURATION: Family = Family {
    name: "rates_upstream_duration_seconds",
    help: "Time from sending a request to an upstream until its answer was read.",
    labels: &["provider"],
    buckets_us: UPSTREAM_BUCKETS_US,
};

/// How often circuits changed.
pub const CIRCUIT_TRANSITIONS: Family = Family {
    name: "rates_circuit_transitions_total",
    help: "Changes of an upstream's circuit, by what it became: closed, open or half_open.",
    labels: &["provider", "state"],
    buckets_us: &[],
};

/// All families that are counted in the store.
pub const FAMILIES: &[&Family] = &[
    &HTTP_REQUESTS,
    &HTTP_DURATION,
    &CACHE_REQUESTS,
    &UPSTREAM_REQUESTS,
    &UPSTREAM_DURATION,
    &CIRCUIT_TRANSITIONS,
];

/// One stored number of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// A counter's count.
    Count,
    /// Observations that fell into the bucket of this index; one past the last bound is +Inf.
    Bucket(usize),
    /// Sum of all observations in microseconds.
    SumMicros,
}

/// Keys of one replica's counters start with this.
pub fn replica_prefix(replica: &str) -> String {
    format!("{PREFIX}{replica}/")
}

/// Key of a cell without its replica prefix.
pub fn cell_key(family: &Family, labels: &[&str], cell: Cell) -> String {
    let mut key = String::with_capacity(64);
    key.push_str(family.name);
    for label in labels {
        key.push('|');
        key.push_str(label);
    }
    key.push('|');
    match cell {
        Cell::Count => key.push('n'),
        Cell::SumMicros => key.push('s'),
        Cell::Bucket(index) => key.push_str(&index.to_string()),
    }
    key
}

/// Reads a key back: family, label values, cell. None for keys that are no counter of ours.
pub fn parse_cell_key(key: &str) -> Option<(&'static Family, Vec<&str>, Cell)> {
    let mut parts: Vec<&str> = key.split('|').collect();
    let cell = match parts.pop()? {
        "n" => Cell::Count,
        "s" => Cell::SumMicros,
        index => Cell::Bucket(index.parse().ok()?),
    };
    let mut parts = parts.into_iter();
    let name = parts.next()?;
    let family = FAMILIES.iter().find(|family| family.name == name)?;
    let labels: Vec<&str> = parts.collect();
    (labels.len() == family.labels.len()).then_some((*family, labels, cell))
}

/// The bucket that `duration` falls into.
pub fn bucket_of(family: &Family, duration: Duration) -> usize {
    let micros = micros(duration);
    family
        .buckets_us
        .iter()
        .position(|bound| micros <= *bound)
        .unwrap_or(family.buckets_us.len())
}

/// Whole microseconds, at most what a counter holds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_what_it_was_made_of() {
        for cell in [Cell::Count, Cell::SumMicros, Cell::Bucket(14)] {
            let key = cell_key(&HTTP_DURATION, &["GET", "/v1/rates/{base}/{quote}"], cell);
            let (family, labels, read) = parse_cell_key(&key).unwrap();
            assert_eq!(family, &HTTP_DURATION);
            assert_eq!(labels, ["GET", "/v1/rates/{base}/{quote}"]);
            assert_eq!(read, cell);
        }
    }

    #[test]
    fn other_keys_are_no_counters() {
        for key in [
            "",
            "n",
            "b/main/head",
            "http_requests_total|GET|n",
            "nothing|a|n",
        ] {
            assert!(parse_cell_key(key).is_none(), "{key}");
        }
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        assert_eq!(bucket_of(&HTTP_DURATION, Duration::from_micros(500)), 0);
        assert_eq!(bucket_of(&HTTP_DURATION, Duration::from_micros(501)), 1);
        assert_eq!(bucket_of(&HTTP_DURATION, Duration::from_secs(11)), 14);
    }
}
