//! What is asked of an upstream and what comes back, as plain Rust.
//!
//! The same shapes as `wit/provider/provider.wit`, so that adapters can be read, tested and
//! fuzzed without WebAssembly. How to read an answer is the adapters' business.

use std::fmt;

use edge_rates_quotes::price::Price;

/// An upstream that this component can speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// Stable lower-case name, used in settings and metrics.
    pub id: &'static str,
    /// Where its API lives unless the caller says otherwise. No trailing slash.
    pub default_base_url: &'static str,
    /// The sentence that its terms ask to be shown beside its prices.
    pub attribution: &'static str,
    /// What it knows.
    pub scope: Scope,
    /// Whether it takes an API key at all.
    pub takes_key: bool,
}

/// What an upstream knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Prices of assets.
    Market,
    /// What currencies cost in each other: the assets of its pairs are currencies.
    Currencies,
}

/// Most calls that an upstream allows; None where it promises no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// A minute.
    pub per_minute: Option<u32>,
    /// A month.
    pub per_month: Option<u32>,
}

/// An asset priced in a quote currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Asset id, lower case: "bitcoin".
    pub asset: String,
    /// Ticker of the asset, upper case: "BTC".
    pub symbol: String,
    /// Code of the currency the price is in, upper case: "USD".
    pub quote: String,
    /// The upstream's own code of the asset, where the caller knows it: "XBT".
    pub code: Option<String>,
}

impl Pair {
    /// The upstream's own code of the asset, if one is given that can be one: 1 to 100 letters,
    /// digits, `-`, `_` and `.`. Anything else names nothing there.
    pub(crate) fn code(&self) -> Option<&str> {
        let is_code = |code: &&str| {
            (1..=100).contains(&code.len())
                && code
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        self.code.as_deref().filter(is_code)
    }
}

/// How to reach one upstream.
#[derive(Clone)]
pub struct Endpoint {
    /// Scheme, host and path prefix.
    pub base_url: String,
    /// API key, as the operator set it.
    pub api_key: Option<String>,
    /// The plan that the key belongs to, where the upstream has several: "pro".
    pub plan: Option<String>,
}

/// The key stays out of everything that is printed.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("base_url", &self.base_url)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

/// One GET request for the caller to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Absolute, with its query.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
}

/// What came back for one request. Nothing in it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
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
pub struct Quote {
    /// Asset id of the pair asked for.
    pub asset: String,
    /// Currency code of the pair asked for.
    pub quote: String,
    /// Units of `quote` for one unit of the asset.
    pub price: Price,
    /// Change over the last 24 hours in percent, signed decimal text.
    pub change_24h_pct: Option<String>,
    /// Market capitalisation in the quote currency, decimal text above zero.
    pub market_cap: Option<String>,
    /// What was traded in the last 24 hours, in the quote currency, decimal text.
    pub volume_24h: Option<String>,
    /// When the upstream says that the price was made, Unix milliseconds.
    pub updated_ms: Option<u64>,
}

/// Why there are no quotes. The variants are those of the WIT contract; a text says what
/// happened and holds at most a short excerpt of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
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
