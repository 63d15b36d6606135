//! How often each endpoint of each provider has been asked.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::Provider;

/// Counts by provider, then by endpoint.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<BTreeMap<Provider, BTreeMap<&'static str, u64>>>);

impl Calls {
    pub(crate) fn count(&self, provider: Provider, endpoint: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts
            .entry(provider)
            .or_default()
            .entry(endpoint)
            .or_default() += 1;
    }

    /// Calls to any endpoint of `provider`.
    pub(crate) fn total(&self, provider: Provider) -> u64 {
        self.by_endpoint(provider).values().sum()
    }

    /// Calls to one endpoint of `provider`.
    pub(crate) fn to(&self, provider: Provider, endpoint: &str) -> u64 {
        self.by_endpoint(provider)
            .get(endpoint)
            .copied()
            .unwrap_or_default()
    }

    /// Every endpoint of `provider` that has been asked.
    pub(crate) fn by_endpoint(&self, provider: Provider) -> BTreeMap<&'static str, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&provider)
            .cloned()
            .unwrap_or_default()
    }

    /// Starts again at nothing.
    pub(crate) fn reset(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_provider_and_endpoint_until_it_is_reset() {
        let calls = Calls::default();
        calls.count(Provider::Kraken, "/0/public/Ticker");
        calls.count(Provider::CoinGecko, "/ping");
        calls.count(Provider::CoinGecko, "/ping");
        calls.count(Provider::CoinGecko, "/simple/price");
        assert_eq!(calls.total(Provider::CoinGecko), 3);
        assert_eq!(calls.to(Provider::CoinGecko, "/ping"), 2);
        assert_eq!(calls.to(Provider::CoinGecko, "/coins/list"), 0);
        assert_eq!(calls.total(Provider::Kraken), 1);
        calls.reset();
        assert_eq!(calls.total(Provider::CoinGecko), 0);
    }
}
