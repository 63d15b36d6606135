//! The upstreams: what an adapter is, which ones there are, and how one is found by its id.

mod binance;
mod bitpin;
mod coinbase;
mod coingecko;
mod frankfurter;
mod kraken;

use crate::excerpt::excerpt;
use crate::upstream::{Endpoint, Error, Pair, Provider, Quota, Quote, Request, Response};

/// Every upstream that this component can speak to.
pub const ADAPTERS: &[&dyn Adapter] = &[
    &coingecko::CoinGecko,
    &coinbase::Coinbase,
    &kraken::Kraken,
    &binance::Binance,
    &bitpin::Bitpin,
    &frankfurter::Frankfurter,
];

/// Speaks one upstream's dialect.
pub trait Adapter: Sync {
    /// Who this is.
    fn provider(&self) -> Provider;

    /// How much its terms let be asked, reached like this; as much as one likes where they
    /// promise no number.
    fn quota(&self, _: &Endpoint) -> Quota {
        Quota::default()
    }

    /// Plans the fewest requests that price `pairs`, of which there is one at least.
    ///
    /// # Errors
    /// [`Error::UnsupportedPair`] if this upstream is known to have none of them;
    /// [`Error::Unavailable`] or [`Error::Unauthorised`] for an endpoint that can't work.
    fn request(&self, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error>;

    /// Reads the answer to one planned request. Pairs that it doesn't price are just absent.
    ///
    /// # Errors
    /// Any [`Error`]; in particular if the answer prices none of the pairs.
    fn parse(&self, pairs: &[Pair], response: &Response) -> Result<Vec<Quote>, Error>;
}

/// How much the terms of the upstream with this id let be asked; nothing is known of an unknown
/// one.
pub fn quota(provider: &str, endpoint: &Endpoint) -> Quota {
    known(provider).map_or_else(Quota::default, |adapter| adapter.quota(endpoint))
}

/// Plans the requests to the upstream with this id.
///
/// # Errors
/// Those of [`Adapter::request`], and [`Error::UnsupportedPair`] for an unknown id.
pub fn request(provider: &str, endpoint: &Endpoint, pairs: &[Pair]) -> Result<Vec<Request>, Error> {
    asked(provider, pairs)?.request(endpoint, pairs)
}

/// Reads an answer of the upstream with this id.
///
/// # Errors
/// Those of [`Adapter::parse`], and [`Error::UnsupportedPair`] for an unknown id.
pub fn parse(provider: &str, pairs: &[Pair], response: &Response) -> Result<Vec<Quote>, Error> {
    asked(provider, pairs)?.parse(pairs, response)
}

fn known(id: &str) -> Option<&'static dyn Adapter> {
    let mut adapters = ADAPTERS.iter();
    adapters
        .find(|adapter| adapter.provider().id == id)
        .copied()
}

fn asked(id: &str, pairs: &[Pair]) -> Result<&'static dyn Adapter, Error> {
    let Some(adapter) = known(id) else {
        let known: Vec<_> = ADAPTERS.iter().map(|known| known.provider().id).collect();
        return Err(Error::UnsupportedPair(format!(
            "there is no provider '{}'; this component speaks to {}",
            excerpt(id),
            known.join(", ")
        )));
    };
    if pairs.is_empty() {
        return Err(Error::UnsupportedPair(format!("no pairs asked of {id}")));
    }
    Ok(adapter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn endpoint() -> Endpoint {
        sample::endpoint("https://api.example", None)
    }

    #[test]
    fn an_unknown_provider_is_told_which_ones_there_are() {
        let wanted = Err(Error::UnsupportedPair(
            "there is no provider 'Kraken'; this component speaks to coingecko, coinbase, kraken, \
             binance, bitpin, frankfurter"
                .to_owned(),
        ));
        assert_eq!(request("Kraken", &endpoint(), &[]), wanted);
    }

    #[test]
    fn asking_for_nothing_sends_nothing() {
        for adapter in ADAPTERS {
            let planned = request(adapter.provider().id, &endpoint(), &[]);
            assert!(matches!(planned, Err(Error::UnsupportedPair(_))));
        }
    }

    #[test]
    fn every_provider_has_its_own_id_and_a_base_url_that_works() {
        let mut ids: Vec<_> = ADAPTERS.iter().map(|known| known.provider().id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ADAPTERS.len());
        for adapter in ADAPTERS {
            let Provider {
                id,
                default_base_url,
                attribution,
                ..
            } = adapter.provider();
            let endpoint = sample::endpoint(default_base_url, None);
            assert!(crate::endpoint::Base::of(id, &endpoint).is_ok(), "{id}");
            assert!(!default_base_url.ends_with('/'), "{id}");
            assert!(!attribution.is_empty(), "{id}");
        }
    }
}
