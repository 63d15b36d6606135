//! GET /simple/price: what some coins cost in some currencies.

use super::asked::{Named, assets, given, is_on, precision};
use super::{Refusal, is_stale, known_number, number, price};
use crate::cache::Served;
use crate::rendered::Rendered;
use crate::routes::asked::list;
use edge_rates_kit::request::Query;
use edge_rates_quotes::{Board, Catalogue, Currency, Precision, order};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What is asked for.
pub(super) struct Asked<'a> {
    assets: Vec<Named<'a>>,
    /// Ordered by code, each once.
    currencies: Vec<&'a Currency>,
    precision: Precision,
    has_market_cap: bool,
    has_volume: bool,
    has_change: bool,
    has_updated: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn read(query: &Query, catalogue: &'a Catalogue) -> Result<Asked<'a>, Refusal> {
        let Some(vs) = given(query, "vs_currencies") else {
            return Err(Refusal::missing("vs_currencies"));
        };
        let mut currencies: Vec<&Currency> = list(vs)
            .filter_map(|code| catalogue.currency(code))
            .collect();
        order::sort(&mut currencies);
        currencies.dedup();
        Ok(Asked {
            assets: assets(query, catalogue).ok_or_else(|| Refusal::missing("ids"))?,
            currencies,
            precision: precision(query)?,
            has_market_cap: is_on(query, "include_market_cap"),
            has_volume: is_on(query, "include_24hr_vol"),
            has_change: is_on(query, "include_24hr_change"),
            has_updated: is_on(query, "include_last_updated_at"),
        })
    }

    /// The same question has the same text, in whatever order it was put.
    fn canonical(&self) -> String {
        let named = self.assets.iter();
        let names: Vec<String> = named
            .map(|named| format!("{}={}", named.name, named.asset.id()))
            .collect();
        let codes: Vec<&str> = self.currencies.iter().map(|code| code.as_str()).collect();
        format!(
            "simple/price/{}/{}?{}&{}&{}&{}&{}",
            names.join(","),
            codes.join(","),
            self.precision,
            self.has_market_cap,
            self.has_volume,
            self.has_change,
            self.has_updated
        )
    }
}

pub(super) fn render(asked: &Asked<'_>, served: &Served) -> Rendered {
    let board = &served.board;
    // A map of numbers always serialises.
    let body = serde_json::to_vec(&prices(board, asked)).unwrap_or_default();
    let shown = asked.assets.iter().flat_map(|named| {
        let quotes = asked.currencies.iter();
        quotes.filter_map(|currency| board.get(named.asset.id(), currency))
    });
    let is_stale = is_stale(served, shown);
    served.render(&asked.canonical(), is_stale, body)
}

type Prices<'a> = BTreeMap<&'a str, BTreeMap<String, Option<Box<RawValue>>>>;

fn prices<'q>(board: &Board, asked: &'q Asked<'_>) -> Prices<'q> {
    let mut prices = Prices::new();
    // What nobody prices is absent.
    let priced = asked.assets.iter();
    for Named { name, asset } in priced.filter(|named| board.has(named.asset.id())) {
        let mut entry = BTreeMap::new();
        let mut updated = None;
        for currency in &asked.currencies {
            let Some(quote) = board.get(asset.id(), currency) else {
                continue;
            };
            let code = currency.as_str().to_ascii_lowercase();
            for (figure, is_asked, text) in [
                ("market_cap", asked.has_market_cap, &quote.market_cap),
                ("24h_vol", asked.has_volume, &quote.volume_24h),
                ("24h_change", asked.has_change, &quote.change_24h_pct),
            ] {
                if is_asked {
                    entry.insert(format!("{code}_{figure}"), known_number(text.as_deref()));
                }
            }
            entry.insert(code, price(quote, asked.precision));
            updated = updated.max(Some(board.priced(quote)));
        }
        if asked.has_updated
            && let Some(updated) = updated
        {
            entry.insert(
                "last_updated_at".into(),
                number(&updated.secs().to_string()),
            );
        }
        prices.insert(name.as_str(), entry);
    }
    prices
}

#[cfg(test)]
mod tests {
    use crate::route_tests::{get, json, quote, service, text};
    use edge_rates_quotes::{Millis, Quote};
    use serde_json::json;

    const BRIDGED: &str = "binance-bridged-usdc-bnb-smart-chain";

    fn quotes() -> Vec<Quote> {
        vec![
            Quote {
                change_24h_pct: Some("-1.4093297098441402".into()),
                market_cap: Some("1542226908349.8406".into()),
                volume_24h: Some("29096603418.89408".into()),
                updated: Some(Millis(1_795_225_190_000)),
                ..quote("bitcoin", "USD", "76975.0431")
            },
            quote("bitcoin", "EUR", "65223"),
            quote("usd-coin", "USD", "0.9998"),
            quote(BRIDGED, "USD", "0.9991"),
        ]
    }

