//! GET /exchange_rates: what one bitcoin costs in each currency.

use super::{is_stale, number};
use crate::cache::Served;
use crate::rendered::Rendered;
use edge_rates_quotes::{Catalogue, Denomination, Precision, Rate, Rounding, convert};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// What the values are per unit of: its id, and its usual symbol.
const BITCOIN: (&str, &str) = ("bitcoin", "BTC");

#[derive(Serialize)]
struct Body {
    rates: Rates,
}

/// By code: coins that are no quote currencies, then those in the order of the settings.
struct Rates(Vec<(String, Entry)>);

impl Serialize for Rates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (code, entry) in &self.0 {
            map.serialize_entry(code, entry)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Entry {
    name: String,
    unit: String,
    value: Box<RawValue>,
    #[serde(rename = "type")]
    kind: &'static str,
}

pub(super) fn render(catalogue: &&Catalogue, served: &Served) -> Rendered {
    let mut rates = Vec::new();
    let mut shown = Vec::new();
    let listed = catalogue.denominations().iter().cloned();
    for denomination in catalogue.coins().chain(listed) {
        if let Some((value, rate)) = per_bitcoin(catalogue, served, &denomination) {
            shown.push(rate);
            let entry = Entry {
                name: denomination.name().to_owned(),
                unit: denomination.unit().to_owned(),
                value,
                kind: denomination.kind().as_str(),
            };
            let code = denomination.currency().as_str();
            rates.push((code.to_ascii_lowercase(), entry));
        }
    }
    let body = Body {
        rates: Rates(rates),
    };
    // A struct of strings and numbers always serialises.
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let is_stale = is_stale(served, shown.iter().flat_map(Rate::quotes));
    served.render("exchange_rates", is_stale, body)
}

/// Units of a currency for one bitcoin, and the rate that they are.
fn per_bitcoin(
    catalogue: &Catalogue,
    served: &Served,
    denomination: &Denomination,
) -> Option<(Box<RawValue>, Rate)> {
    let (id, symbol) = BITCOIN;
    let symbol = match catalogue.by_id(id) {
        Some(bitcoin) => bitcoin.symbol(),
        None => catalogue.currency(symbol)?.as_str(),
    };
    let code = denomination.currency().as_str();
    let rate = convert::rate(&served.board, catalogue, symbol, code).ok()?;
    let text = rate.text(Precision::Full, Rounding::HalfEven).ok()?;
    Some((number(&text)?, rate))
}

#[cfg(test)]
mod tests {
    use crate::route_tests::{get, json, quote, service, text};
    use serde_json::json;

    #[test]
    fn values_are_units_for_one_bitcoin() {
        let quotes = [
            quote("bitcoin", "USD", "76975.0431"),
            quote("ethereum", "USD", "2000"),
            quote("ethereum", "JPY", "300000"),
        ];
        let service = service("bitcoin,ethereum", "USD,JPY,XAU", &quotes);
        let answer = get(&service, "/api/v3/exchange_rates/?whatever=1");
        // No prices lead to the yen or to gold.
        assert_eq!(
            text(&answer),
            r#"{"rates":{"btc":{"name":"Bitcoin","unit":"BTC","value":1,"type":"crypto"},"eth":{"name":"Ether","unit":"ETH","value":38.48752155,"type":"crypto"},"usd":{"name":"US Dollar","unit":"$","value":76975.0431,"type":"fiat"}}}"#
        );
    }

    #[test]
    fn bitcoin_is_there_once_where_it_is_a_currency_too() {
        let quotes = [
            quote("bitcoin", "USD", "50000"),
            quote("ethereum", "BTC", "0.05"),
            quote("ethereum", "ETH", "1"),
        ];
        let service = service("bitcoin,ethereum", "ETH,BTC,USD", &quotes);
        let rates = json(&get(&service, "/api/v3/exchange_rates"));
        let codes: Vec<_> = rates["rates"].as_object().unwrap().keys().collect();
        assert_eq!(codes, ["btc", "eth", "usd"]);
        assert_eq!(rates["rates"]["btc"]["value"], json!(1));
        assert_eq!(rates["rates"]["eth"]["value"], json!(20));
        assert_eq!(rates["rates"]["eth"]["name"], "Ether");
    }

    #[test]
    fn bitcoin_may_be_a_currency_only() {
        let quotes = [
            quote("ethereum", "BTC", "0.05"),
            quote("ethereum", "USD", "2500"),
        ];
        let service = service("ethereum", "BTC,USD", &quotes);
        let rates = json(&get(&service, "/api/v3/exchange_rates"));
        assert_eq!(rates["rates"]["usd"]["value"], json!(50000));
        let without = self::service("ethereum", "USD", &quotes);
        let rates = json(&get(&without, "/api/v3/exchange_rates"));
        assert_eq!(rates, json!({"rates": {}}));
    }
}
