//! What is asked of an upstream and what comes back, as plain Rust.
//!
//! The same shapes as `wit/provider/provider.wit`, so that adapters can be read and tested
//! without WebAssembly. How to read an answer is the adapters' business.

use std::fmt;

use edge_rates_quotes::price::Price;

/// An upstream that this component can speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Provider {
    /// Stable lower-case name, used in settings and metrics.
    pub(crate) id: &'static str,
    /// Where its API lives unless the caller says otherwise. No trailing slash.
    pub(crate) default_base_url: &'static str,
    /// The sentence that its terms ask to be shown beside its prices.
    pub(crate) attribution: &'static str,
    /// How much its terms let be asked.
    pub(crate) quota: Quota,
    /// Whether it takes an API key at all.
    pub(crate) takes_key: bool,
}

/// Most calls that an upstream allows; None where it promises no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Quota {
    pub(crate) per_minute: Option<u32>,
    pub(crate) per_minute_with_key: Option<u32>,
    pub(crate) per_month: Option<u32>,
}

/// An asset priced in a quote currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Asset id, lower case: "bitcoin".
    pub(crate) asset: String,
    /// Ticker of the asset, upper case: "BTC".
    pub(crate) symbol: String,
    /// Code of the currency the price is in, upper case: "USD".
    pub(crate) quote: String,
}

/// How to reach one upstream.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Scheme, host and path prefix.
    pub(crate) base_url: String,
    /// API key, as the operator set it.
    pub(crate) api_key: Option<String>,
}

/// The key stays out of everything that is printed.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// One GET request for the caller to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// What came back for one request. Nothing in it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Whether the status is one of 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of that name. Names are compared without case (RFC 9110 §5.1).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// A price as the upstream stated it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quote {
    pub(crate) asset: String,
    pub(crate) quote: String,
    pub(crate) price: Price,
    /// Change over the last 24 hours in percent, signed decimal text.
    pub(crate) change_24h_pct: Option<String>,
    /// When the upstream says that the price was made, Unix milliseconds.
    pub(crate) updated_ms: Option<u64>,
}

/// Why there are no quotes. The variants are those of the WIT contract; a text says what
/// happened and holds at most a short excerpt of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Error {
    /// Too many calls. Seconds to wait, where the upstream said so.
    RateLimited(Option<u32>),
    /// The key is missing or wrong, or the caller is banned.
    Unauthorised(String),
    /// The upstream is failing, can't be reached as configured, or doesn't serve this location.
    Unavailable(String),
    /// The answer is not what its API promises.
    Malformed(String),
    /// None of the pairs asked for is known there.
    UnsupportedPair(String),
    /// No price could be true: zero, negative or absurd.
    Implausible(String),
}
