//! Adapters that only say which upstreams there are: the twin never asks one.

use edge_rates_service::adapters::{
    Adapters, Endpoint, Error, HttpRequest, HttpResponse, Pair, Provider, Quote, Scope,
};

/// The names that the settings may use.
const KNOWN: [&str; 6] = [
    "coingecko",
    "coinbase",
    "kraken",
    "binance",
    "bitpin",
    "frankfurter",
];

/// Describes the product's upstreams, and refuses to plan or to read anything.
#[derive(Debug, Clone, Copy)]
pub(super) struct DescribedOnly;

impl Adapters for DescribedOnly {
    fn describe(&self) -> Vec<Provider> {
        KNOWN
            .into_iter()
            .map(|id| Provider {
                id: id.to_owned(),
                default_base_url: format!("https://{id}.invalid"),
                attribution: format!("Data provided by {id}"),
                scope: Scope::Market,
                takes_key: false,
            })
            .collect()
    }

    fn request(
        &self,
        _provider: &str,
        _endpoint: &Endpoint,
        _pairs: &[Pair],
    ) -> Result<Vec<HttpRequest>, Error> {
        Err(Error::UnsupportedPair(NO_UPSTREAM.to_owned()))
    }

    fn parse(
        &self,
        _provider: &str,
        _pairs: &[Pair],
        _response: &HttpResponse,
    ) -> Result<Vec<Quote>, Error> {
        Err(Error::Malformed(NO_UPSTREAM.to_owned()))
    }
}

const NO_UPSTREAM: &str = "the native twin has no upstream";
