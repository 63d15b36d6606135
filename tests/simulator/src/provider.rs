//! The upstreams that are simulated, by name.

use std::fmt;
use std::str::FromStr;

/// The first segment of the paths that stand for CoinGecko's host for paid plans. Its faults and
/// its calls are CoinGecko's.
pub const COINGECKO_PRO: &str = "coingecko-pro";

/// One of the simulated price APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// CoinGecko API v3; the base URL stands for `https://api.coingecko.com/api/v3`. Under
    /// [`COINGECKO_PRO`] it is `https://pro-api.coingecko.com/api/v3`, which takes pro keys.
    CoinGecko,
    /// Coinbase v2; the base URL stands for `https://api.coinbase.com`.
    Coinbase,
    /// Kraken's public REST API; the base URL stands for `https://api.kraken.com`.
    Kraken,
    /// Binance spot; the base URL stands for `https://api.binance.com`.
    Binance,
    /// Bitpin; the base URL stands for `https://api.bitpin.ir`.
    Bitpin,
    /// Frankfurter; the base URL stands for `https://api.frankfurter.dev`.
    Frankfurter,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 6] = [
        Self::CoinGecko,
        Self::Coinbase,
        Self::Kraken,
        Self::Binance,
        Self::Bitpin,
        Self::Frankfurter,
    ];

    /// The name in lower case: the first segment of every path of this provider.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CoinGecko => "coingecko",
            Self::Coinbase => "coinbase",
            Self::Kraken => "kraken",
            Self::Binance => "binance",
            Self::Bitpin => "bitpin",
            Self::Frankfurter => "frankfurter",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no provider of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no provider `{0}` is simulated; there are {names}", names = Provider::ALL.map(Provider::name).join(", "))]
pub struct UnknownProvider(String);

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(name: &str) -> Result<Self, UnknownProvider> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.name() == name)
            .ok_or_else(|| UnknownProvider(name.to_owned()))
    }
}
