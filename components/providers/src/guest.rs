//! The component's export: WIT values in, the adapters' work, WIT values out.
//!
//! Nothing is decided here.

use crate::adapters;
use crate::bindings::exports::edge_rates::provider::quotes as wit;
use crate::upstream::{Endpoint, Error, Pair, Quota, Quote, Request, Response};

/// What the component exports.
pub(crate) struct Adapters;

impl wit::Guest for Adapters {
    fn describe() -> Vec<wit::Provider> {
        adapters::ADAPTERS
            .iter()
            .map(|adapter| {
                let provider = adapter.provider();
                wit::Provider {
                    id: provider.id.to_owned(),
                    default_base_url: provider.default_base_url.to_owned(),
                    attribution: provider.attribution.to_owned(),
                    scope: wit::Scope::Market,
                    quota: provider.quota.into(),
                    takes_key: provider.takes_key,
                }
            })
            .collect()
    }

    fn request(
        provider: String,
        endpoint: wit::Endpoint,
        pairs: Vec<wit::Pair>,
    ) -> Result<Vec<wit::HttpRequest>, wit::Error> {
        let endpoint = Endpoint {
            base_url: endpoint.base_url,
            api_key: endpoint.api_key,
        };
        let planned = adapters::request(&provider, &endpoint, &own(pairs))?;
        Ok(planned.into_iter().map(Into::into).collect())
    }

    fn parse(
        provider: String,
        pairs: Vec<wit::Pair>,
        response: wit::HttpResponse,
    ) -> Result<Vec<wit::Quote>, wit::Error> {
        let response = Response {
            status: response.status,
            headers: response.headers,
            body: response.body,
        };
        let quotes = adapters::parse(&provider, &own(pairs), &response)?;
        Ok(quotes.into_iter().map(Into::into).collect())
    }
}

fn own(pairs: Vec<wit::Pair>) -> Vec<Pair> {
    pairs
        .into_iter()
        .map(|pair| Pair {
            asset: pair.asset,
            symbol: pair.symbol,
            quote: pair.quote,
        })
        .collect()
}

impl From<Quota> for wit::Quota {
    fn from(quota: Quota) -> Self {
        Self {
            per_minute: quota.per_minute,
            per_minute_with_key: quota.per_minute_with_key,
            per_month: quota.per_month,
        }
    }
}

impl From<Request> for wit::HttpRequest {
    fn from(request: Request) -> Self {
        Self {
            url: request.url,
            headers: request.headers,
        }
    }
}

impl From<Quote> for wit::Quote {
    fn from(quote: Quote) -> Self {
        Self {
            asset: quote.asset,
            quote: quote.quote,
            price: quote.price.as_str().to_owned(),
            change_24h_pct: quote.change_24h_pct,
            market_cap: None,
            volume_24h: None,
            updated_ms: quote.updated_ms,
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::RateLimited(seconds) => Self::RateLimited(seconds),
            Error::Unauthorised(why) => Self::Unauthorised(why),
            Error::Unavailable(why) => Self::Unavailable(why),
            Error::Malformed(why) => Self::Malformed(why),
            Error::UnsupportedPair(why) => Self::UnsupportedPair(why),
            Error::Implausible(why) => Self::Implausible(why),
        }
    }
}
