//! GET /simple/supported_vs_currencies and /coins/list: what this deployment serves.

use crate::service::Service;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Request;
use edge_rates_quotes::{Asset, Denomination};
use serde::Serialize;

pub(super) fn supported_vs_currencies<W, A>(
    service: &Service<W, A>,
    request: &Request,
) -> Result<Answer, Problem> {
    let settings = &service.settings;
    let times = &settings.cache_times;
    service
        .lists
        .answer("supported_vs_currencies", request, times, || {
            let catalogue = &settings.catalogue;
            let code = |of: &Denomination| of.currency().as_str().to_ascii_lowercase();
            let mut codes: Vec<_> = catalogue.denominations().iter().map(code).collect();
            codes.extend(catalogue.coins().map(|coin| code(&coin)));
            codes
        })
}

#[derive(Serialize)]
struct Coin<'a> {
    id: &'a str,
    symbol: String,
    name: &'a str,
}

pub(super) fn coins<W, A>(service: &Service<W, A>, request: &Request) -> Result<Answer, Problem> {
    let settings = &service.settings;
    let times = &settings.cache_times;
    service.lists.answer("coins", request, times, || {
        let assets = settings.catalogue.assets().iter();
        assets.map(coin).collect::<Vec<_>>()
    })
}

fn coin(asset: &Asset) -> Coin<'_> {
    Coin {
        id: asset.id(),
        symbol: asset.symbol().to_ascii_lowercase(),
        name: name(asset),
    }
}

/// An asset's name; clients count on one, so the symbol stands in for it.
pub(super) fn name(asset: &Asset) -> &str {
    asset.name().unwrap_or(asset.symbol())
}

#[cfg(test)]
mod tests {
    use crate::route_tests::{get, json, service};
    use serde_json::json;

    #[test]
    fn the_lists_are_of_what_is_served() {
        let service = service("ethereum,my-coin:MY", "USD,IRT", &[]);
        let currencies = get(&service, "/api/v3/simple/supported_vs_currencies");
        // A price in a coin follows from two others.
        assert_eq!(json(&currencies), json!(["usd", "irt", "eth"]));
        let coins = get(&service, "/api/v3/coins/list?include_platform=true");
        assert_eq!(
            json(&coins),
            json!([
                {"id": "ethereum", "symbol": "eth", "name": "Ethereum"},
                {"id": "my-coin", "symbol": "my", "name": "MY"},
            ])
        );
        assert_ne!(currencies.header("etag"), coins.header("etag"));
    }

    #[test]
    fn coingeckos_own_currencies_are_its_own_list() {
        let service = service("bitcoin", "coingecko", &[]);
        let ours = json(&get(&service, "/api/v3/simple/supported_vs_currencies"));
        let ours = ours.as_array().unwrap();
        assert_eq!(ours.len(), 63);
        for code in ["btc", "usd", "xdr", "xag", "xau", "bits", "sats"] {
            assert!(ours.contains(&json!(code)), "{code}");
        }
    }
}
