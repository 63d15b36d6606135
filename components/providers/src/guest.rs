//! The component's export: WIT values in, the adapters' work, WIT values out.
//!
//! Nothing is decided here. The shapes on both sides are the same; only their owners differ.

use edge_rates_adapters as adapters;
use edge_rates_adapters::{Endpoint, Error, Pair, Quota, Quote, Request, Response, Scope};

use crate::bindings::exports::edge_rates::provider::quotes as wit;

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
                    scope: match provider.scope {
                        Scope::Market => wit::Scope::Market,
                        Scope::Currencies => wit::Scope::Currencies,
                    },
                    takes_key: provider.takes_key,
                }
            })
            .collect()
    }

    fn allowance(provider: String, endpoint: wit::Endpoint) -> wit::Quota {
        let Quota {
            per_minute,
            per_month,
        } = adapters::quota(&provider, &reached(endpoint));
        wit::Quota {
            per_minute,
            per_month,
        }
    }

    fn request(
        provider: String,
        endpoint: wit::Endpoint,
        pairs: Vec<wit::Pair>,
    ) -> Result<Vec<wit::HttpRequest>, wit::Error> {
        let planned = adapters::request(&provider, &reached(endpoint), &own(pairs));
        let planned = planned.map_err(error)?;
        Ok(planned.into_iter().map(http_request).collect())
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
        let quotes = adapters::parse(&provider, &own(pairs), &response).map_err(error)?;
        Ok(quotes.into_iter().map(quote).collect())
    }
}

fn own(pairs: Vec<wit::Pair>) -> Vec<Pair> {
    pairs
        .into_iter()
        .map(|pair| Pair {
            asset: pair.asset,
            symbol: pair.symbol,
            quote: pair.quote,
            code: pair.code,
        })
        .collect()
}

fn reached(endpoint: wit::Endpoint) -> Endpoint {
    Endpoint {
        base_url: endpoint.base_url,
        api_key: endpoint.api_key,
        plan: endpoint.plan,
    }
}

fn http_request(request: Request) -> wit::HttpRequest {
    wit::HttpRequest {
        url: request.url,
        headers: request.headers,
    }
}

fn quote(quote: Quote) -> wit::Quote {
    wit::Quote {
        asset: quote.asset,
        quote: quote.quote,
        price: quote.price.as_str().to_owned(),
        change_24h_pct: quote.change_24h_pct,
        market_cap: quote.market_cap,
        volume_24h: quote.volume_24h,
        updated_ms: quote.updated_ms,
    }
}

fn error(error: Error) -> wit::Error {
    match error {
        Error::RateLimited(seconds) => wit::Error::RateLimited(seconds),
        Error::Unauthorised(why) => wit::Error::Unauthorised(why),
        Error::Unavailable(why) => wit::Error::Unavailable(why),
        Error::Malformed(why) => wit::Error::Malformed(why),
        Error::UnsupportedPair(why) => wit::Error::UnsupportedPair(why),
        Error::Implausible(why) => wit::Error::Implausible(why),
    }
}
