//! GET /simple/price: what some coins cost in some currencies.

use super::asked::{Named, assets, given, is_on, precision};
use super::priced::{Priced, unit};
use super::{missing, number};
use crate::cache::Served;
use crate::rendered::Rendered;
use crate::routes::asked::list;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Query;
use edge_rates_quotes::{Catalogue, Millis, Precision, order};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What is asked for.
pub(super) struct Asked<'a> {
    catalogue: &'a Catalogue,
    assets: Vec<Named<'a>>,
    /// Codes of currencies, and symbols of coins, in their order and each once.
    units: Vec<&'a str>,
    precision: Precision,
    has_market_cap: bool,
    has_volume: bool,
    has_change: bool,
    has_updated: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn read(query: &Query, catalogue: &'a Catalogue) -> Result<Asked<'a>, Problem> {
        let Some(vs) = given(query, "vs_currencies") else {
            return Err(missing("vs_currencies"));
        };
        let mut units: Vec<&str> = list(vs).filter_map(|code| unit(catalogue, code)).collect();
        order::sort(&mut units);
        units.dedup();
        Ok(Asked {
            assets: assets(query, catalogue).ok_or_else(|| missing("ids"))?,
            units,
            catalogue,
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
        let codes = &self.units;
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
    let (prices, is_stale) = prices(served, asked);
    // A map of numbers always serialises.
    let body = serde_json::to_vec(&prices).unwrap_or_default();
    served.render(&asked.canonical(), is_stale, body)
}

type Prices<'a> = BTreeMap<&'a str, BTreeMap<String, Option<Box<RawValue>>>>;

/// The prices, and whether any of them makes the answer stale.
fn prices<'q>(served: &Served, asked: &'q Asked<'_>) -> (Prices<'q>, bool) {
    let board = &served.board;
    let mut prices = Prices::new();
    let mut is_stale = served.is_stale;
    // What nobody prices is absent.
    let priced = asked.assets.iter();
    for Named { name, asset } in priced.filter(|named| board.has(named.asset.id())) {
        let mut entry = BTreeMap::new();
        let mut updated = None;
        let mut figures: Option<Millis> = None;
        for unit in &asked.units {
            let Some(priced) = Priced::of(board, asked.catalogue, asset, unit) else {
                continue;
            };
            let code = unit.to_ascii_lowercase();
            let mut has_figures = false;
            for (figure, is_asked, number) in [
                ("market_cap", asked.has_market_cap, priced.market_cap()),
                ("24h_vol", asked.has_volume, priced.volume()),
                ("24h_change", asked.has_change, priced.change()),
            ] {
                if is_asked {
                    has_figures |= number.is_some();
                    entry.insert(format!("{code}_{figure}"), number);
                }
            }
            entry.insert(code, priced.price(asked.precision));
            is_stale |= priced.is_stale(served);
            updated = updated.max(Some(priced.updated(board)));
            let older = priced.figures().filter(|_| has_figures);
            figures = figures.into_iter().chain(older).min();
        }
        let seconds = |at: Millis| number(&at.secs().to_string());
        if asked.has_updated
            && let Some(updated) = updated
        {
            entry.insert("last_updated_at".into(), seconds(updated));
        }
        if let Some(figures) = figures {
            entry.insert("figures_last_updated_at".into(), seconds(figures));
        }
        prices.insert(name.as_str(), entry);
    }
    (prices, is_stale)
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
    fn a_price_in_a_coin_follows_from_the_prices_of_both() {
        let quotes = [
            quote("bitcoin", "USD", "80000"),
            Quote {
                updated: Some(Millis(1_795_225_190_000)),
                ..quote("ethereum", "USD", "2000")
            },
            quote("usd-coin", "USD", "0.9998"),
            quote(BRIDGED, "USD", "0.8"),
        ];
        let assets = format!("bitcoin,ethereum,{BRIDGED},usd-coin");
        let service = service(&assets, "USD", &quotes);
        let answered = |query: &str| {
            let target = format!("/api/v3/simple/price?{query}");
            text(&get(&service, &target)).to_owned()
        };
        assert_eq!(
            answered("ids=bitcoin,ethereum&vs_currencies=usd,eth,BTC,zzz,bitcoin"),
            r#"{"bitcoin":{"btc":1,"eth":40,"usd":80000},"ethereum":{"btc":0.025,"eth":1,"usd":2000}}"#
        );
        assert_eq!(
            answered(
                "ids=bitcoin&vs_currencies=eth&include_24hr_vol=true&include_last_updated_at=true"
            ),
            r#"{"bitcoin":{"eth":40,"eth_24h_vol":null,"last_updated_at":1795225190}}"#
        );
        // The symbol means another asset.
        assert_eq!(
            answered(&format!("ids={BRIDGED}&vs_currencies=usdc&precision=4")),
            format!(r#"{{"{BRIDGED}":{{"usdc":0.8002}}}}"#)
        );
    }

    #[test]
    fn a_figure_in_a_coin_follows_from_one_in_money() {
        let quotes = [
            quote("bitcoin", "USD", "80000"),
            Quote {
                market_cap: Some("240000000000.8".into()),
                change_24h_pct: Some("1".into()),
                figures: Some(Millis(1_795_225_000_999)),
                ..quote("ethereum", "USD", "2000")
            },
        ];
        let service = service("bitcoin,ethereum", "USD", &quotes);
        let target = "/api/v3/simple/price?ids=ethereum&vs_currencies=btc&include_market_cap=true&include_24hr_vol=true&include_24hr_change=true";
        assert_eq!(
            text(&get(&service, target)),
            r#"{"ethereum":{"btc":0.025,"btc_24h_change":null,"btc_24h_vol":null,"btc_market_cap":3000000.00001000,"figures_last_updated_at":1795225000}}"#
        );
    }

    #[test]
    fn figures_that_are_older_than_the_price_say_so() {
        let quotes = [
            Quote {
                market_cap: Some("5".into()),
                figures: Some(Millis(1_795_225_000_999)),
                ..quote("bitcoin", "USD", "2")
            },
            Quote {
                market_cap: Some("4".into()),
                figures: Some(Millis(1_795_224_000_000)),
                ..quote("bitcoin", "EUR", "1")
            },
        ];
        let service = service("bitcoin", "USD,EUR", &quotes);
        let answered = |query: &str| {
            let target = format!("/api/v3/simple/price?ids=bitcoin&vs_currencies={query}");
            json(&get(&service, &target))["bitcoin"].clone()
        };
        let answer = answered("usd&include_market_cap=true");
        let expected =
            json!({"usd": 2, "usd_market_cap": 5, "figures_last_updated_at": 1_795_225_000});
        assert_eq!(answer, expected);
        let both = answered("usd,eur&include_market_cap=true");
        assert_eq!(both["figures_last_updated_at"], 1_795_224_000, "the oldest");
        assert_eq!(answered("usd"), json!({"usd": 2}));
        let unknown = answered("usd&include_24hr_vol=true");
        assert_eq!(unknown, json!({"usd": 2, "usd_24h_vol": null}));
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