    fn answered(query: &str) -> serde_json::Value {
        let assets = format!("bitcoin,{BRIDGED},usd-coin");
        let service = service(&assets, "USD,EUR", &quotes());
        json(&get(&service, &format!("/api/v3/simple/price?{query}")))
    }

    #[test]
    fn everything_that_can_be_included_is_named_as_coingecko_names_it() {
        let assets = "bitcoin";
        let service = service(assets, "USD,EUR", &quotes());
        let target = "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd&include_market_cap=true&include_24hr_vol=true&include_24hr_change=true&include_last_updated_at=true";
        assert_eq!(
            text(&get(&service, target)),
            r#"{"bitcoin":{"last_updated_at":1795225190,"usd":76975.0431,"usd_24h_change":-1.4093297098441402,"usd_24h_vol":29096603418.89408,"usd_market_cap":1542226908349.8406}}"#
        );
    }

    #[test]
    fn what_is_not_known_is_null() {
        assert_eq!(
            answered(
                "ids=bitcoin&vs_currencies=eur&include_market_cap=true&include_24hr_vol=true&precision=0"
            ),
            json!({"bitcoin": {"eur": 65223, "eur_market_cap": null, "eur_24h_vol": null}})
        );
    }

    #[test]
    fn a_coin_that_nobody_prices_is_absent() {
        let service = service("bitcoin,dogecoin", "USD,EUR", &quotes());
        let target = "/api/v3/simple/price?ids=bitcoin,dogecoin&vs_currencies=eur";
        let prices = json(&get(&service, target));
        assert_eq!(prices, json!({"bitcoin": {"eur": 65223}}));
    }

    #[test]
    fn a_coin_is_answered_under_what_it_was_asked_by() {
        for (query, name) in [
            ("ids=%20bitcoin,", "bitcoin"),
            ("ids=BITCOIN", "bitcoin"),
            ("names=Bitcoin", "Bitcoin"),
            ("names=BITCOIN", "BITCOIN"),
            ("symbols=btc", "btc"),
            ("symbols=BTC,btc", "btc"),
        ] {
            let query = format!("{query}&vs_currencies=eur");
            assert_eq!(answered(&query), json!({name: {"eur": 65223}}), "{query}");
        }
    }

    #[test]
    fn ids_go_before_names_and_names_before_symbols() {
        let ids = "symbols=usdc&names=usdc&ids=bitcoin&vs_currencies=eur";
        assert_eq!(answered(ids), json!({"bitcoin": {"eur": 65223}}));
        let names = "symbols=usdc&names=Bitcoin&vs_currencies=eur";
        assert_eq!(answered(names), json!({"Bitcoin": {"eur": 65223}}));
    }

    #[test]
    fn a_shared_symbol_means_the_highest_rank_or_all() {
        let usdc = json!({"usdc": {"usd": 0.9998}});
        assert_eq!(answered("symbols=USDC&vs_currencies=usd"), usdc);
        assert_eq!(
            answered("symbols=USDC&vs_currencies=usd&include_tokens=top"),
            usdc
        );
        assert_eq!(
            answered("symbols=USDC&vs_currencies=usd&include_tokens=all"),
            json!({"usdc": {"usd": 0.9998}, BRIDGED: {"usd": 0.9991}})
        );
    }

    #[test]
    fn the_same_question_in_another_order_has_the_same_tag() {
        let assets = format!("bitcoin,{BRIDGED},usd-coin");
        let service = service(&assets, "USD,EUR", &quotes());
        let tag = |query: &str| {
            let answer = get(&service, &format!("/api/v3/simple/price?{query}"));
            answer.header("etag").unwrap().to_owned()
        };
        let one = tag("ids=usd-coin,bitcoin&vs_currencies=usd,eur");
        assert_eq!(
            one,
            tag("vs_currencies=EUR,usd,usd&ids=bitcoin,usd-coin,bitcoin")
        );
        assert_eq!(one, tag("ids=Bitcoin,usd-coin&vs_currencies=eur,usd&x=y"));
        for other in [
            "ids=usd-coin&vs_currencies=usd,eur",
            "symbols=usdc,btc&vs_currencies=usd,eur",
            "ids=usd-coin,bitcoin&vs_currencies=usd",
            "ids=usd-coin,bitcoin&vs_currencies=usd,eur&include_market_cap=true",
            "ids=usd-coin,bitcoin&vs_currencies=usd,eur&include_24hr_vol=true",
            "ids=usd-coin,bitcoin&vs_currencies=usd,eur&precision=2",
        ] {
            assert_ne!(one, tag(other), "{other}");
        }
    }

    #[test]
    fn missing_parameters_are_refused_as_coingecko_does() {
        for (query, message) in [
            ("vs_currencies=usd", "Missing parameter ids"),
            ("ids=&vs_currencies=usd", "Missing parameter ids"),
            ("ids=bitcoin", "Missing parameter vs_currencies"),
            (
                "ids=bitcoin&vs_currencies=usd&precision=19",
                "precision must be full or an integer from 0 to 18",
            ),
        ] {
            assert_eq!(answered(query), json!({"error": message}), "{query}");
        }
    }
}
