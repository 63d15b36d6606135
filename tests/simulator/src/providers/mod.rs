//! The provider APIs: one file each, which knows its paths, its shapes and its way to refuse.

mod binance;
mod bitpin;
mod coinbase;
mod coingecko;
mod frankfurter;
mod kraken;

use http::{HeaderMap, Uri};

use crate::Provider;
use crate::reply::Reply;
use crate::venue::Venue;

/// A request to one provider.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The first segment of the path: the provider's name, or another one it goes by.
    base: String,
    /// The path's segments behind that.
    segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    venue: Venue,
}

/// An answer, and the endpoint it is counted under: its path with `{…}` for what varies.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) endpoint: &'static str,
    pub(crate) reply: Reply,
}

/// What calls to paths that the provider does not have are counted under.
const UNKNOWN: &str = "(unknown)";

impl Asked {
    pub(crate) fn new(uri: &Uri, headers: HeaderMap, venue: Venue) -> Self {
        let query = uri.query().unwrap_or_default();
        let mut path = uri
            .path()
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(str::to_owned);
        Self {
            base: path.next().unwrap_or_default(),
            segments: path.collect(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            headers,
            venue,
        }
    }

    fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The first value of that name, unless it is empty.
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Whether the parameter is there and `true`.
    fn flag(&self, name: &str) -> bool {
        self.parameter(name) == Some("true")
    }

    /// The comma-separated values of that name.
    fn list(&self, name: &str) -> Option<Vec<&str>> {
        self.parameter(name)
            .map(|values| values.split(',').map(str::trim).collect())
    }
}

/// The true answer to what was asked of `provider`.
pub(crate) fn answer(provider: Provider, asked: &Asked) -> Answered {
    let (endpoint, reply) = match provider {
        Provider::CoinGecko => coingecko::answer(asked),
        Provider::Coinbase => coinbase::answer(asked),
        Provider::Kraken => kraken::answer(asked),
        Provider::Binance => binance::answer(asked),
        Provider::Bitpin => bitpin::answer(asked),
        Provider::Frankfurter => frankfurter::answer(asked),
    };
    Answered { endpoint, reply }
}

/// Why a provider that is up and sound does not give prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    RateLimited { retry_after_s: u64 },
    Banned { retry_after_s: u64 },
    Unauthorised,
    Legal,
    ServerError,
}

/// How `provider` says that.
pub(crate) fn refuse(provider: Provider, refusal: Refusal) -> Reply {
    let reply = match provider {
        Provider::CoinGecko => coingecko::refuse(refusal),
        Provider::Coinbase => coinbase::refuse(refusal),
        // Kraken's errors come with status 200 and no header.
        Provider::Kraken => return kraken::refuse(refusal),
        Provider::Binance => binance::refuse(refusal),
        Provider::Bitpin => bitpin::refuse(refusal),
        Provider::Frankfurter => frankfurter::refuse(refusal),
    };
    match refusal {
        Refusal::RateLimited { retry_after_s } | Refusal::Banned { retry_after_s } => {
            reply.retry_after(retry_after_s)
        }
        _ => reply,
    }
}

/// The name of the real server, for pages that show it.
pub(crate) fn host(provider: Provider) -> &'static str {
    match provider {
        Provider::CoinGecko => "api.coingecko.com",
        Provider::Coinbase => "api.coinbase.com",
        Provider::Kraken => "api.kraken.com",
        Provider::Binance => "api.binance.com",
        Provider::Bitpin => "api.bitpin.ir",
        Provider::Frankfurter => "api.frankfurter.dev",
    }
}
