//! GET /v1/currencies: the quote currencies that are served.

use crate::service::Service;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Request;
use edge_rates_quotes::{Catalogue, Denomination, Kind};
use serde::Serialize;

#[derive(Serialize)]
struct Body<'a> {
    currencies: Vec<Currency<'a>>,
}

#[derive(Serialize)]
struct Currency<'a> {
    code: &'a str,
    name: &'a str,
    kind: Kind,
    decimals: Option<u8>,
    unit: &'a str,
}

pub(super) fn answer<W, A>(service: &Service<W, A>, request: &Request) -> Result<Answer, Problem> {
    request.query().expect(&[])?;
    let settings = &service.settings;
    let body = || body(&settings.catalogue);
    let lists = &service.lists;
    lists.answer("currencies", request, &settings.cache_times, body)
}

fn body(catalogue: &Catalogue) -> Body<'_> {
    Body {
        currencies: catalogue.denominations().iter().map(currency).collect(),
    }
}

fn currency(known: &Denomination) -> Currency<'_> {
    Currency {
        code: known.currency().as_str(),
        name: known.name(),
        kind: known.kind(),
        decimals: known.decimals(),
        unit: known.unit(),
    }
}

#[cfg(test)]
mod tests {
    use crate::route_tests::{get, json, service};
    use serde_json::json;

    #[test]
    fn currencies_are_listed_with_what_is_known_of_them() {
        let currencies = "JPY,XAU,btc,SHL:Shells:commodity;unit=🐚";
        let service = service("bitcoin", currencies, &[]);
        let body = json(&get(&service, "/v1/currencies"));
        assert_eq!(
            body,
            json!({"currencies": [
                {"code": "JPY", "name": "Japanese Yen", "kind": "fiat", "decimals": 0, "unit": "¥"},
                {"code": "XAU", "name": "Gold - Troy Ounce", "kind": "commodity", "decimals": null, "unit": "XAU"},
                {"code": "BTC", "name": "Bitcoin", "kind": "crypto", "decimals": 8, "unit": "BTC"},
                {"code": "SHL", "name": "Shells", "kind": "commodity", "decimals": null, "unit": "🐚"},
            ]})
        );
        assert_eq!(get(&service, "/v1/currencies?x=1").status(), 422);
    }
}
