//! GET /v1/symbols: the assets that are served, and which of them a shared symbol means.

use crate::service::Service;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Request;
use edge_rates_quotes::{Asset, Catalogue};
use serde::Serialize;

#[derive(Serialize)]
struct Body<'a> {
    symbols: Vec<Symbol<'a>>,
}

#[derive(Serialize)]
struct Symbol<'a> {
    id: &'a str,
    symbol: &'a str,
    name: Option<&'a str>,
    decimals: Option<u8>,
    rank: Option<u32>,
    /// Whether the symbol means this asset where it stands alone.
    primary: bool,
    /// Ids of the other assets with the same symbol, and before them the code of a currency that
    /// is none of these assets.
    ambiguous_with: Vec<&'a str>,
}

pub(super) fn answer<W, A>(service: &Service<W, A>, request: &Request) -> Result<Answer, Problem> {
    request.query().expect(&[])?;
    let settings = &service.settings;
    let body = || body(&settings.catalogue);
    let lists = &service.lists;
    lists.answer("symbols", request, &settings.cache_times, body)
}

fn body(catalogue: &Catalogue) -> Body<'_> {
    let symbol = |asset| symbol(catalogue, asset);
    Body {
        symbols: catalogue.assets().iter().map(symbol).collect(),
    }
}

fn symbol<'a>(catalogue: &'a Catalogue, asset: &'a Asset) -> Symbol<'a> {
    let is_meant = catalogue.is_meant(asset);
    let sharing = catalogue.all_by_symbol(asset.symbol()).map(Asset::id);
    let currency = catalogue.currency(asset.symbol());
    // Where a currency has the code, and is none of the assets, that is what it means.
    let currency = currency.filter(|currency| catalogue.asset_of(currency).is_none());
    Symbol {
        id: asset.id(),
        symbol: asset.symbol(),
        name: asset.name(),
        decimals: asset.decimals(),
        rank: asset.rank(),
        primary: is_meant,
        ambiguous_with: currency
            .map(|currency| currency.as_str())
            .into_iter()
            .chain(sharing.filter(|id| *id != asset.id()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::route_tests::{get, json, service};
    use serde_json::json;

    #[test]
    fn assets_are_listed_with_what_is_known_of_them() {
        let service = service("bitcoin,my-coin:MY", "USD", &[]);
        let body = json(&get(&service, "/v1/symbols"));
        assert_eq!(
            body,
            json!({"symbols": [
                {"id": "bitcoin", "symbol": "BTC", "name": "Bitcoin", "decimals": 8, "rank": 1,
                 "primary": true, "ambiguous_with": []},
                {"id": "my-coin", "symbol": "MY", "name": null, "decimals": null, "rank": null,
                 "primary": true, "ambiguous_with": []},
            ]})
        );
    }

    #[test]
    fn a_symbol_that_several_assets_share_is_marked() {
        let assets = "my-dollar:USDC,usd-coin,binance-bridged-usdc-bnb-smart-chain";
        let service = service(assets, "USD", &[]);
        let body = json(&get(&service, "/v1/symbols"));
        let marked: Vec<_> = body["symbols"]
            .as_array()
            .unwrap()
            .iter()
            .map(|symbol| (&symbol["primary"], &symbol["ambiguous_with"]))
            .collect();
        let bridged = "binance-bridged-usdc-bnb-smart-chain";
        assert_eq!(
            marked,
            [
                (&json!(false), &json!(["usd-coin", bridged])),
                (&json!(true), &json!([bridged, "my-dollar"])),
                (&json!(false), &json!(["usd-coin", "my-dollar"])),
            ]
        );
    }

    #[test]
    fn a_symbol_that_is_another_currency_is_marked() {
        let service = service("sats-ordinals,bitcoin", "SATS,BTC", &[]);
        let body = json(&get(&service, "/v1/symbols"));
        let [sats, bitcoin] = [0, 1].map(|place| &body["symbols"][place]);
        assert_eq!(sats["primary"], false);
        assert_eq!(sats["ambiguous_with"], json!(["SATS"]));
        assert_eq!(bitcoin["primary"], true);
        assert_eq!(bitcoin["ambiguous_with"], json!([]));
    }

    #[test]
    fn the_list_needs_no_board_and_has_a_tag_of_its_own() {
        let service = service("bitcoin", "USD", &[]);
        let answer = get(&service, "/v1/symbols/");
        assert_eq!(answer.status(), 200);
        let tag = answer.header("etag").unwrap();
        assert_eq!(get(&service, "/v1/symbols").header("etag"), Some(tag));
        assert!(
            answer
                .header("cache-control")
                .unwrap()
                .starts_with("public, max-age=15")
        );
        assert_eq!(service.world.sent().len(), 0, "no upstream is asked");
    }

    #[test]
    fn no_parameter_is_taken() {
        let service = service("bitcoin", "USD", &[]);
        let answer = get(&service, "/v1/symbols?ids=bitcoin");
        assert_eq!(answer.status(), 422);
        assert_eq!(json(&answer)["parameter"], "ids");
    }
}
