//! GET /coins/markets: coins with what is known of their markets, page by page.

use super::asked::{Named, assets, given, is_on, precision};
use super::lists::name;
use super::priced::{Priced, unit};
use super::{missing, unprocessable};
use crate::cache::Served;
use crate::rendered::Rendered;
use crate::routes::asked::list;
use edge_rates_kit::answer::rfc3339_millis;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Query;
use edge_rates_quotes::{Asset, Board, Catalogue, Precision, order};
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Coins on a page unless said otherwise, and the most there may be.
const PER_PAGE: usize = 100;
const MOST_PER_PAGE: usize = 250;

/// The times over which CoinGecko tells changes.
const PERIODS: [&str; 7] = ["1h", "24h", "7d", "14d", "30d", "200d", "1y"];

/// What is asked for.
pub(super) struct Asked<'a> {
    catalogue: &'a Catalogue,
    assets: Vec<&'a Asset>,
    /// The code of a currency, or the symbol of a coin.
    unit: &'a str,
    order: Order,
    per_page: usize,
    page: usize,
    precision: Precision,
    has_sparkline: bool,
    periods: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    MarketCapDescending,
    MarketCapAscending,
    VolumeDescending,
    VolumeAscending,
    IdAscending,
    IdDescending,
}

impl Order {
    const NAMES: [(&'static str, Order); 6] = [
        ("market_cap_desc", Order::MarketCapDescending),
        ("market_cap_asc", Order::MarketCapAscending),
        ("volume_desc", Order::VolumeDescending),
        ("volume_asc", Order::VolumeAscending),
        ("id_asc", Order::IdAscending),
        ("id_desc", Order::IdDescending),
    ];
}

impl<'a> Asked<'a> {
    pub(super) fn read(query: &Query, catalogue: &'a Catalogue) -> Result<Asked<'a>, Problem> {
        let Some(code) = given(query, "vs_currency") else {
            return Err(missing("vs_currency"));
        };
        if given(query, "category").is_some() {
            return Err(unprocessable(
                "categories are not known here; leave category out",
            ));
        }
        let orders = Order::NAMES.into_iter();
        let order = given(query, "order").unwrap_or_default();
        let order = orders.clone().find(|(name, _)| *name == order);
        let asked = given(query, "price_change_percentage").unwrap_or_default();
        let is_asked = |period: &&'static str| list(asked).any(|asked| asked == *period);
        Ok(Asked {
            assets: match assets(query, catalogue) {
                Some(named) => distinct(named),
                None => catalogue.assets().iter().collect(),
            },
            catalogue,
            unit: unit(catalogue, code)
                .ok_or_else(|| Problem::plain(StatusCode::BAD_REQUEST, "invalid vs_currency"))?,
            order: order.map_or(Order::MarketCapDescending, |(_, order)| order),
            per_page: count(query, "per_page", PER_PAGE).min(MOST_PER_PAGE),
            page: count(query, "page", 1),
            precision: precision(query)?,
            has_sparkline: is_on(query, "sparkline"),
            periods: PERIODS.into_iter().filter(is_asked).collect(),
        })
    }

    /// The same question has the same text, in whatever order it was put.
    fn canonical(&self) -> String {
        let mut ids: Vec<&str> = self.assets.iter().map(|asset| asset.id()).collect();
        order::sort(&mut ids);
        format!(
            "coins/markets/{}/{}?{:?}&{}&{}&{}&{}&{}",
            self.unit,
            ids.join(","),
            self.order,
            self.per_page,
            self.page,
            self.precision,
            self.has_sparkline,
            self.periods.join(",")
        )
    }
}

/// Each asset once, whatever names it was asked by.
fn distinct(named: Vec<Named<'_>>) -> Vec<&Asset> {
    let mut assets: Vec<&Asset> = named.into_iter().map(|named| named.asset).collect();
    order::sort_by(&mut assets, |a, b| a.id().cmp(b.id()));
    assets.dedup_by_key(|asset| asset.id());
    assets
}

/// A number from 1, or what it is without one that makes sense.
fn count(query: &Query, name: &str, otherwise: usize) -> usize {
    let given = given(query, name).and_then(|text| text.trim().parse().ok());
    given.filter(|number| *number > 0).unwrap_or(otherwise)
}

/// A coin, with its price if there is one.
type Row<'r> = (&'r Asset, Option<Priced<'r>>);

pub(super) fn render(asked: &Asked<'_>, served: &Served) -> Rendered {
    let board = &served.board;
    let rows = page(asked, board);
    let mut shown = rows.iter().filter_map(|(_, priced)| priced.as_ref());
    let is_stale = served.is_stale || shown.any(|priced| priced.is_stale(served));
    let markets: Vec<Market<'_>> = rows
        .iter()
        .map(|(asset, priced)| market(asked, board, asset, priced.as_ref()))
        .collect();
    // Structs of strings and numbers always serialise.
    let body = serde_json::to_vec(&markets).unwrap_or_default();
    served.render(&asked.canonical(), is_stale, body)
}

fn page<'r>(asked: &Asked<'r>, board: &'r Board) -> Vec<Row<'r>> {
    // What nobody prices is absent.
    let assets = asked.assets.iter();
    let assets = assets.filter(|asset| board.has(asset.id()));
    let mut rows: Vec<Row<'r>> = assets
        .map(|asset| {
            let priced = Priced::of(board, asked.catalogue, asset, asked.unit);
            (*asset, priced)
        })
        .collect();
    // What no figure tells apart is ordered by rank.
    let rank = |asset: &Asset| asset.rank().unwrap_or(u32::MAX);
    order::sort_by(&mut rows, |(a, _), (b, _)| {
        (rank(a), a.id()).cmp(&(rank(b), b.id()))
    });
    match asked.order {
        Order::MarketCapDescending => descending(&mut rows, Priced::size),
        Order::MarketCapAscending => ascending(&mut rows, Priced::size),
        Order::VolumeDescending => descending(&mut rows, Priced::trade),
        Order::VolumeAscending => ascending(&mut rows, Priced::trade),
        Order::IdAscending => order::sort_by(&mut rows, |(a, _), (b, _)| a.id().cmp(b.id())),
        Order::IdDescending => order::sort_by(&mut rows, |(a, _), (b, _)| b.id().cmp(a.id())),
    }
    let before = (asked.page - 1).saturating_mul(asked.per_page);
    rows.into_iter().skip(before).take(asked.per_page).collect()
}

/// The largest figure first, those without one last.
fn descending<'r, F: Ord>(rows: &mut [Row<'r>], figure: impl Fn(&Priced<'r>) -> Option<F>) {
    let figure = |priced: &Option<Priced<'r>>| priced.as_ref().and_then(&figure);
    order::sort_by(rows, |(_, a), (_, b)| figure(b).cmp(&figure(a)));
}

/// The smallest figure first, and where there are none, the lowest rank.
fn ascending<'r, F: Ord>(rows: &mut [Row<'r>], figure: impl Fn(&Priced<'r>) -> Option<F>) {
    let figure = |priced: &Option<Priced<'r>>| priced.as_ref().and_then(&figure);
    rows.reverse();
    order::sort_by(rows, |(_, a), (_, b)| match (figure(a), figure(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
}

/// A figure that is known to nobody here.
type Unknown = ();

#[derive(Serialize)]
struct Market<'a> {
    id: &'a str,
    symbol: String,
    name: &'a str,
    image: Unknown,
    current_price: Option<Box<RawValue>>,
    market_cap: Option<Box<RawValue>>,
    market_cap_rank: Option<u32>,
    fully_diluted_valuation: Unknown,
    total_volume: Option<Box<RawValue>>,
    high_24h: Unknown,
    low_24h: Unknown,
    price_change_24h: Unknown,
    price_change_percentage_24h: Option<Box<RawValue>>,
    market_cap_change_24h: Unknown,
    market_cap_change_percentage_24h: Unknown,
    circulating_supply: Unknown,
    total_supply: Unknown,
    max_supply: Unknown,
    ath: Unknown,
    ath_change_percentage: Unknown,
    ath_date: Unknown,
    atl: Unknown,
    atl_change_percentage: Unknown,
    atl_date: Unknown,
    roi: Unknown,
    last_updated: Option<String>,
    /// No member of CoinGecko's: when figures were told that are older than the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    figures_last_updated: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sparkline_in_7d: Option<Sparkline>,
    #[serde(flatten)]
    changes: BTreeMap<String, Option<Box<RawValue>>>,
}

/// Prices of the last days: none are kept.
#[derive(Serialize)]
struct Sparkline {
    price: [Unknown; 0],
}

fn market<'a>(
    asked: &Asked<'_>,
    board: &Board,
    asset: &'a Asset,
    priced: Option<&Priced<'_>>,
) -> Market<'a> {
    let change = || priced.and_then(Priced::change);
    let changes = asked.periods.iter().map(|period| {
        let name = format!("price_change_percentage_{period}_in_currency");
        (name, if *period == "24h" { change() } else { None })
    });
    Market {
        id: asset.id(),
        symbol: asset.symbol().to_ascii_lowercase(),
        name: name(asset),
        image: (),
        current_price: priced.and_then(|priced| priced.price(asked.precision)),
        market_cap: priced.and_then(Priced::market_cap),
        market_cap_rank: asset.rank(),
        fully_diluted_valuation: (),
        total_volume: priced.and_then(Priced::volume),
        high_24h: (),
        low_24h: (),
        price_change_24h: (),
        price_change_percentage_24h: change(),
        market_cap_change_24h: (),
        market_cap_change_percentage_24h: (),
        circulating_supply: (),
        total_supply: (),
        max_supply: (),
        ath: (),
        ath_change_percentage: (),
        ath_date: (),
        atl: (),
        atl_change_percentage: (),
        atl_date: (),
        roi: (),
        last_updated: priced.map(|priced| rfc3339_millis(priced.updated(board))),
        figures_last_updated: priced.and_then(Priced::figures).map(rfc3339_millis),
        sparkline_in_7d: asked.has_sparkline.then_some(Sparkline { price: [] }),
        changes: changes.collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::route_tests::{get, json, quote, service};
    use edge_rates_quotes::{Millis, Quote};
    use serde_json::{Value, json};

    fn figures(asset: &str, market_cap: Option<&str>, volume: Option<&str>) -> Quote {
        Quote {
            market_cap: market_cap.map(str::to_owned),
            volume_24h: volume.map(str::to_owned),
            ..quote(asset, "USD", "1.005")
        }
    }

    fn answered(query: &str) -> Value {
        let quotes = [
            Quote {
                change_24h_pct: Some("-0.95302".into()),
                updated: Some(Millis(1_795_225_190_599)),
                ..figures("bitcoin", Some("1555886872303"), Some("5"))
            },
            figures("ethereum", Some("300000000000.5"), Some("30")),
            figures("tether", Some("2000000000000"), None),
            figures("solana", None, Some("7")),
            quote("cardano", "EUR", "0.5"),
        ];
        let assets = "solana,ethereum,dogecoin,cardano,tether,bitcoin";
        let service = service(assets, "USD,EUR", &quotes);
        json(&get(&service, &format!("/api/v3/coins/markets?{query}")))
    }

    fn ids(query: &str) -> Vec<String> {
        let answer = answered(&format!("vs_currency=usd&{query}"));
        let coins = answer.as_array().unwrap().iter();
        coins
            .map(|coin| coin["id"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_coin_has_every_field_of_coingeckos_and_null_for_what_is_not_known() {
        let answer = answered("vs_currency=usd&ids=bitcoin");
        assert_eq!(
            answer,
            json!([{
                "id": "bitcoin", "symbol": "btc", "name": "Bitcoin", "image": null,
                "current_price": 1.005, "market_cap": 1_555_886_872_303_u64,
                "market_cap_rank": 1, "fully_diluted_valuation": null, "total_volume": 5,
                "high_24h": null, "low_24h": null, "price_change_24h": null,
                "price_change_percentage_24h": -0.95302, "market_cap_change_24h": null,
                "market_cap_change_percentage_24h": null, "circulating_supply": null,
                "total_supply": null, "max_supply": null, "ath": null,
                "ath_change_percentage": null, "ath_date": null, "atl": null,
                "atl_change_percentage": null, "atl_date": null, "roi": null,
                "last_updated": "2026-11-21T01:39:50.599Z"
            }])
        );
    }

    #[test]
    fn a_coin_that_nobody_prices_is_absent() {
        assert_eq!(answered("vs_currency=usd&ids=dogecoin"), json!([]));
    }

    #[test]
    fn a_coin_without_a_price_is_there_without_one() {
        let coin = &answered("vs_currency=usd&ids=cardano")[0];
        assert_eq!(coin["name"], "Cardano");
        assert_eq!(coin["current_price"], Value::Null);
        assert_eq!(coin["last_updated"], Value::Null);
    }

    #[test]
    fn coins_come_in_the_order_that_is_asked_for() {
        let by_size = ["tether", "bitcoin", "ethereum", "solana", "cardano"];
        assert_eq!(ids(""), by_size);
        assert_eq!(ids("order=market_cap_desc"), by_size);
        assert_eq!(ids("order=by_magic"), by_size);
        assert_eq!(
            ids("order=market_cap_asc"),
            ["ethereum", "bitcoin", "tether", "cardano", "solana"]
        );
        assert_eq!(
            ids("order=volume_desc"),
            ["ethereum", "solana", "bitcoin", "tether", "cardano"]
        );
        assert_eq!(
            ids("order=volume_asc"),
            ["bitcoin", "solana", "ethereum", "cardano", "tether"]
        );
        let by_id = ["bitcoin", "cardano", "ethereum", "solana", "tether"];
        assert_eq!(ids("order=id_asc"), by_id);
        let mut reversed = by_id;
        reversed.reverse();
        assert_eq!(ids("order=id_desc"), reversed);
    }

    #[test]
    fn pages_follow_each_other_and_end() {
        assert_eq!(ids("per_page=2"), ["tether", "bitcoin"]);
        assert_eq!(ids("per_page=2&page=2"), ["ethereum", "solana"]);
        assert_eq!(ids("per_page=2&page=3"), ["cardano"]);
        assert_eq!(ids("per_page=2&page=4").len(), 0);
        assert_eq!(ids("page=18446744073709551615").len(), 0);
        for odd in ["per_page=0", "per_page=9999", "page=0", "page=x", "page=-1"] {
            assert_eq!(ids(odd).len(), 5, "{odd}");
        }
    }

    #[test]
    fn coins_are_chosen_by_id_name_or_symbol() {
        assert_eq!(ids("ids=bitcoin,no-such-coin"), ["bitcoin"]);
        assert_eq!(ids("names=tether,TETHER"), ["tether"]);
        assert_eq!(ids("symbols=ETH,sol"), ["ethereum", "solana"]);
        assert_eq!(ids("ids=no-such-coin").len(), 0);
    }

    #[test]
    fn what_is_asked_for_besides_is_there() {
        let query = "vs_currency=usd&ids=bitcoin&sparkline=true&price_change_percentage=24h,1h,1s&precision=2&locale=de";
        let coin = &answered(query)[0];
        assert_eq!(coin["current_price"], json!(1.0), "half to even");
        assert_eq!(coin["sparkline_in_7d"], json!({"price": []}));
        assert_eq!(
            coin["price_change_percentage_24h_in_currency"],
            json!(-0.95302)
        );
        let fields = coin.as_object().unwrap();
        assert_eq!(
            fields.get("price_change_percentage_1h_in_currency"),
            Some(&Value::Null)
        );
        assert_eq!(fields.len(), 26 + 3);
    }

    #[test]
    fn markets_may_be_counted_in_a_coin() {
        let answer = answered("vs_currency=btc&ids=bitcoin,ethereum&order=id_asc");
        let prices: Vec<_> = answer
            .as_array()
            .unwrap()
            .iter()
            .map(|coin| &coin["current_price"])
            .collect();
        assert_eq!(prices, [&json!(1), &json!(1)]);
        assert_eq!(answer[1]["market_cap_rank"], json!(2));
        // 300,000,000,000.5 dollars at 1.005 each.
        assert_eq!(answer[1]["market_cap"], json!(298_507_462_687.064_7));
        assert_eq!(answer[1]["price_change_percentage_24h"], Value::Null);
        assert_eq!(answer[0]["last_updated"], "2026-11-21T01:40:00.000Z");
        assert_eq!(
            answer[1]["last_updated"], "2026-11-21T01:39:50.599Z",
            "the older of both"
        );
    }

    #[test]
    fn figures_that_are_older_than_the_price_say_so() {
        let quotes = [Quote {
            figures: Some(Millis(1_795_225_000_007)),
            ..figures("bitcoin", Some("5"), None)
        }];
        let service = service("bitcoin", "USD", &quotes);
        let answer = json(&get(&service, "/api/v3/coins/markets?vs_currency=usd"));
        assert_eq!(
            answer[0]["figures_last_updated"],
            "2026-11-21T01:36:40.007Z"
        );
    }

    #[test]
    fn bad_questions_are_refused_as_coingecko_does() {
        for (query, status, message) in [
            ("", 422, "Missing parameter vs_currency"),
            ("vs_currency=zzz", 400, "invalid vs_currency"),
            (
                "vs_currency=usd&category=layer-1",
                422,
                "categories are not known here; leave category out",
            ),
        ] {
            let service = service("bitcoin", "USD", &[quote("bitcoin", "USD", "1")]);
            let answer = get(&service, &format!("/api/v3/coins/markets?{query}"));
            assert_eq!(answer.status(), status, "{query}");
            assert_eq!(json(&answer), json!({"error": message}), "{query}");
        }
    }
}
